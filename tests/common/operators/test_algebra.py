"""Every linear operator against its own dense matrix, built column by column."""

import pytest
import torch
from operator_cases import CASES
from torch import Tensor

from undrift.common.operators import OPERATORS, LinearOperator, check_adjoint, dense_matrix
from undrift.common.operators.check import probe

EVERY = pytest.mark.parametrize("operator", CASES.values(), ids=CASES.keys())
CLOSED = {name: operator for name, operator in CASES.items() if operator.svd() is not None}
EVERY_CLOSED = pytest.mark.parametrize("operator", CLOSED.values(), ids=CLOSED.keys())
BENT = {"magnitude", "phase-retrieval", "clip", "gamma", "affine", "saturation", "jpeg"}


def signal(operator: LinearOperator, number: int = 0) -> Tensor:
    """Two different signals, (2, *shape_in); (1, *shape_in) where the operator has its items."""
    found = torch.cat([probe(operator.shape_in, operator.field_in, number + k) for k in (0, 1)])
    return (
        found[:1] if any("one an item" in k for k, v in CASES.items() if v is operator) else found
    )


def rows(operator: LinearOperator, y: Tensor) -> Tensor:
    """Measurements as rows of the numbers that `dense_matrix` maps to."""
    flat = y.flatten(1)
    if flat.is_complex() and operator.field_in != "complex":
        return torch.cat([flat.real, flat.imag], 1)
    return flat


def close(got: Tensor, want: Tensor, tolerance: float) -> None:
    gap = float((got.flatten(1) - want).abs().max() / want.abs().max().clamp(min=1e-12))
    assert gap < tolerance


def test_every_operator_of_the_table_is_tried() -> None:
    tried = {name.split(" ")[0] for name in CASES}
    assert set(OPERATORS) - BENT <= tried


@EVERY
def test_adjoint_is_the_adjoint(operator: LinearOperator) -> None:
    report = check_adjoint(operator)
    assert report.error < 1e-10, report


@EVERY
def test_matrices_of_adjoint_and_normal(operator: LinearOperator) -> None:
    matrix = dense_matrix(operator)
    x = signal(operator)
    y = operator(x)
    close(rows(operator, y), x.flatten(1) @ matrix.mT, 1e-12)
    close(operator.adjoint(y), rows(operator, y) @ matrix.conj(), 1e-12)
    close(operator.normal(x), x.flatten(1) @ (matrix.mH @ matrix).mT, 1e-12)


@EVERY
def test_pinv_is_that_of_numpy(operator: LinearOperator) -> None:
    matrix = dense_matrix(operator)
    y = operator(signal(operator)) + 0.1 * operator(signal(operator, 5))
    inverse = torch.linalg.pinv(matrix, rtol=1e-10)
    got = operator.pinv(y, rcond=1e-10, tol=1e-14, iterations=5000)
    close(got, rows(operator, y) @ inverse.mT, 1e-7)


@EVERY
@pytest.mark.parametrize(("weight", "precision"), [(4.0, 0.7), (100.0, 1.0)])
def test_solve_is_exact(operator: LinearOperator, weight: float, precision: float) -> None:
    matrix, x = dense_matrix(operator), signal(operator)
    system = weight * matrix.mH @ matrix + precision * torch.eye(
        matrix.shape[1], dtype=torch.float64
    )
    want = torch.linalg.solve(system, x.flatten(1).mT).mT
    close(operator.solve(x, weight, precision, tol=1e-13), want, 1e-9)
    each = torch.tensor([weight, 3.0][: len(x)]).reshape(-1, *[1] * len(operator.shape_in)).double()
    close(operator.solve(x, each, precision, tol=1e-13)[:1], want[:1], 1e-9)


@EVERY
def test_gain_is_the_kalman_gain(operator: LinearOperator) -> None:
    matrix, y = dense_matrix(operator), operator(signal(operator))
    system = 0.6 * matrix @ matrix.mH + 0.05 * torch.eye(len(matrix), dtype=torch.float64)
    want = (0.6 * matrix.mH @ torch.linalg.solve(system, rows(operator, y).mT)).mT
    close(operator.gain(y, 0.6, 0.05, tol=1e-13, iterations=2000), want, 1e-9)


@EVERY
def test_gain_and_solve_agree(operator: LinearOperator) -> None:
    """z + gain(y - A z) solves (A^H A / noise + 1 / variance) x = A^H y / noise + z / variance."""
    z, y = signal(operator), operator(signal(operator, 7))
    by_gain = z + operator.gain(y - operator(z), 0.6, 0.05, tol=1e-13, iterations=2000)
    rhs = operator.adjoint(y) / 0.05 + z / 0.6
    close(
        by_gain, operator.solve(rhs, 1 / 0.05, 1 / 0.6, tol=1e-13, iterations=2000).flatten(1), 1e-8
    )


@EVERY_CLOSED
def test_gain_without_noise_is_the_pseudo_inverse(operator: LinearOperator) -> None:
    y = operator(signal(operator))
    share = operator.gain(y, 1.0, 0.0)
    close(operator(share).flatten(1), y.flatten(1), 1e-8)


@EVERY_CLOSED
def test_singular_values_are_those_of_numpy(operator: LinearOperator) -> None:
    svd = operator.svd()
    assert svd is not None
    want = torch.linalg.svdvals(dense_matrix(operator))
    got = svd.s.flatten().sort(descending=True)[0]
    assert got.numel() == torch.Size(operator.shape_in).numel()
    kept = min(len(want), len(got))
    torch.testing.assert_close(got[:kept], want[:kept], rtol=0, atol=1e-10)
    assert float(got[kept:].abs().sum()) < 1e-10
    assert operator.norm() == pytest.approx(float(want.max()), rel=1e-10)


@EVERY_CLOSED
def test_singular_vectors_rebuild_the_operator(operator: LinearOperator) -> None:
    svd = operator.svd()
    assert svd is not None
    x, y = signal(operator), operator(signal(operator, 5))
    z = svd.vh(x)
    assert tuple(z.shape[1:]) == tuple(svd.s.shape[svd.s.ndim - z.ndim + 1 :])
    close(svd.v(z), x.flatten(1), 1e-12)
    norms = torch.linalg.vector_norm(z.flatten(1), dim=1)
    torch.testing.assert_close(norms, torch.linalg.vector_norm(x.flatten(1), dim=1))
    close(svd.u(svd.s * z), operator(x).flatten(1), 1e-12)
    close(svd.v(svd.s * svd.uh(y)), operator.adjoint(y).flatten(1), 1e-12)
    assert not bool(svd.uh(y)[(svd.s == 0).expand(svd.uh(y).shape)].any())


@EVERY
def test_norm_bounds_the_operator(operator: LinearOperator) -> None:
    want = float(torch.linalg.matrix_norm(dense_matrix(operator), 2))
    got = operator.norm(tol=1e-10)
    assert got == pytest.approx(want, rel=1e-6)
    assert got <= want * (1 + 1e-9)


@EVERY
def test_single_precision_keeps_its_type(operator: LinearOperator) -> None:
    dtype = torch.float32
    x = signal(operator)
    wide = operator(x)
    small = x.to(dtype.to_complex() if x.is_complex() else dtype)
    y = operator(small)
    assert y.dtype == (dtype.to_complex() if wide.is_complex() else dtype)
    assert operator.adjoint(y).dtype == small.dtype
    close(y.flatten(1).to(wide.dtype), wide.flatten(1), 1e-5)
    assert operator.solve(small, 2.0, 1.0).dtype == small.dtype
    assert check_adjoint(operator, dtype).error < 1e-4


@EVERY
def test_no_batch_axis_and_two(operator: LinearOperator) -> None:
    x = signal(operator)[:1]
    y = operator(x)
    close(operator(x[0])[None].flatten(1), y.flatten(1), 1e-13)
    if not any("one an item" in k for k, v in CASES.items() if v is operator):
        twice = operator(x.expand(3, 2, *operator.shape_in))
        assert twice.shape == (3, 2, *operator.shape_out)
        assert operator.adjoint(twice).shape == (3, 2, *operator.shape_in)
        assert operator.solve(operator.adjoint(twice), 1.0, 1.0).shape[:2] == (3, 2)
