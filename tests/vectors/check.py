#!/usr/bin/env python3
"""Reads the known-answer files by docs/wire-format.md alone, and checks what they mean.

A second implementation of the formats, so that the page is known to be complete: it derives the
primes from the literal, compares digests and checksums, decrypts the ciphertexts with the secret
key, and checks the equation of every key. It is slow, and nothing of it is for real keys.

Needs Python 3.8 and nothing else. Usage: python3 tests/vectors/check.py (about 20 seconds)
"""

import cmath
import struct
from math import log2
from pathlib import Path

FOLDER = Path(__file__).parent
MASK = 0xFFFFFFFF

# --- BLAKE3 -------------------------------------------------------------------------------------

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT, CONTEXT, MATERIAL = 1, 2, 4, 8, 32, 64


def turned(word, bits):
    return (word >> bits | word << 32 - bits) & MASK


def compress(key, block, counter, length, flags):
    v = [*key, *IV[:4], counter & MASK, counter >> 32, length, flags]
    m = list(struct.unpack("<16I", block.ljust(64, b"\0")))

    def quarter(a, b, c, d, *words):
        for word, first, second in zip(words, (16, 8), (12, 7)):
            v[a] = (v[a] + v[b] + word) & MASK
            v[d] = turned(v[d] ^ v[a], first)
            v[c] = (v[c] + v[d]) & MASK
            v[b] = turned(v[b] ^ v[c], second)

    for _ in range(7):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1])
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[8 + 2 * i], m[9 + 2 * i])
        m = [m[i] for i in ORDER]
    return tuple(v[i] ^ v[i + 8] for i in range(8))


def blake3(data, key=IV, mode=0):
    def chunk(start, root):
        value, part = key, data[start : start + 1024]
        blocks = max(1, -(-len(part) // 64))
        for i in range(blocks):
            block = part[64 * i : 64 * i + 64]
            flags = mode | (CHUNK_START if i == 0 else 0)
            if i == blocks - 1:
                flags |= CHUNK_END | root
            value = compress(value, block, start // 1024, len(block), flags)
        return value

    def tree(start, end, root):
        if end - start <= 1024:
            return chunk(start, root)
        left = 1024
        while 2 * left < end - start:
            left *= 2
        children = tree(start, start + left, 0) + tree(start + left, end, 0)
        return compress(key, struct.pack("<16I", *children), 0, 64, mode | PARENT | root)

    return struct.pack("<8I", *tree(0, len(data), ROOT))


def blake3_derive_key(context, data):
    key = struct.unpack("<8I", blake3(context, mode=CONTEXT))
    return blake3(data, key, MATERIAL)


# --- ChaCha20 -----------------------------------------------------------------------------------


def chacha20_block(seed, stream, counter):
    words = struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", seed)
    words += (counter & MASK, counter >> 32, stream & MASK, stream >> 32)
    v = list(words)

    def quarter(a, b, c, d):
        for x, y, z, shift in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            v[x] = (v[x] + v[y]) & MASK
            t = v[z] ^ v[x]
            v[z] = (t << shift | t >> (32 - shift)) & MASK

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & MASK for a, b in zip(v, words)))


def child(seed, index):
    block = chacha20_block(seed, 0, index // 2)
    return block[32 * (index % 2) :][:32]


def uniform(seed, n, p):
    values, counter = [], 0
    while True:
        for word in struct.unpack("<8Q", chacha20_block(seed, p, counter)):
            value = word >> (64 - p.bit_length())
            if value < p:
                values.append(value)
                if len(values) == n:
                    return values
        counter += 1


# --- Parameters ---------------------------------------------------------------------------------


def is_prime(n):
    d, twos = n - 1, 0
    while d % 2 == 0:
        d, twos = d // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        x = pow(base, d, n)
        if x not in (1, n - 1) and not any((x := x * x % n) == n - 1 for _ in range(twos - 1)):
            return False
    return True


EVAL_MOD_LEVELS = 8


class Parameters:
    """`raised` is None, or levels of SlotsToCoeffs, bits of CoeffsToSlots, of EvalMod, of the ratio."""

    def __init__(self, log_n, q_bits, p_bits, log_scale, raised):
        self.log_n, self.n = log_n, 1 << log_n
        taken, nominal = [], 2.0**log_scale

        def take(target, bits):
            step, target = 2 << log_n, int(target)
            below = (target - 1) // step * step + 1
            above = below + step
            while True:
                up = above - target <= target - below
                candidate = above if up else below
                above, below = (above + step, below) if up else (above, below - step)
                if candidate < 2**49 and candidate not in taken and is_prime(candidate):
                    assert abs(log2(candidate) - bits) < 0.5
                    taken.append(candidate)
                    return candidate

        scale, q = nominal, []
        for bits in reversed(q_bits[1:]):
            q.append(take(scale * scale / nominal if bits == log_scale else 2.0**bits, bits))
            if bits == log_scale:
                scale *= scale / q[-1]
        q.append(take(2.0 ** q_bits[0], q_bits[0]))
        self.q = q[::-1]
        self.p = [take(2.0**bits, bits) for bits in p_bits]
        self.message_level = len(self.q) - 1
        if raised:
            stc_levels, cts_bits, eval_mod_bits, log_ratio = raised
            for bits in [eval_mod_bits] * EVAL_MOD_LEVELS + cts_bits:
                self.q.append(take(2.0**bits, bits))
        words = [log_n, log_scale, 0, len(self.q), *self.q, len(self.p), *self.p]
        if raised:
            words += [stc_levels, len(cts_bits), log_ratio]
        packed = struct.pack(f"<{len(words)}Q", *words)
        self.digest = blake3_derive_key(b"tapetum ckks parameters v1", packed)


class Ring:
    """Evaluation form modulo p: position i holds the value at psi^(2 rev(i) + 1)."""

    def __init__(self, log_n, p):
        self.log_n, self.n, self.p = log_n, 1 << log_n, p
        for g in range(2, p):
            psi = pow(g, (p - 1) // (2 * self.n), p)
            if pow(psi, self.n, p) == p - 1:
                break
        powers = [1]
        for _ in range(2 * self.n - 1):
            powers.append(powers[-1] * psi % p)
        self.powers = powers

    def evaluate(self, coefficients):
        """By the definition, recursively: a polynomial modulo X^m - psi^e."""

        def split(values, e):
            if len(values) == 1:
                return values
            half, root = len(values) // 2, self.powers[e // 2]
            high = [root * x % self.p for x in values[half:]]
            plus = [(a + b) % self.p for a, b in zip(values, high)]
            minus = [(a - b) % self.p for a, b in zip(values, high)]
            return split(plus, e // 2) + split(minus, e // 2 + self.n)

        # X^N + 1 = X^N - psi^N.
        return split([x % self.p for x in coefficients], self.n)

    def interpolate(self, values):
        def join(values, e):
            if len(values) == 1:
                return values
            half = len(values) // 2
            plus, minus = join(values[:half], e // 2), join(values[half:], e // 2 + self.n)
            inverse = self.powers[-(e // 2) % (2 * self.n)]
            low = [(a + b) % self.p for a, b in zip(plus, minus)]
            return low + [(a - b) * inverse % self.p for a, b in zip(plus, minus)]

        scale = pow(self.n, -1, self.p)
        return [x * scale % self.p for x in join(values, self.n)]


# --- Files --------------------------------------------------------------------------------------


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        part = self.data[self.at : self.at + length]
        assert len(part) == length, "truncated"
        self.at += length
        return part

    def number(self, length):
        return int.from_bytes(self.take(length), "little")

    def varint(self):
        value, shift = 0, 0
        while True:
            byte = self.number(1)
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def double(self):
        return struct.unpack("<d", self.take(8))[0]

    def literal(self):
        log_n = self.varint()
        q_bits = [self.varint() for _ in range(self.varint())]
        p_bits = [self.varint() for _ in range(self.varint())]
        log_scale, kind, raised = self.varint(), self.varint(), None
        assert kind in (0, 1)
        if kind == 1:
            stc_levels = self.varint()
            cts_bits = [self.varint() for _ in range(self.varint())]
            raised = stc_levels, cts_bits, self.varint(), self.varint()
        return Parameters(log_n, q_bits, p_bits, log_scale, raised)

    def limb(self, n, p):
        bits, values = p.bit_length(), []
        for _ in range(n // 8):
            eight = self.number(bits)
            values += [eight >> (bits * i) & ((1 << bits) - 1) for i in range(8)]
        assert all(x < p for x in values), "a residue is not below its prime"
        return values

    def poly(self, n, primes):
        return [self.limb(n, p) for p in primes]

    def end(self):
        assert self.at == len(self.data), "trailing bytes"

    def end_or_id(self):
        """Keys of a key set end their headers with its id; keys of earlier programs have none."""
        if self.at < len(self.data):
            self.take(16)
        self.end()


def read(name, tag):
    data = (FOLDER / f"{name}.bin").read_bytes()
    assert blake3(data[:-32]) == data[-32:], f"{name}: checksum"
    file = Bytes(data[:-32])
    assert file.take(8) == b"TAPETUM\0" and file.number(2) == 1 and file.number(2) == tag
    header_len, digest = file.number(4), file.take(32)
    header = Bytes(file.take(header_len))
    payload = Bytes(file.take(file.number(8)))
    file.end()
    return digest, header, payload


def centred(values, p):
    return [x - p if x > p // 2 else x for x in values]


class Secret:
    """A secret key, and what only its owner can check."""

    def __init__(self, name):
        self.digest, header, payload = read(name, 2)
        parameters = header.literal()
        header.end_or_id()
        assert parameters.digest == self.digest
        self.n, self.q, self.special = parameters.n, parameters.q, parameters.p
        self.coefficients = []
        for byte in payload.take(self.n // 4):
            self.coefficients += [(byte >> shift & 3) - 1 for shift in (0, 2, 4, 6)]
        payload.end()
        assert set(self.coefficients) == {-1, 0, 1}
        self.rings = {p: Ring(parameters.log_n, p) for p in self.q + self.special}
        self.s = self.evaluate(self.coefficients)
        print(f"{name}: digest and checksum hold, the primes are", *self.q, "|", *self.special)

    def read(self, name, tag):
        digest, header, payload = read(name, tag)
        assert digest == self.digest, f"{name}: other parameters"
        return header, payload

    def evaluate(self, coefficients):
        return {p: ring.evaluate(coefficients) for p, ring in self.rings.items()}

    def coefficients_of(self, limbs):
        """Polynomial from its limbs, by Chinese remainders: centred coefficients."""
        modulus, message = 1, [0] * self.n
        for p, limb in limbs.items():
            lift = modulus * pow(modulus, -1, p)
            values = self.rings[p].interpolate(limb)
            modulus *= p
            message = [(m + lift * (v - m)) % modulus for m, v in zip(message, values)]
        return centred(message, modulus)

    def is_small(self, limbs):
        return all(abs(x) <= 28 for x in self.coefficients_of(limbs))

    def image(self, g):
        """s(X^(1/g)), which the key for X -> X^g leads to."""
        inverse, out = pow(g, -1, 2 * self.n), [0] * self.n
        for k, x in enumerate(self.coefficients):
            place = k * inverse % (2 * self.n)
            out[place % self.n] = x if place < self.n else -x
        return self.evaluate(out)

    def switching_key(self, name, payload, origin, target):
        primes, alpha = self.q + self.special, len(self.special)
        digits = -(-len(self.q) // alpha)
        b = [payload.poly(self.n, primes) for _ in range(digits)]
        seed = payload.take(32)
        for j in range(digits):
            error = {}
            for i, p in enumerate(primes):
                gadget = prod(self.special) % p if i < len(self.q) and i // alpha == j else 0
                a = uniform(child(seed, j), self.n, p)
                parts = zip(b[j][i], a, target[p], origin[p])
                error[p] = [(x + y * t - gadget * o) % p for x, y, t, o in parts]
            assert self.is_small(error), f"{name}: digit {j}"
        print(f"{name}: the equation holds for {digits} digits")

    def decrypt(self, header, payload):
        """Level and slots of a ciphertext."""
        level, degree = header.varint(), header.number(1)
        seeded, scale = header.number(1), header.double()
        primes = self.q[: level + 1]
        parts = [payload.poly(self.n, primes) for _ in range(1 if seeded else degree + 1)]
        if seeded:
            seed = payload.take(32)
            parts.append([uniform(seed, self.n, p) for p in primes])
        message = {}
        for i, p in enumerate(primes):
            message[p] = [0] * self.n
            for part in reversed(parts):
                message[p] = [(v * t + c) % p for v, t, c in zip(message[p], self.s[p], part[i])]
        return level, slots(self.coefficients_of(message), scale)

    def bundle(self, name, kind=None):
        """Metadata, and levels and slots of the ciphertexts."""
        header, payload = self.read(name, 9)
        assert header.take(header.varint()).decode() == (kind or name), f"{name}: kind"
        metadata, found = Bytes(payload.take(header.varint())), []
        for _ in range(header.varint()):
            count, at = header.varint(), header.at
            assert count > 0
            for _ in range(count):
                header.at = at
                found.append(self.decrypt(header, payload))
        header.end()
        payload.end()
        return metadata, found


def prod(factors):
    product = 1
    for factor in factors:
        product *= factor
    return product


def slots(message, scale):
    """Slot j is the value at zeta^(5^j), over the scale."""
    n = len(message)

    def odd_powers(values):
        """The values at exp(i pi (2 k + 1) / m), for m coefficients."""
        m = len(values)
        if m == 1:
            return values
        even, odd = odd_powers(values[::2]), odd_powers(values[1::2])
        odd = [cmath.exp(1j * cmath.pi * (2 * k + 1) / m) * x for k, x in enumerate(odd)]
        return [e + o for e, o in zip(even, odd)] + [e - o for e, o in zip(even, odd)]

    values = odd_powers([complex(m) for m in message])
    return [values[pow(5, j, 2 * n) // 2] / scale for j in range(n // 2)]


def close(name, found, expected, bound):
    """Slots not given are zero."""
    expected = list(expected) + [0] * (len(found) - len(expected))
    worst = max(abs(f - e) for f, e in zip(found, expected))
    assert len(found) == len(expected) and worst < bound, (name, worst)
    print(f"{name}: holds the stated values, error {worst:.1e}")


def check_ids(owner):
    """Keys of one key set end their headers with its id. Otherwise they are the same files."""
    for name, tag, more in (("secret-key", 2, b""), ("public-key", 3, b""), ("evaluation-keys", 6, bytes(3))):
        digest, header, payload = read(f"{name}-id", tag)
        assert digest == owner.digest and header.literal().digest == owner.digest
        assert header.take(len(more)) == more and header.take(16) == bytes(range(1, 17))
        header.end()
        # The set of evaluation keys is empty.
        assert payload.data == (b"" if more else read(name, tag)[2].data)
    print("secret-key-id, public-key-id, evaluation-keys-id: the id is at the end of the header")


def check_scheme(owner):
    n, q, s, top = owner.n, owner.q, owner.s, len(owner.q) - 1
    header, payload = owner.read("parameters", 1)
    assert header.literal().digest == owner.digest
    payload.end()

    header, payload = owner.read("public-key", 3)
    assert header.literal().digest == owner.digest
    b, seed = payload.poly(n, q), payload.take(32)
    payload.end()
    a = [uniform(seed, n, p) for p in q]
    parts = {p: zip(b[i], a[i], s[p]) for i, p in enumerate(q)}
    assert owner.is_small({p: [(x + y * z) % p for x, y, z in part] for p, part in parts.items()})
    print("public-key: b + a s is small")

    square = {p: [x * x % p for x in s[p]] for p in s}
    header, payload = owner.read("relinearization-key", 4)
    assert header.varint() == top
    owner.switching_key("relinearization-key", payload, square, s)
    payload.end()

    header, payload = owner.read("galois-key", 5)
    assert (header.varint(), header.varint()) == (5, top)
    owner.switching_key("galois-key", payload, s, owner.image(5))
    payload.end()

    header, payload = owner.read("evaluation-keys", 6)
    assert header.literal().digest == owner.digest
    assert (header.varint(), header.varint()) == (1, top)
    owner.switching_key("evaluation-keys, relinearisation", payload, square, s)
    exponents = []
    for _ in range(header.varint()):
        exponents.append(header.varint())
        assert header.varint() == top
        name = f"evaluation-keys, exponent {exponents[-1]}"
        owner.switching_key(name, payload, s, owner.image(exponents[-1]))
    assert header.number(1) == 0, "these parameters have no encapsulation key"
    header.end()
    payload.end()
    assert exponents == sorted([5, pow(5, -1, 2 * n), 2 * n - 1])

    values = [(i * 37 % 101) / 64 - 0.75 for i in range(16)]
    squares = [v * v for v in values]
    for name, expected, bound in (
        ("ciphertext-seeded", values, 1e-6),
        ("ciphertext", values, 1e-4),
        ("ciphertext-degree-2", squares, 1e-5),
    ):
        header, payload = owner.read(name, 8)
        close(name, owner.decrypt(header, payload)[1], expected, bound)
        header.end()
        payload.end()

    header, payload = owner.read("plaintext", 7)
    level, scale = header.varint(), header.double()
    limbs = dict(zip(q, payload.poly(n, q[: level + 1])))
    payload.end()
    close("plaintext", slots(owner.coefficients_of(limbs), scale), values, 1e-7)

    metadata, found = owner.bundle("bundle", "test-3")
    assert metadata.data == b"metadata"
    for i, expected in enumerate((values, values, squares, values)):
        close(f"bundle, ciphertext {i}", found[i][1], expected, 1e-4)


def check_bootstrapping():
    digest, header, payload = read("bootstrapping-parameters", 1)
    parameters = header.literal()
    header.end()
    payload.end()
    assert parameters.digest == digest
    assert (parameters.message_level, len(parameters.q), len(parameters.p)) == (18, 32, 8)
    print("bootstrapping-parameters: the digest holds, the primes are", *parameters.q)

    owner = Secret("encapsulation-secret-key")
    header, payload = owner.read("encapsulation-keys", 6)
    assert header.literal().digest == owner.digest
    assert (header.number(1), header.varint(), header.number(1)) == (0, 0, 1)
    header.end()
    # There is one prime in each of Q and P, so both keys have one digit over both.
    primes, n, s = owner.q + owner.special, owner.n, owner.s
    p_0 = owner.special[0]
    to_sparse, to_dense = [], []
    for key in (to_sparse, to_dense):
        b, seed = payload.poly(n, primes), child(payload.take(32), 0)
        key += [(b[i], uniform(seed, n, p), p) for i, p in enumerate(primes)]
    payload.end()
    # The key that leads back hides P z + e under s, so who has s finds z.
    hidden = {p: [(x + y * t) % p for x, y, t in zip(b, a, s[p])] for b, a, p in to_dense}
    found = owner.coefficients_of(hidden)
    z = [(x + p_0 // 2) // p_0 for x in found]
    assert all(abs(x - p_0 * c) <= 28 for x, c in zip(found, z))
    assert set(z) == {-1, 0, 1} and sum(map(abs, z)) == 32
    z = owner.evaluate(z)
    error = {}
    for b, a, p in to_sparse:
        error[p] = [(x + y * t - p_0 * o) % p for x, y, t, o in zip(b, a, z[p], s[p])]
    assert owner.is_small(error)
    print("encapsulation-keys: both equations hold, the sparse secret has 32 coefficients")


def layout(metadata):
    """Samples, features, rows and columns of a block."""
    return tuple(metadata.varint() for _ in range(4))


def origin(metadata):
    """Ids of keys, features and samples, where there are any."""
    if metadata.at == len(metadata.data):
        return None
    return [metadata.take(16) if metadata.number(1) else None for _ in range(3)]


WIDE, TALL = (3, 5, 512, 4), (5, 3, 4, 512)


def check_learning(owner):
    def feature(r, c):
        return ((r * 5 + c) * 37 % 101) / 64 - 0.75

    def score(i, k):
        return (i - 2) / 4 + k / 8

    def weight(c, k):
        return (c - 1.5) / 4 + k / 8

    def rows(value):
        """Slots in blocks of 512 x 4."""
        return [value(slot // 4, slot % 4) for slot in range(2048)]

    def many(label, j):
        return [5, 0, 2][label] == j if label < 3 else 0

    metadata, found = owner.bundle("contribution")
    assert (metadata.data, found) == (b"anne", [])
    metadata, found = owner.bundle("clear-labels")
    assert (metadata.data, found) == (bytes([5, 5, 0, 2]), [])
    print("contribution, clear-labels: the name and the labels are as stated")

    metadata, found = owner.bundle("encrypted-matrix")
    assert layout(metadata) == WIDE
    metadata.end()
    for first, (level, block) in zip((0, 4), found):
        in_matrix = lambda r, c: feature(r, first + c) if r < 3 and first + c < 5 else 0
        assert level == 0
        close(f"encrypted-matrix, column {first}", block, rows(in_matrix), 1e-5)

    metadata, [(_, vector)] = owner.bundle("encrypted-labels")
    assert (layout(metadata), metadata.varint()) == (WIDE, 2)
    metadata.end()
    close("encrypted-labels", vector, [0.5] * 4 + [-0.5] * 4 + [0.5] * 4, 1e-5)
    metadata, found = owner.bundle("encrypted-labels-6", "encrypted-labels")
    assert (layout(metadata), metadata.varint(), len(found)) == (WIDE, 6, 2)
    metadata.end()
    for first, (_, vector) in zip((0, 4), found):
        expected = rows(lambda r, c: many(r, first + c))
        close(f"encrypted-labels-6, column {first}", vector, expected, 1e-5)

    metadata, found = owner.bundle("linear-model")
    numbers = [metadata.varint() for _ in range(4)]
    metadata.end()
    assert (numbers, [level for level, _ in found]) == ([5, 4, 2, 1], [1, 1, 0])
    for first, (_, vector) in zip((0, 4), found):
        expected = rows(lambda r, c: weight(first + c, 0) if first + c < 5 else 0)
        close(f"linear-model, column {first}", vector, expected, 1e-5)
    close("linear-model, intercept", found[2][1], [0.375] * 2048, 1e-5)
    metadata, [(_, vector)] = owner.bundle("linear-model-3", "linear-model")
    assert [metadata.varint() for _ in range(4)] == [3, 4, 3, 0]
    metadata.end()
    expected = rows(lambda r, c: weight(c, r % 4) if c < 3 and r % 4 < 3 else 0)
    close("linear-model-3", vector, expected, 1e-5)

    def answers(name, kind, classes, places, known=None):
        metadata, [(level, vector)] = owner.bundle(name, kind)
        assert (layout(metadata), metadata.varint(), level) == (TALL, classes, 0)
        assert origin(metadata) == known
        metadata.end()
        expected = [0] * 2048
        for slot, value in places:
            expected[slot % 2048] = value
        close(name, vector, expected, 1e-5)

    # Sample 4 is in the second row of blocks, so one slot to the left, cyclically.
    first = [(512 * (i % 4) - i // 4, i) for i in range(5)]
    answers("encrypted-scores", None, 2, [(slot, score(i, 0)) for slot, i in first])
    known = [bytes([1] * 16), None, bytes([3] * 16)]
    samples = [(slot, score(i, 0)) for slot, i in first]
    answers("encrypted-scores-origin", "encrypted-scores", 2, samples, known)
    answers("encrypted-verdicts", None, 2, [(slot, i > 1) for slot, i in first])
    # Column k of row r has class (r + k) mod 4; columns of a row of blocks lie beside each other.
    places = []
    for i in range(5):
        for k in range(3):
            column = i // 4 * 4 + (k - i % 4) % 4
            places.append((512 * (i % 4) - column, score(i, k)))
    answers("encrypted-scores-3", "encrypted-scores", 3, places)

    metadata, [(level, digits)] = owner.bundle("pooled-sums")
    assert (metadata.varint(), metadata.take(metadata.varint())) == (2, b"sums")
    assert (metadata.varint(), metadata.take(16), level) == (1, bytes([5] * 16), 1)
    assert origin(metadata) is None
    close("pooled-sums", digits, [0, 0, 0, 1, 2**23] + [0] * 6 + [-(2**22)] + [0] * 2036, 0.01)

    metadata, [(level, weights)] = owner.bundle("training-pass")
    # The pass, the level, rows, samples; then a list of the samples of each class.
    numbers = [metadata.varint(), metadata.number(1), metadata.varint(), metadata.varint()]
    counts = [metadata.varint() for _ in range(metadata.varint())]
    metadata.end()
    assert (numbers, counts, level) == ([1, 1, 3, 3], [1, 2], 1)
    close("training-pass", weights, rows(lambda r, c: weight(c, 0)), 1e-5)
    metadata, [(level, found)] = owner.bundle("partial-sums")
    assert ([metadata.varint() for _ in range(2)], level) == ([0, 2], 1)
    metadata.end()
    close("partial-sums", found, rows(lambda r, c: feature(0, c) + feature(1, c)), 1e-5)

    owner = Secret("training-secret-key")
    metadata, [(level, gradient)] = owner.bundle("training-state")
    assert metadata.take(32) == bytes([7] * 32)
    assert (metadata.varint(), metadata.number(1), level) == (1, 0, 3)
    for _ in range(2):
        assert [metadata.double() for _ in range(metadata.varint())] == [1]
    metadata.end()
    expected = [weight(slot % 4, 0) if slot % 4 < 3 else 0 for slot in range(4096)]
    close("training-state", gradient, expected, 1e-3)
    metadata, found = owner.bundle("training-sums")
    # Features, columns of a block, classes, whether labels are encrypted, samples, parts.
    numbers = [metadata.varint() for _ in range(3)] + [metadata.number(1)]
    numbers += [metadata.varint() for _ in range(2)] + [metadata.number(1)]
    seen = [metadata.number(1) for _ in range(metadata.varint())]
    assert origin(metadata) is None
    assert (numbers, seen, [level for level, _ in found]) == ([1, 1, 2, 0, 4, 1, 3], [0, 1], [3, 3])
    samples, targets = [0.5, -1, 0.25, -0.25], [0.5, -0.5, 0.5, -0.5]
    close("training-sums, squares", found[0][1], [x * x for x in samples], 1e-3)
    close("training-sums, labels", found[1][1], [x * y for x, y in zip(samples, targets)], 1e-3)


def main():
    owner = Secret("secret-key")
    check_scheme(owner)
    check_ids(owner)
    check_learning(owner)
    check_bootstrapping()


if __name__ == "__main__":
    main()
