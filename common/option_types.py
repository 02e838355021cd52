"""Values of shared flags: parsed once, at the edge, with errors that show an example."""

import re
from typing import Any

import click

from undrift.common.errors import UsageError
from undrift.common.run_options import random_seed
from undrift.common.shards import parse_shard

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


class TileType(click.ParamType):
    """`auto`, `off`, or one size for all axes or one each: `512`, `512,256`."""

    name = "auto|N|N,M|off"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        text = str(value)
        if text in ("auto", "off"):
            return text
        sizes = text.split(",")
        if not all(size.strip().isdigit() and int(size) > 0 for size in sizes):
            self.fail(f"'{text}': expected auto, off, 512 or 512,256", param, ctx)
        return tuple(int(size) for size in sizes)


class BatchType(click.ParamType):
    """`auto` or a whole number from 1."""

    name = "auto|N"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | int:
        text = str(value)
        if text == "auto":
            return text
        if not text.isdigit() or int(text) < 1:
            self.fail(f"'{text}': expected auto or a whole number from 1", param, ctx)
        return int(text)


class PadType(click.ParamType):
    """`none`, `wrap` or `reflect`, for all axes or one each: `reflect,wrap`."""

    name = "wrap|reflect|none"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        from undrift.common.pad_modes import pad_modes

        try:
            pad_modes(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class SeedType(click.ParamType):
    """A whole number, or `random` for one drawn now (it is said and recorded)."""

    name = "N|random"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if value == "random":
            seed = random_seed()
            click.echo(f"undrift: --seed random drew {seed}", err=True)
            return seed
        text = str(value)
        if not text.isdigit() or int(text) >= 2**64:
            self.fail(f"'{text}': expected a whole number from 0, or random", param, ctx)
        return int(text)


class BytesType(click.ParamType):
    """An amount of memory: `8GB`, `512MiB`, or a number of bytes."""

    name = "8GB"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", str(value).lower())
        if match is None or (match[3] and not match[2]):
            self.fail(f"'{value}': expected an amount such as 8GB or 512MiB", param, ctx)
        number, unit, binary = match.groups()
        amount = int(float(number) * (_BINARY if binary else _UNITS)[unit])
        if amount < 1:
            self.fail(f"'{value}': expected more than nothing", param, ctx)
        return amount


class ShardType(click.ParamType):
    """`i/n`, or `slurm`."""

    name = "i/n|slurm"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        try:
            return parse_shard(str(value))
        except UsageError as error:
            self.fail(str(error).removeprefix("--shard "), param, ctx)


def spell(value: object, between: str = ",") -> object:
    """A parsed value as YAML can hold it, so that parsing it again gives the same."""
    if isinstance(value, tuple) and all(isinstance(part, int) for part in value):
        return between.join(map(str, value))
    if isinstance(value, tuple | list):
        return [spell(part) for part in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


class Numbers(click.ParamType):
    """Positive numbers separated by commas: 15,25,50."""

    name = "n,n,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        """Text to numbers; a tuple stays as it is."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in str(value).split(",") if part.strip())
        except ValueError:
            self.fail(f"'{value}' is not a list of numbers such as 15,25,50", param, ctx)


class Names(click.ParamType):
    """Words separated by commas: psnr,ssim."""

    name = "a,b,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Text to words; a tuple stays as it is."""
        if isinstance(value, tuple):
            return value
        return tuple(part.strip() for part in str(value).split(",") if part.strip())
