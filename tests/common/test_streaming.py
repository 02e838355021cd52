"""Streams: the results of frame by frame, in order, in as many batched calls as ticks."""

import pytest
import torch
from oracles import EVERY
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.grids import build_grid
from undrift.common.networks import build_network
from undrift.common.noise import Noise
from undrift.common.processes.process import start
from undrift.common.solvers import build_solver
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.plan import Step
from undrift.common.streaming import Stream


class Counted(nn.Module):
    """Notes the size of each batch."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.batches: list[int] = []

    def forward(self, *given: Tensor | None) -> Tensor:
        assert given[0] is not None
        self.batches.append(len(given[0]))
        return self.network(*given)


def denoiser(process: str) -> tuple[Denoiser, list[int]]:
    """A lively denoiser, and the sizes of the batches that it gets."""
    torch.manual_seed(0)
    params: dict = {"inputs": 6, "widths": [4, 6], "depths": [1, 1], "features": 8, "levels": 1}
    network = build_network("local-nafnet", params).double().requires_grad_(False)
    for value in network.parameters():
        nn.init.uniform_(value, -0.3, 0.3)
    counted = Counted(network)
    return Denoiser(counted, EVERY[process], "balanced", Scaling(0.2)), counted.batches


def frame(number: int, items: int = 1) -> dict:
    generator = torch.Generator().manual_seed(number)
    y = torch.rand(items, 3, 8, 8, generator=generator).double()
    noise = Noise(0, f"frame {number}")

    def draw(k: int) -> Tensor:
        return noise((1, 3, 8, 8), k, dtype=torch.float64).expand(items, -1, -1, -1)

    return {"y": y, "level": torch.full((items, 1), 0.1 * number).double(), "draw": draw}


def plan(solver: str, process: str, count: int) -> list[Step]:
    made = build_solver(solver)
    return made.plan(EVERY[process], build_grid("auto", EVERY[process], count, 0.2))


@pytest.mark.parametrize("items", [1, 2])
@pytest.mark.parametrize("process", EVERY)
@pytest.mark.parametrize("solver", ["ddim", "multistep-2", "sde-multistep-2"])
def test_frames_come_out_as_they_do_alone(solver: str, process: str, items: int) -> None:
    (model, batches), steps = denoiser(process), plan(solver, process, 4)
    frames = [frame(number, items) for number in range(6)]
    states = [start(EVERY[process], f["y"], f["draw"](0)) for f in frames]
    alone = [run_plan(model, x, steps, **f) for x, f in zip(states, frames, strict=True)]
    batches.clear()
    stream = Stream(model, steps)
    assert stream.latency == 4
    given = [stream.push(x, **f) for x, f in zip(states, frames, strict=True)]
    assert [out is None for out in given] == [True, True, True, False, False, False]
    found = [out for out in given if out is not None] + list(stream.flush())
    for one, other in zip(alone, found, strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=1e-12)
    assert batches == [items * k for k in (1, 2, 3, 4, 4, 4, 3, 2, 1)]
    assert list(stream.flush()) == []


def test_steps_without_a_call_cost_no_tick() -> None:
    """Noise is put back before each step but the first, as churn does."""
    model, _ = denoiser("VP")
    steps = []
    for step in plan("ddim", "VP", 3):
        steps += [Step(step.t, (1.0,), (), 0.0, 0.1), step]
    steps.append(Step(0.0, (0.5,), (), 0.25))
    stream, given = Stream(model, steps), [frame(number) for number in range(3)]
    x = torch.rand(1, 3, 8, 8).double()
    found = [stream.push(x, **f) for f in given] + list(stream.flush())
    assert stream.latency == 3
    for out, f in zip(found[2:], given, strict=True):
        assert out is not None
        torch.testing.assert_close(out, run_plan(model, x, steps, **f), rtol=0, atol=1e-12)


def test_frames_of_another_shape_are_refused() -> None:
    stream = Stream(denoiser("flow")[0], plan("ddim", "flow", 3))
    x, given = torch.rand(1, 3, 8, 8).double(), frame(0)
    stream.push(x, **given)
    with pytest.raises(InputError, match="flush the stream first"):
        stream.push(x[..., :4], **given)
    with pytest.raises(InputError, match="flush the stream first"):
        stream.push(x, y=given["y"], draw=given["draw"])
    assert len(list(stream.flush())) == 1
    stream.push(x[..., :4], y=given["y"][..., :4], level=given["level"])


def test_noise_that_is_missing_is_told() -> None:
    stream = Stream(denoiser("flow")[0], plan("sde-multistep-2", "flow", 3))
    with pytest.raises(InputError, match="pass draw"):
        stream.push(torch.rand(1, 3, 8, 8).double(), y=frame(0)["y"], level=frame(0)["level"])
