"""The documents say what the program does: commands, flags, formulas, names, links."""

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pages import DOCS, FENCE, README, ROOT, SOURCES, blocks, code, rows

import undrift
from undrift.cli import COMMANDS, cli
from undrift.common import errors
from undrift.common.lazy_group import LazyGroup
from undrift.common.solvers import SOLVERS, summary


def invocations(page: Path) -> Iterator[list[str]]:
    """The words of every `undrift ...` in the code blocks and in the lines of a page."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in blocks(page, "sh", "") for line in block.splitlines()]
    lines += [" ".join(part.split()) for part in code(FENCE.sub("", text))]
    for line in lines:
        for command in re.split(r"&&|\||>", line):
            if not command.strip().startswith("undrift "):
                continue
            words = shlex.split(command, comments=True)
            if not {"...", "COMMAND"} & {*words}:
                yield words[1:]


def check_words(words: list[str]) -> None:
    """Parses a command line down to its values, without running any callback.

    A command that is only named, with nothing behind it, has to exist.
    """
    command: click.Command | None = cli
    ctx = click.Context(cli, info_name="undrift")
    while isinstance(command, click.Group) and words:
        name = words[0]
        command = command.get_command(ctx, name)
        assert command is not None, f"no command {name}"
        ctx, words = click.Context(command, parent=ctx, info_name=name), words[1:]
    assert command is not None
    if not words or {"--help", "--list"} & {*words}:
        return
    given, _, _ = command.make_parser(ctx).parse_args(list(words))
    for param in command.get_params(ctx):
        value = given.get(param.name or "")
        if isinstance(value, str | tuple | list) and value:
            param.type_cast_value(ctx, value)
        if param.required:
            assert value, f"{param.name} is missing"


@pytest.mark.parametrize("page", SOURCES, ids=lambda page: page.name)
def test_commands_and_flags_exist(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MIN": "1", "ID": "2", "COUNT": "4"}.items():  # for --shard slurm
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    for words in invocations(page):
        try:
            check_words(words)
        except (click.ClickException, AssertionError) as error:
            raise AssertionError(f"{page.name}: undrift {shlex.join(words)}: {error}") from error


def test_the_check_of_commands_sees_mistakes() -> None:
    check_words(shlex.split("denoise photos -o restored --sigma 25 --report restored/report.html"))
    for wrong in ("denois", "sr in -o out --sclae 4", "sr in", "sr in -o x --scale big"):
        with pytest.raises((click.ClickException, AssertionError)):
            check_words(shlex.split(wrong))
    assert sum(len(list(invocations(page))) for page in SOURCES) > 40


def test_extras_and_groups_that_are_named_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    extras = re.findall(r"pip install [\"']?\.\[(\w+)", text)
    assert "test" in extras
    assert {*extras} <= {*project["project"]["optional-dependencies"]}
    assert {*re.findall(r"--group (\w+)", text)} <= {*project["dependency-groups"]}


@pytest.mark.parametrize("page", SOURCES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    if not (ROOT / "common" / "__init__.py").is_file():
        pytest.skip("needs a checkout")
    installed = Path(undrift.__file__).parent
    if page.is_relative_to(installed):  # beside a checkout, where its links lead
        page = ROOT / page.relative_to(installed)
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_one_version_everywhere() -> None:
    if not (ROOT / "CITATION.cff").is_file():
        pytest.skip("needs a checkout")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {undrift.__version__}\n" in citation
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\d.*)$", changes, re.MULTILINE)[0] == undrift.__version__


def full_names() -> Iterator[str]:
    """Names as one types them: those of a lazy group after its own."""
    for name, (module, attribute, _) in COMMANDS.items():
        command = getattr(importlib.import_module(module), attribute)
        inner = command.table if isinstance(command, LazyGroup) else {}
        yield from [f"{name} {other}" for other in inner] or [name]


def test_tables_name_all_commands_and_solvers() -> None:
    readme = README.read_text(encoding="utf-8")
    assert [code(row[0])[0] for row in rows(readme, "command")] == list(full_names())
    for row in rows(readme, "command"):
        assert code(row[2])[0].startswith(f"undrift {code(row[0])[0]} ")
    solvers = (DOCS / "solvers.md").read_text(encoding="utf-8")
    named = rows(solvers, "name")
    assert [code(row[0])[0] for row in named] == list(SOLVERS)
    for row in named:
        told = summary(code(row[0])[0])
        assert (int(row[1]), row[2] == "yes", row[3]) == (told.order, told.noisy, told.calls)


def test_exit_codes_are_those_of_the_errors() -> None:
    text = (DOCS / "command_line.md").read_text(encoding="utf-8")
    named = {int(row[0]) for row in rows(text, "code")}
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    raised = {c.exit_code for c in classes if issubclass(c, errors.UndriftError)}
    assert named == raised | {0, 130}


def test_manifest_keys_are_those_of_the_records() -> None:
    from undrift.common.manifest import EMPTY
    from undrift.medical.work import RECORDED as OF_VOLUMES
    from undrift.restoration.work import _RECORDED
    from undrift.speech.work import RECORDED

    text = (DOCS / "command_line.md").read_text(encoding="utf-8")
    named = [name for row in rows(text, "key") for name in code(row[0])]
    assert len(named) == len({*named})
    assert {*named} == {*EMPTY, *_RECORDED, *RECORDED, *OF_VOLUMES}
