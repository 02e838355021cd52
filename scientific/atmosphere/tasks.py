"""`undrift.scientific.atmosphere.downscale`: a fine field, as an ensemble, from a coarse one.

A prior of fine fields is told everything that is known at sampling time: the coarse field, and any
number of other sources. Nothing is trained again for another factor, network of stations or error.
"""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.operator import require_finite
from undrift.common.posterior.priors import Prior
from undrift.common.results import Restored
from undrift.common.wishes import counted
from undrift.scientific.atmosphere.coarse import coarse_grain
from undrift.scientific.atmosphere.likelihood import Likelihood, complaints, overall
from undrift.scientific.atmosphere.members import Drawing
from undrift.scientific.atmosphere.sources import Coarse, Place, Std, factor_of
from undrift.scientific.atmosphere.spectral import Spectral
from undrift.scientific.atmosphere.transforms import Scale

DEFAULT_MODEL = "atmos-prior"


@dataclass(frozen=True, eq=False)
class FieldPrior:
    """prior: of z, fields in units of the network. scale: between z and physical units; its names
    are the channels. periodic: whether fields go round, rows and columns. climatology: the
    covariance of z on (rows, columns), where it is known.
    """

    prior: Prior
    scale: Scale
    periodic: tuple[bool, bool] = (False, False)
    climatology: Callable[[tuple[int, int]], Spectral] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the channels."""
        return self.scale.names


class AccuracyWarning(UserWarning):
    """A result that does not explain what it was given, to within its stated errors."""


def downscale(
    coarse: Any = None,
    observations: Sequence[Any] = (),
    *,
    factor: int = 4,
    members: int = 8,
    seed: int = 0,
    model: Any = DEFAULT_MODEL,
    coarse_std: Std | None = None,
    method: str = "tweedie",
    steps: int | None = None,
    item: str = "",
    place: Place | None = None,
    options: Mapping[str, Any] | None = None,
    device: str = "auto",
) -> Restored:
    """An ensemble of fine fields that explain a coarse field and other observations.

    coarse: (c, rows, columns) in physical units and in the order of the model's channels (K, m/s),
    NaN where unknown; None with `place` where only observations are given. An xarray Dataset comes
    back as one, and its observations are told as on the command line (`fields.dataset_call`).
    observations: `Stations`, `Radiosondes`, `Background`, or anything with `observe`.
    factor: fine rows over coarse rows. members: of the ensemble; member k
    does not depend on how many there are. model: a name or a file of weights, or a `FieldPrior`.
    coarse_std: error of the coarse values in physical units, a number or by channel; by default .02
    of each channel's deviation. method: "tweedie" (the covariance of x0 by products with the
    network's derivative and a few steps of conjugate gradients), or "tweedie-gmres", "sda", "dps",
    "pigdm", or "climatology" (the covariance of the spectra, no derivative); options: its fields,
    such as iterations or gamma. steps: of sampling. seed, item: of
    the noise. place: names, size, periodicity and place on the Earth of the fine field.

    Returns a `Restored`: value, the mean of the members, and std, their deviation, (c, rows,
    columns) float32; samples: the members; residual: the coarse field less that of the mean; info:
    chi by source (1: explained to within its errors), warnings and all settings.
    Warns with `AccuracyWarning` where chi of a source is far from 1. Raises InputError for shapes
    and values that do not fit, UsageError for unknown names.
    """
    if hasattr(coarse, "data_vars"):
        from undrift.scientific.atmosphere.fields.dataset_call import downscale_dataset

        return downscale_dataset(
            coarse, observations, factor=factor, members=members, seed=seed, model=model,
            coarse_std=coarse_std, method=method, steps=steps, item=item, options=options,
            device=device,
        )  # fmt: skip
    began = time.monotonic()
    counted("members", members)
    counted("seed", seed, 0)
    known = read_field_prior(model, device)
    values = None if coarse is None else np.asarray(coarse, np.float64)
    where = _place(values, factor, known, place)
    sources = list(observations)
    if values is not None:
        error = _little(known) if coarse_std is None else coarse_std
        sources.insert(0, Coarse(values, error))
    likelihood = Likelihood(sources, where, known.scale)
    drawing = Drawing(members, steps or STEPS, seed=seed, item=item)
    z = sample(known, likelihood, drawing, method, options or {})
    told = {
        "factor": factor, "members": members, "seed": seed, "item": item, "method": method,
        "options": dict(options or {}), "steps": drawing.steps, "solver": drawing.solver,
        "model": known.prior.name, "sha256": known.prior.sha256, "channels": list(known.names),
        "seconds": time.monotonic() - began,
    }  # fmt: skip
    return _restored(z, known, likelihood, None if values is None else (values, where), told)


STEPS = 20
_LITTLE = 0.02  # of a channel's deviation: the error of coarse values where none is stated


def read_field_prior(model: Any, device: str = "auto") -> FieldPrior:
    """The prior of a name or a file of weights, or one that is given.

    Raises InputError for weights that are no prior of fields.
    """
    if isinstance(model, FieldPrior):
        return model
    from undrift.scientific.atmosphere.shipped import open_prior

    found: Any = open_prior(model, device)
    return found


def sample(
    known: FieldPrior,
    likelihood: Likelihood,
    drawing: Drawing,
    method: str = "tweedie",
    options: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Members of z given the sources, (members, c, rows, columns).

    Raises InputError where sampling diverged.
    """
    prior, asked = known.prior, dict(options or {})
    if method == "climatology":
        asked.setdefault("climatology", covariance(known, likelihood))

    def prepare() -> Any:
        return likelihood.conditional(
            prior.denoise, prior.process, prior.sigma_d, method, dtype, **asked
        )

    z = drawing.draw(prepare, prior.process, likelihood.operator.shape_in, prior.sigma_d, dtype)
    if not bool(torch.isfinite(z).all()):
        raise InputError(
            f"{method} with {drawing.steps} steps diverged: the fields are not finite; take more "
            "steps, larger errors of the sources, or method='tweedie'"
        )
    return z


def covariance(known: FieldPrior, likelihood: Likelihood) -> Spectral:
    """The climatology of a prior for the field of a likelihood.

    Raises InputError for a prior without one.
    """
    if known.climatology is None:
        raise InputError(
            f"method 'climatology' needs the covariance of fields, which {known.prior.name} does "
            "not tell; take method='tweedie'"
        )
    rows, columns = likelihood.operator.shape_in[1:]
    return known.climatology((rows, columns))


def _place(
    coarse: npt.NDArray[np.float64] | None, factor: int, known: FieldPrior, place: Place | None
) -> Place:
    counted("factor", factor)
    if place is not None:
        if place.names != known.names:
            raise InputError(f"place has {place.names}; the model has {known.names}")
        return place
    if coarse is None:
        raise InputError("got neither a coarse field nor a place; expected one of the two")
    if coarse.ndim != 3 or len(coarse) != len(known.names):
        raise InputError(
            f"a coarse field of {coarse.shape}; expected (c, rows, columns) with the {known.names} "
            "of the model, in that order"
        )
    rows, columns = coarse.shape[1:]
    return Place(known.names, (rows * factor, columns * factor), known.periodic)


def _little(known: FieldPrior) -> dict[str, float]:
    """Errors of coarse values that are told none: small ones, in physical units."""
    middle = known.scale.back(torch.zeros(len(known.names), 1, 1, dtype=torch.float64))
    above = known.scale.back(torch.ones(len(known.names), 1, 1, dtype=torch.float64))
    step = (_LITTLE * (above - middle)).flatten().tolist()
    return dict(zip(known.names, step, strict=True))


def _restored(
    z: Tensor,
    known: FieldPrior,
    likelihood: Likelihood,
    coarse: tuple[npt.NDArray[np.float64], Place] | None,
    told: dict[str, Any],
) -> Restored:
    fields = require_finite(known.scale.back(z.double()), "the fields")
    chi = likelihood.chi(z)
    counts = likelihood.counts()
    found = complaints(overall(chi), counts)
    for sentence in found:
        warnings.warn(sentence, AccuracyWarning, stacklevel=3)
    mean = fields.mean(0)
    residual = None
    if coarse is not None:
        values, place = coarse
        operator = coarse_grain(place.full, factor_of(values.shape, place), place.latitudes)
        residual = (torch.from_numpy(values) - operator(mean)).float().numpy()
    info = {**told, "chi": overall(chi), "chi_members": chi, "values": counts, "warnings": found}
    spread = fields.std(0).float().numpy() if len(fields) > 1 else None
    samples = tuple(one.float().numpy() for one in fields)
    return Restored(mean.float().numpy(), spread, samples, residual, info)
