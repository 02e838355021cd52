"""The task call `generate`: volumes of a model alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.devices import resolve_device
from undrift.common.errors import UsageError
from undrift.common.external import External
from undrift.common.files import sha256_of
from undrift.common.noise import Noise
from undrift.common.results import Restored
from undrift.common.solvers import build_solver
from undrift.common.solvers.loop import run_plan
from undrift.common.wishes import Wishes, counted
from undrift.medical.generation.folder import (
    Described,
    build,
    read_description,
    weights_file,
)
from undrift.medical.generation.maisi import Told, latent_sides, maisi_denoiser, shifted_times
from undrift.medical.generation.medforj import medforj_denoiser, trailing_times
from undrift.medical.keywords import keywords
from undrift.medical.made import write_made
from undrift.medical.notice import NOTICE
from undrift.medical.shipped import shipped
from undrift.medical.volumes.volume import Values, Volume

DEFAULT = "brain-generate"
SIDE = 64  # voxels of models that do not say how many they draw


@dataclass(frozen=True)
class Asked:
    """The own keywords of `generate`; see there. Raises UsageError for what cannot be."""

    model: str | None = None
    shape: tuple[int, int, int] | None = None
    spacing: tuple[float, float, float] | None = None
    modality: int | None = None
    samples: int = 1
    preset: str | None = None
    steps: int | None = None
    seed: int = 0
    item: str = ""
    device: str = "auto"

    def __post_init__(self) -> None:
        counted("samples", self.samples)
        counted("seed", self.seed, least=0)
        if self.steps is not None:
            counted("steps", self.steps)
        shape = (SIDE,) * 3 if self.shape is None else self.shape
        if len(shape) != 3 or not all(isinstance(n, int) and 4 <= n <= 1024 for n in shape):
            raise UsageError(f"shape {self.shape}: expected three whole numbers of voxels from 4")
        if self.spacing is not None and (len(self.spacing) != 3 or not min(self.spacing) > 0):
            raise UsageError(f"spacing {self.spacing}: expected three lengths in mm above 0")


@dataclass(frozen=True, eq=False)
class Drawn:
    """Samples (x, y, z) in real values, what they count, and how they came to be."""

    arrays: list[Values]
    units: str
    spacing: tuple[float, float, float]
    record: dict[str, Any]
    warnings: list[str]


def generate(**settings: Any) -> Restored:
    """Draws volumes of a model.

    model: the default `brain-generate` (whole heads as T1 shows them, 4 mm, trained on simulated
    ones), a prior of this package, or a folder with a published generator (see
    `generation.folder`): medforj or MAISI. Priors of reconstruction know patches alone: what they
    draw is blotches of the right smoothness, no brain. shape: voxels along x, y, z; by default the
    whole that the model draws, else 64 each. spacing: mm; of models that are not told it, the
    middle of their range. modality: the number of a class, of models that know classes. samples,
    preset, steps, seed, item, device: as everywhere.

    Returns volumes, RAS, with the middle of the grid at the origin: value the first, samples all.
    Raises InputError for unknown models and weights that do not fit, UsageError for numbers that
    cannot be, MissingExtraError for missing weights.
    """
    for name in ("shape", "spacing"):
        if settings.get(name) is not None:
            settings[name] = tuple(settings[name])
    asked = keywords(Asked, settings)
    model = asked.model or shipped(DEFAULT)
    of = _of_folder if Path(model).is_dir() else _of_prior
    drawn = of(asked, model)
    volumes: tuple[Volume, ...] = tuple(_volume(array, drawn) for array in drawn.arrays)
    first = next(iter(volumes))
    return Restored(
        value=first,
        samples=volumes if len(volumes) > 1 else (),
        info=_info(asked, drawn),
        writer=_writer(first),
    )


def _of_prior(asked: Asked, model: str) -> Drawn:
    """Own weights: numbers back to values; complex images by their magnitude."""
    from undrift.common.weights.files import read_settings
    from undrift.common.weights.model import find_weights
    from undrift.medical.method import method_for

    wishes = Wishes(preset=asked.preset, steps=asked.steps, samples=asked.samples,
                    seed=asked.seed, item=asked.item, device=asked.device)  # fmt: skip
    task = read_settings(find_weights(model)).task
    method = method_for(model, task if task == "synthesis" else "prior", wishes)
    shape = asked.shape or method.signal.grid or _shape(asked)
    found = method.sampler.draw_samples((1, method.channels, *shape)).float().cpu().numpy()
    low, high = method.signal.spacing
    step = (low + high) / 2
    spacing = asked.spacing or (step, step, step)
    notes = _beyond(shape, spacing, (low, high), method.signal.fov)
    if method.signal.grid not in (None, shape):
        notes.append(
            f"voxels {shape}; the model was trained on whole volumes of {method.signal.grid}"
        )
    if method.channels == 2:
        arrays, units = [np.hypot(one[0], one[1]) for one in found], "arbitrary"
    else:
        zero = np.zeros(shape, np.float32)
        window = method.signal.reference or method.signal.intensity_map(zero)
        arrays = [window.inverse(one[0].clip(-1, 1), zero) for one in found]
        units = "HU" if method.signal.modality == "ct" else "arbitrary"
    return Drawn([np.asarray(a, np.float32) for a in arrays], units, spacing,
                 dict(method.record()), notes)  # fmt: skip


def _of_folder(asked: Asked, model: str) -> Drawn:
    folder, device = Path(model), resolve_device(asked.device)
    described = read_description(folder)
    spacing = asked.spacing or described.spacing
    if spacing is None:
        raise UsageError(f"{folder.name} is told the spacing; give it, in mm")
    network = build(folder, described, "network", device)
    sample = _latents if described.kind == "maisi" else _whole
    arrays = [
        sample(folder, described, network, asked, spacing, device, number)
        for number in range(asked.samples)
    ]
    low, high = described.window
    values = [(low + (high - low) * array.clip(0, 1)).astype(np.float32) for array in arrays]
    notes = _beyond(_shape(asked), spacing, None, described.fov)
    steps = asked.steps or _steps(described)
    hashes = {"weights": sha256_of(weights_file(folder, "network"))}
    if described.autoencoder is not None:
        hashes["autoencoder_weights"] = sha256_of(weights_file(folder, "autoencoder"))
    record = {"model": folder.name, **hashes, "kind": described.kind, "steps": steps}
    return Drawn(values, described.units, spacing, record, notes)


def _steps(described: Described) -> int:
    return 30 if described.kind == "maisi" else 64  # as published


def _shape(asked: Asked) -> tuple[int, int, int]:
    return asked.shape or (SIDE, SIDE, SIDE)


def _run(denoise: External, times: list[float], shape: tuple[int, ...], asked: Asked, device: str,
         number: int) -> Tensor:  # fmt: skip
    noise = Noise(asked.seed, asked.item, number)
    plan = build_solver("ddim").plan(denoise.process, times)
    with torch.inference_mode():
        return run_plan(denoise, noise(shape, device=device), plan)


def _whole(folder: Path, described: Described, network: Any, asked: Asked,
           spacing: Sequence[float], device: str, number: int) -> Values:  # fmt: skip
    times = trailing_times(asked.steps or _steps(described))
    denoise = medforj_denoiser(network, described.target)
    x = _run(denoise, times, (1, 1, *_shape(asked)), asked, device, number)
    return ((x[0, 0].float().cpu().numpy() + 1) / 2).astype(np.float32)


def _latents(folder: Path, described: Described, network: Any, asked: Asked,
             spacing: Sequence[float], device: str, number: int) -> Values:  # fmt: skip
    coder = build(folder, described, "autoencoder", device)
    params = described.autoencoder or {}
    factor = 2 ** (len(params.get("num_channels", (0, 0, 0))) - 1)
    sides = latent_sides(_shape(asked), factor)
    x, y, z = spacing
    told = Told((x, y, z), asked.modality if asked.modality is not None else described.modality)
    times = shifted_times(asked.steps or _steps(described), sides)
    shape = (1, int(params.get("latent_channels", 4)), *sides)
    latent = _run(maisi_denoiser(network, told), times, shape, asked, device, number)
    with torch.inference_mode():
        made = coder.decode_stage_2_outputs(latent / described.scale_factor)  # type: ignore[operator]
    return made[0, 0].float().cpu().numpy()


def _beyond(shape: Sequence[int], spacing: Sequence[float], steps: Sequence[float] | None,
            fov: Sequence[float] | None) -> list[str]:  # fmt: skip
    """What lies outside the ranges of the training."""
    told = []
    if steps is not None and not steps[0] <= min(spacing) <= max(spacing) <= steps[1]:
        told.append(f"voxels of {tuple(spacing)} mm; the model knows {steps[0]:g} to {steps[1]:g}")
    sides = [n * step for n, step in zip(shape, spacing, strict=True)]
    if fov is not None and not fov[0] <= min(sides) <= max(sides) <= fov[1]:
        told.append(
            f"a field of view of {' x '.join(f'{s:g}' for s in sides)} mm; the model knows "
            f"{fov[0]:g} to {fov[1]:g}, and nothing matters more for what comes out"
        )
    return told


def _volume(array: Values, drawn: Drawn) -> Volume:
    affine = np.diag([*drawn.spacing, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * s for n, s in zip(array.shape, drawn.spacing, strict=True)]
    return Volume(np.ascontiguousarray(array), affine, drawn.units)


def _info(asked: Asked, drawn: Drawn) -> dict[str, Any]:
    import undrift

    return {
        "undrift": undrift.__version__, "task": "generate", **drawn.record,
        "shape": list(drawn.arrays[0].shape), "spacing_mm": list(drawn.spacing),
        "units": drawn.units, "modality": asked.modality, "samples": asked.samples,
        "seed": asked.seed, "item": asked.item, "synthetic": True, "notice": NOTICE,
        "warnings": drawn.warnings,
    }  # fmt: skip


def _writer(volume: Volume) -> Any:
    def write(path: Path, _: Any, info: Mapping[str, Any]) -> None:
        write_made(path, volume, info)

    return write
