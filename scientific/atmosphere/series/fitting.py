"""A model of a series, made from the series itself: the first part fits, the last one judges.

Every step hides some of what is known and asks for it; the error counts only there, where the true
values are. The weights are those of the least error on the held-out part, whose masks never change.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError, UsageError
from undrift.common.processes import Flow
from undrift.common.processes.process import marginal
from undrift.scientific.atmosphere.series.masks import random_hidden
from undrift.scientific.atmosphere.series.network import Posed, SeriesNet

MODES = ("conditional", "unconditional")
_LEAST = 64  # steps of time that can be learnt from
_JUDGE = 8  # drawings of masks and noise for the held-out part


@dataclass(frozen=True)
class Fitting:
    """mode: see `Posed`. iterations, batch, window (steps of time), features, rate: of training.
    stripe: width of gratings in steps. held_out: share of the series, at its end, that is not
    fitted.
    """

    mode: str = "conditional"
    iterations: int = 600
    batch: int = 16
    window: int = 128
    features: int = 48
    rate: float = 2e-3
    stripe: int = 8
    held_out: float = 0.2

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"mode {self.mode!r}; expected one of {', '.join(MODES)}")
        if not 0 < self.held_out < 0.9 or min(self.iterations, self.batch, self.stripe) < 1:
            raise UsageError(f"{self}: expected a held-out share of 0 to 0.9 and counts from 1")


@dataclass(frozen=True, eq=False)
class SeriesModel:
    """A fitted network; mean, std: (sensors,) of the fitted part. loss: on the held-out part."""

    network: nn.Module
    mean: np.ndarray
    std: np.ndarray
    fitting: Fitting
    held_from: int
    loss: float = float("nan")
    info: dict[str, Any] = field(default_factory=dict)

    def scaled(self, values: np.ndarray) -> Tensor:
        """(1, sensors, length) of unit spread, of (length, sensors)."""
        return torch.from_numpy(((values - self.mean) / self.std).T[None].astype(np.float32))

    def denoiser(self, known: Tensor, mask: Tensor, noise: Tensor | None) -> Denoiser:
        """Of the posterior given known values."""
        noise = None if self.fitting.mode == "conditional" else noise
        return denoiser_of(Posed(self.network, known, mask, noise))


def denoiser_of(network: nn.Module) -> Denoiser:
    """A network of series on straight lines to the noise, for values of unit spread."""
    return Denoiser(network, Flow(), "balanced", Scaling(1.0, 0.0, 1.0, centre=0.0))


def fit(values: np.ndarray, fitting: Fitting = Fitting(), seed: int = 0) -> SeriesModel:
    """Fits a network to (length, sensors) values, NaN where there is none.

    Raises InputError for a series that is too short, or a sensor without values or of one value.
    """
    length, sensors = values.shape
    held_from = length - max(1, round(length * fitting.held_out))
    mean, std = _moments(values[:held_from])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SeriesNet(sensors, fitting.features)
    model = SeriesModel(network, mean, std, fitting, held_from)
    scaled = model.scaled(values)
    generator = torch.Generator().manual_seed(seed)
    window = min(fitting.window, held_from)
    judge = _pieces(scaled[..., held_from:], min(window, length - held_from))
    optimiser = torch.optim.Adam(network.parameters(), fitting.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, fitting.iterations)
    best, kept = float("inf"), copy.deepcopy(network.state_dict())
    for step in range(1, fitting.iterations + 1):
        starts = torch.randint(held_from - window + 1, (fitting.batch,), generator=generator)
        batch = torch.cat([scaled[..., s : s + window] for s in starts.tolist()])
        if (loss := _loss(network, batch, fitting, generator)) is not None:
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
        schedule.step()
        if step % max(1, fitting.iterations // 10) == 0 or step == fitting.iterations:
            error = _judged(network, judge, fitting)
            if error < best:
                best, kept = error, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    network.eval().requires_grad_(False)
    return SeriesModel(network, mean, std, fitting, held_from, best)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(values) < _LEAST:
        raise InputError(f"{len(values)} steps of time to fit; expected {_LEAST} or more")
    empty = np.isnan(values).all(0)
    if empty.any():
        raise InputError(
            f"sensors {np.flatnonzero(empty).tolist()} have no value in the fitted part"
        )
    mean, std = np.nanmean(values, 0), np.nanstd(values, 0)
    if not np.isfinite(mean).all() or (std == 0).any():
        raise InputError(
            f"sensors {np.flatnonzero((std == 0) | ~np.isfinite(mean)).tolist()} have one value "
            f"only or infinite ones; leave them out"
        )
    return mean, std


def _loss(
    network: nn.Module, batch: Tensor, fitting: Fitting, generator: torch.Generator
) -> Tensor | None:
    """Mean squared error of the network's output at hidden values; None where none was hidden."""
    valid = ~torch.isnan(batch)
    x0 = batch.nan_to_num()
    asked = random_hidden(valid, fitting.stripe, generator) & valid
    if not asked.any():
        return None
    noise = torch.randn(x0.shape, generator=generator)
    psi = torch.rand(len(x0), generator=generator, dtype=torch.float64) * (torch.pi / 2 - 0.02)
    tangent = torch.tan(psi + 0.01)
    t = tangent / (1 + tangent)  # the time of Flow at which the angle is psi
    shown = None if fitting.mode == "conditional" else noise
    denoiser = denoiser_of(Posed(network, x0, valid & ~asked, shown))
    x = marginal(denoiser.process, x0, None, t, noise).to(x0.dtype)
    error = denoiser.output(x, t, None, None) - denoiser.target(x0, t, None, noise)
    return (error.square() * asked).sum() / asked.sum()


@torch.no_grad()
def _judged(network: nn.Module, pieces: Tensor, fitting: Fitting) -> float:
    generator = torch.Generator().manual_seed(0)
    found = [_loss(network, pieces, fitting, generator) for _ in range(_JUDGE)]
    told = [float(loss) for loss in found if loss is not None]
    return float(np.mean(told)) if told else float("inf")


def _pieces(scaled: Tensor, window: int) -> Tensor:
    """(count, sensors, window) one after the other."""
    count = max(1, scaled.shape[-1] // window)
    return torch.cat([scaled[..., n * window : (n + 1) * window] for n in range(count)])
