#!/usr/bin/env python3
"""CPU time and memory of the Python package beside the command, on the same files, in turn.

Usage: python benches/python.py TAPETUM [ROUNDS]

TAPETUM is a release build of the command, and the package is that of this interpreter, built with the profile release
(bindings/python/build). Each run is a process of its own. It prints the medians of ROUNDS (5) runs.
"""

import os
import resource
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from statistics import median

import numpy as np

TRAIN = """
import tapetum as tp
server = tp.Server.load("server")
server.fit(server.read("train.enc")).save("{out}")
"""
CLASSIFY = """
import tapetum as tp
server = tp.Server.load("server")
server.decision_function(server.read("model.enc"), server.read("new.enc")).save("{out}")
"""
#: Of the interpreter and its imports, which is not overhead of a computation.
NOTHING = "import tapetum"


def run(line, folder):
    """CPU seconds and megabytes of a process, by what the system says of it when it ends."""
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.execv(line[0], line)
    _, status, used = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{line} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    command = str(Path(sys.argv[1]).resolve())
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    folder = Path(tempfile.mkdtemp())

    def tapetum(line):
        subprocess.run([command, *line.split()], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 4096)
    X = rng.normal(size=(4096, 60)) + 0.5 * y[:, None]
    table = np.column_stack([X, y])
    header = ",".join([f"x{i}" for i in range(60)] + ["label"])
    np.savetxt(folder / "table.csv", table, delimiter=",", header=header, comments="", fmt=["%.6f"] * 60 + ["%d"])
    tapetum("keygen --owner owner --server server --learner logistic --like table.csv")
    tapetum("encrypt --owner owner --images table.csv --positive 1 --out train.enc")
    tapetum("encrypt --owner owner --images table.csv --unlabelled --ignore-column label --out new.enc")
    tapetum("train --server server --data train.enc --out model.enc")

    def python(program, out):
        return [sys.executable, "-c", textwrap.dedent(program).format(out=out)]

    tasks = {
        "training": (
            [command, "train", "--server", "server", "--data", "train.enc", "--out", "model-1.enc"],
            python(TRAIN, "model-2.enc"),
        ),
        "classification": (
            [command, "classify", "--server", "server", "--model", "model.enc", "--data", "new.enc", "--out", "scores-1.enc"],
            python(CLASSIFY, "scores-2.enc"),
        ),
    }
    start, _ = (median(values) for values in zip(*(run(python(NOTHING, ""), folder) for _ in range(rounds))))
    print(f"start of Python and imports: {start:.2f} CPU s")
    for name, lines in tasks.items():
        measured = [[run(line, folder) for line in lines] for _ in range(rounds)]
        (rust, rust_memory), (ours, memory) = (
            tuple(median(values) for values in zip(*(turn[i] for turn in measured))) for i in (0, 1)
        )
        print(
            f"{name}: command {rust:.2f} CPU s, {rust_memory:.0f} MB; Python {ours:.2f} CPU s ({ours / rust - 1:+.1%}; "
            f"{(ours - start) / rust - 1:+.1%} without its start), {memory:.0f} MB ({memory / rust_memory - 1:+.1%})"
        )


if __name__ == "__main__":
    main()
