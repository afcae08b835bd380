"""Runs programs that matgrad has written for Python and compares their results: run.py CASES.json

Each case has the text of the program, the name of its function, data by name and the numbers to expect. The last line
says how many cases agree; problems are a line each before it."""

import inspect
import json
import sys

import numpy as np


def compare(case, library):
    space = {}
    exec(compile(case["code"], case["id"], "exec"), space)
    function = space[case["function"]]
    arguments = []
    for name in inspect.signature(function).parameters:
        plain = name if name in case["inputs"] else name.rstrip("_")
        if plain in case["inputs"]:
            shape, data = case["inputs"][plain]
            array = np.array(data, dtype=float).reshape(shape)
            if library == "torch":
                import torch

                array = torch.tensor(array, dtype=torch.float64)
            elif shape == []:
                array = float(array)
            elif library == "dask":
                import dask.array

                # in more chunks than one, wherever that is possible
                array = dask.array.from_array(array, chunks=2)
            arguments.append(array)
        else:
            arguments.append(case["sizes"][plain])
    results = function(*arguments)
    if not isinstance(results, tuple):
        results = (results,)
    for (name, shape, expected), found in zip(case["outputs"], results, strict=True):
        found = np.asarray(found, dtype=float)
        expected = np.array(expected, dtype=float)
        if found.size != expected.size:
            return f"{name} has shape {found.shape} instead of {shape}"
        if [n for n in found.shape if n != 1] != [n for n in shape if n != 1]:
            return f"{name} has shape {found.shape} instead of {shape}"
        gap = np.abs(found.ravel() - expected).max(initial=0.0)
        scale = max(np.abs(expected).max(initial=0.0), 1e-3)
        if not gap <= 1e-7 * scale:
            return f"{name} differs by {gap / scale:.1e}"
    return None


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        batch = json.load(file)
    right = 0
    for case in batch["cases"]:
        try:
            problem = compare(case, batch["library"])
        except Exception as error:  # every problem is reported with its case
            problem = f"{type(error).__name__}: {error}"
        if problem is None:
            right += 1
        else:
            print(f"{case['id']}: {problem}")
    print(f"{right} of {len(batch['cases'])} agree")
    return 0 if right == len(batch["cases"]) else 1


if __name__ == "__main__":
    sys.exit(main())
