#!/usr/bin/env python3
"""Ridge regression on a cluster of two nodes on this machine: the same model bit for bit, bytes moved, and time.

    pip install "tapetum[ray]"
    python3 examples/cluster/ridge.py [--fashion DIR] [--kill | --scaling ROUNDS]

Trains on the silhouettes that come with Tapetum or, with --fashion, on Fashion-MNIST in IDX files (gzipped): 49 pixels each, --images of
them. First on this machine with one thread, then on nodes 127.0.0.2 and 127.0.0.3 with one processor each, pinned to it; with --kill the second
dies in the middle.

With --scaling two processes that know nothing of each other train as well, pinned like the nodes. In each round one of them trains
alone, then both at the same time, then one worker of the cluster, then two: so whatever else the machine does hits all of them. What two
workers gain is compared with what two processes gain.
"""

import argparse
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Workers as all other processes.
os.environ.setdefault("RAY_worker_niceness", "0")

import numpy as np
import ray
import tapetum as tp
from ray.cluster_utils import Cluster

SHAPES = Path(__file__).parents[2] / "data" / "animal-shapes"
STORE = 1_500_000_000


def read(folder, images):
    """Rows of 49 pixels, and the classes 0 to 9."""
    prefix = "train-" if (folder / "train-images-idx3-ubyte.gz").exists() else ""
    with gzip.open(folder / f"{prefix}images-idx3-ubyte.gz") as file:
        pictures = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / f"{prefix}labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    chosen = np.random.default_rng(0).permutation(len(labels))[:images]
    return tp.features.Pixels(7).fit_transform(pictures[chosen]), labels[chosen].astype(int)


def loopback_bytes():
    """Bytes that the loopback interface has moved so far."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        if line.strip().startswith("lo:"):
            return int(line.split()[1])
    raise SystemExit("there is no loopback interface")


def timed(work):
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def pinned(processor, work):
    """What starts meanwhile stays on this processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        return work()
    finally:
        os.sched_setaffinity(0, before)


def train_again_and_again(folder):
    """A process of its own: each line that comes begins a training, and each that goes tells its seconds."""
    server = tp.Server.load(folder / "server", threads=1)
    parts = [server.read(path) for path in sorted(folder.glob("part-*.enc"))]
    for _ in sys.stdin:
        _, seconds = timed(lambda: server.fit(parts))
        print(seconds, flush=True)


class Processes:
    """Two of them."""

    def __init__(self, folder, owner, parts, processors):
        owner.save(folder / "owner", server=folder / "server")
        for number, part in enumerate(parts):
            part.save(folder / f"part-{number:04}.enc")
        command = [sys.executable, __file__, "--process", str(folder)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.all = [pinned(each, lambda: subprocess.Popen(command, **pipes)) for each in processors]

    def train(self, count):
        """Seconds until so many of them have trained at the same time."""
        chosen = self.all[:count]
        for process in chosen:
            print(file=process.stdin, flush=True)
        return max(float(process.stdout.readline()) for process in chosen)

    def close(self):
        for process in self.all:
            process.stdin.close()
            process.wait()


def scaling(rounds, owner, parts, processors):
    """Prints what two workers gain over one, and what two processes gain."""
    workers = {count: tp.ray.Server(owner.evaluation_keys, num_workers=count) for count in (1, 2)}
    # Keys and data go to their nodes, and processes load theirs.
    for server in workers.values():
        server.fit(parts)
        server.fit(parts)
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes(Path(folder), owner, parts, processors)
        processes.train(2)
        found = []
        for number in range(rounds):
            alone, both = processes.train(1), processes.train(2)
            one, two = (timed(lambda: workers[count].fit(parts))[1] for count in (1, 2))
            found.append((2 * alone / both, one / two))
            print(
                f"round {number + 1}: a process {alone:.1f} s, two at the same time {both:.1f} s; one worker {one:.1f} s, two {two:.1f} s: "
                f"gain {one / two:.2f} of {2 * alone / both:.2f}",
                flush=True,
            )
        processes.close()
    of_processes, of_workers = (statistics.median(gains) for gains in zip(*found))
    print(f"medians: two processes gain {of_processes:.2f}, two workers {of_workers:.2f}, {of_workers / of_processes:.2f} of it")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fashion", type=Path, metavar="DIR", help="Fashion-MNIST in place of silhouettes")
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--kill", action="store_true", help="the second node dies in the middle")
    parser.add_argument("--scaling", type=int, metavar="ROUNDS", help="measure what two workers gain")
    parser.add_argument("--process", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.process:
        train_again_and_again(options.process)
        return

    X, y = read(options.fashion or SHAPES, options.images)
    model = tp.Ridge(max_iter=2, plain_columns=True)
    owner = tp.Owner.generate(model, X, y)
    parts = [owner.encrypt(*part) for part in zip(np.array_split(X, options.parts), np.array_split(y, options.parts))]
    keys = owner.evaluation_keys
    expected, seconds = timed(lambda: tp.Server(keys, threads=1).fit(parts))
    print(f"{len(X)} images in {len(parts)} parts, {owner}")
    print(f"one machine, one thread: {seconds:.1f} s", flush=True)

    processors = sorted(os.sched_getaffinity(0))[:2]
    common = {"num_cpus": 1, "object_store_memory": STORE}
    head = {**common, "node_ip_address": "127.0.0.2", "include_dashboard": False}
    cluster = pinned(processors[0], lambda: Cluster(initialize_head=True, head_node_args=head))
    other = pinned(processors[-1], lambda: cluster.add_node(node_ip_address="127.0.0.3", **common))
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, _node_ip_address="127.0.0.2", log_to_driver=False)
    try:
        if options.scaling:
            scaling(options.scaling, owner, parts, processors)
        else:
            train_once(options.kill, (cluster, other), keys, parts, expected)
    finally:
        ray.shutdown()
        cluster.shutdown()


def train_once(kill, nodes, keys, parts, expected):
    """Trains on the cluster, and compares the model and the bytes that were moved."""
    server = tp.ray.Server(keys, num_workers=4 if kill else 2)

    dead = []

    def killer(what, done, total):
        # It takes Ray a while to tell that a node is gone.
        if done >= 1 and not dead:
            dead.append(nodes[1])
            nodes[0].remove_node(nodes[1], allow_graceful=False)
            print(f"the second node died while {what}, {done} of {total} done", flush=True)

    server.progress = killer if kill else False
    before = loopback_bytes()
    found, seconds = timed(lambda: server.fit(parts))
    moved = loopback_bytes() - before
    print(f"two nodes, with keys to send: {seconds:.1f} s, the same bits: {found._native.to_bytes() == expected._native.to_bytes()}")
    print(f"moved {moved / 1e6:.0f} MB over the loopback interface; predicted {server.traffic.total / 1e6:.0f} MB, {server.traffic}")


if __name__ == "__main__":
    main()
