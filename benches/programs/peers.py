"""What PyTorch takes for the programs of `matgrad-tape`, next to what matgrad takes:

    cargo build --release -p matgrad-tape --examples
    python3 benches/programs/peers.py --examples target/release/examples

One thread; microseconds of processor time a call, the median of rounds. PyTorch computes with whole arrays, as its users
write it, in double precision.
"""

import argparse
import pathlib
import statistics
import subprocess
import time

import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


def measure(work):
    work()
    calls, spent = 1, 0.0
    while spent < 0.02:
        calls *= 2
        start = time.process_time()
        for _ in range(calls):
            work()
        spent = time.process_time() - start
    rounds = []
    for _ in range(15):
        start = time.process_time()
        for _ in range(calls):
            work()
        rounds.append((time.process_time() - start) / calls)
    return statistics.median(rounds) * 1e6


def rosenbrock(x):
    a, b = x[:-1], x[1:]
    return (100 * (b - a**2) ** 2 + (a - 1) ** 2).sum()


def gradient(f, x):
    def work():
        y = x.detach().requires_grad_(True)
        return torch.autograd.grad(f(y), y)[0]

    return work


def jacobian(f, x, way):
    return lambda: torch.autograd.functional.jacobian(f, x, vectorize=True, strategy=way)


def bodies(x):
    p, v = x[:9].reshape(3, 3), x[9:]
    d = p[None] - p[:, None]
    square = (d**2).sum(-1) + torch.eye(3)
    return torch.cat([v, (d / (square**1.5)[..., None]).sum(1).reshape(-1)])


class Hand:
    """The program of `examples/hand.rs` with arrays: same sizes, other numbers."""

    def __init__(self, points, bones=22, vertices=544):
        torch.manual_seed(0)
        self.parents = [None if b == 0 else 0 if b == 1 else 1 if (b - 2) % 4 == 0 else b - 1 for b in range(bones)]
        self.base, self.inverse = torch.rand(bones, 4, 4) - 0.5, torch.rand(bones, 4, 4) - 0.5
        for all in (self.base, self.inverse):
            all[:, 3] = torch.tensor([0.0, 0.0, 0.0, 1.0])
        self.vertices = torch.cat([torch.rand(vertices, 3), torch.ones(vertices, 1)], 1)
        self.weights = torch.rand(vertices, bones) * (torch.rand(vertices, bones) < 0.1)
        self.correspondences = torch.randint(0, vertices, (points,))
        self.points = torch.rand(points, 3)

    def __call__(self, theta):
        bones, zero = len(self.parents), torch.zeros(())
        angles = [[zero] * 3 for _ in range(bones)]
        for finger in range(5):
            t, bone = theta[6 + 4 * finger :], 2 + 4 * finger
            angles[bone], angles[bone + 1], angles[bone + 2] = [t[0], t[1], zero], [t[2], zero, zero], [t[3], zero, zero]
        turn = torch.stack([torch.stack(a) for a in angles])
        (sx, sy, sz), (cx, cy, cz) = turn.sin().unbind(1), turn.cos().unbind(1)
        o, i = torch.zeros(bones), torch.ones(bones)
        rows = [
            [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz, o],
            [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz, o],
            [-sy, sx * cy, cx * cy, o],
            [o, o, o, i],
        ]
        relative = self.base @ torch.stack([torch.stack(row, 1) for row in rows], 1)
        absolute = []
        for bone, parent in enumerate(self.parents):
            absolute.append(relative[bone] if parent is None else absolute[parent] @ relative[bone])
        moves = torch.stack(absolute) @ self.inverse
        placed = torch.einsum("vb,bij,vj->vi", self.weights, moves, self.vertices)[:, :3]
        angle = (theta[:3] ** 2).sum().sqrt()
        x, y, z = (theta[:3] / angle).unbind()
        cross = torch.stack([torch.stack([zero, -z, y]), torch.stack([z, zero, -x]), torch.stack([-y, x, zero])])
        rotation = torch.eye(3) + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)
        placed = placed @ rotation.T + theta[3:6]
        return (self.points - placed[self.correspondences]).reshape(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=pathlib.Path, help="the folder of the compiled examples")
    options = parser.parse_args()
    if options.examples:
        for name in ("speed", "hand"):
            subprocess.run([options.examples / name], check=True)
    print(f"PyTorch {torch.__version__}")
    for n in (2, 10, 100, 1000):
        x = 0.5 + 0.01 * (torch.arange(n) % 37)
        print(f"{f'Rosenbrock {n}, gradient':44} {measure(gradient(rosenbrock, x)):12.1f} us")
    x = 0.5 + 0.1 * (torch.arange(18) ** 2 % 7)
    print(f"{'3 bodies, right-hand side, Jacobian':44} {measure(jacobian(bodies, x, 'reverse-mode')):12.1f} us")
    theta = 0.1 + 0.03 * torch.arange(26)
    for points in (100, 1600, 10000):
        columns = jacobian(Hand(points), theta, 'forward-mode')
        print(f"{f'hand, simple, {points} points, Jacobian':44} {measure(columns):12.1f} us")


if __name__ == "__main__":
    main()
