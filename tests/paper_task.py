"""What a paper's run is given, in tests: nothing but a folder."""

from pathlib import Path

from undrift.common.reproduce.paper import Task


def task(folder: Path, *tables: str) -> Task:
    """A full run on the CPU that tells nothing."""
    return Task(False, "cpu", folder, tables, lambda text: None)
