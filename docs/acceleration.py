"""Prints what each way to guide or to hasten costs and brings, on the models that ship.

Time is processor time on one thread; a method and the plain run take turns on each picture and the
least of the rounds counts, so that the ratio lies within one run. Scores are differences to the
plain run: mean and standard deviation over the pictures. `python docs/acceleration.py` needs about
eight minutes; with `--choose` it prints the sweeps on the validation photographs instead.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from acceleration_methods import (  # noqa: E402
    Method,
    as_stream,
    averaged,
    cached,
    compiled,
    contiguous,
    fewer,
    from_blind,
    from_prior,
    in_eight_bits,
    plain,
    rewarded,
    with_network,
)
from acceleration_problems import problems  # noqa: E402

from undrift.common.quantise import quantise_file  # noqa: E402
from undrift.common.weights.model import find_weights  # noqa: E402


@dataclass(frozen=True)
class Case:
    """A model at work: the arguments of `problems` behind the card, and methods by label."""

    title: str
    settings: tuple
    methods: Mapping[str, Method]


SAMPLE = ("denoise", "sde-multistep-2", 10, 50.0)
SAMPLE_SR = ("sr", "sde-multistep-2", 5)
BLIND, BLIND_SR = "middle.*.depthwise", "middle.15.depthwise"
SHORT = 10  # calls: shorter plans are timed more often
WEIGHTS = (0.75, 0.9, 1.1, 1.25, 1.5)
FINAL = (
    Case("leaves-denoise, sigma 50, one sample in 10 calls", SAMPLE, {
        "7 calls instead of 10": fewer(7),
        "DeepCache, interval 2, 1 outer level": cached(2, 1),
        "DeepCache, interval 3, 2 outer levels": cached(3, 2),
        "encoder propagation, interval 2": cached(2, None),
        "perturbed guidance, w = 1.25": from_blind(1.25, BLIND),
        "perturbed guidance, w = 1.25, until similar": from_blind(1.25, BLIND, 0.99),
    }),
    Case("leaves-denoise, sigma 25, one call (preset balanced)", ("denoise", "ddim", 1, 25.0), {
        "perturbed guidance, w = 1.1": from_blind(1.1, BLIND),
        "contiguous instead of channels-last": with_network(contiguous),
        "torch.compile": with_network(compiled),
        "int8 weights": with_network(in_eight_bits),
    }),
    Case("leaves-sr, x4, one sample in 5 calls", SAMPLE_SR, {
        "mean of 2 samples": averaged(2),
        "guidance by leaves-denoise, w = 1.1": from_prior(1.1),
        "guidance by leaves-denoise, w = 0.5": from_prior(0.5),
        "guidance by leaves-denoise, w = 0.5, until similar": from_prior(0.5, 0.95),
        "perturbed guidance, w = 1.1": from_blind(1.1, BLIND_SR),
        "SVDD, 4 candidates, agreement as reward": rewarded(4),
    }),
    Case("leaves-sr, x4, one call (preset fast)", ("sr", "ddim", 1), {
        "perturbed guidance, w = 1.1": from_blind(1.1, BLIND_SR),
        "contiguous instead of channels-last": with_network(contiguous),
        "int8 weights": with_network(in_eight_bits),
    }),
)  # fmt: skip

CHOICE = (
    Case("leaves-denoise, sigma 50, one sample in 10 calls", SAMPLE, {
        **{f"DeepCache, interval {n}, {k} outer": cached(n, k) for k in (1, 2) for n in (2, 3, 5)},
        **{f"encoder propagation, interval {n}": cached(n, None) for n in (2, 3)},
        **{f"perturbed guidance, w = {w}": from_blind(w, BLIND) for w in WEIGHTS},
        **{f"until cosine {c}": from_blind(1.25, BLIND, c) for c in (0.95, 0.99, 0.999)},
    }),
    Case("leaves-denoise, sigma 25, one call", ("denoise", "ddim", 1, 25.0), {
        **{f"perturbed guidance, w = {w}": from_blind(w, BLIND) for w in WEIGHTS},
    }),
    Case("leaves-sr, x4, one sample in 5 calls", SAMPLE_SR, {
        "mean of 2 samples": averaged(2),
        **{f"guidance by leaves-denoise, w = {w}": from_prior(w) for w in (0.25, 0.5, *WEIGHTS)},
        **{f"w = 0.5 until cosine {c}": from_prior(0.5, c) for c in (0.8, 0.9, 0.95, 0.98)},
        **{f"perturbed guidance, w = {w}": from_blind(w, BLIND_SR) for w in (0.9, 1.1, 1.25)},
        **{f"SVDD, {m} candidates": rewarded(m) for m in (2, 4, 8)},
    }),
    Case("leaves-sr, x4, one call", ("sr", "ddim", 1), {
        **{f"guidance by leaves-denoise, w = {w}": from_prior(w) for w in (0.9, 1.1)},
        **{f"perturbed guidance, w = {w}": from_blind(w, BLIND_SR) for w in (1.1, 1.25, 1.5)},
    }),
)  # fmt: skip


def measured(case: Case, card: str, rounds: int) -> dict[str, np.ndarray]:
    """For each method (photographs, 4): seconds, pictures through the network, psnr, ssim."""
    methods = {"plain": plain, **case.methods}
    if rounds > 1:
        rounds = max(rounds, SHORT // case.settings[2])
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in methods}
    for problem in problems(card, *case.settings):
        seconds: dict[str, list[float]] = {name: [] for name in methods}
        for number in range(rounds + (not found["plain"])):  # the first picture warms up
            for name, method in methods.items():
                began = time.process_time()
                x, count = method(problem)
                seconds[name].append(time.process_time() - began)
                if number == 0:
                    scores = problem.scores(x)
                    found[name].append((0.0, count, scores["psnr"], scores["ssim"]))
        for name, times in seconds.items():
            found[name][-1] = (min(times), *found[name][-1][1:])
    return {name: np.array(rows) for name, rows in found.items()}


def table(cases: tuple[Case, ...], card: str, rounds: int) -> Iterator[str]:
    """Markdown lines: the plain run as it is, the others as ratios and differences to it."""
    yield "| model and method | calls | time | PSNR, dB | SSIM | n |"
    yield "|---|---|---|---|---|---|"
    for case in cases:
        found = measured(case, card, rounds)
        base = found["plain"]
        n = len(base)
        psnr, ssim = (f"{base[:, k].mean():.{d}f}" for k, d in ((2, 2), (3, 4)))
        yield f"| **{case.title}** | {base[:, 1].mean():g} | 1 | {psnr} | {ssim} | {n} |"
        for name in case.methods:
            rows = found[name]
            ratio = rows[:, 0].sum() / base[:, 0].sum()
            gap = rows - base
            yield (
                f"| {name} | {rows[:, 1].mean():.3g} | x{ratio:.2f} | {spread(gap[:, 2], 3)} | "
                f"{spread(gap[:, 3], 4)} | {n} |"
            )


def spread(values: np.ndarray, digits: int) -> str:
    """Mean and standard deviation."""
    return f"{values.mean():+.{digits}f} ± {values.std(ddof=1):.{digits}f}"


def stream_line(rounds: int, calls: int = 5) -> str:
    """Colour photographs as frames: time for all of them, and the largest difference."""
    frames = [
        p for p in problems("skimage-photos", "denoise", "multistep-2", calls, 50.0)
        if p.x.shape[1] == 3
    ]  # fmt: skip
    best = [np.inf, np.inf]
    worst = 0.0
    for _ in range(rounds):
        began = time.process_time()
        alone = [plain(frame)[0] for frame in frames]
        middle = time.process_time()
        together = as_stream(frames)
        times = middle - began, time.process_time() - middle
        best = [min(pair) for pair in zip(best, times, strict=True)]
        gaps = (float((a - b).abs().max()) for a, b in zip(alone, together, strict=True))
        worst = max(worst, *gaps)
    return (
        f"stream of {len(frames)} frames, {calls} calls each: time x{best[1] / best[0]:.2f} of "
        f"frame by frame; results differ by {worst:.1e} at most"
    )


def compile_line() -> str:
    """Wall time of the first compiled call, in this process."""
    torch.compiler.reset()
    problem = next(problems("skimage-photos", "denoise", "ddim", 1, 25.0))
    method = with_network(compiled)
    began = time.perf_counter()
    method(problem)
    return f"torch.compile: first call {time.perf_counter() - began:.0f} s"


def size_line(name: str) -> str:
    """Bytes of the weights before and after int8."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = quantise_file(find_weights(name), Path(folder) / "small.safetensors")
    return f"{name}: {before / 1e6:.2f} MB, {after / 1e6:.2f} MB in int8 (x{after / before:.2f})"


if __name__ == "__main__":
    torch.set_num_threads(1)
    choose = "--choose" in sys.argv
    with torch.inference_mode():
        if not choose:
            print(compile_line(), flush=True)
        card, rounds = ("wheel-photos", 1) if choose else ("skimage-photos", 3)
        for line in table(CHOICE if choose else FINAL, card, rounds):
            print(line, flush=True)
        if not choose:
            print(stream_line(3), size_line("leaves-denoise"), size_line("leaves-sr"), sep="\n")
