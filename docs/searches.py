"""Prints the rows on searches in docs/few_steps.md: what each brings, on exact problems and photos.

`python docs/searches.py` takes some minutes. Calibration and test never share a picture or a draw.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from acceleration_problems import Problem, problems  # noqa: E402

from undrift.common.exact import Mixture  # noqa: E402
from undrift.common.noise import Noise  # noqa: E402
from undrift.common.papers.exact_problems import Trial, distance  # noqa: E402
from undrift.common.papers.exact_problems import problems as exact_problems  # noqa: E402
from undrift.common.placement import Calibration, place  # noqa: E402
from undrift.common.processes import VariancePreserving  # noqa: E402
from undrift.common.processes.process import start  # noqa: E402
from undrift.common.solvers import build_solver  # noqa: E402
from undrift.common.solvers.auto import settled  # noqa: E402
from undrift.common.solvers.loop import run_plan  # noqa: E402
from undrift.common.solvers.search import search  # noqa: E402
from undrift.common.solvers.time_shift import sample_shifted  # noqa: E402
from undrift.common.start_search import best_start  # noqa: E402
from undrift.restoration.sigma import estimate_sigma  # noqa: E402

PROCESS = VariancePreserving()


def batch_of(name: str, seed: int, count: int = 256) -> tuple[Calibration, Mixture]:
    """States of an exact problem at the start of a VP process."""
    problem = exact_problems()[name]
    trial = Trial(problem, count, seed)
    x = start(PROCESS, trial.y, trial.draw(0))
    denoise = trial.denoiser(PROCESS)
    return Calibration(denoise, PROCESS, x, problem.sigma_d, trial.y), problem.mixture


def placed_and_searched() -> None:
    """On the exact problems: distance of fresh samples before and after."""
    for name in ("broad", "sharp"):
        for n in (3, 5):
            calibration, mixture = batch_of(name, 100)
            fresh, _ = batch_of(name, 7, 8192)
            auto = build_solver("auto", fresh.sigma_d)
            plain = distance(fresh.run(auto, fresh.grid(auto, n)), mixture)
            moved = distance(fresh.run(auto, place(calibration, n).times), mixture)
            found = search(calibration, n)
            solver = build_solver(found.preset["solver"], options=found.preset["options"])
            searched = distance(fresh.run(solver, found.preset["times"]), mixture)
            print(
                f"| {name}, {n} calls | {plain:.4f} | {moved:.4f} | {searched:.4f} | "
                f"{found.preset['options']} |", flush=True,
            )  # fmt: skip


def photo_batch(problem: Problem, sigma_d: float) -> Calibration:
    """A crop as a batch of one."""
    noise = Noise(0, problem.name)
    return Calibration(
        problem.denoiser, problem.denoiser.process, problem.x, sigma_d, problem.y, problem.level,
        lambda k: noise(tuple(problem.x.shape), k), problem.steps[0].t, drawn=problem.y is not None,
    )  # fmt: skip


def placed_on_photos(n: int = 3) -> None:
    """leaves-denoise at sigma 50: nodes placed on half of the crops, tried on the others."""
    crops = list(problems("wheel-photos", "denoise", "auto", n, 50.0))
    first, others = crops[0], crops[1:]
    sigma_d = first.denoiser.scaling.sigma_d
    times = place(photo_batch(first, sigma_d), n).times
    gaps, scores = [], []
    for crop in others:
        batch = photo_batch(crop, sigma_d)
        auto = build_solver("auto", sigma_d)
        wanted = batch.reference()
        pair = [batch.run(auto, grid) for grid in (batch.grid(auto, n), times)]
        gaps.append([float((x - wanted).square().mean().sqrt()) for x in pair])
        scores.append([crop.scores(x)["psnr"] for x in pair])
    print(
        "placement on leaves-denoise, rms to reference:",
        np.mean(gaps, 0),
        "psnr",
        np.mean(scores, 0),
    )


def solvers_on_photos() -> None:
    """PSNR of one sample and of one call, for the default and others."""
    for task, sigma in (("denoise", 50.0), ("sr", 25.0)):
        for name, n in (("ddim", 1), ("ddim", 5), ("multistep-2", 5), ("auto", 2), ("auto", 3),
                        ("auto", 5), ("sde-multistep-2", 5), ("auto-sde", 5)):  # fmt: skip
            found = []
            for crop in problems("wheel-photos", task, name, n, sigma):
                noise = Noise(0, crop.name)
                steps = crop.steps
                if name.startswith("auto") and crop.y is not None:
                    steps = settled(steps, crop.denoiser.process)
                x = run_plan(
                    crop.denoiser, crop.x, steps, y=crop.y, level=crop.level,
                    draw=lambda k, c=crop, z=noise: z(tuple(c.x.shape), k),
                )  # fmt: skip
                found.append(crop.scores(x))
            mean = {k: round(float(np.mean([f[k] for f in found])), 4) for k in found[0]}
            print(task, name, n, mean, flush=True)


def chosen_starts(count: int = 12) -> None:
    """leaves-sr, two calls: the best start of `count` on three crops, tried on the others."""
    crops = list(problems("wheel-photos", "sr", "auto", 2))
    size = max(max(c.x.shape[2:]) for c in crops)

    def run(noise: Tensor, crop: Problem) -> float:
        shape = crop.x.shape
        x = start(crop.denoiser.process, crop.y, noise[:, : shape[1], : shape[2], : shape[3]])
        steps = settled(crop.steps, crop.denoiser.process)
        x = run_plan(crop.denoiser, x, steps, y=crop.y, level=crop.level)
        return -crop.scores(x)["psnr"]

    half = len(crops) // 2
    candidates = [Noise(k, "start")((1, 3, size, size)) for k in range(count)]
    chosen = best_start(lambda z, i: run(z, crops[i]), candidates, half)
    rest = crops[half:]
    best = np.mean([-run(chosen.noise, c) for c in rest])
    all_ = np.mean([[-run(z, c) for c in rest] for z in candidates])
    print(
        f"best start: calibration {-float(chosen.errors.min()):.3f} of mean "
        f"{-float(chosen.errors.mean()):.3f} dB; on the others {best:.3f} against {all_:.3f} dB"
    )


def shifted(count: int = 32, size: int = 4096) -> None:
    """Time shift with an exact denoiser of independent pixels: DDIM, window 0 and others."""
    law = Mixture(*(torch.tensor(v, dtype=torch.float64) for v in (
        [0.4, 0.6], [[-0.3], [0.2]], [[0.05], [0.1]])))  # fmt: skip
    spread = float(law.moments()[1].sqrt())
    exact = law.denoiser(PROCESS)

    def denoise(x, t, y, level):
        found = exact(x.reshape(-1, 1), t, None, None)
        return type(found)(found.x0.reshape(x.shape))

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 1, size, generator=generator, dtype=torch.float64)
    for n in (5, 10, 20):
        times = [1 - k / n for k in range(n + 1)]
        row = []
        for window in (0.0, 0.02, 0.05, 0.1):
            found = sample_shifted(denoise, PROCESS, x, times, spread=spread, window=window)
            row.append(distance(found.reshape(-1, 1), law))
        print("time shift,", n, "calls:", [round(v, 4) for v in row], flush=True)


def blind() -> None:
    """leaves-denoise, one call: noise told, and estimated from the picture."""
    for sigma in (15.0, 25.0, 50.0):
        gaps, levels = [], []
        for crop in problems("wheel-photos", "denoise", "ddim", 1, sigma):
            told = crop.scores(run_plan(crop.denoiser, crop.x, crop.steps))["psnr"]
            guess = float(estimate_sigma(crop.given)) * 255
            [again] = [c for c in problems("wheel-photos", "denoise", "ddim", 1, guess)
                       if c.name == crop.name]  # fmt: skip
            a = [float(crop.denoiser.process.a(torch.tensor(s.t))) for s in again.steps]
            x = a[0] * crop.given
            gaps.append(crop.scores(run_plan(crop.denoiser, x, again.steps))["psnr"] - told)
            levels.append(guess)
        print(f"blind, sigma {sigma}: estimated {np.mean(levels):.2f}, {np.mean(gaps):+.3f} dB")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with torch.inference_mode():
        for part in (
            placed_and_searched,
            shifted,
            solvers_on_photos,
            placed_on_photos,
            chosen_starts,
            blind,
        ):
            if len(sys.argv) < 2 or part.__name__ in sys.argv[1:]:
                part()
