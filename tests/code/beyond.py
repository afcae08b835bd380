"""A fit to data larger than the memory of all workers: beyond.py PROGRAM.py [MEGABYTES]

The program is that of `matgrad code` for the regularised logistic regression of a million rows and more, made chunk by chunk
on two workers with a memory limit each. The same sums, chunk by chunk in NumPy, are the reference."""

import runpy
import sys
import time

import dask
import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster
from scipy import special

LIMIT, WORKERS, COLUMNS, ROWS = 250, 2, 16, 100_000  # megabytes a worker; columns; rows a chunk


def chunk(number):
    """The rows of a chunk and their labels."""
    random = np.random.default_rng(number)
    x = random.standard_normal((ROWS, COLUMNS))
    y = np.where(x @ np.linspace(-1, 1, COLUMNS) + random.logistic(size=ROWS) > 0, 1.0, -1.0)
    return x, y


def lazily(chunks):
    made = [dask.delayed(chunk, pure=True)(number) for number in range(chunks)]
    x = da.concatenate([da.from_delayed(one[0], (ROWS, COLUMNS), float) for one in made])
    y = da.concatenate([da.from_delayed(one[1], (ROWS,), float) for one in made])
    return x, y


def reference(chunks, w, c):
    value, gradient = c * w @ w, 2 * c * w
    for number in range(chunks):
        x, y = chunk(number)
        margin = -y * (x @ w)
        value += np.logaddexp(0, margin).sum()
        gradient += x.T @ (-y * special.expit(margin))
    return value, gradient


def main():
    function = runpy.run_path(sys.argv[1])["value_and_gradient"]
    megabytes = int(sys.argv[2]) if len(sys.argv) > 2 else 700
    chunks = -(-megabytes * 10**6 // (ROWS * COLUMNS * 8))
    dask.config.set({"distributed.worker.memory.spill": False, "distributed.worker.memory.target": False})
    cluster = LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, memory_limit=f"{LIMIT}MB", dashboard_address=None
    )
    with cluster, Client(cluster):
        x, y = lazily(chunks)
        assert x.nbytes > WORKERS * LIMIT * 10**6, "the data fit into memory"
        w, c = np.linspace(0.5, -0.5, COLUMNS), 0.1
        start = time.perf_counter()
        value, gradient = function(y, x, w, c)
        seconds = time.perf_counter() - start
    wanted = reference(chunks, w, c)
    gap = max(abs(value / wanted[0] - 1), np.abs(gradient - wanted[1]).max() / np.abs(wanted[1]).max())
    print(f"{x.nbytes / 1e6:.0f} MB on {WORKERS} workers of {LIMIT} MB: {seconds:.1f} s, relative difference {gap:.1e}")
    return 0 if gap < 1e-10 else 1


if __name__ == "__main__":
    sys.exit(main())
