"""Whole runs of HIR-Diff: the authors' cubes by the authors' weights."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.networks.sr3_unet import Sr3UNet
from undrift.common.operators.blur import Blur
from undrift.common.operators.operator import Operator
from undrift.common.operators.separable import Bicubic
from undrift.common.reproduce.paper import Measured, Task
from undrift.scientific.hyperspectral.hir_diff.chain import EpsOf, restore, told_abar
from undrift.scientific.hyperspectral.hir_diff.factors import equal_steps
from undrift.scientific.hyperspectral.hir_diff.guidance import ETA1, ETA2, Guidance, edges
from undrift.scientific.hyperspectral.hir_diff.schedules import Law
from undrift.scientific.hyperspectral.metrics import mpsnr
from undrift.scientific.papers.hir_diff import BEST, LAST, WEIGHTS
from undrift.scientific.papers.hir_diff_files import Problem, read_problem

_HOUSTON = "Houston18/test/gauss_50/Houston_channel_cropped.mat"
_SIDE = 9  # of the kernel


@dataclass(frozen=True)
class Run:
    """One row of a table: what its command was. bands: whether RRQR chooses them."""

    table: str
    row: str
    file: str
    eta1: float
    eta2: float
    law: Law = "exponential"
    k: float = 8.0
    rrqr: bool = True


RUNS = (
    Run("denoise-houston", "exponential", _HOUSTON, 16, 10),
    Run("denoise-houston", "cosine", _HOUSTON, 20, 1, "cosine"),
    Run("denoise-houston", "linear", _HOUSTON, 20, 1, "linear"),
    Run("equal-steps-houston", "exponential", _HOUSTON, 16, 10, rrqr=False),
    Run("sr-wdc", "exponential", "WDC/test/gauss_sr_0.25/wdc_cropped.mat", 500, 12),
    Run("inpainting-salinas", "exponential",
        "Salinas/test/gauss_inpainting_0.8/Salinas_channel_cropped.mat", 8, 6, k=5.0),
)  # fmt: skip


def tables(task: Task) -> Iterator[Measured]:
    """The tables that are at hand."""
    eps_of = told_abar(load_network(cache_folder() / WEIGHTS, task.device))
    return measured(task, eps_of)


def measured(task: Task, eps_of: EpsOf) -> Iterator[Measured]:
    """MPSNR of the best state and of the last one, by a prior's eps."""
    root = cache_folder() / "papers" / "hirdiff-cubes"
    for run in RUNS:
        if run.table in task.tables:
            task.say(f"hir-diff, {run.table}, {run.row}: 20 steps")
            best, last = scores(read_problem(root / run.file), run, eps_of, task.device)
            yield Measured(run.table, run.row, BEST, best)
            yield Measured(run.table, run.row, LAST, last)


def scores(problem: Problem, run: Run, eps_of: EpsOf, device: str = "cpu") -> tuple[float, float]:
    """(best on the way, last): MPSNR in dB, as the published program takes them."""
    bands = None if run.rrqr else equal_steps(len(problem.y))
    states = restore(
        problem.y, eps_of, guidance(problem, run, device), law=run.law, k=run.k, item=run.table,
        bands=bands, side=(problem.truth.shape[1], problem.truth.shape[2]),
    )  # fmt: skip
    best, last = -math.inf, -math.inf
    for state in states:
        best = max(best, mpsnr(problem.truth, state.on_the_way[0].double().cpu().numpy()))
        last = mpsnr(problem.truth, state.result.double().cpu().numpy())
    return max(best, last), last


def guidance(problem: Problem, run: Run, device: str = "cpu") -> Guidance:
    """The loss of a run; weights of edges where it is noise alone."""
    y = torch.from_numpy(problem.y).float().to(device)[None]
    mask = None if problem.mask is None else torch.from_numpy(problem.mask).to(y)[None]
    operator: Operator | None = None
    if problem.factor > 1:
        operator = merged(problem.truth.shape, problem.factor)
    plain = mask is None and operator is None
    return Guidance(
        y, ETA1 * run.eta1, ETA2 * run.eta2, operator, mask, edges(y) if plain else None
    )


def merged(shape: tuple[int, ...], factor: int) -> Operator:
    """A Gaussian of 9 x 9 with zeros around, its width at half maximum the factor; then bicubic."""
    place = torch.arange(_SIDE, dtype=torch.float64) - _SIDE // 2
    line = torch.exp(-(place**2) * 4 * math.log(2) / factor**2)
    kernel = torch.outer(line, line)
    return Bicubic(shape, factor) @ Blur(kernel / kernel.sum(), shape, "zero")


def load_network(path: Path, device: str, **params: Any) -> Sr3UNet:
    """The prior of a file of ddpm-cd; params: of another size. Raises InputError for other keys."""
    try:
        found: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch raise all kinds
        raise InputError(f"{path}: cannot be read as weights ({error})") from error
    with torch.device("meta"):
        network = Sr3UNet(**params)
    wanted = network.state_dict()
    plain = {name.removeprefix("denoise_fn."): value for name, value in found.items()}
    missing = [n for n, v in wanted.items() if n not in plain or plain[n].shape != v.shape]
    if missing:
        raise InputError(
            f"{path}: has no {missing[0]} of {tuple(wanted[missing[0]].shape)}, and "
            f"{len(missing) - 1} more are missing; expected I190000_E97_gen.pth of ddpm-cd"
        )
    network.load_state_dict({name: plain[name] for name in wanted}, assign=True)
    return network.to(device).eval().requires_grad_(False)
