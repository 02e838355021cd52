"""One file of `undrift medical recon-mri` and `acquire`: read, made, written with its record."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from undrift.common.files import full_suffix, stem
from undrift.common.items import Item
from undrift.common.run_options import RunOptions

RECORDED = (
    "nfe", "shape_in", "shape_out", "spacing_out", "method", "chi", "warnings",
)  # fmt: skip


def output_suffix(suffix: str) -> str:
    """Whatever k-space comes in, a volume goes out."""
    return ".nii.gz"


def model_of(asked: str | None, needed: bool) -> tuple[str | None, str, str]:
    """Path, id and hash of the weights. Raises MissingWeightsError and InputError."""
    if not needed:
        return None, "", ""
    from undrift.common.weights.model import find_weights, load_model
    from undrift.medical.mri.tasks import DEFAULT_PRIOR

    path = find_weights(asked or DEFAULT_PRIOR)
    model = load_model(path, "cpu")
    return str(path), model.id, model.sha256


@dataclass(frozen=True)
class _OfKspace(ABC):
    """What both works share; travels to worker processes. own: the flags of the command."""

    model: str | None
    own: tuple[tuple[str, Any], ...]
    steps: int | None
    samples: int
    seed: int
    device: str
    threads: int | None
    solver: str | None
    keep_samples: bool
    name_source: bool
    quiet: bool
    compared: bool = False

    @classmethod
    def of(
        cls,
        options: RunOptions,
        model: str | None,
        own: Mapping[str, Any],
        *,
        keep_samples: bool,
        name_source: bool,
    ) -> Any:
        """The work that the flags of a command describe; model: the path of its weights."""
        return cls(
            model, tuple(own.items()), options.steps, options.samples, options.seed,
            options.device, options.threads, options.solver, keep_samples, name_source,
            options.quiet, options.report is not None,
        )  # fmt: skip

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Works on one file. Companions and record come before the target, which marks it done."""
        import torch

        from undrift.common.allocator import keep_freed_memory
        from undrift.medical.volumes import write_volume

        keep_freed_memory()
        if self.threads:
            torch.set_num_threads(self.threads)
        found = self.made(item, dict(self.own))
        before = _beside(target, "zero-filled")
        if self.compared:
            plain = self.made(item, {**dict(self.own), "method": "zero-filled"}).value
            before.parent.mkdir(parents=True, exist_ok=True)
            write_volume(before, plain, "float32")
        self._written(item, found, target)
        if not self.quiet:
            for text in found.info["warnings"]:
                click.echo(f"undrift: {item.source}: {text}", err=True)
        volume = found.value
        told = {
            **found.info,
            "shape_in": found.info["shape"],
            "shape_out": list(volume.grid),
            "spacing_out": [round(mm, 6) for mm in volume.spacing],
        }
        kept = {name: told.get(name) for name in RECORDED}
        return kept | ({"before": str(before)} if self.compared else {})

    @abstractmethod
    def made(self, item: Item, own: dict[str, Any]) -> Any:
        """The `Reconstruction` of an item."""

    def _written(self, item: Item, found: Any, target: Path) -> None:
        from undrift.medical.made import write_made
        from undrift.medical.volumes import write_volume

        target.parent.mkdir(parents=True, exist_ok=True)
        maps = {"std": found.std, "residual": found.residual, "invented": found.invented}
        for name, values in maps.items():
            if values is not None:
                write_volume(_beside(target, name), found.value.with_array(values), "float32")
        for number, sample in enumerate(found.samples if self.keep_samples else (), 1):
            write_volume(_beside(target, f"sample-{number}"), sample, "float32")
        write_made(
            target, found.value, found.info, source=item.source, dtype="float32",
            name_source=self.name_source,
        )  # fmt: skip


@dataclass(frozen=True)
class Recon(_OfKspace):
    """`undrift medical recon-mri`."""

    def made(self, item: Item, own: dict[str, Any]) -> Any:
        from undrift.medical.mri.files import read_kspace, reconstruct_file
        from undrift.medical.mri.masks import line_mask, seed_of
        from undrift.medical.mri.methods import Choice

        choice = Choice(
            own["method"], own["sampler"], self.steps, self.samples, self.seed, item.key,
            self.device, {}, self.solver,
        )  # fmt: skip
        mask = None
        if own["undersample"]:
            lines = read_kspace(item.source, None, own["spacing"]).scan.shape[3]
            kind, seed = own["undersample"], seed_of(item.source.name)
            mask = line_mask(kind, lines, own["acceleration"], seed=seed)
        return reconstruct_file(
            item.source, mask, None, self.model, own["noise"], own["calibration"], choice,
            own["spacing"], own["together"],
        )  # fmt: skip


@dataclass(frozen=True)
class Acquire(_OfKspace):
    """`undrift medical acquire`."""

    def made(self, item: Item, own: dict[str, Any]) -> Any:
        from undrift.medical.mri.acquiring import acquire_scan
        from undrift.medical.mri.files import grid_warnings, on_grid, read_kspace
        from undrift.medical.mri.methods import Choice
        from undrift.medical.mri.particles import Plan

        plan = Plan(
            own["lines"], own["initial"], own["score"], particles=own["particles"],
            steps=self.steps or 30,
        )  # fmt: skip
        choice = Choice("acquire", seed=self.seed, item=item.key, device=self.device)
        file = read_kspace(item.source, None, own["spacing"])
        noise = file.noise if own["noise"] is None else own["noise"]
        found = acquire_scan(
            file.scan, file.maps, noise, self.model, own["calibration"], plan, choice
        )
        beyond = grid_warnings(file.scan, file.spacing, self.model, "acquire")
        return on_grid(found, file, beyond)


def _beside(target: Path, name: str) -> Path:
    return target.with_name(f"{stem(target)}.{name}{full_suffix(target)}")
