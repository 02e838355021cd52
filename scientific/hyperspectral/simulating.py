"""Noise put on clean cubes, recorded so that it can be made again: `undrift hsi simulate`.

case1 .. case5   non-iid, stripe, deadline, impulse, mixture (`noise.cases`), values in [0, 1]
pushbroom        gains, offsets, photons, reading noise, dead detectors (`noise.pushbroom`)
poisson          photons, `full` of them where the reflectance is 1
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

import undrift
from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.files import sha256_of, stem, write_text
from undrift.common.items import Item
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube
from undrift.scientific.hyperspectral.noise.cases import CASES, add_case
from undrift.scientific.hyperspectral.noise.pushbroom import Pushbroom, photons, sweep

NOISES = (*(f"case{n}" for n in range(1, 6)), *CASES, "pushbroom", "poisson")
_SENSOR = {field.name: float(str(field.default)) for field in fields(Pushbroom)}


@dataclass(frozen=True)
class Law:
    """noise: one of `NOISES`. convention: "test" or "train", of the cases. full: photons at 1, of
    poisson. sensor: fields of `Pushbroom` by name. seed: of the run."""

    noise: str
    convention: str = "test"
    full: float = 2000.0
    sensor: tuple[tuple[str, float], ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.noise not in NOISES:
            hint = nearest(self.noise, NOISES)
            raise UsageError(f"no noise '{self.noise}'{hint} ({', '.join(NOISES)})")
        if self.convention not in ("test", "train"):
            raise UsageError(f"convention '{self.convention}': expected test or train")
        if self.noise != "pushbroom" and self.sensor:
            names = ", ".join(name for name, _ in self.sensor)
            raise UsageError(f"{names}: only pushbroom noise has such a parameter")
        for name, _ in self.sensor:
            if name not in _SENSOR:
                raise UsageError(f"no parameter '{name}'{nearest(name, _SENSOR)} of pushbroom")
        if not self.full > 0:
            raise UsageError(f"full {self.full}: expected a number of photons above 0")

    def record(self) -> dict[str, Any]:
        """All that makes the noise again, with the defaults that were used."""
        told = {**asdict(self), "sensor": None}
        if self.noise == "pushbroom":
            told["sensor"] = {**_SENSOR, **dict(self.sensor)}
        return told

    @classmethod
    def read(cls, path: Path) -> "Law":
        """The law of a record beside a file. Raises InputError for anything else."""
        try:
            told = json.loads(path.read_text("utf-8"))["law"]
            sensor = tuple((told.pop("sensor") or {}).items())
            return cls(**told, sensor=sensor)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: no record of `undrift hsi simulate` ({error}); expected the NAME.json "
                "beside an output"
            ) from error


def add_noise(cube: Cube, law: Law, item: str = "") -> tuple[Cube, dict[str, Any]]:
    """The noisy cube and what was done to which band; NaN stays NaN.

    The noise is a function of the law and `item`. Raises InputError for pushbroom noise on a cube
    without wavelengths, and for values beyond [-0.5, 2], which are no reflectances.
    """
    x = cube.array
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    if low < -0.5 or high > 2:
        raise InputError(
            f"values from {low:.4g} to {high:.4g}; noise is defined for reflectances in [0, 1]: "
            "divide by the scale of the file first"
        )
    seed = item_seed(law.seed, item)
    clean = np.nan_to_num(x).astype(np.float32)
    told: dict[str, Any] = {"noise_seed": seed}
    if law.noise == "pushbroom":
        if cube.wavelengths is None:
            raise InputError("pushbroom noise needs wavelengths: its bands are not equally bright")
        swept = sweep(clean, cube.wavelengths, Pushbroom(**dict(law.sensor)), seed)
        noisy, sigma = swept.cube, swept.sigma
        told["dead_detectors"] = int(swept.dead.sum())
    elif law.noise == "poisson":
        noisy, sigma = photons(clean, law.full, seed), None
    else:
        case = law.noise.removeprefix("case")
        made = add_case(clean, case, seed, "train" if law.convention == "train" else "test")
        noisy, sigma = made.cube, made.sigma
        told |= {"stripes": made.stripes, "dead": made.dead, "impulses": made.impulses}
    if sigma is not None:
        told["sigma"] = [float(f"{value:.6g}") for value in sigma]
    noisy = np.where(np.isnan(x), np.nan, noisy).astype(np.float32)
    stored = replace(cube.stored, dtype="float32", scale=1.0, offset=0.0)
    kept = stored.kind not in ("none", "xarray")
    return replace(cube, array=noisy, stored=Stored() if kept else stored), told


def item_seed(seed: int, item: str) -> int:
    """A number for one file of a run."""
    words = hashlib.blake2b(f"{seed}\0{item}".encode(), digest_size=8).digest()
    return int.from_bytes(words[:4], "little")


@dataclass(frozen=True)
class NoisyFile:
    """The work on one cube: NAME.json, then the noisy cube in float32. Picklable."""

    law: Law
    key: str | None
    axes: str | None

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        cube = open_cube(item.source, key=self.key, axes=self.axes)
        noisy, told = add_noise(cube, self.law, item.key)
        target.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "task": "hsi simulate", "version": undrift.__version__, "truth": item.source.name,
            "item": item.key, "law": self.law.record(), "made": told, "synthetic noise": True,
            "truth_sha256": None if item.source.is_dir() else sha256_of(item.source),
        }  # fmt: skip
        write_text(target.with_name(f"{stem(target)}.json"), json.dumps(record, indent=1) + "\n")
        line = f"undrift {undrift.__version__} hsi simulate, noise {self.law.noise}, "
        save_cube(noisy, target, history=f"{line}seed {told['noise_seed']}")
        return {"shape_in": list(cube.array.shape), "shape_out": list(noisy.array.shape)}
