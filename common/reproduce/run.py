"""Runs a paper's protocol and writes what was found, whole or not at all."""

import tempfile
import time
from pathlib import Path

from undrift.common.console import Console
from undrift.common.errors import MissingExtraError
from undrift.common.files import write_text
from undrift.common.reproduce.outcome import Outcome, compare
from undrift.common.reproduce.paper import Paper, Task


def run_paper(
    paper: Paper,
    folder: Path,
    *,
    smoke: bool = False,
    device: str = "auto",
    console: Console | None = None,
) -> Outcome:
    """Measures every table whose needs are at hand; writes `folder`/PAPER[-smoke].json and .md.

    Raises MissingExtraError, with the way to get what is missing, if nothing can be measured, and
    UsageError for a device that is not here.
    """
    from undrift.common.devices import resolve_device

    console = console or Console(quiet=True)
    tables = paper.of("smoke" if smoke else "run")
    ready = tuple(table.name for table in tables if not table.missing())
    if not ready:
        raise MissingExtraError(f"{paper.id}: nothing can be measured here\n{wanted(paper)}")
    chosen = resolve_device(device)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="undrift-", ignore_cleanup_errors=True) as name:
        task = Task(smoke, chosen, Path(name), ready, console.note)
        found = list(paper.load()(task))
    outcome = compare(paper, smoke, found, _about(chosen, time.monotonic() - began))
    for suffix, text in ((".json", outcome.json() + "\n"), (".md", outcome.markdown())):
        write_text(folder / f"{paper.id}{'-smoke' * smoke}{suffix}", text)
    return outcome


def wanted(paper: Paper) -> str:
    """What is missing and how to get it, one line each; empty if nothing is."""
    lines = {
        f"missing: {need.what}: {need.how}": None
        for table in paper.tables
        for need in table.missing()
    }
    return "\n".join(lines)


def _about(device: str, seconds: float) -> dict[str, object]:
    import torch

    import undrift

    versions = {"undrift": undrift.__version__, "torch": torch.__version__}
    return {**versions, "device": device, "seconds": round(seconds, 1)}
