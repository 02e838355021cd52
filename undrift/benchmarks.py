"""`undrift benchmark`: the command of the domain whose task is asked for."""

import importlib
from typing import Any

import click

# task -> (module, attribute); every other task is one of pictures
BY_TASK = {"enhance": ("undrift.speech.benchmark.cli", "card_benchmark")}
PICTURES = ("undrift.restoration.scoring_cli", "benchmark")


class ByTask(click.Command):
    """A command that becomes another one by the value of `--task` among its arguments."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> click.Context:
        """The context of the command that is meant; see click."""
        meant = _command(*BY_TASK.get(_task(args), PICTURES))
        return meant.make_context(info_name, args, parent, **extra)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Those of the command for pictures, which most tasks are of."""
        return _command(*PICTURES).get_params(ctx)


def _command(module: str, attribute: str) -> click.Command:
    return getattr(importlib.import_module(module), attribute)


def _task(args: list[str]) -> str:
    for before, here in zip(["", *args], args, strict=False):
        if before == "--task":
            return here
        if here.startswith("--task="):
            return here.removeprefix("--task=")
    return ""


benchmark = ByTask("benchmark", help="Degrade, restore and score a data card.")
