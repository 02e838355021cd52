"""The command `undrift`: exit codes, help, configurations, and what it loads."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from undrift import __version__
from undrift.cli import COMMANDS, main
from undrift.common.errors import MissingExtraError, UndriftError
from undrift.common.manifest import read


@pytest.fixture
def numbers(tmp_path: Path, toy: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `in` with two numbers, inside the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.txt").write_text("1")
    (tmp_path / "in" / "2.txt").write_text("2")
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_opens_its_help_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module, attribute, _ = COMMANDS[name]
    assert isinstance(getattr(importlib.import_module(module), attribute), click.Command)
    assert main([name, "--help"]) == 0
    assert f"undrift {name}" in capsys.readouterr().out.partition("\n")[2]


def test_help_and_commands_load_no_heavy_package(environment: dict[str, str]) -> None:
    code = (
        "import sys, importlib; from undrift.cli import COMMANDS, main; main(['--help'])\n"
        "light = sorted(sys.modules)\n"
        "for module, *_ in COMMANDS.values(): importlib.import_module(module)\n"
        "import json; print(json.dumps([light, sorted(sys.modules)]))"
    )
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    light, full = json.loads(out.stdout.splitlines()[-1])
    banned = {"torch", "diffusers", "monai", "skimage", "scipy", "matplotlib", "torchmetrics"}
    assert not {*light} & {*banned, "numpy", "yaml", "pydantic", "undrift.restoration"}
    assert not {*full} & banned


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UndriftError("repair me"), 1, "repair me"),
        (MissingExtraError("pip install it"), 5, "pip install it"),
        (ModuleNotFoundError("no", name="xarray.core"), 5, "pip install 'undrift[fields]'"),
        (ModuleNotFoundError("no", name="undrift.gone"), 1, "this is a bug"),
        (MemoryError("all gone"), 6, "--tile 128"),
        (OSError(28, "No space left on device"), 1, "No space left"),
        (TypeError("surprise"), 1, "unexpected TypeError: surprise; this is a bug"),
        (KeyboardInterrupt(), 130, "the same command goes on"),
        (click.UsageError("wrong"), 2, "wrong"),
        (SystemExit(3), 3, ""),
    ],
)
def test_exit_codes(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command()
    def fails() -> None:
        raise error

    monkeypatch.setitem(COMMANDS, "info", ("undrift.common.cli", "fails", ""))
    monkeypatch.setattr("undrift.common.cli.fails", fails, raising=False)
    assert main(["info"]) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_traceback_on_demand(
    numbers: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (numbers / "in" / "1.txt").write_text("bug")
    monkeypatch.setenv("UNDRIFT_DEBUG", "1")
    assert main(["toy", "in", "-o", "out"]) == 4
    assert "Traceback" in capsys.readouterr().err


def test_usage_errors_name_the_nearest(numbers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["to"]) == 2
    assert "did you mean 'toy'?" in capsys.readouterr().err
    assert main(["toy", "in", "-o", "out", "--facto", "3"]) == 2
    assert "--factor" in capsys.readouterr().err
    assert main(["toy", "in"]) == 2
    assert main(["toy", "-o", "out"]) == 2


def test_help_has_groups(toy: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["toy", "-h"]) == 0
    text = capsys.readouterr().out
    heads = ["undrift toy numbers/", "\nTask:", "--pause", "\nModel:", "\nSampling:", "\nOutput:"]
    places = [text.index(head) for head in heads]
    assert places == sorted(places)


def test_configuration_is_weaker_than_flags(numbers: Path) -> None:
    Path("run.yaml").write_text("factor: 3\ninputs: in\noutput: out\nseed: 7\nmax-memory: 2GB\n")
    assert main(["toy", "--config", "run.yaml"]) == 0
    assert Path("out/2.txt").read_text().startswith("6.0\n")
    assert {record["seed"] for record in read(Path("out/undrift.jsonl"))} == {7}
    assert main(["toy", "--config", "run.yaml", "--factor", "5", "-o", "other"]) == 0
    assert Path("other/2.txt").read_text().startswith("10.0\n")


def test_a_configuration_tells_all_its_problems(
    numbers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("run.yaml").write_text("command: sr\nfactr: 3\ntile: big\nsteps: 0\nconfig: x\n")
    assert main(["toy", "in", "-o", "out", "--config", "run.yaml"]) == 3
    told = capsys.readouterr().err
    for part in ["5 problem", "for 'sr'", "'factor'", "tile: 'big'", "steps: ", "config: unknown"]:
        assert part in told
    assert main(["toy", "in", "-o", "out", "--config", "gone.yaml"]) == 3


def test_a_saved_run_repeats_exactly(numbers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--seed", "random", "--factor", "3", "--tile", "64,32", "--shard", "1/1"]
    flags += ["--max-memory", "1GiB", "--name", "{stem}_x{ext}", "--no-provenance"]
    assert main(["toy", "in", "-o", "out", *flags, "--save-config", "used.yaml"]) == 0
    drawn = capsys.readouterr().err.split("random drew ")[1].split()[0]
    first = read(Path("out/undrift.jsonl"))
    assert {str(record["seed"]) for record in first} == {drawn}
    assert main(["run", "used.yaml", "--json"]) == 0
    again = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["status"] for record in again] == ["skipped", "skipped"]
    assert [record["options"] for record in again] == [record["options"] for record in first]
    assert main(["run", "used.yaml", "-o", "copy"]) == 0
    assert Path("copy/1_x.txt").read_text() == Path("out/1_x.txt").read_text()


def test_run_needs_a_saved_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("seed: 1")
    assert main(["run", str(path)]) == 3
    assert "--save-config" in capsys.readouterr().err
    path.write_text("command: runn")
    assert main(["run", str(path)]) == 2


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--tile", "12,x", "512,256"),
        ("--seed", "-1", "random"),
        ("--batch", "0", "auto or a whole number"),
        ("--max-memory", "many", "8GB"),
        ("--shard", "4/3", "3/8"),
        ("--preset", "quick", "fast"),
        ("--workers", "0", "0"),
    ],
)
def test_bad_values_come_with_an_example(
    numbers: Path, flag: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["toy", "in", "-o", "out", flag, value]) == 2
    assert said in capsys.readouterr().err


def test_info(numbers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["undrift"] == __version__
    assert "cpu" in facts["devices"]
    assert main(["toy", "in", "-o", "out"]) == 0
    assert main(["info", "out/undrift.jsonl"]) == 0
    assert "written: 2" in capsys.readouterr().out
    assert main(["info", "in/1.txt"]) == 3
    assert main(["info", "gone.png"]) == 3


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_UNDRIFT_COMPLETE" in capsys.readouterr().out


def test_completion_completes(environment: dict[str, str]) -> None:
    asked = {"_UNDRIFT_COMPLETE": "bash_complete", "COMP_WORDS": "undrift den", "COMP_CWORD": "1"}
    code = "import sys; from undrift.cli import main; sys.exit(main([]))"
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, env={**environment, **asked})
    assert out.returncode == 0
    assert out.stdout.split() == ["plain,denoise"]
