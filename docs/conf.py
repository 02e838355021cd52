"""Sphinx configuration: Markdown pages (MyST), furo, docstrings as they are; needs no network."""

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import undrift  # noqa: E402

project = "undrift"
author = "The undrift developers"
copyright = "The undrift developers"
version = release = undrift.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "results", "tutorials"]
templates_path: list[str] = []

html_theme = "furo"
html_title = f"undrift {release}"
html_show_sourcelink = False

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False


NAMED = re.compile(r"[\w*]+(, [\w*]+)*: \S")  # "x0, noise: (b, c, *space)"


def as_rst(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: turns their paragraphs into what reStructuredText reads as such.

    Indented paragraphs are formulas or code and are shown literally; paragraphs with lines such as
    "sigma: ..." become lists of lines; in all others, markup characters stand for themselves.
    Sections such as "Args:" are left to napoleon.
    """
    paragraphs = "\n".join(lines).split("\n\n")
    lines[:] = [*"\n\n".join(map(_paragraph, paragraphs)).split("\n"), ""]


def _paragraph(text: str) -> str:
    rows = text.strip("\n").split("\n")
    if all(row.startswith("    ") for row in rows):
        return "::\n\n" + "\n".join(rows)
    if rows[0].endswith(":") and len(rows) > 1 and rows[1].startswith("    "):
        return "\n".join(map(_shielded, rows))
    rows = [row if NAMED.match(row) else _shielded(row) for row in rows]
    first = next((k for k, row in enumerate(rows) if NAMED.match(row)), len(rows))
    listed = [
        f"| {_shielded(row)}" if NAMED.match(row) else f"  {row.strip()}" for row in rows[first:]
    ]
    gap = [""] if first and listed else []
    return "\n".join([*rows[:first], *gap, *listed])


def _shielded(line: str) -> str:
    """Stars, bars and trailing underscores outside of code stand for themselves."""
    parts = re.split(r"(`+[^`]*`+)", line)
    plain = (re.sub(r"(?<!\\)([*|])", r"\\\1", part) for part in parts[::2])
    plain_parts = [re.sub(r"(?<=\w)_(?=\W|$)", r"\\_", part) for part in plain]
    mixed = [piece for pair in zip(plain_parts, [*parts[1::2], ""], strict=True) for piece in pair]
    return "".join(mixed)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", as_rst, priority=200)
