#!/usr/bin/env python3
"""Draws the errors of bootstrappings in a row.

Usage: python3 docs/bootstrapping.py CHAIN.JSON... > docs/bootstrapping-chain.svg

CHAIN.JSON is what `tapetum bench bootstrap --chain 50 --json` printed. Needs Python 3.8 and nothing
else.
"""

import json
import sys

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 360, 64, 24, 150, 48
COLOURS = ["#1f6feb", "#c2410c"]


def main(paths):
    links = [link for path in paths for link in json.load(open(path))["chain"]]
    times = max(link["times"] for link in links)
    bits = [link[key] for link in links for key in ("bits_mean", "bits_worst")]
    low, high = int(min(bits)), int(max(bits)) + 1

    def x(t):
        return LEFT + (WIDTH - LEFT - RIGHT) * t / times

    def y(b):
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - b) / (high - low)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" role="img">',
        "<title>Precision after bootstrappings in a row</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for b in range(low, high + 1):
        out.append(f'<path d="M{LEFT} {y(b):.1f}H{WIDTH - RIGHT}" stroke="#d0d7de"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y(b) + 4:.1f}" text-anchor="end">{b}</text>')
    for t in range(0, times + 1, 10):
        out.append(f'<text x="{x(t):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{t}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">bootstrappings in a row</text>')
    out.append(f'<text x="16" y="{HEIGHT / 2}" transform="rotate(-90 16 {HEIGHT / 2})" '
               'text-anchor="middle">bits: -log2 of the error</text>')
    for slots, colour in zip(sorted({link["slots"] for link in links}, reverse=True), COLOURS):
        for key, name, dash in (("bits_mean", "mean", ""), ("bits_worst", "worst", ' stroke-dasharray="4 3"')):
            points = [(link["times"], link[key]) for link in links if link["slots"] == slots]
            path = " ".join(f"{x(t):.1f},{y(b):.1f}" for t, b in points)
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
            t, b = points[-1]
            out.append(f'<text x="{x(t) + 6:.1f}" y="{y(b) + 4:.1f}" fill="{colour}">{slots} slots, {name}</text>')
    out.append("</svg>")
    print("\n".join(out))


if __name__ == "__main__":
    main(sys.argv[1:])
