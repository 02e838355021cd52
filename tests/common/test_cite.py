"""Every method can be cited, by its own name or by what used it."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from undrift.common.cite import METHODS, MODELS, cite
from undrift.common.errors import InputError, UsageError
from undrift.common.manifest import append


def keys(text: str) -> list[str]:
    return re.findall(r"^@\w+\{(\w+),$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", METHODS)
def test_entries_are_whole(name: str) -> None:
    text = cite(name)
    assert keys(text) == [name]
    assert text.count("{") == text.count("}")
    fields = re.findall(r"^  (\w+) = \{.+\},?$", text, flags=re.MULTILINE)
    assert {"author", "title", "year"} < {*fields}
    assert {"journal", "booktitle"} & {*fields}
    assert " and " in text


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("IR-SDE", "irsde"),
        ("DPM-Solver++", "dpmsolverpp"),
        ("Flow Matching", "flowmatching"),
        ("SGMSE+", "sgmseplus"),
        ("SB-VE", "sbve"),
    ],
)
def test_spellings(name: str, key: str) -> None:
    assert keys(cite(name)) == [key]


def test_models_rest_on_known_methods() -> None:
    for model, methods in MODELS.items():
        assert keys(cite(model)) == list(methods)


def test_each_entry_once() -> None:
    assert keys(cite("ddim", "DDIM", "edm")) == ["ddim", "edm"]


def test_runs_and_results(tmp_path: Path) -> None:
    path = tmp_path / "undrift.jsonl"
    append(path, {"status": "failed", "model": "leaves-denoise"})
    with pytest.raises(InputError, match="no written item"):
        cite(path)
    append(path, {"status": "written", "model": "leaves-sr@1", "solver": "ddim", "cite": ["bbdm"]})
    expected = ["bbdm", *MODELS["leaves-sr"], "ddim"]
    assert keys(cite(str(path))) == expected
    result = SimpleNamespace(info={"model": "leaves-sr@1", "solver": "DDIM", "cite": ["bbdm"]})
    assert keys(cite(result)) == expected
    with pytest.raises(InputError, match="no such file"):
        cite(tmp_path / "gone.jsonl")


def test_unknown_names() -> None:
    with pytest.raises(UsageError, match="did you mean 'resshift'"):
        cite("reshift")
