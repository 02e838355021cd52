"""Samples of what is hidden given what is known, and from them anomalies.

A value is anomalous if its neighbours do not tell it: gratings hide every value once, and the
distance of the value from the estimate counts in standard deviations of the samples. ImDiffusion
(Chen et al. 2023, Eqs. 11-12) lets several steps of the sampler vote; its threshold was chosen on
labels and its scores were adjusted by them. Here every threshold is a quantile of scores on the
held-out part of the series, and no label is seen.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from undrift.common.grids import build_grid
from undrift.common.noise import Noise
from undrift.common.processes import Flow
from undrift.common.solvers import Step, build_solver
from undrift.common.solvers.loop import Denoise, run_plan
from undrift.scientific.atmosphere.series.fitting import SeriesModel
from undrift.scientific.atmosphere.series.masks import grating

SOLVER = "multistep-2"
_KNOWN = 10_000  # number of the draw that hides known values in the unconditional mode
_LEAST_STD = 0.05  # of a value, relative to the series: sensors are no better than this
_TOGETHER = 2**23  # numbers of a layer that are held at once
_VOTERS = 0.5  # the last half of the steps vote


@dataclass(frozen=True)
class Sampling:
    """samples, steps: how many; seed, item: of the noise."""

    samples: int = 16
    steps: int = 16
    seed: int = 0
    item: str = ""

    def plan(self) -> list[Step]:
        """The steps on the lines to the noise."""
        solver, process = build_solver(SOLVER, 1.0), Flow()
        return solver.plan(process, build_grid("auto", process, self.steps, 1.0, 1.0, solver.order))

    def noise_of_known(self, shape: tuple[int, ...], draw: int = 0) -> Tensor:
        """(1, sensors, length) with which known values are shown, where they are."""
        return Noise(self.seed, self.item)((1, *shape[1:]), _KNOWN + draw)

    def noise(self, shape: tuple[int, ...], draw: int = 0) -> Tensor:
        """(samples, sensors, length): sample k does not depend on how many there are."""
        draws = [
            Noise(self.seed, self.item, number)((1, *shape[1:]), draw)
            for number in range(self.samples)
        ]
        return torch.cat(draws)


def draw(
    denoise: Denoise, shape: tuple[int, ...], sampling: Sampling,
    watch: Callable[[int, Tensor], None] | None = None,
) -> Tensor:  # fmt: skip
    """(samples, sensors, length) of the posterior whose denoiser is given, of unit spread.

    watch: called with the number of each step and estimates of some samples, till all were seen.
    Noise of known values that the denoiser holds is that of one sample, the same for all.
    """
    seen = None if watch is None else (lambda number, state, estimate: watch(number, estimate.x0))
    together = max(1, _TOGETHER // (shape[1] * shape[2] + 48 * shape[2]))
    found = []
    with torch.inference_mode():
        for start in sampling.noise(shape).split(together):
            found.append(run_plan(denoise, start, sampling.plan(), watch=seen))
    return torch.cat(found)


def fill(model: SeriesModel, values: np.ndarray, sampling: Sampling) -> np.ndarray:
    """(samples, length, sensors): known values as they are, samples where there was none."""
    scaled, mask = model.scaled(values), torch.from_numpy(~np.isnan(values).T[None])
    noise = sampling.noise_of_known(tuple(scaled.shape))
    drawn = draw(model.denoiser(scaled.nan_to_num(), mask, noise), tuple(scaled.shape), sampling)
    real = drawn.double().numpy().transpose(0, 2, 1) * model.std + model.mean
    return np.where(np.isnan(values), real, values)


@dataclass(frozen=True, eq=False)
class Anomalies:
    """cells: (length, sensors) distance of each value in standard deviations, NaN where there is
    none. score: (length,) their root mean square. threshold: of the score. votes: (length,) share
    of steps that call the time anomalous. flags: (length,) bool, more than half of them.
    """

    cells: np.ndarray
    score: np.ndarray
    threshold: float
    votes: np.ndarray
    flags: np.ndarray


def find_anomalies(
    model: SeriesModel, values: np.ndarray, sampling: Sampling, quantile: float = 0.99,
    clean: np.ndarray | None = None,
) -> Anomalies:  # fmt: skip
    """Scores of (length, sensors) values, with thresholds from values that were not fitted.

    clean: those values, by default the held-out end of the series itself, of which one time in
    1 / (1 - quantile) is then flagged even where nothing is wrong.
    """
    cells, errors = _distances(model, values, sampling)
    if clean is None:
        quiet_cells = cells[model.held_from :]
        quiet_errors = errors[:, model.held_from :]
    else:
        quiet_cells, quiet_errors = _distances(model, clean, sampling)
    score = _over_sensors(cells)
    threshold = float(np.nanquantile(_over_sensors(quiet_cells), quantile))
    with np.errstate(invalid="ignore"):
        limits = np.nanquantile(quiet_errors, quantile, axis=1)
        votes = (errors > limits[:, None]).mean(0)
    return Anomalies(cells, score, threshold, votes, votes > _VOTERS)


def _distances(
    model: SeriesModel, values: np.ndarray, sampling: Sampling
) -> tuple[np.ndarray, np.ndarray]:
    """Distances (length, sensors) after the last step, and of each voting step (steps, length)."""
    scaled, valid = model.scaled(values), torch.from_numpy(~np.isnan(values).T[None])
    shape, plan = tuple(scaled.shape), sampling.plan()
    first = int(len(plan) * (1 - _VOTERS))
    cells = torch.full(shape[1:], torch.nan)
    errors = torch.full((len(plan), *shape[1:]), torch.nan)
    told = [step.calls for step in plan]
    for turn in (False, True):
        hide = grating(shape[-1], model.fitting.stripe) != turn
        asked, mask = (valid & hide)[0], valid & ~hide
        noise = sampling.noise_of_known(shape, 1 + turn)
        denoise = model.denoiser(scaled.nan_to_num(), mask, noise)

        sums = torch.zeros_like(errors)

        def watch(number: int, x0: Tensor, sums: Tensor = sums) -> None:
            sums[number] += x0.sum(0)

        drawn = draw(denoise, shape, sampling, watch)
        means = sums / sampling.samples
        errors[:, asked] = (means - scaled[0]).abs()[:, asked]
        spread = torch.sqrt(drawn.var(0, correction=int(len(drawn) > 1)) + _LEAST_STD**2)
        cells[asked] = ((drawn.mean(0) - scaled[0]).abs() / spread)[asked]
    kept = [errors[n].T.numpy() for n in range(first, len(plan)) if told[n]]
    return cells.T.double().numpy(), np.stack([_over_sensors(step) for step in kept])


def _over_sensors(distances: np.ndarray) -> np.ndarray:
    """Root mean square over the sensors with a value, NaN where no sensor has one."""
    there = ~np.isnan(distances)
    total, count = np.where(there, distances, 0) ** 2, there.sum(-1)
    return np.where(count > 0, np.sqrt(total.sum(-1) / np.maximum(count, 1)), np.nan)
