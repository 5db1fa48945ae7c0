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

For the sparse secret of bootstrapping it prints a lower estimate of the cost of the hybrid attacks, which
guess a part of the secret: primal (Howgrave-Graham, 2007; Son, Cheon, 2019) and dual (Cheon, Hhan, Hong,
Son, 2019). The guessed part is searched for by Meet-LWE (May, 2021): it is the sum of two vectors of half its
weight in many ways, of which one is enough, so that fewer halves need to be tried than the square root of
all candidates. What else can be simplified is so in the attacker's favour: all collisions are found, the
errors of the halves cost nothing, and a test costs one operation. It fails if that is below 2^128 for a
modulus that the code accepts. For N = 2^15 and 96 bits, which the code does not accept, it prints why.

For the parameters under which scores are published it checks that the table allows their modulus, follows a bound on
the error through the classification with a plain model, and prints how many bits of a score of 8 the noise leaves. It
fails if these are fewer than 8 where docs/parameters.md says that scores can be published. It prints the same for linear
means, the shallowest training, whose scores are not published.

Needs Python 3.8 and nothing else. Usage: python3 docs/parameters.py
"""

import re
import sys
from math import e, inf, lgamma, log, log2, pi, sqrt
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


# A published set with a sparse secret that the code refuses: log N, log2(q_0 p_0).
REFUSED = (15, 96.0)


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


def log_choose(n, k):
    return (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)) / log(2)


def log_sum(terms):
    largest = max(terms)
    return largest + log2(sum(2 ** (term - largest) for term in terms))


def hybrid_dimension(kept, volume, beta):
    """The best dimension for the part of the secret that is kept, each coordinate of which takes
    `volume` bits from the lattice."""
    return max(sqrt(kept * volume / log_delta(beta)), kept + 1)


def primal_cost(kept, log_q, ratio, log_tests):
    """BKZ until the shortest vector of the orthogonalised basis is as long as an error, then tests by
    rounding: log2 of the cost."""

    def last(beta):
        d = hybrid_dimension(kept, log_q - ratio, beta)
        return log_q - kept * (log_q - ratio) / d - d * log_delta(beta)

    low, high = 50, 4000
    if last(high) < log2(SIGMA):
        return inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if last(middle) >= log2(SIGMA) else (middle, high)
    return max(cost_2024(high, hybrid_dimension(kept, log_q - ratio, high)), log_tests)


def dual_cost(kept, log_q, ratio, log_tests):
    """BKZ for short vectors of the dual lattice, as many as tell the right guess from all others."""

    def cost(beta):
        d = hybrid_dimension(kept, log_q - ratio, beta)
        length = d * log_delta(beta) + kept * (log_q - ratio) / d
        noise = length + log2(SIGMA) - log_q
        if noise > 3:
            return inf
        vectors = 4 * pi**2 * 4**noise * log2(e) + log2(2 * log_tests + 1)
        return max(cost_2024(beta, d), vectors, log_tests)

    return min(cost(beta) for beta in range(60, 700, 20))


def log_meet(guessed, weight):
    """log2 of the operations that find a ternary vector of this weight: all halves, divided by the number of pairs of
    halves that give the same vector; a list of them is itself made of halves, by a search for collisions."""
    halves = log_choose(guessed, weight / 2) + weight / 2
    return max(halves - log_choose(weight, weight / 2), halves / 2)


def sparse_security(n, log_q, weight):
    """log2 of the costs of the primal and the dual hybrid attack, the best over the coordinates that are kept and
    over the number of coefficients that are not zero among those that are guessed."""
    best = {primal_cost: inf, dual_cost: inf}
    for step in range(1, 200):
        kept = int(n * 2 ** (-step / 24))
        guessed = n - kept
        if kept < 300:
            break
        for most in range(weight + 1):
            right = [log_choose(guessed, j) + log_choose(kept, weight - j) for j in range(most + 1)]
            chance = log_sum(right) - log_choose(n, weight)
            tests = log_sum([log_meet(guessed, j) for j in range(most + 1)])
            # Beside an error, how small a coefficient of the secret is.
            ratio = log2(SIGMA / sqrt(max(weight - most, 1) / kept))
            for attack in best:
                best[attack] = min(best[attack], attack(kept, log_q, ratio, tests) - chance)
    return best[primal_cost], best[dual_cost]


def sparse_table_in_the_code():
    source = SOURCE.read_text()
    weight = re.search(r"EPHEMERAL_WEIGHT: usize = (\d+);", source)
    table = re.search(r"SPARSE_TABLE: .* = \[(.*)\];", source)
    if not weight or not table:
        sys.exit(f"{SOURCE}: the table of sparse secrets has not the expected form")
    rows = re.findall(r"\((\d+), ([\d.]+)\)", table[1])
    return int(weight[1]), [(int(log_n), float(bound)) for log_n, bound in rows]


def table_in_the_code():
    rows = re.findall(r"\((\d+), ([\d.]+), ([\d.]+)\),", SOURCE.read_text())
    if len(rows) != 6:
        sys.exit(f"{SOURCE}: the table has not the expected form")
    return {int(log_n): (float(strong), float(stronger)) for log_n, strong, stronger in rows}


PUBLISHING = Path(__file__).parent.parent / "crates/learn/src/publishing.rs"
# Features of a sample, columns of scores that are added, results under a key: those of the table in docs/parameters.md.
PUBLISHED_ROWS = [(32, 1, 1), (32, 1, 256), (256, 1, 1), (256, 1, 256), (1024, 1, 256), (256, 4, 64)]


def publishing_in_the_code():
    """log N, bits of the primes of Q and P, scale, and log2 of the factors of samples, weights and mask."""
    text = PUBLISHING.read_text()
    number = lambda pattern: int(re.search(pattern, text)[1])
    numbers = lambda pattern: [int(n) for n in re.search(pattern, text)[1].split(",")]
    log_n, scale = number(r"log_n: (\d+)"), number(r"log_scale: (\d+)")
    q, p = numbers(r"q_bits: vec!\[([\d, ]+)\]"), numbers(r"p_bits: vec!\[([\d, ]+)\]")
    factors = [number(rf"const {name}: f64 = \(1 << (\d+)\)") for name in ("SAMPLES", "WEIGHTS", "MASK")]
    return log_n, q, p, scale, factors


def published_bits(columns, joined, results):
    """Bits that the noise leaves of a score of 8: NoiseBound and NoiseFlooding of crates/ckks, written down again."""
    log_n, q, p, scale, factors = publishing_in_the_code()
    n = 2**log_n
    sample, weight, mask = (2.0 ** (scale + factor) for factor in factors)
    feature, weights = 4, 16
    # Bounds on random parts: 6 standard deviations, 20 of a product of two.
    encoding = 6 * sqrt(n / 12)
    fresh = encoding + 6 * sqrt(n) * SIGMA + 2 * 20 * n * SIGMA * SIGMA_SECRET
    division = 6 * sqrt(n / 12) + 20 * n / sqrt(18)
    switch = lambda level: division + sum(
        20 * n * SIGMA * 2.0 ** (bits - p[0]) / sqrt(12) for bits in q[: level + 1]
    )
    # The products of all features, divided by a prime; each doubling of their sum is a key switch.
    error = columns * (feature * sample * encoding + fresh * encoding) + weights * weight * fresh
    at = sample * weight / 2.0 ** q[3]
    error = error / 2.0 ** q[3] + columns * division + (columns - 1) * switch(2)
    # The mask, and the intercept.
    error = (feature * weights * at + error) * encoding + mask * error
    at *= mask / 2.0 ** q[2]
    error = error / 2.0 ** q[2] + division + encoding
    error = joined * error + (joined - 1) * switch(1)
    # Li, Micciancio, Schultz, Sorrell, 2022, theorem 4, for 30 bits; drawn as 1.84 times a power of two.
    deviation = error * 2**15 * sqrt(12 * results)
    drawn = 1.84 * 2.0 ** max(1, -int(-log2(deviation / 1.84) // 1))
    return log2(8 * at / (drawn * sqrt(n / 2)))


# log N, scale, log2 of factors of samples and of labels, features, samples: `keygen --learner linear-means`, and what two
# primes for the scores would have room for.
TRAINED_ROWS = [(14, 40, 0, 0, 32, 256), (15, 48, 14, 14, 32, 256), (15, 48, 14, 14, 256, 1536)]
# The largest scores that linear means have: 2 (m+ m- / m^2)^2 times those of the class means.
TRAINED_SCORE = 0.5


def trained_bits(log_n, scale, samples, labels, columns, rows):
    """Bits that noise for one result leaves of a score of linear means, trained with clear labels: a bound as above.

    The difference D and the sum S of class means are products of the samples with public numbers that add up to 1/4 and 1;
    a score is D . x - D . S, products of ciphertexts.
    """
    n = 2**log_n
    encoding = 6 * sqrt(n / 12)
    fresh = encoding + 6 * sqrt(n) * SIGMA + 2 * 20 * n * SIGMA * SIGMA_SECRET
    division = 6 * sqrt(n / 12) + 20 * n / sqrt(18)
    switch = division + 5 * 20 * n * SIGMA / sqrt(12)
    sample = fresh / 2.0 ** (scale + samples)
    label = encoding / 2.0 ** (scale + labels)
    rest = lambda count, factors: (division + count * switch) / 2.0 ** (scale + factors)
    mean = lambda weight: weight * sample + rows * label * (4 + sample) + rest(rows - 1, samples + labels)
    difference, total = mean(1 / 4), mean(1)
    products = columns * (sample + 4 * difference) + columns * (total + 4 * difference)
    error = products + 2 * rest(columns, 2 * samples + labels) + TRAINED_SCORE * encoding / 2.0**scale
    # Drawn in a coefficient, as above.
    at = 2.0 ** (scale + 2 * samples + labels)
    log_noise = -int(-log2(error * at * 2**15 * sqrt(12) / 1.84) // 1)
    return log2(TRAINED_SCORE * at / (1.84 * 2.0**log_noise * sqrt(n / 2))), log_noise


def check_publishing():
    log_n, q, p, _, _ = publishing_in_the_code()
    allowed, used = table_in_the_code()[log_n][0], sum(q) + sum(p)
    print(f"\npublishing: log N {log_n}, log2(QP) {used}, allowed {allowed:g}")
    print("features  joined  results   bits left")
    failed = used > allowed
    for row in PUBLISHED_ROWS:
        bits = published_bits(*row)
        print(f"{row[0]:>8}{row[1]:>8}{row[2]:>9}{bits:>12.1f}")
        failed |= bits < 8
    print("\nlinear means, not published: log N  scale  features  samples  bits left of one result  log2(noise)")
    for row in TRAINED_ROWS:
        bits, log_noise = trained_bits(*row)
        print(f"{row[0]:>34}{row[1]:>7}{row[4]:>10}{row[5]:>9}{bits:>25.1f}{log_noise:>13}")
    return failed


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
    weight, rows = sparse_table_in_the_code()
    print(f"\nlog N  weight  code   primal hybrid   dual hybrid (bits, at least)")
    for log_n, bound in [REFUSED, *rows]:
        costs = sparse_security(1 << log_n, bound, weight)
        refused = " (refused)" if (log_n, bound) == REFUSED else ""
        print(f"{log_n:>5}{weight:>8}{bound:>6g}{costs[0]:>16.1f}{costs[1]:>14.1f}{refused}")
        if min(costs) < 128 and not refused:
            print("       an attack costs less than 2^128")
            failed = True
    failed |= check_publishing()
    sys.exit(failed)


if __name__ == "__main__":
    main()
