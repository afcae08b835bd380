"""Compares matgrad with JAX, CasADi, numba and closed forms worked out by hand, in one run on the same inputs.

    python3 benches/compare/compare.py --binary target/release/matgrad [--quick] [--only TEXT] [--out docs/performance.md]

Needs numpy and scipy; jax, casadi and numba take part where they are installed (`requirements.txt`), C where there is a
compiler.
"""

import argparse
import json
import pathlib
import platform
import sys

from harness import compare, np, optional

import adbench
import dense
import matrices
import small
import sparse

SETS = {"dense": dense, "matrices": matrices, "sparse": sparse, "small": small, "adbench": adbench}
NOTE = pathlib.Path(__file__).parent / "note.md"


def seconds(t):
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if t * factor >= 1:
            return f"{t * factor:.3g} {unit}"
    return f"{t * 1e9:.3g} ns"


def line(result):
    own = result["median"]["matgrad"]
    others = {name: t for name, t in result["median"].items() if name != "matgrad"}

    def cell(names):
        best = min(names, key=others.get, default=None)
        return "" if best is None else f"{best} {seconds(others[best])} ({others[best] / own:.2g}×)"

    derived = cell([name for name in others if name not in result["closed"]])
    closed = cell([name for name in others if name in result["closed"]])
    return (f"| {result['workload']} | {seconds(own)} | {derived} | {closed} | {seconds(result['plan_s'])} "
            f"| {result['error']['matgrad']:.0e} | {result['target']} |")


def machine():
    name = platform.machine()
    try:
        found = [text.split(":", 1)[1].strip() for text in open("/proc/cpuinfo", encoding="utf-8") if text.startswith("model name")]
        name = found[0] if found else name
    except OSError:
        pass
    peers = [f"{peer} {module.__version__}" for peer in ("jax", "torch", "casadi", "numba", "scipy") if (module := optional(peer))]
    return f"{name}, one core; Python {platform.python_version()}, numpy {np.__version__}, " + ", ".join(peers)


def page(results):
    head = ["| workload | matgrad | best derived by a program | best derived by hand | plan | error | target |",
            "|---|---|---|---|---|---|---|"]
    return "\n".join([NOTE.read_text(encoding="utf-8").rstrip(), "", f"Machine: {machine()}.", "", *head, *map(line, results), ""])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out")
    parser.add_argument("--json")
    options = parser.parse_args()
    results, wrong = [], 0
    for name in options.sets.split(","):
        for row in SETS[name].rows(options.quick):
            if options.only.lower() not in row.name.lower():
                continue
            try:
                result = compare(row, options.binary, options.rounds)
            except (RuntimeError, ValueError, KeyError) as error:
                print(f"{row.name}: {error}", file=sys.stderr, flush=True)
                wrong += 1
                continue
            wrong += result["error"]["matgrad"] > 1e-9
            results.append(result)
            print(line(result), flush=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1), encoding="utf-8")
    if options.out:
        pathlib.Path(options.out).write_text(page(results), encoding="utf-8")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
