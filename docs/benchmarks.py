#!/usr/bin/env python3
"""The counted floor of every operation that `tapetum bench engine` measures, as Markdown tables.

Usage:
  python3 docs/benchmarks.py
      counts only
  python3 docs/benchmarks.py ENGINE.JSON --mac-ns X --gb-per-s Y
      with the time of the floor, the measured time, and the one over the other

ENGINE.JSON is what `tapetum bench engine --json` printed. X is the time of one multiply-accumulate,
Y the speed at which one thread reads memory; benchmarks.md says how they are measured. Needs
Python 3.8 and nothing else.
"""

import argparse
import json
from dataclasses import dataclass
from math import ceil

WORD = 8  # bytes of a residue, and of a number
FFT = 0.5  # of a transform: N/2 complex numbers make half as many butterflies of as many operations
VALUE_BITS = 42  # decryption takes as many primes as hold values up to 2^VALUE_BITS


@dataclass(frozen=True)
class Set:
    """q primes of Q (the first one of `first` bits, the others of `scale` bits), p special ones."""

    log_n: int
    q: int
    p: int
    first: int
    scale: int
    # What LinearTransformPlan::operations counts for the diagonals 0 .. 63 at the highest level:
    # decompositions, inner products, divisions, products with a diagonal.
    transform: tuple

    @property
    def n(self):
        return 1 << self.log_n

    @property
    def digits(self):
        return ceil(self.q / self.p)

    @property
    def read(self):
        """Primes that decryption needs."""
        return 1 + ceil(max(0, self.scale + VALUE_BITS - self.first) / self.scale)


SETS = [
    Set(13, 4, 1, 46, 36, (4, 18, 5, 64)),
    Set(14, 8, 2, 48, 40, (4, 18, 5, 64)),
    Set(15, 16, 4, 48, 40, (4, 18, 5, 64)),
    Set(16, 28, 7, 48, 40, (2, 32, 3, 64)),
]


@dataclass(frozen=True)
class Count:
    """Work on residues: transforms modulo one prime, products per coefficient (times N for all), and
    limbs (N residues of 8 bytes) of evaluation keys and of everything else that must be read or
    written once."""

    transforms: float = 0
    macs: int = 0
    key: int = 0
    other: float = 0

    def __add__(self, other):
        return Count(
            self.transforms + other.transforms,
            self.macs + other.macs,
            self.key + other.key,
            self.other + other.other,
        )

    def __rmul__(self, times):
        return Count(
            times * self.transforms, times * self.macs, times * self.key, times * self.other
        )


def conversion(source, target):
    """Residue products of an exact base conversion from `source` to `target` primes: scaling each
    residue, then for each target prime a sum over them and the correction; from one prime to
    others the residue itself is all, reduced."""
    return target if source == 1 else source + target * (source + 1)


def decomposition(s):
    """One polynomial over Q into digits over QP."""
    sizes = [min(s.p, s.q - start) for start in range(0, s.q, s.p)]
    return Count(
        transforms=s.q + sum(s.q + s.p - size for size in sizes),
        macs=sum(conversion(size, s.q + s.p - size) for size in sizes),
    )


def inner_product(s):
    """Digits with both halves of a key."""
    limbs = 2 * s.digits * (s.q + s.p)
    return Count(macs=limbs, key=limbs)


def division(dropped, kept):
    """One polynomial, by its last primes: subtract and multiply once for each prime that stays."""
    return Count(transforms=dropped + kept, macs=conversion(dropped, kept) + kept)


def operations(s):
    switch = decomposition(s) + inner_product(s) + 2 * division(s.p, s.q)
    tensor = Count(macs=4 * s.q)
    decompositions, inner_products, divisions, diagonals = s.transform
    # The last two divisions are by a prime of Q as well.
    linear = (
        decompositions * decomposition(s)
        + inner_products * inner_product(s)
        + (divisions - 2) * division(s.p, s.q)
        + 2 * division(s.p + 1, s.q - 1)
        + Count(macs=2 * diagonals * (s.q + s.p), other=diagonals * (s.q + s.p) + 4 * s.q - 2)
    )
    one = Count(transforms=1, other=2)
    return {
        "ntt_forward": one,
        "ntt_inverse": one,
        # Half a limb of real numbers goes in, or comes out.
        "encode": Count(transforms=s.q + FFT, other=s.q + 0.5),
        # (b u + e0 + m, a u + e1): u, e0 and e1 are transformed.
        "encrypt": Count(transforms=3 * s.q, macs=2 * s.q, other=5 * s.q),
        "decrypt_decode": Count(transforms=s.read + FFT, macs=s.read, other=3 * s.read + 0.5),
        "add": Count(other=6 * s.q),
        "mul_plain": Count(macs=2 * s.q, other=5 * s.q),
        "mul_relin": tensor + switch + Count(other=6 * s.q),
        "rescale": 2 * division(1, s.q - 1) + Count(other=4 * s.q - 2),
        "rotate": switch + Count(other=4 * s.q),
        "rotate_hoisted_8": decomposition(s)
        + 8 * (inner_product(s) + 2 * division(s.p, s.q))
        + Count(other=18 * s.q),
        # 16 outputs of 16 inputs.
        "combinations_16x16": Count(macs=512 * s.q, other=64 * s.q),
        "combinations_8_bit": Count(macs=512 * s.q, other=64 * s.q),
        "linear_transform_64": linear,
    }


def measured(path):
    if path is None:
        return {}
    with open(path) as file:
        report = json.load(file)
    rows = (row for row in report["rows"] if row["threads"] == 1)
    print(f"{report['machine']}; kernel: {report['kernel']}; CPU time of one thread.\n")
    return {(row["log_n"], row["op"]): row["cpu_ms"] for row in rows}


def floor_ms(s, count, transform_ms, mac_ns, gb_per_s):
    limb = WORD * s.n
    work = count.transforms * transform_ms + count.macs * s.n * mac_ns * 1e-6
    return work + (count.key + count.other) * limb / gb_per_s * 1e-6


def table(s, times, mac_ns, gb_per_s):
    found = {op: times.get((s.log_n, op)) for op in operations(s)}
    transform_ms = found["ntt_forward"]
    print(
        f"**N = 2^{s.log_n}, {s.q} primes of Q, {s.p} of P, {s.digits} digits**\n\n"
        "| operation | transforms | products x N | key MB | other MB "
        "| floor ms | measured ms | measured / floor |\n|---|---|---|---|---|---|---|---|"
    )
    for op, count in operations(s).items():
        megabytes = WORD * s.n / 1e6
        cells = [
            op,
            f"{count.transforms:g}",
            f"{count.macs}",
            f"{count.key * megabytes:.1f}",
            f"{count.other * megabytes:.1f}",
        ]
        time, alone = found[op], op.startswith("ntt")
        floor = None
        if transform_ms and mac_ns and gb_per_s and not alone:
            floor = floor_ms(s, count, transform_ms, mac_ns, gb_per_s)
        cells.append(f"{floor:.2f}" if floor else "")
        cells.append(f"{time:.3g}" if time else "")
        cells.append(f"{time / floor:.2f}" if time and floor else "")
        print("| " + " | ".join(cells) + " |")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", nargs="?", help="what `tapetum bench engine --json` printed")
    parser.add_argument("--mac-ns", type=float, help="ns of a multiply-accumulate")
    parser.add_argument("--gb-per-s", type=float, help="GB/s that one thread reads")
    args = parser.parse_args()
    times = measured(args.report)
    for s in SETS:
        table(s, times, args.mac_ns, args.gb_per_s)


if __name__ == "__main__":
    main()
