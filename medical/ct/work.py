"""One sinogram of `undrift medical recon-ct`: read, reconstructed, written with its companions.

`out.nii.gz` comes with `out.json`, and with `out.std`, `out.residual` and `out.invented` of the
same suffix where they are known; for a report with `out.fbp`, the plain inverse to compare with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from undrift.common.files import full_suffix, stem
from undrift.common.items import Item
from undrift.common.run_options import RunOptions
from undrift.medical.ct.files import SUFFIXES

__all__ = ["SUFFIXES", "SinogramFile"]
PRESETS = {None: None, "fast": 10, "balanced": 30, "best": 60}  # steps
_RECORDED = (
    "nfe", "chi", "method", "sampler", "steps", "views", "beams", "null_space_share", "shape_out",
    "spacing_out", "warnings",
)  # fmt: skip


@dataclass(frozen=True)
class SinogramFile:
    """The work on one file; travels to worker processes. keywords: of `reconstruct_ct`."""

    keywords: tuple[tuple[str, Any], ...]
    threads: int | None
    keep_samples: bool
    name_source: bool
    quiet: bool
    compared: bool = False

    @classmethod
    def of(cls, options: RunOptions, prior: str, own: Mapping[str, Any]) -> "SinogramFile":
        """The work that the flags describe; prior: the path of its weights."""
        posterior = own["method"] == "posterior"
        asked = {k: v for k, v in own.items() if k not in ("keep_samples", "name_source")}
        asked["options"] = dict(asked.pop("method_options"))
        shared = {
            "prior": prior,
            "steps": options.steps or (PRESETS[options.preset] if posterior else None),
            "samples": options.samples,
            "seed": options.seed,
            "device": options.device,
            "dtype": options.dtype,
            "max_memory": options.max_memory,
        }
        return cls(
            tuple({**asked, **shared}.items()), options.threads, own["keep_samples"],
            own["name_source"], options.quiet, options.report is not None,
        )  # fmt: skip

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Reconstructs one file. Companions come before the target, which marks the item done."""
        import torch

        from undrift.medical.ct.tasks import reconstruct_ct

        if self.threads:
            torch.set_num_threads(self.threads)
        keywords = dict(self.keywords)
        result = reconstruct_ct(item.source, item=item.key, **keywords)
        beside = {"std": result.std, "residual": result.residual, "invented": result.invented}
        for number, one in enumerate(result.samples if self.keep_samples else ()):
            beside[f"sample-{number + 1}"] = one.array
        if self.compared:
            plain = {"method": "fbp", "options": {}, "steps": None, "samples": 1}
            beside["fbp"] = reconstruct_ct(item.source, **{**keywords, **plain}).value.array
        for name, array in beside.items():
            if array is not None:
                self._companion(target, name, result.value, array)
        self._write(target, item.source, result)
        if not self.quiet:
            for text in result.info["warnings"]:
                click.echo(f"undrift: {item.source}: {text}", err=True)
        told = {name: result.info.get(name) for name in _RECORDED} | {"units": "HU"}
        return told | ({"before": str(_beside(target, "fbp"))} if self.compared else {})

    def _companion(self, target: Path, name: str, value: Any, array: Any) -> None:
        from undrift.medical.volumes import write_volume

        units = "1" if name == "residual" else "HU"
        path = _beside(target, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(path, value.with_array(array, units), "float32")

    def _write(self, target: Path, source: Path, result: Any) -> None:
        from undrift.common.files import sha256_of
        from undrift.medical.made import write_made
        from undrift.medical.outcome import recorded

        told = {**recorded(result.info), "sinogram_hash": sha256_of(source)}
        if self.name_source:
            told["sinogram"] = source.name
        write_made(target, result.value, told, dtype="int16", name_source=self.name_source)


def _beside(target: Path, name: str) -> Path:
    return target.with_name(f"{stem(target)}.{name}{full_suffix(target)}")
