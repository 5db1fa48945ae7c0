#!/usr/bin/env python3
"""Computes the secret key from decrypted scores and the server's files (Li, Micciancio 2021).

With all their digits, the scores that fill a ciphertext give the real parts of its slots, so the
polynomial m + m(1/X) with rounded coefficients, exactly. In every place i of the transform, with i'
that of the inverse power, (c0 + c1 s)[i] + (c0 + c1 s)[i'] is its value. Two ciphertexts are two such
equations for the two unknowns s[i] and s[i'].

Two files of scores are decrypted twice: by `decrypt --exact`, whose digits must give the key (else this
script tests nothing), and by `decrypt`, whose rounded scores must not.

Needs Python 3.8 and nothing else. Usage: python3 tests/attacks/key_recovery.py TAPETUM (half a minute)
"""

import cmath
import csv
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "vectors"))
import check  # noqa: E402  The second implementation of the file formats.

SCORES = "encrypted-scores"


def table(path, rows, seed, labelled):
    draw = random.Random(seed)
    with open(path, "w") as file:
        print(*(["kind"] if labelled else []), "width", "height", sep=",", file=file)
        for row in range(rows):
            label = [["round", "long"][row % 2]] if labelled else []
            values = [draw.gauss(row % 2 if labelled else 0, 0.7) for _ in range(2)]
            print(*label, *values, sep=",", file=file)


def ciphertext(folder, name, owner):
    """Layout of the scores in a file, its only ciphertext, and the scale."""
    check.FOLDER = folder
    (folder / f"{name}.bin").write_bytes((folder / f"{name}.scores").read_bytes())
    header, payload = owner.read(name, 9)
    assert header.take(header.varint()).decode() == SCORES
    metadata = check.Bytes(payload.take(header.varint()))
    layout = [metadata.varint() for _ in range(4)]
    assert header.varint() == 1 and header.varint() == 1, "one ciphertext"
    level, degree, seeded, scale = header.varint(), header.number(1), header.number(1), header.double()
    assert (level, degree, seeded) == (0, 1, 0)
    return layout, [payload.limb(owner.n, owner.q[0]) for _ in range(2)], scale


def in_slots(scores, layout):
    """The slots of scores, by docs/wire-format.md."""
    samples, _, rows, columns = layout
    slots = rows * columns
    assert samples == slots, "scores fill the ciphertext"
    found = [0.0] * slots
    for i, score in enumerate(scores):
        moved, row = divmod(i, rows)
        found[(row * columns - moved) % slots] = score
    return found


def real_part(slots, scale):
    """The coefficients of m + m(1/X), rounded, for real parts of slots."""
    n = 2 * len(slots)
    values = [0j] * (2 * n)
    # The value at an odd power of zeta is that of its slot, and at the inverse power the same.
    for j, value in enumerate(slots):
        power = pow(5, j, 2 * n)
        values[power] = values[2 * n - power] = complex(value)

    def transform(values):
        m = len(values)
        if m == 1:
            return values
        even, odd = transform(values[::2]), transform(values[1::2])
        odd = [cmath.exp(-2j * cmath.pi * k / m) * x for k, x in enumerate(odd)]
        return [e + o for e, o in zip(even, odd)] + [e - o for e, o in zip(even, odd)]

    # A coefficient is the mean over the N odd powers of value times inverse power.
    return [round(2 * scale * x.real / n) for x in transform(values)[:n]]


def solve(pairs, scores, owner):
    """The coefficients of the secret key, if the scores are exact."""
    n, p = owner.n, owner.q[0]
    ring = owner.rings[p]
    equations = []
    for (layout, (c0, c1), scale), values in zip(pairs, scores):
        total = ring.evaluate(real_part(in_slots(values, layout), scale))
        # Position N - 1 - i is that of the inverse power.
        equations.append([(t - a - b) % p for t, a, b in zip(total, c0, c0[::-1])])
        equations.append(c1)
    (known_a, a, known_b, b), found = equations, []
    for i in range(n):
        # a[i] s[i] + a[i'] s[i'] = known_a[i], and the same for b.
        determinant = (a[i] * b[n - 1 - i] - b[i] * a[n - 1 - i]) % p
        top = (known_a[i] * b[n - 1 - i] - known_b[i] * a[n - 1 - i]) % p
        found.append(top * pow(determinant, -1, p) % p)
    return check.centred(ring.interpolate(found), p)


def main():
    command = [str(Path(sys.argv[1]).resolve()), "-q"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def tapetum(line):
            subprocess.run(command + line.split(), cwd=folder, check=True, stdout=subprocess.DEVNULL)

        table(folder / "known.csv", 400, 1, True)
        tapetum("simulate --images known.csv --positive long --learner linear-means --export provider")
        tapetum("keygen --owner owner --server server --classify-only provider/features.json")
        check.FOLDER = folder
        (folder / "secret.bin").write_bytes((folder / "owner" / "secret.key").read_bytes())
        owner = check.Secret("secret")
        pairs, files = [], ["first", "second"]
        for seed, name in enumerate(files, 2):
            table(folder / f"{name}.csv", owner.n // 2, seed, False)
            tapetum(f"encrypt --owner owner --images {name}.csv --unlabelled --out {name}.enc")
            tapetum(f"classify --server server --model provider/model.json --data {name}.enc --out {name}.scores")
            pairs.append(ciphertext(folder, name, owner))

        def attack(option):
            scores = []
            for name in files:
                tapetum(f"decrypt --owner owner {name}.scores {option} --out {name}.found")
                with open(folder / f"{name}.found") as file:
                    scores.append([float(row["score"]) for row in csv.DictReader(file)])
            found = solve(pairs, scores, owner)
            return sum(a == b for a, b in zip(found, owner.coefficients)) / owner.n

        exact, rounded = attack("--exact"), attack("")
        print(f"share of the key's {owner.n} coefficients found: {exact:.4f} with all digits, {rounded:.4f} rounded")
        assert exact == 1, "the attack itself does not work: rounding is not tested"
        # By chance a residue is right once in 2^40.
        assert rounded < 0.01, "rounded scores give the key away"


if __name__ == "__main__":
    main()
