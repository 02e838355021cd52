"""Scores of files of fields against files of truth: what `undrift evaluate` does with them.

Every variable that both files have is scored by itself, over all its times and levels, with the
weights of latitude where the grid has latitudes: by area where it reaches the poles, by cosine in
a region. A result with members is an ensemble. The scores are defined in `scores`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import undrift
from undrift.common.errors import InputError, UndriftError
from undrift.common.metrics import pairs
from undrift.common.metrics.names import checked_names
from undrift.common.metrics.pairs import Pairs
from undrift.common.metrics.score_table import ItemScore, Table
from undrift.common.metrics.summary import RESAMPLES
from undrift.scientific.atmosphere.fields.files import SUFFIXES, is_zarr, open_fields
from undrift.scientific.atmosphere.fields.times import check_calendars
from undrift.scientific.atmosphere.verification.scores import (
    METRICS,
    OF_ENSEMBLES,
    QUANTILE,
    WINDOW,
    Both,
)
from undrift.scientific.atmosphere.verification.weights import cell_area, cosine

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

KIND = pairs.Kind("field", SUFFIXES)
OPTIONS = ()


def evaluate(
    restored: str | Path,
    reference: str | Path,
    *,
    metrics: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
) -> tuple[Table, Pairs]:
    """Scores every variable of every matched pair of files; the table's settings are the variables.

    metrics: of `METRICS`; by default all that the results allow. Raises UsageError for an unknown
    metric, InputError as `pairs.match`.
    """
    first, second = Path(restored), Path(reference)
    if is_zarr(first) and is_zarr(second):
        matched = Pairs([(first.name, first, second)], [], [], {})
    else:
        matched = pairs.match(first, second, KIND)
    asked = None if metrics is None else checked_names(metrics, METRICS, "fields")
    entries: list[ItemScore] = []
    for name, one, other in matched.matched:
        try:
            entries += _scored(name, one, other, asked)
        except (UndriftError, OSError) as error:
            entries.append(ItemScore(name, "", "restored", {}, error=str(error)))
    for name, others in matched.ambiguous.items():
        reason = f"several files could be meant: {', '.join(others)}; keep one"
        entries.append(ItemScore(name, "", "restored", {}, error=reason))
    settings = {
        "undrift": undrift.__version__, "restored": str(first), "reference": str(second),
        "without_reference": matched.without_reference,
        "without_restored": matched.without_restored,
        "fss_quantile": QUANTILE, "fss_window": WINDOW, "crps": "fair",
    }  # fmt: skip
    shown, alike = _alike(entries, asked)
    title = f"{restored} against {reference}"
    return Table(title, settings, shown, {"restored": "baseline"}, alike, resamples), matched


def _alike(
    entries: Sequence[ItemScore], asked: Sequence[str] | None
) -> tuple[tuple[str, ...], list[ItemScore]]:
    """The metrics of the table, and its entries; one that lacks some of them has failed."""
    known = {name for entry in entries if entry.error is None for name in entry.scores}
    shown = tuple(asked or [name for name in METRICS if name in known])
    alike = []
    for entry in entries:
        if entry.error is None and (missing := [m for m in shown if m not in entry.scores]):
            reason = f"has no members for {', '.join(missing)}, which others have"
            entry = ItemScore(entry.item, entry.setting, "restored", {}, error=reason)
        alike.append(entry)
    return shown, alike


def _scored(name: str, one: Path, other: Path, asked: Sequence[str] | None) -> list[ItemScore]:
    with open_fields(one) as restored, open_fields(other) as reference:
        _fit(restored.data, reference.data, (str(one), str(other)))
        common = [v for v in map(str, restored.data.data_vars) if v in reference.data.data_vars
                  and set(reference.layout.horizontal) <= set(reference.data[v].dims)]  # fmt: skip
        if not common:
            raise InputError(
                f"{one} and {other}: no variable in common; {', '.join(map(str, restored.data))} "
                f"and {', '.join(map(str, reference.data))}"
            )
        scores = []
        for variable in common:
            x, y = restored.data[variable], reference.data[variable]
            if asked and "member" not in x.dims and (m := [n for n in asked if n in OF_ENSEMBLES]):
                raise InputError(
                    f"{one}: {variable} has no dimension of members (member, number, realization); "
                    f"{', '.join(m)} need one: leave them out, or draw --members 16"
                )
            both = _arrays(x, y, (str(one), str(other)))
            names = asked or [n for n in METRICS if len(both.members) > 1 or n not in OF_ENSEMBLES]
            found = {metric: METRICS[metric](both) for metric in names}
            scores.append(ItemScore(name, variable, "restored", found))
        return scores


def _fit(first: "Dataset", second: "Dataset", names: tuple[str, str]) -> None:
    """Raises InputError for other grids, times and calendars."""
    for axis in ("time", "level", "latitude", "longitude"):
        if axis not in first.dims or axis not in second.dims:
            continue
        one, other = first[axis], second[axis]
        if axis == "time":
            check_calendars(one, other, names)
        if one.size != other.size or not _equal(one.values, other.values):
            raise InputError(
                f"{names[0]} and {names[1]}: lie on other {axis}s ({one.size} from {one.values[0]} "
                f"and {other.size} from {other.values[0]}); bring both to the same"
            )


def _equal(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> bool:
    if first.dtype.kind in "OMm":
        return bool((first == second).all())
    return bool(np.allclose(first, second, rtol=0, atol=1e-4 * (np.ptp(second) + 1e-9)))


def _arrays(one: "DataArray", other: "DataArray", names: tuple[str, str]) -> Both:
    """Both as arrays. Raises InputError for units and dimensions that differ."""
    units = one.attrs.get("units"), other.attrs.get("units")
    if None not in units and units[0] != units[1]:
        raise InputError(f"{one.name}: units '{units[0]}' and '{units[1]}'; convert one")
    if "member" not in one.dims:
        one = one.expand_dims("member")
    if "member" in other.dims:
        raise InputError(f"{names[1]}: {other.name} has members; expected one truth")
    rest = [dim for dim in other.dims if dim in one.dims]
    if rest != list(other.dims) or one.ndim != other.ndim + 1:
        raise InputError(
            f"{one.name}: dimensions {', '.join(map(str, one.dims))} for a truth with "
            f"{', '.join(map(str, other.dims))}; expected the same, and members"
        )
    x = one.transpose("member", *rest).values.astype(np.float64)
    y = other.values.astype(np.float64)
    if x.shape[1:] != y.shape:
        raise InputError(f"{one.name}: {x.shape[1:]} and {y.shape} points; expected the same")
    weights = np.ones((y.shape[-2], 1))
    if "latitude" in other.dims:
        degrees = other["latitude"].values.astype(np.float64)
        step = np.abs(np.diff(degrees)).max(initial=0)
        whole = np.ptp(degrees) + 2 * step >= 180  # the last rows touch the poles
        weights = (cell_area if whole else cosine)(degrees)[:, None]
    flat = y.reshape(-1, *y.shape[-2:])
    return Both(x.reshape(len(x), *flat.shape), flat, weights)
