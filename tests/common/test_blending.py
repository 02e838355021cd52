"""Steps taken at once by the denoiser equal those made from its estimate."""

import pytest
import torch
from oracles import EVERY
from torch import Tensor, nn

from undrift.common.blending import blend
from undrift.common.denoisers import Denoiser, Estimate, Scaling
from undrift.common.errors import InputError
from undrift.common.processes import Process, VariancePreserving
from undrift.common.solvers import build_solver
from undrift.common.solvers.loop import run_plan

X = torch.randn(2, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
Y = torch.tanh(X.flip(-1))


class Network(nn.Module):
    def __init__(self, variance: bool):
        super().__init__()
        self.variance = variance

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        out = torch.sin(3 * x[:, :3]) + psi[:, None, None, None]
        return torch.cat([out, out], 1) if self.variance else out


def draw(number: int) -> Tensor:
    return torch.randn(X.shape, dtype=X.dtype, generator=torch.Generator().manual_seed(number))


@pytest.mark.parametrize("process", EVERY.values(), ids=list(EVERY))
@pytest.mark.parametrize("centre", [None, 0.0, 0.5])
@pytest.mark.parametrize("variance", [False, True])
def test_runs_are_the_same(process: Process, centre: float | None, variance: bool) -> None:
    scaling = Scaling(0.3, centre=centre)
    denoiser = Denoiser(Network(variance), process, "balanced", scaling, variance)
    for solver in ("ddim", "ancestral"):
        steps = build_solver(solver).plan(process, [1.0, 0.7, 0.2, 0.0])
        at_once = run_plan(denoiser, X, steps, y=Y, draw=draw)
        watched = run_plan(denoiser, X, steps, y=Y, draw=draw, watch=lambda *told: None)
        assert torch.allclose(at_once, watched, rtol=1e-10, atol=1e-10)


def test_another_forward_and_hooks_are_not_passed_by() -> None:
    class Blank(Denoiser):
        def forward(self, x: Tensor, *told: object) -> Estimate:  # type: ignore[override]
            return Estimate(torch.zeros_like(x))

    process, scaling = VariancePreserving(), Scaling(0.3, centre=0.0)
    steps = build_solver("ddim").plan(process, [1.0, 0.5, 0.0])
    blank = Blank(Network(False), process, "balanced", scaling)
    assert float(run_plan(blank, X, steps).abs().max()) == 0
    hooked, seen = Denoiser(Network(False), process, "balanced", scaling), []
    hooked.register_forward_hook(lambda module, given, estimate: seen.append(estimate))
    run_plan(hooked, X, steps)
    assert len(seen) == 2


@pytest.mark.parametrize("of_x", [1.0, 0.5])
def test_sums_keep_the_precision_of_the_state_and_its_values(of_x: float) -> None:
    x, out = X.float(), X.to(torch.bfloat16)
    mixed = blend(x, of_x, out, 2.0, Y.float(), 3.0)
    assert mixed.dtype == torch.float32 and torch.equal(x, X.float())
    assert torch.allclose(mixed, of_x * x + 2 * out.float() + 3 * Y.float(), atol=1e-5)
    with pytest.raises(InputError, match="pass y"):
        blend(x, of_x, out, 2.0, None, 3.0)
