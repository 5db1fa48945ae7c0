#!/usr/bin/env python3
"""Reads the known-answer files by docs/wire-format.md alone, and checks what they mean.

A second implementation of the formats, so that the page is known to be complete: it derives the
primes from the literal, compares digests and checksums, decrypts the ciphertexts with the secret
key, and checks the equation of every key. It is slow, and nothing of it is for real keys.

Needs Python 3.8 and nothing else. Usage: python3 tests/vectors/check.py (about 10 seconds)
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


def compress(key, block, counter, length, flags):
    v = [*key, *IV[:4], counter & MASK, counter >> 32, length, flags]
    m = list(struct.unpack("<16I", block.ljust(64, b"\0")))

    def quarter(a, b, c, d, x, y):
        v[a] = (v[a] + v[b] + x) & MASK
        t = v[d] ^ v[a]
        v[d] = (t >> 16 | t << 16) & MASK
        v[c] = (v[c] + v[d]) & MASK
        t = v[b] ^ v[c]
        v[b] = (t >> 12 | t << 20) & MASK
        v[a] = (v[a] + v[b] + y) & MASK
        t = v[d] ^ v[a]
        v[d] = (t >> 8 | t << 24) & MASK
        v[c] = (v[c] + v[d]) & MASK
        t = v[b] ^ v[c]
        v[b] = (t >> 7 | t << 25) & MASK

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


class Parameters:
    def __init__(self, log_n, q_bits, p_bits, log_scale):
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
        words = [log_n, log_scale, 0, len(self.q), *self.q, len(self.p), *self.p]
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
        log_scale, secret = self.varint(), self.varint()
        assert secret == 0
        return Parameters(log_n, q_bits, p_bits, log_scale)

    def limb(self, n, p):
        bits = p.bit_length()
        packed = self.number(n * bits // 8)
        values = [packed >> (bits * i) & ((1 << bits) - 1) for i in range(n)]
        assert all(x < p for x in values), "a residue is not below its prime"
        return values

    def poly(self, n, primes):
        return [self.limb(n, p) for p in primes]

    def end(self):
        assert self.at == len(self.data), "trailing bytes"


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


def main():
    digest, header, payload = read("secret-key", 2)
    parameters = header.literal()
    header.end()
    n, q, special = parameters.n, parameters.q, parameters.p
    assert parameters.digest == digest
    secret = []
    for byte in payload.take(n // 4):
        secret += [(byte >> shift & 3) - 1 for shift in (0, 2, 4, 6)]
    payload.end()
    assert set(secret) == {-1, 0, 1}
    rings = {p: Ring(parameters.log_n, p) for p in q + special}
    s = {p: rings[p].evaluate(secret) for p in rings}
    print("secret key: digest and checksum hold, the primes are", *q, "|", *special)

    def small(values, p, bound):
        return all(abs(x) <= bound for x in centred(rings[p].interpolate(values), p))

    _, header, payload = read("public-key", 3)
    assert header.literal().digest == digest
    b, seed = payload.poly(n, q), payload.take(32)
    payload.end()
    for p, limb in zip(q, b):
        a = uniform(seed, n, p)
        assert small([(x + y * z) % p for x, y, z in zip(limb, a, s[p])], p, 28)
    print("public key: b + a s is small")

    def switching_key(name, payload, origin, target):
        level = len(q) - 1
        alpha, primes = len(special), q + special
        digits = -(-len(q) // alpha)
        b = [payload.poly(n, primes) for _ in range(digits)]
        seed = payload.take(32)
        product = 1
        for p in special:
            product *= p
        for j in range(digits):
            for i, p in enumerate(primes):
                gadget = product % p if i <= level and i // alpha == j else 0
                a = uniform(child(seed, j), n, p)
                parts = zip(b[j][i], a, target[p], origin[p])
                error = [(x + y * t - gadget * o) % p for x, y, t, o in parts]
                assert small(error, p, 28), f"{name}: digit {j}, prime {p}"
        print(f"{name}: the equation holds for {digits} digits")

    square = {p: [x * x % p for x in s[p]] for p in s}

    def image(g):
        """s(X^(1/g)), which the key for X -> X^g leads to."""
        inverse, out = pow(g, -1, 2 * n), [0] * n
        for k, x in enumerate(secret):
            place = k * inverse % (2 * n)
            out[place % n] = x if place < n else -x
        return {p: rings[p].evaluate(out) for p in rings}

    _, header, payload = read("relinearization-key", 4)
    assert header.varint() == len(q) - 1
    switching_key("relinearisation key", payload, square, s)
    payload.end()

    _, header, payload = read("galois-key", 5)
    assert (header.varint(), header.varint()) == (5, len(q) - 1)
    switching_key("Galois key", payload, s, image(5))
    payload.end()

    _, header, payload = read("evaluation-keys", 6)
    assert header.literal().digest == digest
    assert (header.varint(), header.varint()) == (1, len(q) - 1)
    switching_key("relinearisation key of the set", payload, square, s)
    exponents = []
    for _ in range(header.varint()):
        exponents.append(header.varint())
        assert header.varint() == len(q) - 1
        switching_key(f"Galois key {exponents[-1]} of the set", payload, s, image(exponents[-1]))
    assert header.number(1) == 0, "these parameters have no encapsulation key"
    header.end()
    payload.end()
    assert exponents == sorted([5, pow(5, -1, 2 * n), 2 * n - 1])

    def ciphertext(header, payload):
        level, degree = header.varint(), header.number(1)
        seeded, scale = header.number(1), header.double()
        primes = q[: level + 1]
        parts = [payload.poly(n, primes) for _ in range(1 if seeded else degree + 1)]
        if seeded:
            seed = payload.take(32)
            parts.append([uniform(seed, n, p) for p in primes])
        # Chinese remainders of c0 + c1 s + c2 s^2.
        modulus, message = 1, [0] * n
        for i, p in enumerate(primes):
            value = [0] * n
            for part in reversed(parts):
                value = [(v * t + c) % p for v, t, c in zip(value, s[p], part[i])]
            value = rings[p].interpolate(value)
            lift = modulus * pow(modulus, -1, p)
            message = [m + lift * (v - m) for m, v in zip(message, value)]
            modulus *= p
            message = [m % modulus for m in message]
        return centred(message, modulus), scale

    def slots(message, scale, count):
        zeta = [cmath.exp(1j * cmath.pi * k / n) for k in range(2 * n)]
        for j in range(count):
            power = pow(5, j, 2 * n)
            yield sum(m * zeta[power * k % (2 * n)] for k, m in enumerate(message)) / scale

    values = [(i * 37 % 101) / 64 - 0.75 for i in range(16)]
    for name, expected, bound in (
        ("ciphertext-seeded", values, 1e-6),
        ("ciphertext", values, 1e-4),
        ("ciphertext-degree-2", [v * v for v in values], 1e-5),
    ):
        file_digest, header, payload = read(name, 8)
        assert file_digest == digest
        found = list(slots(*ciphertext(header, payload), 20))
        header.end()
        payload.end()
        worst = max(abs(f - e) for f, e in zip(found, expected + [0] * 4))
        assert worst < bound, (name, worst)
        print(f"{name}: decrypts to the stated values, error {worst:.1e}")

    _, header, payload = read("plaintext", 7)
    level, scale = header.varint(), header.double()
    limb = payload.poly(n, q[: level + 1])[0]
    message = centred(rings[q[0]].interpolate(limb), q[0])
    payload.end()
    assert all(abs(f - e) < 1e-7 for f, e in zip(slots(message, scale, 16), values))
    print("plaintext: holds the stated values")

    _, header, payload = read("bundle", 9)
    kind = header.take(header.varint())
    metadata = payload.take(header.varint())
    assert (kind, metadata) == (b"test-3", b"metadata")
    total = 0
    for _ in range(header.varint()):
        count, at = header.varint(), header.at
        for _ in range(count):
            header.at = at
            ciphertext(header, payload)
        total += count
    header.end()
    payload.end()
    assert total == 4
    print("bundle: four ciphertexts")


if __name__ == "__main__":
    main()
