"""Moment matching: what it costs, its solvers, and warm starts."""

from typing import Any

import pytest
import torch
from gaussian_posterior import SIZE, SPREAD, VP, arrays, measured, prior, some, twenty_calls
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.gradient import DPS
from undrift.common.posterior.jfps import JFPS
from undrift.common.posterior.krylov import System, conjugate_gradients, gmres
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.posterior.pigdm import PiGDM
from undrift.common.posterior.proximal import DiffPIR
from undrift.common.posterior.tmpd import TMPD
from undrift.common.posterior.warm import Warm

KINDS = ["sr2", "inpaint", "blur"]


class Counted(nn.Module):
    """A network that counts how often it is run, and how often gradients come back to it."""

    def __init__(self) -> None:
        super().__init__()
        self.size = nn.Parameter(torch.ones(()))
        self.forwards = self.backwards = 0

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None) -> Tensor:
        self.forwards += 1
        out = torch.tanh(self.size * x)  # every slope is above 0: a covariance
        if out.requires_grad:
            out.register_hook(self._count)
        return out

    def _count(self, gradient: Tensor) -> None:
        self.backwards += 1


class Shrink(LinearOperator):
    """Means of 2 x 2 pixels, without a decomposition."""

    def __init__(self) -> None:
        super().__init__((1, 8, 8), (1, 4, 4))

    def _forward(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(x, 2)

    def _adjoint(self, v: Tensor) -> Tensor:
        return nn.functional.interpolate(v, scale_factor=2) / 4


def counted(kind: type[Conditional], **options: Any) -> tuple[int, int]:
    """Forward and backward passes of one call."""
    network = Counted()
    denoiser = Denoiser(network, VP, "x0", Scaling(0.5, centre=0.5))
    seen = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    kind(denoiser, VP, Shrink(), seen, 0.05, **options)(some(1, 1, 8, 8).float(), 0.3)
    return network.forwards, network.backwards


@pytest.mark.parametrize("k", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("method", ["cg", "gmres"])
def test_k_steps_cost_one_call_and_k_products(method: str, k: int) -> None:
    """The ideal is often given as k + 1 products; the last one, V A^T w, comes for nothing."""
    options = {"iterations": k, "tol": 0.0, "method": method}
    assert counted(MomentMatching, **options) == (1, k)
    assert counted(MomentMatching, **options, symmetric=True) == (1 + k, k)


@pytest.mark.parametrize(("kind", "passes"), [
    (PiGDM, (1, 1)), (DPS, (1, 1)), (TMPD, (1, 2)), (JFPS, (1, 0)), (DiffPIR, (1, 0)),
])  # fmt: skip
def test_passes_of_the_other_methods(kind: type[Conditional], passes: tuple[int, int]) -> None:
    assert counted(kind) == passes


@pytest.mark.parametrize("solve", [conjugate_gradients, gmres])
def test_a_solve_gives_the_weights_and_what_they_pull(solve: type) -> None:
    half = some(12, 12, seed=1)
    covariance, forward = half @ half.T, some(5, 12, seed=2)
    matrix = forward @ covariance @ forward.T + 0.04 * torch.eye(5, dtype=torch.float64)
    left = some(3, 5, seed=3)
    system = System(
        lambda p: (p @ forward @ covariance, p @ matrix), left, some(3, 12), 0.04
    )  # fmt: skip
    for start in (None, some(3, 5, seed=4)):
        found = solve(system, 12, 1e-13, start)
        expected = torch.linalg.solve(matrix, left.T).T
        torch.testing.assert_close(found.w, expected, rtol=1e-8, atol=1e-8)
        pulled = expected @ forward @ covariance
        torch.testing.assert_close(found.correction, pulled, rtol=1e-8, atol=1e-8)
        assert not found.broken.any()


def test_gmres_solves_what_has_no_symmetry_and_stops_at_an_exact_answer() -> None:
    matrix = torch.eye(6, dtype=torch.float64) * 2 + torch.triu(some(6, 6), 1)
    left = some(2, 6, seed=1)
    left[1] = 0  # solved before the first step
    calls = []

    def apply(p: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(len(p))
        return p, p @ matrix.T

    found = gmres(System(apply, left, left, 1.0), 40, 1e-12)
    torch.testing.assert_close(found.w, torch.linalg.solve(matrix, left.T).T, rtol=0, atol=1e-10)
    assert len(calls) == 6
    assert not found.w[1].any()


@pytest.mark.parametrize("method", ["cg", "gmres"])
def test_an_item_does_not_know_its_batch(method: str) -> None:
    """Items stop on their own: those solved early are not carried on by the others."""
    options = {"method": method, "iterations": 8, "tol": 0.05}
    denoise = measured("blur", MomentMatching, **options)
    x = torch.cat([denoise.process.s(torch.ones(())).item() * some(2, SIZE), 30 * some(2, SIZE)])
    together = denoise(x, 0.2).x0
    alone = torch.cat([denoise(item[None], 0.2).x0 for item in x])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


class Watched(Matrix):
    """A matrix that counts its adjoints and hides its decomposition."""

    count = 0

    def _adjoint(self, v: Tensor) -> Tensor:
        type(self).count += 1
        return super()._adjoint(v)

    def _svd(self) -> Any:
        return None


def adjoints(kind: type[Conditional], name: str, warm: Warm | None, **options: Any) -> int:
    """Adjoints of a run of 20 calls."""
    p = arrays("gaussian_problem")
    Watched.count = 0
    denoise = prior(p["prior_mean"], p["prior_cov"])
    operator, seen = Watched(p[f"{name}_A"], (SIZE,)), p[f"{name}_y"][None]
    twenty_calls(kind(denoise, VP, operator, seen, 0.1, SPREAD, warm=warm, **options), 4, 8)
    return Watched.count


@pytest.mark.parametrize("name", KINDS)
def test_a_warm_start_saves_iterations(name: str) -> None:
    """19 of the products are those of the starts themselves: it pays where iterations are many."""
    options = {"iterations": 64, "tol": 1e-4}
    cold = adjoints(MomentMatching, name, None, **options)
    warm = adjoints(MomentMatching, name, Warm(), **options)
    assert warm - 19 < 0.92 * cold
    if name == "inpaint":
        assert warm < 0.85 * cold


@pytest.mark.parametrize("kind", [PiGDM, JFPS])
def test_a_warm_start_saves_iterations_of_the_operator_alone(kind: type[Conditional]) -> None:
    warm, cold = adjoints(kind, "blur", Warm()), adjoints(kind, "blur", None)
    assert warm < cold
    assert warm - 19 < 0.92 * cold


def test_a_warm_start_does_not_change_the_answer_and_forgets_the_last_run() -> None:
    memory = Warm()
    options = {"iterations": 64, "tol": 1e-10}
    cold = twenty_calls(measured("inpaint", MomentMatching, **options), 4, 8)
    warm = measured("inpaint", MomentMatching, **options, warm=memory)
    first = twenty_calls(warm, 4, 8)
    torch.testing.assert_close(first, cold, rtol=0, atol=1e-6)
    assert torch.equal(twenty_calls(warm, 4, 8), first)
    assert memory.start(1.0, first) is None and memory.start(0.0, first[:2]) is None


def test_unknown_methods_are_named() -> None:
    with pytest.raises(InputError, match=r"method 'gmre'.*did you mean"):
        measured("sr2", MomentMatching, method="gmre")
    with pytest.raises(InputError, match="0 iterations"):
        measured("sr2", MomentMatching, iterations=0)
