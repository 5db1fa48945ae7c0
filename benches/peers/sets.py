"""The parameter sets: those of `tapetum bench engine`, as far as each library can have them."""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Set:
    """Ring degree 2^log_n, primes of Q of these sizes, messages scaled by 2^log_scale."""

    name: str
    log_n: int
    q_bits: tuple
    log_scale: int
    # Digits of OpenFHE's key switch: as few as its auxiliary primes of 60 bits allow at 128-bit
    # security (for n16 at log QP of about 1,500), because few digits are fast. SEAL always has one
    # digit for each prime.
    openfhe_digits: int

    @property
    def slots(self):
        return 1 << (self.log_n - 1)

    @property
    def openfhe_log_qp(self):
        """log2 of QP: P has as many 60-bit primes as the largest digit needs."""
        per_digit = ceil(len(self.q_bits) / self.openfhe_digits)
        parts = [self.q_bits[i : i + per_digit] for i in range(0, len(self.q_bits), per_digit)]
        return sum(self.q_bits) + 60 * ceil(max(map(sum, parts)) / 60)


SETS = {
    chain.name: chain
    for chain in [
        Set("n13", 13, (46,) + 3 * (36,), 36, 4),
        Set("n14", 14, (48,) + 7 * (40,), 40, 8),
        Set("n15", 15, (48,) + 15 * (40,), 40, 4),
        Set("n16", 16, (48,) + 27 * (40,), 40, 3),
    ]
}

# The rotations of `rotate_hoisted_8`; the first one is that of `rotate`.
ROTATIONS = list(range(1, 9))
