"""`undrift.medical.reconstruct_mri`: images out of k-space, by sampling what explains it.

    y_c = M F S_c x + n_c,      x ~ prior        ->      samples of x given y

x is complex, two real channels to the network. Slices are reconstructed one by one, a 3-D
measurement as one volume. The samplers are those of `undrift.solve`, the adjoint is exact.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import UsageError, nearest
from undrift.common.wishes import counted
from undrift.medical.mri.gathering import Gathered, Part, Reconstruction
from undrift.medical.mri.methods import BASELINES, METHODS, Choice
from undrift.medical.mri.pieces import Preparation, prepare
from undrift.medical.mri.scans import Scan, scan_of

DEFAULT_PRIOR = "brain-prior"


def reconstruct_mri(
    kspace: Any,
    mask: Any = None,
    maps: Any = None,
    prior: Any = DEFAULT_PRIOR,
    *,
    method: str = "posterior",
    sampler: str = "auto",
    noise: Any = None,
    dims: int = 2,
    together: bool = False,
    spacing: Sequence[float] | None = None,
    calibration: int = 24,
    samples: int = 4,
    steps: int | None = None,
    seed: int = 0,
    item: str = "",
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
) -> Reconstruction:
    """Reconstructs slices or a volume from undersampled k-space of one or more coils.

    kspace: complex, centred (zero frequency at n // 2): (coils, readout, phase), or (slices, coils,
    readout, phase), for dims=2; (coils, readout, phase, partition) for dims=3; or the path of a
    fastMRI .h5 or .npz file. mask: 1 where measured, (phase,), (readout, phase) or (slices,
    readout, phase), for dims=3 (phase, partition); None: what is exactly 0 in all coils is missing.
    maps: complex sensitivities like kspace, or None: estimated (ESPIRiT) from the centre that is
    measured whole, of at most `calibration` lines. noise: deviation of each part of a sample, or a
    covariance of the coils (E[n n^H] of complex samples), or None: measured.
    together: slices are one volume to the prior, for thin ones without gaps. spacing: mm of
    (readout, phase, slice or partition), where a file does not tell; pixels and fields of view
    beyond the training of the prior are told in the warnings.
    prior: as of `undrift.solve`, of two channels, magnitudes near 1. method: "posterior", or a
    baseline: zero-filled, cg-sense, wavelet, tv. sampler, steps, options: of `undrift.solve`, or of
    the baseline. samples: of the posterior; their mean is `.value`. seed, item: of the noise.

    Returns a `Reconstruction`: complex arrays (h, w), (slices, h, w) or (readout, phase,
    partition); for files a `Volume` of magnitudes. `.info`: chi, scale, noise, method, warnings,
    ...
    Raises InputError for k-space, masks, maps, noise and priors that do not fit one another or are
    0 or not finite, and UsageError for unknown names and numbers that cannot be.
    """
    choice = Choice(method, sampler, steps, samples, seed, item, device, dict(options or {}))
    check(choice)
    counted("calibration", calibration)
    if isinstance(kspace, str | Path):
        from undrift.medical.mri.files import reconstruct_file

        return reconstruct_file(
            Path(kspace), mask, maps, prior, noise, calibration, choice, spacing, together
        )
    scan = scan_of(kspace, mask, dims)
    scan = replace(scan, volume=together or scan.volume)
    beyond = _beyond(scan, spacing, prior, choice)
    found = reconstruct(scan, maps, prior, noise, calibration, choice)
    found.info["warnings"][:0] = beyond
    single = not isinstance(kspace, list) and getattr(kspace, "ndim", 4) == 3
    return back(found, kspace, single)


def _beyond(scan: Scan, spacing: Sequence[float] | None, prior: Any, choice: Choice) -> list[str]:
    """Warnings of the grid of arrays, which say nothing of their pixels themselves."""
    from undrift.medical.mri.files import grid_warnings, three_lengths

    if spacing is None:
        return []
    return grid_warnings(scan, three_lengths("spacing", spacing), prior, choice.method)


def check(choice: Choice) -> None:
    """Raises UsageError for what cannot be."""
    if choice.method not in METHODS:
        raise UsageError(
            f"method {choice.method!r} is not one of {', '.join(METHODS)}"
            f"{nearest(choice.method, METHODS)}"
        )
    counted("samples", choice.samples)
    counted("seed", choice.seed, 0)
    if choice.steps is not None:
        counted("steps", choice.steps)


def reconstruct(
    scan: Scan, maps: Any, prior: Any, noise: Any, calibration: int, choice: Choice
) -> Reconstruction:
    """All pieces of a scan, as tensors (slices, h, w)."""
    began = time.monotonic()
    prepared = prepare(scan, maps, noise, calibration)
    method = METHODS[choice.method]
    solver = method(prior, choice)
    gathered = Gathered(scan.shape[0], (scan.shape[2], scan.shape[3]))
    for numbers in prepared.pieces():
        piece = prepared.piece(numbers)
        gathered.take(numbers, Part.of(piece, solver(piece)))
    return gathered.result(
        {
            "task": "recon-mri",
            **_versions(),
            **choice.record(),
            **solver.record(),
            **_facts(prepared),
            **gathered.record(choice.method not in BASELINES),
            "seconds": round(time.monotonic() - began, 3),
        }
    )


def back(found: Reconstruction, given: Any, single: bool) -> Reconstruction:
    """The kind that came: NumPy arrays for arrays; without the axis of slices for a `single`."""

    def turned(value: Any) -> Any:
        if value is None:
            return None
        value = value[0] if single else value
        return value if isinstance(given, Tensor) else value.cpu().numpy()

    return replace(
        found,
        value=turned(found.value),
        std=turned(found.std),
        samples=tuple(turned(one) for one in found.samples),
        residual=turned(found.residual),
        invented=turned(found.invented),
    )


def _facts(prepared: Preparation) -> dict[str, Any]:
    scan, psi = prepared.scan, prepared.whitening.covariance
    measured = float(scan.mask.double().mean())
    return {
        "shape": list(scan.shape),
        "acceleration": round(1 / measured, 3),
        "coils": scan.shape[1],
        "maps": "given" if prepared.maps is not None else "estimated",
        "scale": prepared.scale,
        "noise": [round(float(v), 8) for v in (psi.diagonal().real / 2).sqrt()],
    }


def _versions() -> dict[str, str]:
    import undrift

    return {"undrift": undrift.__version__, "torch": torch.__version__, "numpy": np.__version__}
