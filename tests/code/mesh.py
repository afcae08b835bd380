"""Runs programs for JAX on 8 devices, which the host plays: mesh.py CASES.json

Each case has the text of the program, data by name, the numbers to expect and the collective operations that the compiled
program has to contain. Problems are a line each; the last line says how many cases agree."""

import json
import os
import sys

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import numpy as np  # noqa: E402


def problem(case):
    space = {}
    exec(compile(case["code"], case["id"], "exec"), space)
    function, place = space[case["function"]], space["place"]
    if space["mesh"].devices.size != 8:
        return f"the mesh has {space['mesh'].devices.size} devices"
    data = {name: np.array(data).reshape(shape) for name, (shape, data) in case["inputs"].items()}
    placed = place(**{name: data[name] for name in space["ARGUMENTS"]})
    for array, (name, spec) in zip(placed, space["ARGUMENTS"].items(), strict=True):
        parts = {shard.data.shape for shard in array.addressable_shards}
        cut = any(axis is not None for axis in spec)
        if cut == (parts == {array.shape}):
            return f"{name} lies in parts of {parts}"
    results = function(*placed)
    results = results if isinstance(results, tuple) else (results,)
    for (name, shape, expected), found in zip(case["outputs"], results, strict=True):
        # a column is an array of one axis here
        if [n for n in found.shape if n != 1] != [n for n in shape if n != 1]:
            return f"{name} has shape {found.shape} instead of {shape}"
        expected = np.array(expected).ravel()
        gap = np.abs(np.asarray(found).ravel() - expected).max() / max(np.abs(expected).max(), 1e-3)
        if not gap <= 1e-10:
            return f"{name} differs by {gap:.1e}"
        wanted = jax.sharding.NamedSharding(space["mesh"], space["RESULTS"][name])
        if not found.sharding.is_equivalent_to(wanted, found.ndim):
            return f"{name} lies elsewhere: {found.sharding}"
    text = function.lower(*placed).compile().as_text()
    missing = [operation for operation in case["collectives"] if operation not in text]
    return f"no {', '.join(missing)} in the compiled program" if missing else None


def uneven(case):
    """Lengths that the devices cannot share are named."""
    space = {}
    exec(compile(case["code"], case["id"], "exec"), space)
    name = next(name for name, spec in space["ARGUMENTS"].items() if spec and spec[0] is not None)
    shape = case["inputs"][name][0]
    try:
        space["place"](**{name: np.zeros([shape[0] + 1, *shape[1:]])})
    except ValueError as error:
        return None if name in str(error) and "8 devices" in str(error) else f"says {error}"
    return "takes a length that 8 does not divide"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    problems = [f"{case['id']}: {found}" for case in cases if (found := problem(case))]
    problems += [f"{case['id']}: {found}" for case in cases[:1] if (found := uneven(case))]
    print(*problems, f"{len(cases) - len(problems)} of {len(cases)} agree", sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
