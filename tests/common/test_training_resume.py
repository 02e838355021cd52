"""A run that was killed, interrupted or stopped goes on as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import undrift_training as toy
from undrift_training import Toy, recipe, weights

from undrift.common.errors import InputError
from undrift.common.training.loop import train
from undrift.common.training.run import prepare

WANTED = {"save_every": 2, "validate_every": 4}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    run = prepare(recipe(**WANTED), tmp_path_factory.mktemp("whole"), cpu=True)
    train(run, Toy())
    return weights(run)


def test_a_killed_run_goes_on_bit_for_bit(
    tmp_path: Path, environment: dict[str, str], uninterrupted: torch.Tensor
) -> None:
    program = [sys.executable, str(toy.__file__), "killed", str(tmp_path)]
    subprocess.run(program, env=environment, check=True, timeout=500)
    last = {"boundary": 4, "middle": 4, "writing": 2}  # the checkpoint each child left
    for name, iteration in last.items():
        run = prepare(recipe(**WANTED), tmp_path / name, cpu=True)
        assert run.iteration == iteration
        train(run, Toy())
        assert torch.equal(weights(run), uninterrupted), name
        assert not list((tmp_path / name).glob(".undrift-*"))  # what a half-written file left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_saves_the_finished_step(
    tmp_path: Path, uninterrupted: torch.Tensor, number: signal.Signals
) -> None:
    def interrupt(n: int) -> None:
        if n == 4 * 2 + 1:  # in the third step
            os.kill(os.getpid(), number)

    handler = signal.getsignal(number)
    run = prepare(recipe(**WANTED), tmp_path, cpu=True)
    with pytest.raises(KeyboardInterrupt):
        train(run, Toy(interrupt))
    assert signal.getsignal(number) is handler
    again = prepare(recipe(**WANTED), tmp_path, cpu=True)
    assert again.iteration == run.iteration == 3
    train(again, Toy())
    assert torch.equal(weights(again), uninterrupted)


def test_dropout_resumes_bit_for_bit_too(tmp_path: Path) -> None:
    def build(folder: str) -> toy.Run:
        run = prepare(recipe(save_every=2), tmp_path / folder, cpu=True)
        run.network.enter.register_forward_hook(  # type: ignore[union-attr, operator]
            lambda layer, given, out: torch.nn.functional.dropout(out, 0.5, layer.training)
        )
        return run

    whole, first = build("whole"), build("parts")
    train(whole, Toy())
    train(first, Toy(), until=2)
    torch.rand(7)  # what happens in between must not matter
    second = build("parts")
    train(second, Toy())
    assert torch.equal(weights(whole), weights(second))


def test_the_log_of_a_resumed_run_has_every_line_once(tmp_path: Path) -> None:
    wanted = recipe(save_every=2, log_every=1)
    checkpoint = tmp_path / "checkpoint.pt"
    train(prepare(wanted, tmp_path, cpu=True), Toy(), until=2)
    early = checkpoint.read_bytes()
    train(prepare(wanted, tmp_path, cpu=True), Toy(), until=5)
    checkpoint.write_bytes(early)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"iteration": 3, "lo')  # a killed run's last line
    run = prepare(wanted, tmp_path, cpu=True)
    assert run.iteration == 2
    train(run, Toy())
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[0]["rate"] == pytest.approx(0.5e-3) and lines[5]["rate"] == pytest.approx(1e-3 / 3)


def test_a_longer_run_prolongs_the_constant_part(tmp_path: Path) -> None:
    train(prepare(recipe(iterations=4, decay=0), tmp_path, cpu=True), Toy())
    run = prepare(recipe(iterations=6, decay=0), tmp_path, cpu=True)
    assert run.iteration == 4
    train(run, Toy())
    whole = prepare(recipe(iterations=6, decay=0), tmp_path / "whole", cpu=True)
    train(whole, Toy())
    assert torch.equal(weights(run), weights(whole))


def test_a_finished_run_only_returns_its_weights(tmp_path: Path) -> None:
    path = train(prepare(recipe(iterations=2), tmp_path, cpu=True), Toy())
    path.unlink()
    run = prepare(recipe(iterations=2), tmp_path, cpu=True)
    assert train(run, Toy(lambda n: pytest.fail("no sample is needed"))).is_file()


def test_a_checkpoint_of_another_recipe_is_refused_by_key(tmp_path: Path) -> None:
    train(prepare(recipe(), tmp_path, cpu=True), Toy(), until=1)
    other = recipe(rate=2e-3, batch=8, params={"widths": [4]})
    with pytest.raises(InputError) as caught:
        prepare(other, tmp_path, cpu=True)
    for text in (
        "schedule.rate was 0.001, is 0.002",
        "schedule.batch was 4, is 8",
        "network.params.widths was [8], is [4]",
        "--restart",
    ):
        assert text in str(caught.value)
    assert prepare(other, tmp_path, resume=False, cpu=True).iteration == 0


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, keep: int) -> None:
    train(prepare(recipe(), tmp_path, cpu=True), Toy(), until=1)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"checkpoint\.pt cannot be read.*--restart"):
        prepare(recipe(), tmp_path, cpu=True)


def test_a_start_that_a_recipe_has_yet_to_make_is_an_error_with_its_command(tmp_path: Path) -> None:
    for start, told in (
        (
            "runs/leaves-denoise/leaves-denoise.safetensors",
            r"start: runs.leaves-denoise.leaves-denoise\.safetensors: no such weight file; "
            r"`undrift train leaves-denoise`, .* makes runs.leaves-denoise.*-s start=FILE",
        ),
        ("runs/mine/mine.safetensors", r"start: .*mine\.safetensors: no such weight file$"),
        ("leaves-denoize", "start: no model .*did you mean 'leaves-denoise'"),
    ):
        wanted = recipe().model_copy(update={"start": start})
        with pytest.raises(InputError, match=told):
            prepare(wanted, tmp_path, cpu=True)


def test_another_number_of_processes_is_refused(tmp_path: Path) -> None:
    train(prepare(recipe(), tmp_path, cpu=True), Toy(), until=1)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    torch.save({**state, "processes": 2}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match=r"made by 2 process\(es\), now there are 1"):
        prepare(recipe(), tmp_path, cpu=True)
