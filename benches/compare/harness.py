"""Times matgrad and its peers side by side.

One thread, pinned to one core; the peers take turns round by round, matgrad among them; a figure is the median over the
rounds of the processor time of a call. Import this module before numpy: it sets the threads.
"""

import json
import os
import pathlib
import subprocess
import tempfile
import time

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import numpy as np  # noqa: E402

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "crates" / "matgrad-cli" / "workloads"


def optional(name):
    """A peer that may be absent."""
    try:
        return __import__(name)
    except ImportError:
        return None


class Matgrad:
    """One question to the command line, timed inside its process."""

    def __init__(self, binary, script, arguments, inputs, folder):
        self.data = pathlib.Path(folder) / "inputs.npz"
        self.out = pathlib.Path(folder) / "out.npz"
        np.savez(self.data, **inputs)
        self.command = [binary, "eval", str(SCRIPTS / script), *arguments, "--data", str(self.data)]

    def run(self, *more):
        done = subprocess.run([*self.command, *more], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-600:])
        return done

    def answer(self):
        self.run("--out", str(self.out))
        with np.load(self.out) as found:
            return {name: found[name] for name in found.files}

    def time(self, runs):
        line = self.run("--out", str(self.out), "--time", str(runs)).stderr.strip().splitlines()[-1]
        return json.loads(line)


def flat(answer):
    """An answer as one row of numbers."""
    if isinstance(answer, (tuple, list)):
        return np.concatenate([flat(part) for part in answer]) if answer else np.zeros(0)
    return np.asarray(answer, dtype=float).ravel()


def gap(found, wanted):
    """The largest difference, relative to the largest entry."""
    found, wanted = flat(found), flat(wanted)
    if found.shape != wanted.shape:
        raise ValueError(f"{found.size} numbers where the reference has {wanted.size}")
    largest = np.max(np.abs(wanted)) if wanted.size else 0.0
    return float(np.max(np.abs(found - wanted)) / largest) if largest > 0 else 0.0


def once(call, times):
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times


def compare(row, binary, rounds=7, budget=1.5):
    """Times one row of the table: what matgrad and each peer need for the same numbers."""
    with tempfile.TemporaryDirectory() as folder:
        own = Matgrad(binary, row.script, row.arguments, row.inputs, folder)
        wanted = row.reference()
        errors = {"matgrad": gap(row.read(own.answer()), wanted)}
        calls, times = {}, {"matgrad": []}
        for name, call in row.peers.items():
            errors[name] = gap(call(), wanted)
            spent = max(once(call, 1), 1e-7)
            calls[name] = (call, max(1, min(int(2e-2 / spent), 100_000)))
            times[name] = []
        first = own.time(1)
        runs = max(3, min(int(budget / 5 / max(first["cpu_s"]["median"], 1e-8)), 200_000))
        for _ in range(rounds):
            last = own.time(runs)
            times["matgrad"].append(last["cpu_s"]["median"])
            for name, (call, count) in calls.items():
                if sum(times[name]) * count < budget or len(times[name]) < 3:
                    times[name].append(once(call, count) / row.per_call.get(name, 1))
    return {
        "workload": row.name,
        "median": {name: float(np.median(found)) for name, found in times.items()},
        "least": {name: float(np.min(found)) for name, found in times.items()},
        "error": errors,
        "plan_s": last["plan_s"],
        "flops": last["flops"],
        "bytes": last["bytes"],
        "closed": row.closed,
        "target": row.target,
    }


class Row:
    """A row of the table.

    `peers` are calls without arguments that finish their work; `closed` names those that were given a derivative worked
    out by hand. `read` takes from matgrad's outputs what `reference` returns. `target` is what we want, in words.
    """

    def __init__(self, name, script, arguments, inputs, reference, peers, read, closed=(), target="", per_call=None):
        self.name, self.script, self.arguments, self.inputs = name, script, arguments, inputs
        self.reference, self.peers, self.read = reference, peers, read
        self.closed, self.target, self.per_call = tuple(closed), target, per_call or {}


def derivative(answer):
    """The derivative alone."""
    return answer["derivative"]


def blocked(jax, function, *arguments):
    """A compiled function of jax, called and waited for."""
    compiled = jax.jit(function)
    return lambda: jax.block_until_ready(compiled(*arguments))
