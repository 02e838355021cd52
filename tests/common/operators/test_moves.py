"""Precision, devices, derivatives and iterative solves."""

import pytest
import torch
from operator_cases import CASES, PLANE, holes, kernel, values

from undrift.common.operators import (
    Average,
    Blur,
    CoilFourier,
    Fourier,
    LinearOperator,
    Mask,
    Radon,
    check_adjoint,
    conjugate_gradient,
    stack,
)
from undrift.common.operators.check import probe
from undrift.common.operators.conjugate_gradient import least_squares


def test_parameters_follow_the_signal_and_are_moved_once() -> None:
    blur = Blur(kernel(3, 3), PLANE)
    assert blur.at(torch.zeros(1, dtype=torch.float32)).transfer.dtype == torch.complex64
    assert blur.transfer.dtype == torch.complex128
    single = blur.at(torch.zeros(1))
    assert blur.at(torch.zeros(1)) is single
    assert single.at(torch.zeros(1)) is single
    nested = (Average(PLANE, 2) @ blur).to(dtype=torch.float32)
    assert nested.inner.transfer.dtype == torch.complex64
    joint = stack(blur, Average(PLANE, 2)).to(dtype=torch.complex64)
    assert all(part.unit.dtype == torch.float32 for part in joint.operators)
    assert Mask(holes(6, 8), PLANE).to(dtype=torch.float32).weight.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_computed_in_single_precision(dtype: torch.dtype) -> None:
    operator, x = Average(PLANE, 2) @ Blur(kernel(3, 3), PLANE), values(2, *PLANE).to(dtype)
    assert operator(x).dtype == dtype
    torch.testing.assert_close(operator(x), operator(x.float()).to(dtype))
    assert operator.adjoint(operator(x)).dtype == dtype
    assert operator.solve(x, 2.0, 1.0).dtype == dtype
    assert operator.pinv(operator(x)).dtype == dtype


def test_a_first_use_in_inference_mode_leaves_training_intact() -> None:
    operator = Blur(kernel(3, 3), PLANE)
    with torch.inference_mode():
        operator(values(1, *PLANE).float())
        operator.solve(values(1, *PLANE).float(), 1.0, 1.0)
    x = values(1, *PLANE).float().requires_grad_()
    operator.solve(operator(x), torch.ones(1, 1, 1, 1), 1.0).sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize("name", CASES)
def test_automatic_differentiation_gives_the_adjoint(name: str) -> None:
    operator = CASES[name]
    x = probe(operator.shape_in, operator.field_in, 0).requires_grad_()
    y = operator(x)
    v = probe(operator.shape_out, operator.field_out, 1)
    (got,) = torch.autograd.grad((y.conj() * v).real.sum() if y.is_complex() else (y * v).sum(), x)
    torch.testing.assert_close(got, operator.adjoint(v), rtol=0, atol=1e-10)


def test_a_good_start_saves_iterations() -> None:
    operator = Blur(kernel(3, 3), PLANE, "reflect")
    b = values(2, *PLANE)

    def system(x: torch.Tensor) -> torch.Tensor:
        return 4 * operator.normal(x) + 0.1 * x

    cold = conjugate_gradient(system, b, tol=1e-8)
    warm = conjugate_gradient(system, b, start=cold.x + 1e-5 * values(2, *PLANE, seed=1), tol=1e-8)
    assert warm.iterations < 0.8 * cold.iterations
    assert bool((cold.residual <= 1e-8).all())
    torch.testing.assert_close(system(cold.x), b, rtol=0, atol=1e-6)
    again = operator.solve(b, 4.0, 0.1, start=cold.x, iterations=0)
    assert torch.equal(again, cold.x)


def test_items_of_a_batch_are_solved_alone() -> None:
    """A hard item changes nothing in an easy one, and zero asks for nothing."""
    operator = CoilFourier(torch.complex(values(3, 6, 8), values(3, 6, 8, seed=1)), (1, 6, 8))
    b = torch.complex(values(3, 1, 6, 8), values(3, 1, 6, 8, seed=4))
    b[2] = 0
    weight = torch.tensor([1.0, 1e4, 1.0], dtype=torch.float64).reshape(3, 1, 1, 1)
    whole = operator.solve(b, weight, 1.0)
    for k in range(3):
        torch.testing.assert_close(
            whole[k : k + 1],
            operator.solve(b[k : k + 1], float(weight[k]), 1.0),
            rtol=0,
            atol=1e-12,
        )
    assert not bool(whole[2].any())


def test_singular_systems_end_at_the_least_norm() -> None:
    operator = Mask(holes(6, 8), PLANE)
    b = operator(values(1, *PLANE))
    found = conjugate_gradient(operator.normal, b)
    torch.testing.assert_close(found.x, b)
    inconsistent = conjugate_gradient(operator.normal, values(1, *PLANE), iterations=50)
    assert bool(torch.isfinite(inconsistent.x).all())
    assert float(inconsistent.residual) > 0.1


def test_least_squares_endures_what_the_normal_equations_do_not() -> None:
    left, right = (torch.linalg.qr(values(40, 40, seed=k))[0] for k in (1, 2))
    matrix = left @ torch.diag(torch.logspace(0, -6, 40, dtype=torch.float64)) @ right
    x = values(1, 40)
    y = x @ matrix.T
    found = least_squares(lambda v: v @ matrix.T, lambda v: v @ matrix, y, 1e-16, 4000)
    normal = matrix.T @ matrix
    squared = conjugate_gradient(lambda v: v @ normal, y @ matrix, None, 1e-16, 4000)
    assert float((found.x - x).norm()) < 1e-7
    assert float((squared.x - x).norm()) > 1e-6


def test_one_mask_an_item() -> None:
    masks = torch.stack([holes(2, 6, 8, seed=k) for k in range(3)])
    x = torch.complex(values(3, *PLANE), values(3, *PLANE, seed=1))
    together = Fourier(PLANE, masks)
    alone = torch.cat([Fourier(PLANE, masks[k])(x[k : k + 1]) for k in range(3)])
    torch.testing.assert_close(together(x), alone)
    torch.testing.assert_close(together.pinv(alone), together.adjoint(alone))


def test_long_projections_are_done_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    operator, x = Radon(torch.arange(0.0, 180.0, 20.0), (1, 7, 9)), values(2, 1, 7, 9)
    y, back = operator(x), operator.normal(x)
    monkeypatch.setattr("undrift.common.operators.radon._PIECE", 40)
    torch.testing.assert_close(operator(x), y)
    torch.testing.assert_close(operator.normal(x), back)


@pytest.mark.gpu
@pytest.mark.parametrize("name", [n for n in CASES if not n.startswith("nonuniform")])
def test_on_a_gpu(name: str) -> None:
    operator: LinearOperator = CASES[name]
    assert check_adjoint(operator, device="cuda").error < 1e-10
    x = probe(operator.shape_in, operator.field_in, 0)
    y = operator(x)
    torch.testing.assert_close(operator(x.cuda()).cpu(), y, rtol=0, atol=1e-10)
    got = operator.solve(x.cuda(), 4.0, 1.0)
    torch.testing.assert_close(got.cpu(), operator.solve(x, 4.0, 1.0), rtol=0, atol=1e-8)
