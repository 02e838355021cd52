"""Several processes are one with a larger batch; so are accumulated parts."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import undrift_training as toy
from undrift_training import Toy, recipe, weights

from undrift.common.training.loop import train
from undrift.common.training.run import prepare
from undrift.common.training.samples import Numbers


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def doubled(tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    run = prepare(recipe(batch=8), tmp_path_factory.mktemp("doubled"), cpu=True)
    before = weights(run)
    train(run, Toy())
    assert float((weights(run) - before).abs().max()) > 1e-3  # so that 1e-6 says something
    return weights(run)


@pytest.mark.parametrize(("processes", "accumulate"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_every_sample_is_seen_once_and_in_its_step(processes: int, accumulate: int) -> None:
    plan = recipe(batch=4, accumulate=accumulate).schedule
    seen = [list(Numbers(plan, 0, 5, rank, processes)) for rank in range(processes)]
    assert sorted(n for part in seen for n in part) == list(range(4 * processes * accumulate * 5))
    size = 4 * processes * accumulate
    for part in seen:
        assert len(part) == len(Numbers(plan, 0, 5, 0, processes))
        for place, n in enumerate(part):
            assert n // size == place // (4 * accumulate)
    assert list(Numbers(plan, 2, 5, 0, processes)) == seen[0][2 * 4 * accumulate :]


def test_accumulated_parts_are_one_batch(tmp_path: Path, doubled: torch.Tensor) -> None:
    run = prepare(recipe(batch=4, accumulate=2), tmp_path, cpu=True)
    train(run, Toy())
    assert torch.allclose(weights(run), doubled, rtol=0, atol=1e-6)


def test_two_processes_are_one_with_the_doubled_batch_and_stop_together(
    tmp_path: Path, environment: dict[str, str], doubled: torch.Tensor
) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launcher += ["--local-addr", "127.0.0.1"]  # whatever the machine's name resolves to
    if sys.platform == "linux":
        environment = {**environment, "GLOO_SOCKET_IFNAME": "lo"}
    program = ["--nproc-per-node", "2", str(toy.__file__), "processes", str(tmp_path)]
    done = subprocess.run(
        [*launcher, *program], env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / f"weights-{rank}.pt") for rank in (0, 1))
    assert torch.equal(first, second)
    assert torch.allclose(first, doubled, rtol=0, atol=1e-6)
    assert [(tmp_path / f"stopped-{rank}").read_text() for rank in (0, 1)] == ["3", "3"]
    assert torch.load(tmp_path / "stopped" / "checkpoint.pt", weights_only=True)["iteration"] == 3
