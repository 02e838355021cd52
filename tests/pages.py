"""The Markdown pages and cards that tests read: their code blocks and tables."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import undrift.common
from undrift.common.cards import card_paths
from undrift.common.model_cards import model_card_paths

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
CORE = Path(next(iter(undrift.common.__path__))) / "README.md"
PAGES = [README, CORE, *sorted(DOCS.glob("*.md")), *sorted((DOCS / "results").glob("*.md"))]
CARDS = [*model_card_paths().values(), *card_paths().values()]
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SOURCES = [*PAGES, *CARDS]


def page_script(name: str) -> ModuleType:
    """The script of that name in docs/; skips the test where docs/ is not beside tests/."""
    place = DOCS / f"{name}.py"
    if not place.is_file():
        pytest.skip("docs/ is not beside tests/")
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(page: Path, *languages: str) -> list[str]:
    """The code blocks of a page in one of the languages."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [text for language, text in found if language in languages]


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the Markdown table whose head begins with `first`."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
