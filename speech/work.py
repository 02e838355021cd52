"""One file of `undrift speech enhance`: block by block from one file into another."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from undrift.common.errors import InputError, UndriftError
from undrift.common.files import stem
from undrift.common.items import Item
from undrift.common.pace import Pace
from undrift.common.run_options import RunOptions

_SHARED = ("preset", "steps", "solver", "seed", "device", "dtype")
RECORDED = (
    "nfe", "shape_in", "shape_out", "method", "rate_in", "rate_model", "rate_out", "duration",
    "rtf", "level_in", "loudness_in", "loudness_out", "snr", "disagreement", "clipped_in",
    "limited_db", "warnings",
)  # fmt: skip


@dataclass(frozen=True)
class EnhanceFile:
    """The work on one file; travels to worker processes. own: the keywords of `Asked`."""

    model: str | None
    own: tuple[tuple[str, Any], ...]
    shared: tuple[tuple[str, Any], ...]
    subtype: str
    threads: int | None
    provenance: bool
    keep_samples: bool
    quiet: bool

    @classmethod
    def of(
        cls,
        options: RunOptions,
        model: str | None,
        own: Mapping[str, Any],
        subtype: str,
        keep_samples: bool,
    ) -> "EnhanceFile":
        """The work that the flags of the command describe; model: the path of its weights."""
        shared = {name: getattr(options, name) for name in _SHARED}
        shared["samples"] = options.samples if options.samples > 1 else None
        return cls(
            model, tuple(own.items()), tuple(shared.items()), subtype, options.threads,
            options.provenance, keep_samples, options.quiet,
        )  # fmt: skip

    def method(self, item: str) -> Any:
        """What enhances, with all choices made. Raises UsageError and InputError."""
        from undrift.common.wishes import Wishes
        from undrift.speech.asked import Asked
        from undrift.speech.method import method_for

        wishes = Wishes(**dict(self.shared), item=item)
        return method_for(Asked(**dict(self.own)), self.model, wishes)

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Enhances one file. Companions are finished before the target, which marks it done."""
        import torch

        from undrift.common.allocator import keep_freed_memory
        from undrift.speech.audio import open_audio

        keep_freed_memory()
        if self.threads:
            torch.set_num_threads(self.threads)
        with open_audio(item.source) as reader:
            if not reader.frames:
                raise InputError(f"{item.source}: holds no samples")
            told = self._written(item, reader, target)
        if not self.quiet:
            for text in told["warnings"]:
                click.echo(f"undrift: {item.source}: {text}", err=True)
        return {name: told[name] for name in RECORDED}

    def _written(self, item: Item, reader: Any, target: Path) -> dict[str, Any]:
        from undrift.speech.asked import Asked
        from undrift.speech.audio import create_audio
        from undrift.speech.passage import Passage
        from undrift.speech.spread_file import spread_file
        from undrift.speech.told import told_of

        method = self.method(item.key)
        each = self.keep_samples and method.samples > 1
        places = [target]
        if each:
            names = [f"{stem(target)}.sample-{k + 1}{target.suffix}" for k in range(method.samples)]
            places += [target.with_name(name) for name in names]
        with contextlib.ExitStack() as stack:
            passage = Passage(
                reader, Asked(**dict(self.own)), method, item.key, each=each,
                progress=Pace(str(item.source), self.quiet),
            )  # fmt: skip
            like = _Like(reader, self._stored(reader, method, item.key))
            shape = {
                "rate": passage.rate, "channels": passage.channels, "frames": passage.frames,
                "subtype": self.subtype,
            }  # fmt: skip
            writers = [stack.enter_context(create_audio(p, like, **shape)) for p in places]
            if method.samples > 1:
                place = target.with_name(f"{stem(target)}.std.npy")
                passage.spectra.spread = stack.enter_context(spread_file(place, passage))
            for block in _trimmed(passage.blocks()):
                for writer, one in zip(writers, block, strict=True):
                    writer.write(one)
        return {**told_of(passage), "limited_db": round(writers[0].reduction_db, 2)}

    def _stored(self, reader: Any, method: Any, item: str) -> Any:
        """How the file is kept, with a comment on its making where it has none of its own."""
        stored = reader.stored
        if not self.provenance or stored.tags.get("comment"):
            return stored
        made = {**method.record(), "item": item, **dict(self.own)}
        kept = {name: value for name, value in made.items() if value is not None}
        return replace(
            stored, tags={**stored.tags, "comment": f"undrift {json.dumps(kept, sort_keys=True)}"}
        )


def _trimmed(blocks: Iterator[Any]) -> Iterator[Any]:
    """The blocks; parts of many sizes leave holes in the memory that is kept, which add up.

    Giving back after each costs a fifth of the time; after every eighth two hours took a sixth more
    memory than ten seconds.
    """
    from undrift.common.allocator import give_freed_memory_back

    for block in blocks:
        yield block
        give_freed_memory_back()


@dataclass(frozen=True)
class _Like:
    """A source whose file is kept in another way."""

    source: Any
    stored: Any

    @property
    def rate(self) -> int:
        return self.source.rate

    @property
    def channels(self) -> int:
        return self.source.channels

    @property
    def frames(self) -> int:
        return self.source.frames


@dataclass(frozen=True)
class PlannedSound:
    """What a dry run says of an item; an unreadable one is reported when it is done."""

    calls: int
    own: tuple[tuple[str, Any], ...]

    def __call__(self, item: Item) -> Mapping[str, Any]:
        """Reads the head of the file only."""
        from undrift.speech.asked import Asked
        from undrift.speech.audio import open_audio

        asked = Asked(**dict(self.own))
        try:
            with open_audio(item.source) as reader:
                frames = -(-reader.frames * asked.rate(reader.rate) // reader.rate)
                return {
                    "nfe": self.calls,
                    "shape_in": [reader.channels, reader.frames],
                    "shape_out": [asked.outputs(reader.channels), frames],
                }
        except (UndriftError, OSError):
            return {"nfe": self.calls}
