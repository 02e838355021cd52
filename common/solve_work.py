"""One file of `undrift solve`: read, solve, write; and what identifies a run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from undrift.common.files import fingerprint, sha256_of, stem
from undrift.common.items import Item
from undrift.common.operators.parameters import FILES
from undrift.common.run_options import RunOptions
from undrift.common.solve import DEFAULT_PRIOR, solve
from undrift.common.solve_files import PICTURES, SUFFIXES, read_signal, write_signal

__all__ = ["SUFFIXES", "SolveFile", "content_hash", "identified"]
PRESETS = {None: None, "fast": 10, "balanced": 20, "best": 50}  # steps
_RECORDED = (
    "nfe",
    "chi",
    "method",
    "why",
    "solver",
    "grid",
    "steps",
    "warnings",
    "shape_in",
    "shape_out",
)


@dataclass(frozen=True)
class SolveFile:
    """The work on one file; travels to worker processes. keywords: of `solve`."""

    operator: str
    prior: str
    keywords: tuple[tuple[str, Any], ...]
    threads: int | None
    provenance: bool
    keep_samples: bool

    @classmethod
    def of(
        cls, options: RunOptions, operator: Path, prior: str, own: Mapping[str, Any]
    ) -> "SolveFile":
        """The work that the flags describe."""
        keywords = {
            "noise": own["noise"],
            "method": own["method"],
            "options": dict(own["method_options"]),
            "grid": own["grid"],
            "budget": own["budget"],
            "solver": options.solver,
            "samples": options.samples,
            "seed": options.seed,
            "device": options.device,
            "dtype": options.dtype,
            "steps": options.steps or PRESETS[options.preset],
        }
        return cls(
            str(operator), prior, tuple(keywords.items()), options.threads, options.provenance,
            own["keep_samples"],
        )  # fmt: skip

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Solves one file. Companions come before the target, which marks the item done."""
        import torch

        if self.threads:
            torch.set_num_threads(self.threads)
        given = read_signal(item.source)
        result = solve(
            torch.from_numpy(given.values), self.operator, self.prior, item=item.key,
            **dict(self.keywords),
        )  # fmt: skip
        kept = {k: v for k, v in result.info.items() if k != "seconds"} if self.provenance else {}
        depth = given.depth
        beside = ".npy" if target.suffix.lower() not in PICTURES else ".tif"
        if result.std is not None:
            name = f"{stem(target)}.std{beside}"
            write_signal(target.with_name(name), result.std, kept, "float32")
        for number, one in enumerate(result.samples if self.keep_samples else ()):
            name = f"{stem(target)}.sample-{number + 1}{target.suffix}"
            write_signal(target.with_name(name), one, kept, depth)
        write_signal(target, result.value, kept, depth)
        for text in result.info["warnings"]:
            click.echo(f"undrift: {item.source}: {text}", err=True)
        shapes = {"shape_in": list(given.values.shape), "shape_out": list(result.value.shape)}
        recorded = {name: {**result.info, **shapes}.get(name) for name in _RECORDED}
        return recorded


def content_hash(operator: Path) -> str:
    """Changes with the description of an operator and with every array that it names."""
    from undrift.common.config import read_yaml

    hashes = [sha256_of(operator)]
    for name in _files(read_yaml(operator)):
        place = operator.parent / name
        hashes.append(sha256_of(place) if place.is_file() else "absent")
    return fingerprint(hashes)


def _files(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _files(part)
    elif isinstance(value, str) and value.endswith(FILES):
        yield value


def identified(prior: str | None) -> tuple[str, str, str]:
    """Path of the prior's weights or folder, its name, and a hash of the weights.

    Raises InputError for an unknown model.
    """
    if prior is not None and Path(prior).is_dir():
        weights = sorted(Path(prior).rglob("*.safetensors"))
        return prior, Path(prior).resolve().name, fingerprint([sha256_of(path) for path in weights])
    from undrift.common.weights.model import load_model

    model = load_model(prior or DEFAULT_PRIOR)
    return str(model.path), model.id, model.sha256
