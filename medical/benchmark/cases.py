"""What is restored: degraded volumes with their truth, a function of (split, row, number) alone.

`test` has the seeds from 200 000 on and the shifted laws of the phantoms (other shapes, textures
and relaxation than training drew from); `validation` those from 100 000 on and the law of training.
Parameters of classical methods were chosen on `validation`, see `baselines`. Everything here is
simulated but for the rows called real and ICBM152, whose anatomy is that of a head, see `real`.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import UsageError, nearest
from undrift.medical.benchmark.real import SLICES, VOLUMES

FIRST = {"test": 200_000, "validation": 100_000}
Array = npt.NDArray[Any]
REGIONS = ("head", "chest", "abdomen")


@dataclass(frozen=True, eq=False)
class Case:
    """One item of a row. given: what a method gets. truth, mask: (x, y, z); scored inside the mask.

    data_range: of PSNR and SSIM. tissues: masks by name. spacing: mm.
    """

    row: str
    item: str
    given: Any
    truth: Array
    mask: npt.NDArray[np.bool_]
    data_range: float
    unit: str
    tissues: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Row:
    """A line of the suite. kind: which methods there are. count: items. make: (split, n) -> Case.

    real: a name of `real.SLICES` or `real.VOLUMES`, for anatomy that is not simulated.
    """

    name: str
    kind: str
    count: int
    make: Callable[[str, int], Case]
    real: str = ""


def low_dose(split: str, n: int, dose: float, row: str) -> Case:
    """A slab of 96 x 96 x 16 voxels; truth is the scan without noise, in HU."""
    from undrift.medical.simulate.ct_law import LABELS
    from undrift.medical.simulate.ct_pairs import low_dose_pair

    pair = low_dose_pair(FIRST[split] + n, (96, 96, 16), region=REGIONS[n % 3], dose=dose)
    label = pair.phantom.label
    tissues = {name: label == number for name, number in LABELS.items() if name != "air"}
    return Case(row, f"{REGIONS[n % 3]}-{n}", pair.low, pair.clean, label != LABELS["air"], 2000.0,
                "HU", tissues, pair.phantom.spacing)  # fmt: skip


def few_views(split: str, n: int, views: int, row: str) -> Case:
    """Eight slices of 96 x 96 from `views` parallel views; truth is the phantom, in HU."""
    from undrift.medical.ct.geometry import Parallel, evenly
    from undrift.medical.ct.sinogram import Sinogram
    from undrift.medical.simulate.ct_law import LABELS, TEST, TRAIN
    from undrift.medical.simulate.ct_noise import Exposure
    from undrift.medical.simulate.ct_pairs import PHOTONS
    from undrift.medical.simulate.ct_scan import scan_phantom

    seed, region = FIRST[split] + n, REGIONS[n % 3]
    law = TEST if split == "test" else TRAIN
    scan = scan_phantom(seed, Parallel(evenly(views)), (96, 96, 8), region=region, law=law)
    exposure = Exposure(PHOTONS[region])
    values, _ = exposure.noisy(scan.integrals, seed)
    sinogram = Sinogram(
        values, scan.geometry, photons=exposure.unattenuated, electronic=exposure.electronic,
        thickness=scan.phantom.spacing[2],
    )  # fmt: skip
    label = scan.phantom.label
    tissues = {name: label == number for name, number in LABELS.items() if name != "air"}
    return Case(row, f"{region}-{n}", sinogram, scan.truth, label != LABELS["air"], 2000.0, "HU",
                tissues, scan.phantom.spacing)  # fmt: skip


@functools.lru_cache(maxsize=4)
def brain_of(split: str, n: int, side: int = 96, spacing: float = 2.0) -> Any:
    """A subject of a split."""
    from undrift.medical.simulate.anatomy import brain
    from undrift.medical.simulate.law import SHIFTED, TRAINING

    law = SHIFTED if split == "test" else TRAINING
    return brain(FIRST[split] + n, (side, side, 8 if side == 96 else side), spacing, law)


CONTRASTS = ("mprage", "t2-se", "flair", "pd-se")


def k_space(split: str, n: int, acceleration: int, row: str, real: str = "") -> Case:
    """A slice in complex numbers, four coils, lines at random with a measured centre."""
    from undrift.medical.mri.masks import line_mask
    from undrift.medical.signal import robust_maximum
    from undrift.medical.simulate.coils import ring_coils
    from undrift.medical.simulate.fields import grid_axes, random_field
    from undrift.medical.simulate.mr_acquisition import kspace
    from undrift.medical.simulate.mr_signal import signal

    seed = FIRST[split] + n
    if real:
        picture = SLICES[real](n)
    else:
        picture = signal(brain_of(split, n), CONTRASTS[n % len(CONTRASTS)]).array[:, :, 4]
    picture = picture / robust_maximum(picture)
    axes = grid_axes((*picture.shape, 1), (2.0, 2.0, 2.0))
    bias = 1 + 0.15 * np.tanh(random_field(seed, "bias", 60.0).on(axes)[..., 0])
    image = picture * bias * np.exp(0.8j * random_field(seed, "phase", 50.0).on(axes)[..., 0])
    maps = ring_coils(image.shape, 4)
    rng = np.random.default_rng([seed, acceleration])
    noise = rng.standard_normal((2, *maps.shape)) * 0.01
    samples = kspace(maps * image, (-2, -1)) + noise[0] + 1j * noise[1]
    mask = line_mask("random", image.shape[1], acceleration, seed=seed)
    given = {"kspace": (samples * mask).astype(np.complex64), "mask": mask, "maps": maps,
             "noise": 0.01}  # fmt: skip
    truth = np.abs(image).astype(np.float32)
    return Case(row, f"slice-{n}", given, truth, truth > 0.05, 1.0, "of the brightest")


TARGETS = {"translate": "t2-se", "translate-flair": "flair", "translate-ct": "ct"}
_WANTED = ("gm", "wm", "csf", "lesion", "tumour", "fat")
_WANTED_OF_CT = (*_WANTED, "muscle", "marrow", "skull")


def contrasts(split: str, n: int, target: str, row: str) -> Case:
    """T1 (MPRAGE) of 64 x 64 x 64 voxels with noise and shading.

    Truth is the target contrast by its own map, or, for "ct", the same head in HU.
    """
    from undrift.medical.simulate.anatomy import TISSUES
    from undrift.medical.simulate.brain_ct import brain_ct
    from undrift.medical.simulate.mr_acquisition import bias_field, rician
    from undrift.medical.simulate.mr_signal import signal

    phantom = brain_of(split, n, 64, 2.4)
    t1 = signal(phantom, "mprage")
    seed = FIRST[split] + n
    shaded = t1.with_array(t1.array * bias_field(phantom.grid, phantom.affine, seed, 0.05))
    noisy = rician(shaded, 0.015 * float(np.percentile(t1.array, 99.5)), seed)
    labels, mask = phantom.labels, phantom.mask()
    wanted = _WANTED_OF_CT if target == "ct" else _WANTED
    tissues = {name: labels == TISSUES.index(name) + 1 for name in wanted}
    if target == "ct":
        truth, span, unit = brain_ct(phantom).array, 2000.0, "HU"
    else:
        from undrift.medical.signal import PercentileSettings

        measure = PercentileSettings.model_validate({"kind": "percentiles", "floor": 0.1}).measure
        wanted_array = signal(phantom, target).array
        truth, span, unit = measure(wanted_array).forward(wanted_array), 2.0, "of the map"
    return Case(row, f"brain-{n}", noisy, truth, mask, span, unit, tissues, (2.4, 2.4, 2.4))


def rician_noise(split: str, n: int, sigma: float, row: str, real: str = "") -> Case:
    """A magnitude volume with Rician noise of `sigma` times its robust maximum, sigma told."""
    from undrift.medical.signal import robust_maximum
    from undrift.medical.simulate.mr_acquisition import rician
    from undrift.medical.simulate.mr_signal import signal
    from undrift.medical.volumes.volume import Volume

    if real:
        array, affine = VOLUMES[real]()
        clean = Volume((array / robust_maximum(array)).astype(np.float32), affine)
    else:
        found = signal(brain_of(split, n, 64, 2.4), CONTRASTS[n % len(CONTRASTS)])
        clean = found.with_array(found.array / np.float32(robust_maximum(found.array)))
    given = {"volume": rician(clean, sigma, FIRST[split] + n), "sigma": sigma}
    truth = clean.array
    return Case(row, f"brain-{n}", given, truth, truth > 0.05, 1.0, "of the brightest")


def slices(split: str, n: int, noise: float, row: str, real: str = "") -> Case:
    """Thick slices of a fine volume, see `thick`."""
    from undrift.medical.benchmark.thick import thick_slices

    made: Any = thick_slices(split, n, noise, row, real)
    return made


def _row(name: str, kind: str, count: int, maker: Callable[..., Case], *given: Any) -> Row:
    real = given[1] if len(given) > 1 else ""
    return Row(
        name, kind, count, lambda split, n: maker(split, n, *given[:1], name, *given[1:]), real
    )


ROWS = {
    row.name: row
    for row in (
        _row("CT dose .25", "ct-denoise", 9, low_dose, 0.25),
        _row("CT dose .1", "ct-denoise", 9, low_dose, 0.1),
        _row("CT 60 views", "ct-recon", 6, few_views, 60),
        _row("CT 23 views", "ct-recon", 6, few_views, 23),
        _row("MRI 4x", "mri-recon", 8, k_space, 4),
        _row("MRI 8x", "mri-recon", 8, k_space, 8),
        _row("MRI 4x, real", "mri-recon", 8, k_space, 4, "nibabel"),
        _row("MRI 8x, real", "mri-recon", 8, k_space, 8, "nibabel"),
        _row("MRI 4x, ICBM152", "mri-recon", 6, k_space, 4, "ICBM152"),
        _row("MRI 8x, ICBM152", "mri-recon", 6, k_space, 8, "ICBM152"),
        _row("Rician .05", "mr-denoise", 8, rician_noise, 0.05),
        _row("Rician .05, real", "mr-denoise", 1, rician_noise, 0.05, "nibabel"),
        _row("Rician .05, ICBM152", "mr-denoise", 1, rician_noise, 0.05, "ICBM152"),
        _row("Slices 4x", "sr", 8, slices, 0.0),
        _row("Slices 4x, noise .02", "sr", 8, slices, 0.02),
        _row("Slices 4x, real", "sr", 1, slices, 0.0, "nibabel"),
        _row("Slices 4x, ICBM152", "sr", 1, slices, 0.0, "ICBM152"),
        _row("T1 to T2", "translate", 8, contrasts, TARGETS["translate"]),
        _row("T1 to FLAIR", "translate-flair", 8, contrasts, TARGETS["translate-flair"]),
        _row("T1 to CT", "translate-ct", 8, contrasts, TARGETS["translate-ct"]),
    )
}


def rows_named(names: tuple[str, ...] | None) -> list[Row]:
    """Those of these names, all for None. Raises UsageError for an unknown one."""
    for name in names or ():
        if name not in ROWS:
            raise UsageError(f"no row '{name}'{nearest(name, ROWS)} (there are: {'; '.join(ROWS)})")
    return list(ROWS.values()) if names is None else [ROWS[name] for name in names]


def air_noise(values: Array) -> float:
    """The deviation of white noise in a volume, from differences of neighbours along z (MAD)."""
    steps = np.diff(values.astype(np.float64), axis=2)
    return float(np.median(np.abs(steps - np.median(steps))) * 1.4826 / math.sqrt(2))
