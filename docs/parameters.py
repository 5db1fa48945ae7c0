#!/usr/bin/env python3
"""Checks the security table of crates/ckks against published tables and a formula.

For each ring degree it prints the largest log2(QP)
* in crates/ckks/src/parameters/security.rs, which is read,
* in the published tables, which are copied below with their sources,
* at which a primal attack still costs 2^128 or 2^192 operations, computed here.

It fails if the table is above a published value, or more than 1.5 % away from the estimate.

The estimate is the primal attack by unique-SVP embedding with a scaled secret (Bai and Galbraith,
2014), the success condition of Alkim, Ducas, Poeppelmann, Schwabe (2016) and the geometric series
assumption, at two costs of lattice reduction:
* "2018": 8 d calls of 2^(0.292 beta + 16.4) each (Becker, Ducas, Gama, Laarhoven, 2016), as in
  the Homomorphic Encryption Standard;
* "2024": progressive BKZ with the gate counts of MATZOV (2022), which the lattice estimator
  (Albrecht, Player, Scott, 2015 and later) has as its default since 2022.
It is one attack only. The lattice estimator itself tries others (bounded-distance decoding, dual,
hybrid), which for a dense ternary secret and these sizes come out close to it. Whoever chooses
parameters of a new kind should run the estimator.

Needs Python 3.8 and nothing else. Usage: python3 docs/parameters.py
"""

import re
import sys
from math import e, inf, log2, pi, sqrt
from pathlib import Path

SIGMA = 3.19  # standard deviation of the error
SIGMA_SECRET = sqrt(2 / 3)  # of a uniform ternary secret

SOURCE = Path(__file__).parent.parent / "crates/ckks/src/parameters/security.rs"

# Classical security, uniform ternary secret: {log N: (128 bits, 192 bits)}.
PUBLISHED = {
    # Albrecht et al., Homomorphic Encryption Standard, 2018, table 1.
    "2018": {12: (109, 75), 13: (218, 152), 14: (438, 305), 15: (881, 611)},
    # Bossuat et al., Security Guidelines for Implementing Homomorphic Encryption, 2024,
    # eprint 2024/463, and the tables made with the scripts published along with it.
    "2024": {
        12: (106, 73),
        13: (214, 147),
        14: (430, 297),
        15: (868, 597),
        16: (1747, 1199),
        17: (3523, 2411),
    },
}


def log_delta(beta):
    """log2 of the root Hermite factor that BKZ with blocks of size beta reaches (Chen, 2013)."""
    return log2((pi * beta) ** (1 / beta) * beta / (2 * pi * e)) / (2 * (beta - 1))


def dimension(n, log_q, beta):
    """The smallest dimension in which BKZ-beta finds the secret, or None."""
    delta = log_delta(beta)
    target = log2(SIGMA * sqrt(beta))

    def found(d):
        volume = log2(SIGMA) + n * log2(SIGMA / SIGMA_SECRET) + (d - n - 1) * log_q
        return delta * (2 * beta - d - 1) + volume / d >= target

    # Where the projection of the secret is shortest beside what BKZ finds; n samples at most.
    best = min(int(sqrt(n * log_q / delta)), 2 * n + 1)
    if best <= n or not found(best):
        return None
    low, high = n, best
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def cost_2018(beta, d):
    return 0.292 * beta + 16.4 + log2(8 * d)


def cost_2024(beta, d):
    progressive = 5.46  # 1 / (1 - 2^-0.292): all blocks up to beta, beside beta alone
    free = max(beta * log2(4 / 3) / log2(beta / (2 * pi * e)), 0)  # dimensions (Ducas, 2018)
    gates = 0.29613500308205365 * (beta - free) + 20.387885985467914
    return 2 * log2(progressive) + log2(max(d - beta, 1)) + gates


def security(n, log_q, cost):
    """log2 of the cost of the attack."""
    low, high = 50, n  # the attack fails with the one and succeeds with the other
    if dimension(n, log_q, high) is None:
        return inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if dimension(n, log_q, middle) is None else (low, middle)
    return cost(high, dimension(n, log_q, high))


def largest_modulus(n, bits, cost):
    """The largest log2(q) for which the attack costs 2^bits."""
    low, high = 10.0, float(n)
    while high - low > 0.05:
        middle = (low + high) / 2
        low, high = (middle, high) if security(n, middle, cost) >= bits else (low, middle)
    return low


def table_in_the_code():
    rows = re.findall(r"\((\d+), ([\d.]+), ([\d.]+)\),", SOURCE.read_text())
    if len(rows) != 6:
        sys.exit(f"{SOURCE}: the table has not the expected form")
    return {int(log_n): (float(strong), float(stronger)) for log_n, strong, stronger in rows}


def main():
    failed = False
    print("log N  bits    code    2018    2024   estimate 2018   estimate 2024")
    for log_n, bounds in table_in_the_code().items():
        for column, bits in enumerate((128, 192)):
            bound, n = bounds[column], 1 << log_n
            published = [PUBLISHED[year].get(log_n) for year in ("2018", "2024")]
            published = [row and row[column] for row in published]
            old, new = (largest_modulus(n, bits, cost) for cost in (cost_2018, cost_2024))
            columns = "".join(f"{value or '-':>8}" for value in published)
            print(f"{log_n:>5}{bits:>6}{bound:>8g}{columns}{old:>16.1f}{new:>16.1f}")
            if any(value is not None and bound > value for value in published):
                print("       the code allows more than a published table")
                failed = True
            if abs(bound / new - 1) > 0.015:
                print("       the code is more than 1.5 % away from the estimate")
                failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
