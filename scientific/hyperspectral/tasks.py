"""The task call `denoise` of hyperspectral cubes.

It takes a path, a `Cube`, an xarray.DataArray, or an array or tensor (bands, rows, columns), and
returns a `Restored` whose `.value` is of the same kind (a path gives a `Cube`) with wavelengths,
place and storage kept. Keywords of sampling are those of `Wishes`.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import undrift
from undrift.common.errors import InputError, UsageError
from undrift.common.files import stem, write_text
from undrift.common.results import Restored
from undrift.common.wishes import Wishes, wishes_of
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored, Values
from undrift.scientific.hyperspectral.cubes.files import save_cube
from undrift.scientific.hyperspectral.evened import evened
from undrift.scientific.hyperspectral.given import Given, given, marked
from undrift.scientific.hyperspectral.learned import Denoised
from undrift.scientific.hyperspectral.method import method_for
from undrift.scientific.hyperspectral.noise.estimate import NoiseReport, noise_report
from undrift.scientific.hyperspectral.stabilise import Stabiliser

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[np.float64]
_FEW = 3  # bands


def denoise(
    cube: Any,
    *,
    method: str = "auto",
    model: str | None = None,
    bands: str | Sequence[int] = "all",
    mask: Any = None,
    fill: bool = False,
    key: str | None = None,
    axes: str | None = None,
    wavelengths: npt.ArrayLike | None = None,
    keep_samples: bool = True,
    **wishes: Any,
) -> Restored:
    """Random noise, stripes, dead detectors and impulses taken out of a cube.

    method: "model", "low-rank" (a prior of pictures on the images of the subspace),
    "non-local-means", "total-variation", or "auto": model, or what `model` is for. model: id or
    weight file. bands: "all", "good" (those that neither the file nor the noise report calls
    bad) or numbers from 0; other bands come out as they came. mask: bool (rows, columns) or one for
    each band, True where values are not to be used; they come out as they came. fill: put the
    estimate where values are missing or masked; without it missing stays NaN. key, axes,
    wavelengths: see `open_cube`. keep_samples: whether `.samples` holds each of several.

    `.std` is the deviation of the samples, NaN where nothing was estimated; it knows what the
    subspace leaves open, not what lies outside. `.residual` is the input less the result. `chi` in
    info is that of the residual without stripes and outliers over the noise: near 1 and a little
    below where just noise was taken away, above 1 where signal was, too.

    Raises InputError for what is no cube or has fewer than three bands with values, UsageError for
    unknown words, MissingExtraError for formats whose package is not here.
    """
    began = time.monotonic()
    wanted = wishes_for(cube, wishes)
    chosen = method_for(method, model, wanted)
    came = given(cube, key, axes, wavelengths)
    seen = marked(came.cube, mask)
    report = noise_report(seen)
    used = bands_used(seen, bands, report)
    part = replace(
        seen, array=seen.array if used.all() else seen.array[used], good=None, stored=Stored(),
        wavelengths=None if seen.wavelengths is None else seen.wavelengths[used],
        fwhm=None if seen.fwhm is None else seen.fwhm[used],
    )  # fmt: skip
    level, even = evened(part, report.of(used))
    done = chosen.denoise(level, (wanted.samples or 1) > 1, fill)
    told = {
        "task": "hsi denoise", **chosen.record(), "seed": wanted.seed, "item": wanted.item,
        "samples": wanted.samples or 1, "version": undrift.__version__,
        "noise": noise_record(report), **_told(level, done, used, fill, even),
        "warnings": [*came.cube.notes, *_warnings(part, done)],
    }  # fmt: skip
    done = replace(
        done, estimate=even.inverse(done.estimate),
        samples=np.array([even.inverse(one) for one in done.samples]),
    )  # fmt: skip
    return _outcome(came, done, used, keep_samples, told, began)


def wishes_for(cube: Any, asked: Mapping[str, Any]) -> Wishes:
    """The wishes; the name of a file is its item. Raises UsageError for unknown ones."""
    if isinstance(cube, str | Path):
        asked = {"item": Path(cube).name, **asked}
    return wishes_of(dict(asked))


def bands_used(cube: Cube, bands: str | Sequence[int], report: NoiseReport) -> Mask:
    """(bands,) bool: those that take part. Raises UsageError, and InputError for too few."""
    used = np.zeros(cube.bands, bool)
    if bands == "all":
        used[:] = True
    elif bands == "good":
        used = ~report.bad if cube.good is None else cube.good & ~report.bad
    elif isinstance(bands, str):
        raise UsageError(f"bands '{bands}': expected all, good, or numbers from 0")
    else:
        numbers = [int(band) for band in bands]
        if not numbers or min(numbers) < 0 or max(numbers) >= cube.bands:
            raise UsageError(f"bands {numbers}: expected numbers from 0 to {cube.bands - 1}")
        used[numbers] = True
    there = used & ~np.isnan(cube.array).all((1, 2))
    if there.sum() < _FEW:
        raise InputError(
            f"{int(there.sum())} of {cube.bands} bands are to be used and hold values; noise is "
            f"told from signal by comparing bands, which needs {_FEW} or more"
        )
    return used


def noise_record(report: NoiseReport) -> dict[str, Any]:
    """What a record says of the noise that came in; lists have an entry a band."""
    return {
        "sigma": _list(report.sigma), "snr": _list(report.snr), "striped": _list(report.striped),
        "dead": report.dead.sum(1).tolist(), "bad": np.flatnonzero(report.bad).tolist(),
        "missing": _list(report.missing),
    }  # fmt: skip


def _list(values: npt.NDArray[np.float64]) -> list[float | None]:
    return [float(f"{v:.5g}") if np.isfinite(v) else None for v in values]


def _told(part: Cube, done: Denoised, used: Mask, fill: bool, even: Stabiliser) -> dict[str, Any]:
    """chi is measured where noise is even; sigma and stripes are those at the middle of a band."""
    found, there = done.found, done.used
    middle = np.nan_to_num(even.inverse(part.array), copy=False)
    middle[~there] = 0
    unit = even.unit(np.median(middle, (1, 2), overwrite_input=True))[there]
    clean = np.subtract(part.array[there], found.stripes, out=middle[: len(found.stripes)])
    clean -= found.estimate
    keep = ~found.outliers & np.isfinite(clean)
    clean /= found.sigma[:, None, None]
    scaled = clean[keep]
    return {
        "bands": int(used.sum()),
        "rank": found.subspace.rank,
        "sigma": _list(unit * found.sigma),
        "noise_grows": even.acts,
        "stripes": float(np.sqrt(np.mean((unit[:, None, None] * found.stripes) ** 2))),
        "outliers": float(found.outliers.mean()),
        "chi": float(np.sqrt(np.mean(scaled**2))) if scaled.size else None,
        "filled": fill,
        "shape_in": [len(used), *part.array.shape[1:]],
        "shape_out": [len(used), *part.array.shape[1:]],
    }


def _warnings(part: Cube, done: Denoised) -> list[str]:
    said = []
    if done.found.subspace.rank >= int(done.used.sum()):
        said.append("no direction is free of signal: the noise is a guess, nothing was projected")
    many = np.flatnonzero(done.found.outliers.mean((1, 2)) > 0.5)
    if many.size:
        said.append(f"{many.size} bands are mostly invented from the others, the first {many[0]}")
    if min(part.array.shape[1:]) < 16:
        said.append("fewer than 16 rows or columns: stripes and noise are hard to tell apart")
    return said


def _outcome(
    came: Given, done: Denoised, used: Mask, keep: bool, told: dict[str, Any], began: float
) -> Restored:
    kind = came.cube.array.dtype

    def whole(values: Values) -> Values:
        """The bands that were not used, and what was not estimated, as they came."""
        out = came.cube.array.copy()
        out[used] = np.where(np.isnan(values), out[used], values)
        return out.astype(kind)

    std = None
    if len(done.samples) > 1:
        std = np.full(came.cube.array.shape, np.nan, np.float32)
        std[used] = done.deviation
    value = whole(done.estimate)
    residual = came.cube.array - value
    told["residual_rms"] = float(np.sqrt(np.nanmean(np.square(residual, dtype=np.float64))))
    told["seconds"] = round(time.monotonic() - began, 3)
    kept = done.samples if keep and len(done.samples) > 1 else ()
    return Restored(
        value=came.back(value),
        std=_plain(std, came),
        samples=tuple(came.back(whole(one)) for one in kept),
        residual=_plain(residual, came),
        info=told,
        writer=Saved(came),
        drawer=_drawn,
    )


def _plain(values: Values | None, came: Given) -> Any:
    """An array in the order of axes that came; a tensor where tensors were given."""
    if values is None:
        return None
    bare = not isinstance(came.signal, np.ndarray | Cube) and hasattr(came.signal, "detach")
    return came.back(values) if bare or isinstance(came.signal, np.ndarray) else values


@dataclass(frozen=True, eq=False)
class Saved:
    """Writes a result with its record, as the source was stored."""

    came: Given

    def __call__(self, path: Path, value: Any, info: Mapping[str, Any]) -> None:
        result = given(value, axes=self.came.axes if _bare(value) else None).cube
        cube = self.came.cube.with_array(result.array)
        write_record(path, info)
        save_cube(cube, path, history=history(info))


def write_record(path: Path, info: Mapping[str, Any]) -> None:
    """NAME.json beside an output: all but the time, so that equal runs give equal bytes."""
    told = {name: value for name, value in info.items() if name != "seconds"}
    text = json.dumps(told, indent=1, allow_nan=False, default=str)
    write_text(path.with_name(f"{stem(path)}.json"), text + "\n")


def history(info: Mapping[str, Any]) -> str:
    """A line for the file: what made it."""
    said = [f"undrift {info['version']} {info['task']}", f"method {info['method']}"]
    if info.get("model"):
        said.append(f"model {info['model']} {str(info['weights'])[:23]}")
    return ", ".join([*said, f"seed {info['seed']}"])


def _bare(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "detach")


def _drawn(result: Restored) -> Any:
    """Composites of value, deviation and residual; a figure of matplotlib."""
    from undrift.common.plots import panels
    from undrift.scientific.hyperspectral.pictures import composite, flat

    cube = given(result.value).cube
    pictures = {"restored": composite(cube).transpose(1, 2, 0)}
    for name, values in (("standard deviation", result.std), ("residual", result.residual)):
        if values is not None:
            pictures[name] = flat(np.asarray(values.cpu() if hasattr(values, "cpu") else values))
    return panels(pictures)
