"""What a call of a compiled function costs from Python, beyond the run of the program itself.

    python benches/python/overhead.py

prints, for small functions, the processor time of a call from Python, that of the same call where the arrays are converted
by hand to what NumPy would compute with, and for large arrays whether the time of a call depends on how they lie.
"""

import time

import matgrad as mg
import numpy as np


def cost(call, runs=20000, rounds=15):
    """Microseconds of processor time a call, the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(runs):
            call()
        best = min(best, (time.process_time() - start) / runs)
    return best * 1e6


def main():
    x, A, y = mg.vector("x", "n"), mg.matrix("A", "n", "n"), mg.vector("y", "n")
    f = x.T @ A @ x
    a, B = np.ones(3), np.ones((3, 3))
    nothing = cost(lambda: None)
    print(f"an empty function of Python                   {nothing:8.3f} us")
    for name, function, arguments in [
        ("x + y, n = 3", mg.compile(x + y), (a, a)),
        ("x'*A*x, n = 3", mg.compile(f), (a, B)),
        ("x'*A*x with its gradient, n = 3", mg.compile([f, f.grad(x)]), (a, B)),
    ]:
        print(f"{name:45s} {cost(lambda: function(*arguments)) - nothing:8.3f} us")  # noqa: B023
    print(f"{'x @ A @ x by NumPy, n = 3':45s} {cost(lambda: a @ B @ a) - nothing:8.3f} us")
    M, u = mg.matrix("M", "m", "n"), mg.vector("u", "n")
    function = mg.compile(M @ u)
    v = np.ones(2000)
    for order in "CF":
        data = np.ones((2000, 2000), order=order)
        ours, numpy = cost(lambda: function(data, v), 5, 7), cost(lambda: data @ v, 5, 7)  # noqa: B023
        print(f"M*u, 32 MB, order {order}: {ours / 1e3:8.3f} ms, NumPy {numpy / 1e3:8.3f} ms")


if __name__ == "__main__":
    main()
