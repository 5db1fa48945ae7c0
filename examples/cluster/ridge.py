#!/usr/bin/env python3
"""Ridge regression on a cluster of two nodes on this machine: the same model bit for bit, bytes moved, and time.

    pip install "tapetum[ray]"
    python3 examples/cluster/ridge.py [--fashion DIR] [--kill]

Trains on the silhouettes that come with Tapetum or, with --fashion, on Fashion-MNIST in IDX files (gzipped): 49 pixels each, --images of
them. First on this machine with one thread, then on nodes 127.0.0.2 and 127.0.0.3 with one processor each; with --kill the second dies in
the middle. To know what two processors of this machine can gain, two threads then add up half the data each, at the
same time.
"""

import argparse
import gzip
import os
import threading
import time
from pathlib import Path

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

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


def halves(keys, parts):
    """Seconds of two servers that add up half the parts each, at the same time, with one thread each."""
    servers = [tp.Server(keys, threads=1) for _ in range(2)]
    shares = [parts[: len(parts) // 2], parts[len(parts) // 2 :]]

    def add_up(server, share):
        server._native.add_up([part._native for part in share])

    threads = [threading.Thread(target=add_up, args=each) for each in zip(servers, shares)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fashion", type=Path, metavar="DIR", help="Fashion-MNIST in place of silhouettes")
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--kill", action="store_true", help="the second node dies in the middle")
    options = parser.parse_args()

    X, y = read(options.fashion or SHAPES, options.images)
    model = tp.Ridge(max_iter=2, plain_columns=True)
    owner = tp.Owner.generate(model, X, y)
    parts = [owner.encrypt(*part) for part in zip(np.array_split(X, options.parts), np.array_split(y, options.parts))]
    keys = owner.evaluation_keys
    alone = tp.Server(keys, threads=1)
    expected, seconds = timed(lambda: alone.fit(parts))
    adding, one = timed(lambda: alone._native.add_up([part._native for part in parts]))
    print(f"{len(X)} images in {len(parts)} parts, {owner}")
    print(f"one machine, one thread: {seconds:.1f} s, of which adding up {one:.1f} s; sums of {len(adding) / 1e6:.0f} MB")

    common = {"num_cpus": 1, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args={**common, "node_ip_address": "127.0.0.2", "include_dashboard": False})
    other = cluster.add_node(node_ip_address="127.0.0.3", **common)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, _node_ip_address="127.0.0.2", log_to_driver=False)
    server = tp.ray.Server(keys, num_workers=4 if options.kill else 2)

    def kill(what, done, total):
        if options.kill and done >= 1 and sum(node["Alive"] for node in ray.nodes()) == 2:
            cluster.remove_node(other, allow_graceful=False)
            print(f"the second node died while {what}, {done} of {total} done")

    server.progress = kill
    before = loopback_bytes()
    found, seconds = timed(lambda: server.fit(parts))
    moved = loopback_bytes() - before
    print(f"two nodes, with keys to send: {seconds:.1f} s, the same bits: {found._native.to_bytes() == expected._native.to_bytes()}")
    print(f"moved {moved / 1e6:.0f} MB over the loopback interface; predicted {server.traffic.total / 1e6:.0f} MB, {server.traffic}")
    if not options.kill:
        server.fit(parts)
        _, seconds = timed(lambda: server.fit(parts))
        print(f"again, with keys there: {seconds:.1f} s")
        print(f"two threads of this program, half the data each: adding up {halves(keys, parts):.1f} s")
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
