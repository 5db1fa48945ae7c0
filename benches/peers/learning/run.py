#!/usr/bin/env python3
"""Trains and classifies on encrypted data with Tapetum, TenSEAL, Concrete ML and OpenFHE, driven from Python.

Each library is installed from PyPI into a virtual environment of its own, and measured in a process of its own with one
thread. What cannot be installed or imported is reported as such. See README.md beside this file.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time

HERE = Path(__file__).resolve().parent
#: What is installed.
PEERS = {
    "tapetum": ["{wheel}", "scikit-learn"],
    "tenseal": ["tenseal==0.3.16", "scikit-learn"],
    "openfhe": ["openfhe==1.6.1.0.22.4", "scikit-learn"],
    "concrete": ["concrete-ml==1.9.0"],
}
TASKS = ["wdbc", "mnist-3v8"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=",".join(PEERS), help="default: %(default)s")
    parser.add_argument("--tasks", default=",".join(TASKS), help="default: %(default)s")
    parser.add_argument("--wheel", type=Path, help="the wheel of Tapetum, as bindings/python/build makes it")
    parser.add_argument("--mnist", type=Path, help="a folder with the four files of MNIST")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environments (default: this one)")
    parser.add_argument("--environments", type=Path, default=Path(tempfile.gettempdir()) / "tapetum-peers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured to FILE")
    parser.add_argument("--worker", nargs=2, metavar=("PEER", "TASK"), help=argparse.SUPPRESS)
    return parser.parse_args()


def lines_of_code(peer):
    """Lines of what a user writes: no blank ones, comments, docstrings."""
    lines = (HERE / f"with_{peer}.py").read_text().split("# Not counted")[0].splitlines()
    return sum(bool(line.strip()) and not line.strip().startswith(("#", '"""', "notes", "rows")) for line in lines)


def install(peer, args):
    """Seconds and megabytes of an installation, or why there is none."""
    folder = args.environments / peer
    pip = folder / "bin" / "pip"
    kept = folder / "installed.json"
    if kept.exists():
        return json.loads(kept.read_text())
    subprocess.run([args.python, "-m", "venv", folder], check=True)
    size = lambda: sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink())
    before, start = size(), perf_counter()
    wanted = [what.format(wheel=args.wheel) for what in PEERS[peer]]
    done = subprocess.run([pip, "install", "--quiet", "--no-cache-dir", *wanted], capture_output=True, text=True)
    found = {"seconds": perf_counter() - start, "megabytes": (size() - before) / 1e6}
    if done.returncode:
        found = {"failed": done.stderr.strip().splitlines()[-1]}
    kept.write_text(json.dumps(found))
    return found


def task(name, mnist):
    """Standardised rows and labels 0 and 1, for training and test."""
    import numpy as np
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    if name == "wdbc":
        X, y = load_breast_cancer(return_X_y=True)
        parts = train_test_split(X, y, random_state=0)
    else:

        def part(prefix):
            read = lambda kind, offset: gzip.open(mnist / f"{prefix}-{kind}-ubyte.gz").read()[offset:]
            images = np.frombuffer(read("images-idx3", 16), np.uint8).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
            labels = np.frombuffer(read("labels-idx1", 8), np.uint8)
            chosen = (labels == 3) | (labels == 8)
            return images.reshape(-1, 196)[chosen], (labels[chosen] == 8).astype(int)

        (X_train, y_train), (X_test, y_test) = part("train"), part("t10k")
        parts = X_train, X_test, y_train, y_test
    X_train, X_test, y_train, y_test = parts
    mean, deviation = X_train.mean(axis=0), X_train.std(axis=0)
    deviation[deviation == 0] = 1.0
    # In [-1, 1] for the most part, which all libraries take.
    scale = lambda X: np.clip((X - mean) / deviation, -4, 4) / 4
    return scale(X_train), scale(X_test), y_train, y_test


def measure(peer, name, mnist):
    """What one library takes for one task."""
    X_train, X_test, y_train, y_test = task(name, mnist)
    module = import_module(f"with_{peer}").Peer()
    rows = module.rows.get(name)
    found = {"rows": rows or len(X_train), "of": len(X_train), "tested": len(X_test), "notes": module.notes}
    if rows:
        # As many of each class.
        chosen = sorted(i for label in (0, 1) for i in (y_train == label).nonzero()[0][: rows // 2])
        X_train, y_train = X_train[chosen], y_train[chosen]

    def timed(what, call, *given):
        wall, cpu = perf_counter(), process_time()
        result = call(*given)
        found[what] = {"cpu": process_time() - cpu, "wall": perf_counter() - wall}
        return result

    timed("setup", module.setup, X_train, y_train)
    timed("train", module.train, X_train, y_train)
    predicted = timed("classify", module.classify, X_test)
    found["accuracy"] = sum(int(p) == int(t) for p, t in zip(predicted, y_test)) / len(y_test)
    with tempfile.TemporaryDirectory() as folder:
        found["bytes"] = module.sizes(Path(folder))
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return found


def main():
    args = arguments()
    if args.worker:
        print(json.dumps(measure(*args.worker, args.mnist)))
        return
    report = {}
    for peer in args.peers.split(","):
        report[peer] = {"lines": lines_of_code(peer), "install": install(peer, args), "tasks": {}}
        if "failed" in report[peer]["install"]:
            print(f"{peer} cannot be installed: {report[peer]['install']['failed']}", file=sys.stderr)
            continue
        for name in args.tasks.split(","):
            if name.startswith("mnist") and not args.mnist:
                print("no --mnist: MNIST is left out", file=sys.stderr)
                continue
            python = args.environments / peer / "bin" / "python"
            line = [python, __file__, "--worker", peer, name] + (["--mnist", str(args.mnist)] if args.mnist else [])
            environment = os.environ | {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
            done = subprocess.run(line, env=environment, capture_output=True, text=True)
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
                report[peer]["tasks"][name] = {"failed": reason}
                print(f"{peer}, {name}: {reason}", file=sys.stderr)
                continue
            report[peer]["tasks"][name] = json.loads(done.stdout.splitlines()[-1])
    if args.json:
        args.json.write_text(json.dumps(report, indent=1))
    print(table(report))


def table(report):
    """Markdown: a row for each library and task."""
    lines = [
        "| | lines | install s, MB | task | keys, CPU s | train, CPU s (rows) | classify, CPU s (rows) | right | keys MB | sent MB, to train and to classify | memory GB |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for peer, found in report.items():
        install = found["install"]
        costs = install.get("failed") or f"{install['seconds']:.0f}, {install['megabytes']:.0f}"
        for name, task in found["tasks"].items() or [("-", {"failed": "-"})]:
            cells = [peer, str(found["lines"]), costs, name]
            if "failed" in task:
                cells += [task["failed"]] + 6 * ["-"]
            else:
                sizes = task["bytes"]
                megabytes = lambda part: f"{sizes[part] / 1e6:.1f}" if part in sizes else "-"
                cells += [
                    f"{task['setup']['cpu']:.1f}",
                    f"{task['train']['cpu']:.1f} ({task['rows']} of {task['of']})",
                    f"{task['classify']['cpu']:.1f} ({task['tested']})",
                    f"{task['accuracy']:.1%}",
                    megabytes("keys"),
                    f"{megabytes('training')}, {megabytes('samples')}",
                    f"{task['memory'] / 1e9:.1f}",
                ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
