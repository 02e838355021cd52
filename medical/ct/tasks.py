"""`undrift.medical.reconstruct_ct`: volumes in HU out of sinograms, by sampling what explains them.

    p = A mu + noise,      x ~ prior        ->      samples of x given p

Every slice has the beams of its own plane, the prior sees the volume. The adjoint is exact, each
ray weighs what its photons are worth, and the result says what it owes to the data: chi, a map of
what is not explained, and one of what the rays do not see.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from undrift.common.errors import UsageError, nearest
from undrift.common.results import Restored
from undrift.common.wishes import counted
from undrift.medical.ct.files import read_sinogram, sinogram_of
from undrift.medical.ct.geometry import Parallel
from undrift.medical.ct.methods import DEFAULT_PRIOR, METHODS, Model, Settings
from undrift.medical.ct.sinogram import MODEL_SHARE, Sinogram
from undrift.medical.ct.slices import ScannedSlices
from undrift.medical.ct.units import hu_to_mu
from undrift.medical.honesty.invented import null_space_map
from undrift.medical.honesty.measurement import measurement_check
from undrift.medical.honesty.priors import unlike_training
from undrift.medical.outcome import middle_slices, recorded
from undrift.medical.volumes.volume import Volume


@dataclass(frozen=True, eq=False)
class CtReconstruction(Restored):
    """A `Restored` whose value is a `Volume` in HU; std in HU.

    residual: |A^T W (p - A x)| over what noise alone makes of it; 1 is right. invented: what is in
    the null space of A, |x - A^+ A x| in HU: no ray says anything of it. Both (x, y, z).
    """

    invented: Any = None


def reconstruct_ct(
    sinogram: Any,
    geometry: Any = None,
    prior: Any = DEFAULT_PRIOR,
    *,
    method: str = "posterior",
    plane: tuple[int, int] | None = None,
    pixel: float | None = None,
    thickness: float | None = None,
    photons: float | None = None,
    electronic: float | None = None,
    sigma: float | None = None,
    quantity: str | None = None,
    water: float | None = None,
    model_share: float = MODEL_SHARE,
    sampler: str = "auto",
    steps: int | None = None,
    samples: int = 4,
    seed: int = 0,
    item: str = "",
    device: str = "auto",
    dtype: str = "auto",
    max_memory: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> CtReconstruction:
    """Reconstructs a volume in HU from parallel or fan beams: sparse views, limited angles, few
    photons.

    sinogram: (slices, angles, cells) or (angles, cells), or the path of a file (.npz, .h5, .tif),
    or a `Sinogram`. geometry: `Parallel`, `Fan`, or a mapping as in JSON; files bring theirs.
    plane: voxels (x, y) of a slice; pixel: their side in mm; by default as many as there are cells,
    of the detector's pitch as seen in the centre. thickness: mm between slices.
    quantity: "integrals" of attenuation, or "counts". photons: that reach a cell through air at the
    dose used; electronic: deviation of a reading, in photons; sigma: deviation of integrals where
    no photons are known. water: its attenuation per mm (.0193). model_share: the error of the model
    as a share of water times pixel, added to the noise.
    method: "posterior", or "fbp", "sart", "tv", which use no prior. prior: as of `undrift.solve`,
    for (1, x, y, z) in numbers of the model's window of HU. sampler, steps, options: of
    `undrift.solve`, or of the method. samples: of the posterior; their mean is the value. seed,
    item: of the noise. max_memory: bytes for the network.

    Returns a `CtReconstruction`; `.info` has chi (1: the data are explained within noise), method,
    views, null-space share, warnings, ...
    Raises InputError for sinograms and geometries that do not fit, UsageError for unknown names and
    numbers that cannot be, MissingExtraError for a prior without weights.
    """
    began = time.monotonic()
    if method not in METHODS:
        raise UsageError(
            f"method {method!r} is not one of {', '.join(METHODS)}{nearest(method, METHODS)}"
        )
    for name, value, least in (("samples", samples, 1), ("seed", seed, 0), ("steps", steps, 1)):
        if value is not None:
            counted(name, value, least)
    given = _given(sinogram, geometry)
    told = {
        "photons": photons, "electronic": electronic, "sigma": sigma, "quantity": quantity,
        "thickness": thickness, "water": water,
    }  # fmt: skip
    given = replace(given, **{k: v for k, v in told.items() if v is not None})
    given = given.for_image(plane, pixel)
    if not item and isinstance(sinogram, str | Path):
        item = Path(sinogram).name
    settings = Settings(
        method, prior, sampler, steps, samples, seed, item, device, dtype, max_memory, model_share,
        dict(options or {}),
    )  # fmt: skip
    return _reconstructed(given, settings, began)


def _given(sinogram: Any, geometry: Any) -> Sinogram:
    if isinstance(sinogram, Sinogram):
        return sinogram if geometry is None else replace(sinogram, geometry=geometry)
    if isinstance(sinogram, str | Path):
        if isinstance(geometry, str | Path):
            return read_sinogram(Path(sinogram), Path(geometry))
        found = read_sinogram(Path(sinogram))
        return found if geometry is None else _given(found.values, geometry)
    if geometry is None:
        raise UsageError(
            "an array says nothing of its scan; give geometry=, as in "
            "Parallel(evenly(60), pitch=2.0) of undrift.medical.ct.geometry"
        )
    values = sinogram.detach().cpu().numpy() if hasattr(sinogram, "detach") else sinogram
    if isinstance(geometry, Parallel):
        found = sinogram_of(values, geometry.record())
        return replace(found, geometry=geometry)
    if not isinstance(geometry, Mapping):
        raise UsageError(
            f"a geometry of type {type(geometry).__name__}; expected Parallel, Fan or a mapping"
        )
    return sinogram_of(values, dict(geometry))


def _reconstructed(given: Sinogram, settings: Settings, began: float) -> CtReconstruction:
    found = METHODS[settings.method](given, settings)
    samples = np.stack(found.samples)
    mean = samples.mean(0, dtype=np.float64).astype(np.float32)
    several = len(samples) > 1
    info, residual = _explained(given, mean, settings)
    info["warnings"][:0] = _beyond(given, settings)
    invented = _null_space(given, mean)
    value = as_volume(mean, given)
    return CtReconstruction(
        value=value,
        std=samples.std(0, ddof=1, dtype=np.float64).astype(np.float32) if several else None,
        samples=tuple(value.with_array(one) for one in found.samples) if several else (),
        residual=residual,
        invented=invented.image,
        info={
            "task": "recon-ct",
            **_versions(),
            "method": settings.method,
            **found.info,
            **info,
            **invented.record,
            "samples": len(samples),
            "seed": settings.seed,
            "views": len(given.geometry.angles),
            "beams": given.geometry.kind,
            "shape_out": list(mean.shape),
            "spacing_out": list(value.spacing),
            "units": "HU",
            "seconds": round(time.monotonic() - began, 3),
        },
        writer=_write,
        drawer=middle_slices,
    )


@dataclass(frozen=True, eq=False)
class _Unseen:
    image: np.ndarray
    record: Mapping[str, Any]


def _null_space(given: Sinogram, hu: np.ndarray) -> _Unseen:
    operator = ScannedSlices(given.geometry, hu.shape[2])
    found = null_space_map(operator, torch.from_numpy(hu_to_mu(hu, given.water))[None], 1e-5, 150)
    image = found.image[0].numpy() * np.float32(1000 / given.water)
    return _Unseen(image, {"null_space_share": round(found.share, 5)})


def _explained(
    given: Sinogram, hu: np.ndarray, settings: Settings
) -> tuple[dict[str, Any], np.ndarray | None]:
    """chi and the residual map, where the noise is known."""
    if given.photons is None and given.sigma is None:
        return {"chi": None, "warnings": ["the noise is not known: no chi; give photons"]}, None
    model = Model.of(given, settings.model_share)
    operator, seen = model.whitened()
    check = measurement_check(operator, model.numbers(hu), seen, 1.0)
    facts = {"chi": round(check.chi, 4), "warnings": list(check.warnings())}
    return facts, check.image[0].numpy()


def _beyond(given: Sinogram, settings: Settings) -> list[str]:
    """What of the grid is unlike the training of the prior; of one slice its plane."""
    if settings.method != "posterior":
        return []
    rows, columns = given.geometry.image
    pixel, slices = given.geometry.pixel, given.values.shape[0]
    axes = 3 if slices > 1 else 2
    counts, spacing = (columns, rows, slices), (pixel, pixel, given.thickness)
    return unlike_training(settings.prior, counts[:axes], spacing[:axes])


def as_volume(hu: np.ndarray, given: Sinogram) -> Volume:
    """(x, y, z) in HU with the centre of rotation at the origin of the world."""
    spacing = (given.geometry.pixel, given.geometry.pixel, given.thickness)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * step for n, step in zip(hu.shape, spacing, strict=True)]
    return Volume(hu, affine, "HU")


def _write(path: Path, value: Any, info: Mapping[str, Any]) -> None:
    from undrift.medical.made import write_made

    write_made(path, value, recorded(info))


def _versions() -> dict[str, str]:
    import undrift

    return {"undrift": undrift.__version__, "torch": torch.__version__, "numpy": np.__version__}
