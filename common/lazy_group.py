"""A group of commands that imports a command when it is called, and none of them for its help."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

from undrift.common.errors import nearest

Table = Mapping[str, tuple[str, str, str]]  # name -> (module, attribute, one line of help)


class LazyGroup(click.Group):
    """`table` says where the commands are; it may change later."""

    def __init__(self, *args: Any, table: Table, **settings: Any):
        super().__init__(*args, **settings)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for an unknown name."""
        if cmd_name not in self.table:
            return None
        module, attribute, _ = self.table[cmd_name]
        return getattr(importlib.import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes names and lines of help."""
        if not self.table:
            return
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in self.table.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Raises click.UsageError that names the nearest."""
        if args[0] not in self.table and not args[0].startswith("-"):
            raise click.UsageError(f"no command '{args[0]}'{nearest(args[0], self.table)}", ctx)
        return super().resolve_command(ctx, args)
