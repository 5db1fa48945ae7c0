#!/usr/bin/env python3
"""Measures SEAL, OpenFHE and Tapetum at the same parameters, and prints ratios.

Each library and parameter set is measured in a process of its own, one after the other, with one
thread, by CPU time. A library that is not installed is left out. See README.md beside this file.
"""

import argparse
import json
import os
import subprocess
import sys
from datetime import date
from importlib import import_module
from pathlib import Path
from statistics import median

from sets import SETS

ROOT = Path(__file__).resolve().parents[2]
TAPETUM = ROOT / "target" / "release" / "tapetum"
# Name on the command line -> (module that measures it, package that it needs).
PEERS = {"seal": ("peer_seal", "tenseal"), "openfhe": ("peer_openfhe", "openfhe")}
OURS = "Tapetum"
OPERATIONS = [
    "ntt_forward",
    "ntt_inverse",
    "encode",
    "encrypt",
    "decrypt_decode",
    "add",
    "mul_plain",
    "mul_relin",
    "rescale",
    "rotate",
    "rotate_hoisted_8",
    "linear_transform_64",
]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join(SETS), help="default: %(default)s")
    parser.add_argument("--peers", default=",".join(PEERS), help="default: %(default)s")
    parser.add_argument("--runs", type=int, default=9, help="runs of each operation (default 9)")
    parser.add_argument("--rounds", type=int, default=1, help="go round all libraries so often")
    parser.add_argument("--tapetum", type=Path, default=TAPETUM, help="default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rows to FILE")
    parser.add_argument("--worker", choices=PEERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.sets, args.peers = (text.split(",") if text else [] for text in (args.sets, args.peers))
    for found, known in ((args.sets, SETS), (args.peers, PEERS)):
        if unknown := set(found) - set(known):
            parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if args.runs < 1 or args.rounds < 1:
        parser.error("--runs and --rounds are at least 1")
    if not args.worker and not args.tapetum.is_file():
        parser.error(f"no {args.tapetum}: run `cargo build --release` or say --tapetum FILE")
    return args


def output_of(what, command):
    """What a command prints, read as JSON; None, with a line on standard error, if it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(f"{what} failed (exit status {done.returncode})", file=sys.stderr)
        return None
    return json.loads(done.stdout)


def peer_rows(args, peer, name):
    command = [sys.executable, __file__, "--worker", peer, "--sets", name, "--runs", str(args.runs)]
    return output_of(f"{peer} {name}", command) or []


def our_rows(args, name):
    command = [str(args.tapetum), "bench", "engine", "--json", "--quiet", "--threads", "1"]
    report = output_of(f"{OURS} {name}", [*command, "--sets", name, "--runs", str(args.runs)])
    if report is None:
        return [], "unknown machine", "none"
    rows = [row | {"library": OURS, "set": name} for row in report["rows"]]
    return rows, report["machine"], report["kernel"]


def installed(peers):
    for peer in peers:
        package = PEERS[peer][1]
        probe = subprocess.run([sys.executable, "-c", f"import {package}"], capture_output=True)
        if probe.returncode == 0:
            yield peer
        else:
            print(f"{package} cannot be imported here: {peer} is left out", file=sys.stderr)


def joined(rows):
    """One row for each operation: the medians over the rounds."""
    groups = {}
    for row in rows:
        groups.setdefault((row["set"], row["op"], row["library"]), []).append(row)
    times = ("cpu_ms", "wall_ms")
    return {
        key: group[0] | {time: median(row[time] for row in group) for time in times}
        for key, group in groups.items()
    }


def table(rows, sets, libraries):
    """Markdown: CPU ms of each library, and how many times ours the best peer takes."""
    lines = []
    for name in sets:
        found = {k: v for k, v in rows.items() if k[0] == name}
        if not found:
            continue
        shapes = []
        for library in libraries:
            row = found.get((name, "mul_relin", library))
            if row:
                shapes.append(f"{library} log QP {row['log_qp']:.0f}, dnum {row['dnum']}")
        log_n, primes = SETS[name].log_n, len(SETS[name].q_bits)
        lines += ["", f"**N = 2^{log_n}, {primes} primes of Q** ({'; '.join(shapes)})", ""]
        lines.append("| CPU ms | " + " | ".join(libraries) + " | best peer / ours |")
        lines.append("|---|" + "---|" * (len(libraries) + 1))
        for op in OPERATIONS:
            times = [found.get((name, op, library), {}).get("cpu_ms") for library in libraries]
            if not any(times):
                continue
            ours, others = times[0], [t for t in times[1:] if t]
            ratio = f"{min(others) / ours:.2f}" if ours and others else "-"
            cells = [f"{t:.4g}" if t else "-" for t in times]
            lines.append(f"| {op} | " + " | ".join(cells) + f" | {ratio} |")
    return "\n".join(lines)


def main():
    args = arguments()
    if args.worker:
        measure = import_module(PEERS[args.worker][0]).measure
        rows = [row for name in args.sets for row in measure(SETS[name], args.runs)]
        json.dump(rows, sys.stdout)
        return
    peers = list(installed(args.peers))
    rows, machine, kernel = [], "", ""
    for round_number in range(args.rounds):
        for name in args.sets:
            print(f"round {round_number + 1}: {name}", file=sys.stderr)
            ours, machine, kernel = our_rows(args, name)
            rows += ours
            for peer in peers:
                rows += peer_rows(args, peer, name)
    libraries = [OURS, *dict.fromkeys(row["library"] for row in rows if row["library"] != OURS)]
    text = table(joined(rows), args.sets, libraries)
    today = date.today().isoformat()
    print(f"{machine}; one thread; {today}; Tapetum's kernel: {kernel}\n{text}")
    if args.json:
        report = {"machine": machine, "kernel": kernel, "date": today, "rows": rows}
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
