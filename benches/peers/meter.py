"""CPU and wall time of a call, measured as `tapetum bench engine` does."""

from math import sin
from statistics import median
from time import perf_counter, process_time

# A run repeats what is shorter, so that neither the clock's resolution nor its cost matters.
SHORTEST_RUN = 0.005


class Rows:
    """Collects the rows of one library and one parameter set."""

    def __init__(self, library, chain, log_qp, dnum, runs):
        self.rows = []
        self._runs = runs
        self._common = {
            "library": library,
            "set": chain.name,
            "log_n": chain.log_n,
            "primes": len(chain.q_bits),
            "log_qp": log_qp,
            "dnum": dnum,
            "threads": 1,
        }

    def time(self, op, call, prepare=lambda: None, primes=None, share=1):
        """Adds a row. `prepare` runs before each call and does not count; a call does `share` times
        what the row is about."""

        def run():
            cpu = wall = 0.0
            calls = 0
            while wall < SHORTEST_RUN:
                prepare()
                wall_start, cpu_start = perf_counter(), process_time()
                result = call()
                cpu += process_time() - cpu_start
                wall += perf_counter() - wall_start
                calls += 1
                del result
            return 1e3 * cpu / calls / share, 1e3 * wall / calls / share

        run()  # Caches, page tables and the allocator get warm.
        runs = [run() for _ in range(self._runs)]
        self.rows.append(
            self._common
            | {
                "op": op,
                "cpu_ms": median(cpu for cpu, _ in runs),
                "wall_ms": median(wall for _, wall in runs),
                "least_cpu_ms": min(cpu for cpu, _ in runs),
                "runs": self._runs,
            }
            | ({"primes": primes} if primes else {})
        )


def message(slots):
    """Numbers in [-1, 1], no two alike."""
    return [sin(i) for i in range(slots)]


def check(library, values, expected):
    """A library that computes something else is not measured."""
    error = max(abs(v - e) for v, e in zip(values, expected))
    if not error < 1e-3:
        raise SystemExit(f"{library}: a product is wrong by {error}; are the parameters right?")
