#!/usr/bin/env python3
"""How long a cluster classifies encrypted images, by a formula and by a simulation of the scheduler.

The simulation has what the formula leaves out: tasks of different length, a scheduler that starts one task after the other, one
link out of the node that has the data, keys that each machine must get first, and machines that die. It fails if the two differ by
more than 10 % in any row. docs/cluster.md quotes the table. Needs Python 3.8 and nothing else.

    python3 docs/cluster.py
"""

import argparse
import heapq
import random
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Work:
    """What is measured of a model, per image."""

    name: str
    cpu_seconds: float
    bytes_in: float
    bytes_out: float
    key_bytes: float
    images_per_task: int
    #: How many the simulation has: tasks take time there as well.
    images: int


@dataclass(frozen=True)
class Cluster:
    machines: int = 100
    cores: int = 16
    threads_per_task: int = 1
    #: Bytes per second out of the node that has the data, and into each machine.
    link: float = 1.25e9
    #: The data are on storage that machines read by themselves.
    shared_storage: bool = False
    #: Seconds that the scheduler spends on a task.
    overhead: float = 1e-3
    #: Standard deviation of the logarithm of a task's time.
    spread: float = 0.1
    #: Hours between failures of one machine, and seconds until another replaces it.
    hours_to_failure: float = 500.0
    replacement: float = 180.0
    #: Dollars per core and hour.
    price: float = 0.04

    @property
    def slots(self):
        return self.machines * (self.cores // self.threads_per_task)


def formula(work, cluster, images):
    """Seconds: keys to all machines, then whatever is slowest of computing, the link and the scheduler; then the last task."""
    moved = work.bytes_in + work.bytes_out
    links = cluster.machines if cluster.shared_storage else 1
    task = work.cpu_seconds * work.images_per_task / cluster.threads_per_task
    # Nodes pass keys on to each other, so their time grows with the logarithm of the number of machines.
    keys = work.key_bytes / cluster.link * (cluster.machines.bit_length() if not cluster.shared_storage else 1)
    failed = cluster.replacement / 3600 / cluster.hours_to_failure
    computing = images * work.cpu_seconds / (cluster.machines * cluster.cores) * (1 + failed)
    link = images * moved / links / cluster.link
    scheduling = images / work.images_per_task * cluster.overhead
    return keys + max(computing, link, scheduling) + task / 2


def simulated(work, cluster, images, seed=1):
    """Seconds, and how many tasks were run again."""
    draw = random.Random(seed)
    tasks = -(-images // work.images_per_task)
    moved = (work.bytes_in + work.bytes_out) * work.images_per_task
    mean = work.cpu_seconds * work.images_per_task / cluster.threads_per_task
    shift = -cluster.spread**2 / 2
    per_machine = cluster.slots // cluster.machines
    # Nodes pass keys on: machines that have them double with each transfer.
    transfer = work.key_bytes / cluster.link
    ready = [transfer if cluster.shared_storage else transfer * (k + 1).bit_length() for k in range(cluster.machines)]
    dies = [start + draw.expovariate(1 / (3600 * cluster.hours_to_failure)) for start in ready]
    slots = [(ready[k % cluster.machines], k % cluster.machines, k) for k in range(per_machine * cluster.machines)]
    heapq.heapify(slots)
    scheduler = end = 0.0
    links, back = [0.0] * cluster.machines, list(ready)
    again = 0
    while tasks:
        free, machine, slot = heapq.heappop(slots)
        if free >= dies[machine]:
            # It is replaced, and gets the keys.
            back[machine] = dies[machine] + cluster.replacement + transfer
            dies[machine] = back[machine] + draw.expovariate(1 / (3600 * cluster.hours_to_failure))
        if free < back[machine]:
            heapq.heappush(slots, (back[machine], machine, slot))
            continue
        scheduler = max(scheduler, free) + cluster.overhead
        # One task's data after the other: on the link of the machine itself, or on the one that all share.
        place = machine if cluster.shared_storage else 0
        links[place] = max(links[place], scheduler) + moved / cluster.link
        begin = links[place]
        finish = begin + mean * draw.lognormvariate(shift, cluster.spread)
        if finish > dies[machine] > free:
            # The task is lost with its machine, and run again.
            again += 1
            heapq.heappush(slots, (dies[machine], machine, slot))
            continue
        tasks -= 1
        end = max(end, finish)
        heapq.heappush(slots, (finish, machine, slot))
    return end, again


def price(cluster, seconds, images):
    """Dollars per million images."""
    return seconds / 3600 * cluster.machines * cluster.cores * cluster.price / images * 1e6


#: As measured on one machine; docs/cluster.md says how.
WORKS = [
    Work("linear, 245 features", 26e-6, 15_803, 24, 2.3e6, 4096, 10**8),
    Work("MNIST network of 5 levels", 21.3e-3, 4.56e6, 0.1e6, 44.6e6, 256, 10**8),
    Work("photographs, 19 levels", 32.5, 2.77e6, 0.27e6, 3.0e9, 8, 10**6),
]


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print(f"{'work':<26} {'images':>6} {'cluster':<30} {'formula':>11} {'simulated':>11} {'again':>6} {'$ per 10^6':>10} {'10^8 images':>13}")
    base = Cluster()
    clusters = {
        "1 machine": replace(base, machines=1),
        "10 machines": replace(base, machines=10),
        "100 machines": base,
        "100 machines, shared storage": replace(base, shared_storage=True),
        "100, failures each 10 h": replace(base, shared_storage=True, hours_to_failure=10.0),
    }
    for work in WORKS:
        for name, cluster in clusters.items():
            expected = formula(work, cluster, work.images)
            found, again = simulated(work, cluster, work.images)
            cost = price(cluster, found, work.images)
            days = formula(work, cluster, 10**8) / 86400
            print(
                f"{work.name:<26} {work.images:>6.0e} {name:<30} {expected:>9.0f} s {found:>9.0f} s {again:>6} {cost:>10.3f} "
                f"{days:>8.2f} days"
            )
            assert abs(found / expected - 1) < 0.1, (work.name, name)


if __name__ == "__main__":
    main()
