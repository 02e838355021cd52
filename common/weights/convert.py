"""Checkpoints of guided diffusion as priors: an undrift weight file, or a folder of diffusers.

    data here   x0 in [0, 1],    X = 2 x0 - 1 there;    rho = s/a here is half of theirs

so the process of the written file is theirs with rho halved: whole steps i of their schedule are
t = (i + 1)/1000. Its header holds everything, and where each fact comes from; the picture side and
the licence only describe. Pickles are read as bare tensors, never as code.
"""

import math
import os
import pickle
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.files import sha256_of
from undrift.common.weights.adm import (
    Heads,
    Structure,
    read_checkpoint,
    read_structure,
    renamed,
    unet_options,
)
from undrift.common.weights.files import save_weights
from undrift.common.weights.published import find_published
from undrift.common.weights.settings import Settings

_SPREAD = 0.25  # of the values of pictures in [0, 1]
_BEYOND = ("heads", "time_features", "plain_resampling")  # of GuidedUNet, not of UNet2DModel


@dataclass(frozen=True)
class Source:
    """A checkpoint that was read: its tensors, what they are, and what was told about them."""

    path: Path
    state: dict[str, Tensor]
    structure: Structure
    heads: Heads
    schedule: str
    size: int | None = None
    licence: str = "unknown"
    home: str = "not told"

    @property
    def options(self) -> dict[str, object]:
        """Options of the network."""
        return unet_options(self.structure, self.heads)

    def tensors(self) -> dict[str, Tensor]:
        """Under diffusers' names."""
        return renamed(self.state, self.structure, self.heads)


def read_source(
    path: Path,
    *,
    like: str | None = None,
    heads: Heads | None = None,
    schedule: str | None = None,
    size: int | None = None,
) -> Source:
    """Reads a checkpoint: .safetensors, or a pickle of bare tensors (.pt, .pth).

    like: a name of `published.PUBLISHED`; in its place heads, and schedule (default linear).
    Raises InputError for files that are not such networks, or not the named one, and UsageError if
    the heads are not told, or told twice.
    """
    state = read_checkpoint(_load(path))
    structure = read_structure(state)
    if like is not None:
        if heads is not None or schedule is not None:
            raise UsageError(f"{like} settles heads and schedule; leave them out")
        known = find_published(like)
        if structure != known.structure():
            raise InputError(f"{path} is not {like}: {_differences(structure, known.structure())}")
        return Source(
            path, state, structure, known.heads, known.schedule, known.size, known.licence,
            known.home,
        )  # fmt: skip
    if heads is None or (heads.count is None) == (heads.width is None):
        raise UsageError(
            "the file does not say into how many heads its attention is split: give --heads or "
            "--head-width (num_heads or num_head_channels of its training), or --like NAME"
        )
    return Source(path, state, structure, heads, schedule or "linear", size)


def settings_of(source: Source, name: str) -> Settings:
    """The header of the undrift file `name`. Raises InputError for heads that do not divide."""
    structure = source.structure
    return Settings.model_validate(
        {
            "id": name,
            "domain": "restoration",
            "task": "denoise",
            "process": {"name": "variance-preserving", "params": _process(source.schedule)},
            "prediction": "eps",
            "variance": structure.learned_variance,
            "scaling": {"sigma_d": _SPREAD, "mean": 0.5, "std": _SPREAD, "centre": 0.5},
            "network": {
                "name": "guided-unet",
                "params": {
                    "schedule": source.schedule,
                    "spread": 2 * _SPREAD,
                    "classes": structure.classes,
                    **source.options,
                },
            },
            "levels": ["class"] if structure.classes else [],
            "presets": {key: {"steps": 1} for key in ("fast", "balanced", "best")},
            "record": _record(source),
        }
    )


def write_weights(source: Source, target: Path, name: str | None = None) -> Settings:
    """Writes the undrift file `target` (.safetensors), whole or not at all; returns its header.

    Raises InputError if the tensors do not fit the network that was read from their names.
    """
    settings = settings_of(source, name or target.name.removesuffix(".safetensors"))
    network = settings.build().network
    state = {f"unet.{key}": value for key, value in source.tensors().items()}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{source.path}: {error}") from error
    save_weights(target, network.state_dict(), settings)
    return settings


def write_folder(source: Source, target: Path) -> None:
    """Writes a DDPM pipeline folder of diffusers, whole or not at all.

    Its scheduler does not clip x0, unlike the authors' sampling. Raises UsageError for networks
    that UNet2DModel's options cannot say.
    """
    beyond = [name for name in _BEYOND if name in source.options]
    if beyond:
        raise UsageError(
            f"UNet2DModel has no option for {', '.join(beyond)} of this network; write a "
            ".safetensors file instead, which undrift reads"
        )
    from diffusers.pipelines.ddpm.pipeline_ddpm import DDPMPipeline
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    from undrift.common.networks.guided_unet import build_unet

    options = {**source.options, "sample_size": source.size}
    options |= {"in_channels": options.pop("inputs"), "out_channels": options.pop("outputs")}
    unet = build_unet(source.structure.classes, None, None, False, **options)
    try:
        unet.load_state_dict(source.tensors())
    except RuntimeError as error:
        raise InputError(f"{source.path}: {error}") from error
    learned = source.structure.learned_variance
    cosine = source.schedule == "cosine"
    scheduler = DDPMScheduler(
        beta_schedule="squaredcos_cap_v2" if cosine else "linear",
        variance_type="learned_range" if learned else "fixed_small",
        clip_sample=False,
    )
    pipeline = DDPMPipeline(unet, scheduler)  # type: ignore[arg-type]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".undrift-") as name:
        pipeline.save_pretrained(Path(name) / "folder", safe_serialization=True)
        os.replace(Path(name) / "folder", target)


def _load(path: Path) -> object:
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise InputError(
            f"{path} is no file of bare tensors ({type(error).__name__}); code in pickles is not "
            "run: save the network's state_dict alone, best as safetensors"
        ) from error
    except Exception as error:
        from safetensors import SafetensorError

        if not isinstance(error, SafetensorError):
            raise
        raise InputError(f"{path}: not a safetensors file ({error})") from error


def _process(schedule: str) -> dict[str, object]:
    """Theirs with s/a halved: B = ln(1 + (s/a)^2), of which a^2 = exp(-B)."""
    from undrift.common.networks.guided_unet import log_ratios

    totals = [math.log1p(math.exp(2 * ratio) / 4) for ratio in log_ratios(schedule).tolist()]
    return {"clock": [0.0, *(value / totals[-1] for value in totals)], "total": totals[-1]}


def _record(source: Source) -> dict[str, object]:
    heads, told = source.heads, asdict(source.structure)
    return {
        "converted_from": source.path.name,
        "sha256": sha256_of(source.path),
        "home": source.home,
        "licence": source.licence,
        "architecture": "guided diffusion (Dhariwal and Nichol 2021)",
        "steps": f"1000, {source.schedule}",
        "variance": "learned range" if source.structure.learned_variance else "not learned",
        "range": "[-1, 1] there, 2 x0 - 1 of the [0, 1] here",
        "size": source.size,
        "heads": f"{heads.count} each" if heads.count else f"of {heads.width} channels",
        "order": "q, k, v" if heads.new_order else "head by head",
        "structure": {k: list(v) if isinstance(v, tuple) else v for k, v in told.items()},
    }


def _differences(found: Structure, wanted: Structure) -> str:
    pairs = zip(asdict(found).items(), asdict(wanted).values(), strict=True)
    return "; ".join(f"its {key} are {ours}, expected {v}" for (key, ours), v in pairs if ours != v)
