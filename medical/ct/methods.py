"""The ways from a sinogram to a volume: three old ones, and posterior sampling with a prior.

    fbp   filtered back projection          sart  algebraic, few rounds
    tv    argmin |p - A x|_W^2 / 2 + lam |D x|, edges in three dimensions, W the rays' precision
    posterior   samples of x ~ prior given p = A x + noise, by the samplers of `undrift.solve`

Total variation keeps the edges that many rays fix and flattens the rest, the prior the other way
round: the estimate lies between both, and samples lie about it.
What is worked on is the network's number u, with which attenuation grows linearly; lam and the
prior are in its units.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.common.operators.diagonal import Diagonal
from undrift.common.operators.noise_models import Gaussian
from undrift.medical.ct.fbp import filtered_back_projection
from undrift.medical.ct.sart import sart
from undrift.medical.ct.sinogram import MODEL_SHARE, Sinogram
from undrift.medical.ct.slices import ScannedSlices, from_rows, in_numbers
from undrift.medical.ct.units import mu_to_hu
from undrift.medical.honesty.priors import is_flat
from undrift.medical.intensity import HuWindow
from undrift.medical.mri.sparse import total_variation
from undrift.medical.outcome import in_words
from undrift.medical.spread import spread_out

Values = npt.NDArray[np.float32]
WINDOW = HuWindow(-1024.0, 1976.0)
DEFAULT_PRIOR = "ct-prior"
TV_WEIGHT, TV_ROUNDS = 25.0, 60
SART_VIEWS = 900  # taken up in all rounds, chosen on validation scans of 23 and 60 views
# of trained priors, chosen on validation scans (docs/medical.md)
SAMPLER, STEPS = "half-quadratic", 24
SPLITTING = {"weight": 0.5, "top": 0.2, "bottom": 0.005, "iterations": 20, "moves": "shifts+mirror"}
TV_SHARE = 0.4  # of total variation in the estimate
WIDER = 2.4  # deviations of samples: their 90 % interval then holds about that


@dataclass(frozen=True)
class Settings:
    """method: a name of `METHODS`. sampler, steps, options: of `undrift.solve`, or of the method.
    model_share: of the error of the model, see `sinogram`.
    """

    method: str = "posterior"
    prior: Any = DEFAULT_PRIOR
    sampler: str = "auto"
    steps: int | None = None
    samples: int = 4
    seed: int = 0
    item: str = ""
    device: str = "auto"
    dtype: str = "auto"
    max_memory: int | None = None
    model_share: float = MODEL_SHARE
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Found:
    """samples: (x, y, z) HU each. info: what the method says of itself."""

    samples: list[Values]
    info: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Model:
    """The linear model of a sinogram in a network's numbers: m = operator(u) + noise.

    measurement, deviation: (slices, angles, cells).
    """

    operator: ScannedSlices
    measurement: Tensor
    deviation: Tensor
    window: HuWindow

    @classmethod
    def of(cls, sinogram: Sinogram, share: float, window: HuWindow = WINDOW) -> "Model":
        """Raises UsageError where the noise is not known."""
        operator, zero = in_numbers(
            sinogram.geometry, sinogram.values.shape[0], window, sinogram.water
        )
        left = torch.from_numpy(sinogram.integrals).double() - zero
        deviation = torch.from_numpy(np.sqrt(sinogram.variance(share)))
        return cls(operator, left.float(), deviation.float(), window)

    def whitened(self) -> tuple[Any, Tensor]:
        """Operator and measurement with noise of deviation 1."""
        weight = 1 / self.deviation.double()
        whole = Diagonal(weight, self.operator.shape_out) @ self.operator
        return whole, self.measurement / self.deviation

    def hu(self, numbers: Tensor) -> Values:
        """(1, x, y, z) of a network as (x, y, z) in HU."""
        half = (self.window.high - self.window.low) / 2
        found = (numbers[0].double() + 1) * half + self.window.low
        return found.to(torch.float32).cpu().numpy()

    def numbers(self, hu: Values) -> Tensor:
        """(x, y, z) in HU as (1, x, y, z) of a network; nothing is cut off."""
        half = (self.window.high - self.window.low) / 2
        return torch.from_numpy((hu - np.float32(self.window.low)) / np.float32(half) - 1)[None]


def by_fbp(sinogram: Sinogram, settings: Settings) -> Found:
    """options: window."""
    options = {"window": "ramp", **settings.options}
    image = filtered_back_projection(sinogram.integrals, sinogram.geometry, **options)
    return Found([from_rows(mu_to_hu(image, sinogram.water))], {"options": options})


def by_sart(sinogram: Sinogram, settings: Settings) -> Found:
    """steps: rounds, as many as take up `SART_VIEWS` views by default; options: relaxation."""
    rounds = settings.steps or max(1, round(SART_VIEWS / len(sinogram.geometry.angles)))
    options = {"rounds": rounds, "relaxation": 0.3, **settings.options}
    image = sart(sinogram.integrals, sinogram.geometry, **options)
    return Found([mu_to_hu(image, sinogram.water)], {"options": options})


def by_tv(sinogram: Sinogram, settings: Settings) -> Found:
    """steps: iterations; options: weight (lam), in numbers of the window."""
    model = Model.of(sinogram, settings.model_share)
    options = {"weight": TV_WEIGHT, "iterations": settings.steps or TV_ROUNDS, **settings.options}
    found = edges(model, options["weight"], options["iterations"])
    return Found([model.hu(found)], {"options": options})


def edges(model: Model, weight: float, iterations: int) -> Tensor:
    """(1, x, y, z) of the network's numbers by total variation."""
    operator, given = model.whitened()
    return total_variation(operator, given[None], weight, iterations)[0].float()


def by_posterior(sinogram: Sinogram, settings: Settings) -> Found:
    """Samples; see `undrift.solve`. Trained priors split by default, from total variation on."""
    from undrift.common.posterior.priors import read_prior

    model = Model.of(sinogram, settings.model_share, window_of(settings.prior))
    prior = read_prior(settings.prior, _device(settings.device))
    if is_flat(prior):
        raise UsageError(
            f"{prior.name} is a network of two dimensions; slices of a scan are one volume: take a "
            "prior of three dimensions, as ct-prior, or method 'tv' or 'sart'"
        )
    told: dict[str, Any] = {"nfe": 0}

    def solved(options: Mapping[str, Any], count: int) -> Tensor:
        chosen = replace(settings, options=options, samples=count)
        found, info = _solved(model, prior, chosen)
        told.update({**info, "nfe": told["nfe"] + info["nfe"]})
        return found

    if settings.sampler == "auto" and prior.spectrum is not None:
        settings = replace(settings, sampler=SAMPLER, steps=settings.steps or STEPS)
        begin = edges(model, TV_WEIGHT, TV_ROUNDS)
        options = {**SPLITTING, "start": begin, **settings.options}
        samples = spread_out(solved, options, settings.samples, WIDER)
        samples = samples + TV_SHARE * (begin.to(samples) - samples.mean(0))
        told["tv_share"] = TV_SHARE
    else:
        samples = solved(settings.options, settings.samples)
    return Found([model.hu(one) for one in samples], told)


def _solved(model: Model, prior: Any, settings: Settings) -> tuple[Tensor, dict[str, Any]]:
    """(samples, 1, x, y, z) of the network's numbers, and what is said of them."""
    from undrift.common.solve import solve

    found = solve(
        model.measurement,
        model.operator,
        prior,
        noise=Gaussian(model.deviation),
        method=settings.sampler,
        steps=settings.steps,
        samples=settings.samples,
        seed=settings.seed,
        item=settings.item,
        device=settings.device,
        dtype=settings.dtype,
        max_memory=settings.max_memory,
        options=settings.options,
    )
    told = {k: v for k, v in found.info.items() if k not in ("seconds", "residual_rms", "task")}
    told["sampler"], told["options"] = told.pop("method"), in_words(told["options"])
    return torch.stack(list(found.samples or (found.value,))), told


METHODS: dict[str, Callable[[Sinogram, Settings], Found]] = {
    "posterior": by_posterior,
    "fbp": by_fbp,
    "sart": by_sart,
    "tv": by_tv,
}


def window_of(prior: Any) -> HuWindow:
    """The window of HU that a model's weights state; `WINDOW` for priors that are objects.

    Raises InputError for a model of something else than CT, MissingExtraError for one without
    weights.
    """
    if not isinstance(prior, str | Path) or Path(prior).is_dir():
        return WINDOW
    from undrift.medical.signal import HuSettings, read_signal

    settings = loaded(prior).settings
    signal = read_signal(dict(settings.signal)) if settings.signal else None
    if signal is None or signal.modality != "ct" or not isinstance(signal.intensity, HuSettings):
        raise InputError(
            f"{settings.id} is a model for {signal.modality if signal else 'other signals'}; "
            "expected one for CT, whose weights state a window of Hounsfield units"
        )
    return HuWindow(signal.intensity.low, signal.intensity.high)


def loaded(prior: str | Path) -> Any:
    """The model of a prior. Raises MissingExtraError where the default has no weights here."""
    from undrift.common.weights.model import load_model

    try:
        return load_model(prior)
    except (InputError, MissingExtraError) as error:
        if str(prior) != DEFAULT_PRIOR:
            raise
        raise MissingExtraError(
            f"the weights of {prior} are not installed ({error}); make them by `undrift train "
            f"{prior} -o run`, and give that file as the prior, or take method 'tv', 'sart' or "
            "'fbp', which need none"
        ) from error


def _device(name: str) -> str:
    from undrift.common.devices import resolve_device

    return resolve_device(name)
