"""Compiled functions of NumPy arrays."""

import threading
import time
import tracemalloc

import matgrad as mg
import numpy as np
import pytest

y, Phi, theta = mg.vector("y", "N"), mg.matrix("Phi", "N", "D"), mg.vector("theta", "D")
loss = np.linalg.norm(y - Phi @ theta) ** 2
random = np.random.default_rng(1)


def test_results_are_those_of_numpy():
    function = mg.compile([loss, loss.grad(theta), loss.hessian(theta), loss.diff(theta), loss.grad(Phi), Phi @ theta])
    assert function.arguments == ["y", "Phi", "theta"]
    a, B, c = random.normal(size=7), random.normal(size=(7, 3)), random.normal(size=3)
    value, gradient, hessian, row, by_matrix, product = function(a, B, c)
    residual = a - B @ c
    assert isinstance(value, float) and np.isclose(value, residual @ residual)
    assert np.allclose(gradient, -2 * B.T @ residual) and gradient.shape == (3,)
    assert np.allclose(hessian, 2 * B.T @ B)
    assert row.shape == (1, 3) and np.allclose(row[0], gradient)
    assert np.allclose(by_matrix, -2 * np.outer(residual, c)) and np.allclose(product, B @ c)
    # by name, column by column, other numbers, parts of arrays
    for other in (
        function(theta=c, Phi=B, y=a),
        function(a, theta=c, Phi=B),
        function(a, np.asfortranarray(B), c),
        function(list(a), B.tolist(), c),
        function(np.repeat(a, 2)[::2], np.repeat(B, 2, axis=1)[:, ::2], c),
    ):
        assert all(np.allclose(one, two) for one, two in zip(function(a, B, c), other))
    assert np.allclose(function(a.astype("f4"), B, c)[0], value, rtol=1e-5)
    # other sizes, with the same function
    assert function(np.ones(2), np.ones((2, 1)), np.ones(1))[1].shape == (1,)


def test_one_expression_gives_one_array():
    x = mg.vector("x", 3)
    assert np.array_equal(mg.compile(2 * x)(np.arange(3)), [0, 2, 4])
    function = mg.compile(x.sum() * mg.scalar("c"), arguments=["c", x])
    assert function.arguments == ["c", "x"] and function(2, [1, 2, 3]) == 12.0
    assert "mul" in function.plan(2, [1, 2, 3]).lower() or function.plan(2, [1, 2, 3])


def test_single_precision():
    double = mg.compile([loss, loss.grad(theta), loss.hessian(theta)])
    single = mg.compile([loss, loss.grad(theta), loss.hessian(theta)], dtype=np.float32)
    data = random.normal(size=70), random.normal(size=(70, 3)), random.normal(size=3)
    half = [a.astype("f4") for a in data]
    value, gradient, hessian = single(*half)
    assert isinstance(value, float) and gradient.dtype == hessian.dtype == np.float32
    for one, two in zip((value, gradient, hessian), double(*[a.astype(float) for a in half])):
        assert np.allclose(one, two, rtol=1e-5) and not np.array_equal(one, two)
    # other numbers are rounded, matrices may lie column by column
    assert np.allclose(single(data[0], np.asfortranarray(half[1]), list(data[2]))[1], gradient, rtol=1e-5)
    place = np.zeros(3, dtype="f4")
    assert single(*half, out=(None, place, None))[1] is place and np.array_equal(place, gradient)
    with pytest.raises(TypeError, match="float32"):
        single(*half, out=(None, np.zeros(3), None))
    with pytest.raises(TypeError, match="int64"):
        mg.compile(loss, dtype=int)
    # arrays of singles are read where they are
    M, v = mg.matrix("M", "n", "n"), mg.vector("v", "n")
    product, n = mg.compile(M @ v, dtype="float32"), 3000
    a, b = np.ones((n, n), dtype="f4"), np.ones(n, dtype="f4")
    product(a, b)
    tracemalloc.start()
    assert product(a, b)[0] == n
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < a.nbytes / 10


def test_results_are_written_where_the_caller_wants_them():
    function = mg.compile([loss, loss.grad(theta), loss.hessian(theta)])
    data = random.normal(size=7), random.normal(size=(7, 3)), random.normal(size=3)
    gradient, hessian = np.full(3, np.nan), np.full((3, 3), np.nan)
    value, first, second = function(*data, out=(None, gradient, hessian))
    assert first is gradient and second is hessian
    for one, two in zip(function(*data), (value, gradient, hessian)):
        assert np.array_equal(one, two)
    # what is not given is made
    assert function(*data, out=[None, None, hessian])[1] is not gradient
    single = mg.compile(loss.grad(theta))
    assert single(*data, out=gradient) is gradient and np.array_equal(gradient, first)
    for wrong in (np.zeros(4), np.zeros(3, "f4"), [0.0, 0.0, 0.0], np.zeros(6)[::2]):
        with pytest.raises(TypeError, match="`out` takes"):
            single(*data, out=wrong)
    with pytest.raises(TypeError, match="2 arrays for 3 results"):
        function(*data, out=(None, gradient))
    # an argument may have this name
    assert mg.compile(2 * mg.scalar("out"))(out=3) == 6.0


@pytest.mark.parametrize("attribute", ["lower", "upper", "symmetric", "skew", "diagonal"])
def test_structured_matrices_column_by_column(attribute):
    L = mg.matrix("L", "n", "n", **{attribute: True})
    x = mg.vector("x", "n")
    f = np.sum(np.exp(L @ x))
    function = mg.compile([f, f.grad(x), f.grad(L)])
    M = random.normal(size=(4, 4))
    data = {
        "lower": np.tril(M),
        "upper": np.triu(M),
        "symmetric": M + M.T,
        "skew": M - M.T,
        "diagonal": np.diag(np.diag(M)),
    }[attribute]
    v = random.normal(size=4)
    rows, columns = function(data.copy(order="C"), v), function(data.copy(order="F"), v)
    assert all(np.allclose(a, b) for a, b in zip(rows, columns))
    assert np.isclose(rows[0], np.exp(data @ v).sum())


def test_faults():
    function = mg.compile(loss)
    with pytest.raises(TypeError, match="3 arguments \\(y, Phi, theta\\), not 1"):
        function(1.0)
    with pytest.raises(TypeError, match="`Phi` is missing"):
        function(np.ones(2), np_ones=1, theta=2)
    with pytest.raises(mg.MatgradError, match="Phi"):
        function(np.ones(2), np.ones((3, 2)), np.ones(2))
    with pytest.raises((ValueError, TypeError)):
        function("text", np.ones((3, 2)), np.ones(2))
    with pytest.raises(mg.MatgradError, match="the arguments are"):
        mg.compile(loss, arguments=["y"])


@pytest.mark.parametrize("order", ["C", "F"])
def test_large_arrays_are_not_copied(order):
    w, v = mg.vector("w", "n"), mg.matrix("V", "m", "n")
    function = mg.compile(np.sum(v @ w))
    data = np.ones((2000, 4000), order=order)
    function(data, np.ones(4000))
    tracemalloc.start()
    assert function(data, np.ones(4000)) == 8e6
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < data.nbytes / 100
    # the process did not grow by a copy, either
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        function(data, np.ones(4000))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < data.nbytes / 4


def test_results_are_arrays_of_their_own():
    x = mg.vector("x", "n")
    function = mg.compile(2 * x)
    data = np.ones(5)
    one, two = function(data), function(data)
    assert one.flags.owndata and one.flags.c_contiguous and not np.shares_memory(one, two)
    one[0] = 7
    assert two[0] == 2 and data[0] == 1


def test_other_threads_run_meanwhile():
    A = mg.matrix("A", "n", "n")
    function = mg.compile(A @ A.T @ A)
    data = random.normal(size=(700, 700))
    function(data)
    start = time.perf_counter()
    function(data)
    alone = time.perf_counter() - start
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(alone / 50)

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.perf_counter()
    for _ in range(5):
        function(data)
    end = time.perf_counter()
    done.set()
    thread.join()
    assert sum(start < at < end for at in ticks) > 20


def test_threads_share_a_function():
    x = mg.vector("x", "n")
    function = mg.compile([np.sum(np.exp(x)), x**2])
    wrong = []

    def work(k):
        data = np.full(5000, float(k))
        for _ in range(50):
            value, squares = function(data)
            if not (np.isclose(value, 5000 * np.exp(k)) and np.all(squares == k * k)):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not wrong


def test_a_call_costs_little():
    x, A = mg.vector("x", "n"), mg.matrix("A", "n", "n")
    f = x.T @ A @ x
    function = mg.compile([f, f.grad(x)])
    a, b = np.ones(3), np.ones((3, 3))
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(1000):
            function(a, b)
        best = min(best, (time.perf_counter() - start) / 1000)
    # a bound for any machine and an unoptimized build; benches/python/overhead.py measures
    assert best < 20e-6
