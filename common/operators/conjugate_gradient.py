"""Conjugate gradients for many systems at once, real or complex, with the real inner product.

M x = b with M self-adjoint and positive (semi-)definite (Hestenes & Stiefel 1952, Eqs. 3:1a-f).
Every item of the batch has its own step and stops on its own; started at zero on a consistent
singular system the answer is the one of least norm.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_LOOK = 8  # on a GPU the host looks at the residual only every so many iterations


@dataclass(frozen=True)
class Solution:
    """x: (b, *shape); residual: (b,), |M x - b| / |b|; iterations: of the slowest item."""

    x: Tensor
    residual: Tensor
    iterations: int


def default_tolerance(dtype: torch.dtype) -> float:
    """1e-6 in single and 1e-11 in double precision: near what round-off allows."""
    return 1e-11 if torch.finfo(dtype).bits == 64 or dtype == torch.complex128 else 1e-6


def conjugate_gradient(
    apply: Callable[[Tensor], Tensor],
    b: Tensor,
    start: Tensor | None = None,
    tol: float | None = None,
    iterations: int = 500,
    precondition: Callable[[Tensor], Tensor] | None = None,
) -> Solution:
    """Solves apply(x) = b for each item of b: (b, *shape), until |residual| <= tol |b|.

    start: where to begin (default zero). precondition: an approximation of the inverse, positive;
    the residual is then measured in its norm. Never raises: read `residual` for what was reached.
    """
    tol = default_tolerance(b.dtype) if tol is None else tol
    near = precondition or (lambda r: r)
    x = torch.zeros_like(b) if start is None else start.to(b.dtype)
    r = b if start is None else b - apply(x)
    p = near(r)
    rho = _dot(r, p)
    limit = tol**2 * _dot(b, near(b))
    flat, steepest = 10 * torch.finfo(b.dtype).eps, torch.zeros_like(rho)
    look = 1 if b.device.type == "cpu" else _LOOK
    count = 0
    while count < iterations:
        if count % look == 0 and not bool((rho > limit).any()):
            break
        q = apply(p)
        bend = _dot(p, q)
        length = _dot(p, p)
        steepest = torch.maximum(steepest, bend / length.clamp(min=torch.finfo(rho.dtype).tiny))
        going = (rho > limit) & (bend > flat * steepest * length)
        step = torch.where(going, rho / torch.where(going, bend, 1), 0)
        x, r = x + step * p, r - step * q
        z = near(r)
        after = _dot(r, z)
        p = z + torch.where(going, after / torch.where(going, rho, 1), 0) * p
        stuck = ~going & (rho > limit)
        rho = torch.where(stuck, 0, after)  # no curvature left: nothing more can be gained
        count += 1
    left = torch.sqrt(_dot(r, r) / _dot(b, b).clamp(min=torch.finfo(rho.dtype).tiny))
    return Solution(x, left.flatten(), count)


def least_squares(
    forward: Callable[[Tensor], Tensor],
    adjoint: Callable[[Tensor], Tensor],
    y: Tensor,
    tol: float | None = None,
    iterations: int = 500,
) -> Solution:
    """argmin |forward(x) - y| of least norm, until |A^H residual| <= tol |A^H y|, for each item.

    Conjugate gradients on the normal equations without forming them (CGLS; Bjorck 1996, Alg.
    7.4.1): round-off grows with the condition of A instead of its square.
    """
    r, s = y, adjoint(y)
    x, p, gamma = torch.zeros_like(s), s, _dot(s, s)
    first = gamma
    limit = (default_tolerance(s.dtype) if tol is None else tol) ** 2 * first
    look = 1 if y.device.type == "cpu" else _LOOK
    count = 0
    while count < iterations:
        if count % look == 0 and not bool((gamma > limit).any()):
            break
        q = forward(p)
        bend = _dot(q, q).reshape(gamma.shape)
        going = (gamma > limit) & (bend > 0)
        step = torch.where(going, gamma / torch.where(going, bend, 1), 0)
        x, r = x + step * p, r - step.reshape(-1, *[1] * (y.ndim - 1)) * q
        s = adjoint(r)
        after = torch.where(going, _dot(s, s), 0)
        p = s + torch.where(going, after / torch.where(going, gamma, 1), 0) * p
        gamma = after
        count += 1
    left = torch.sqrt(_dot(s, s) / first.clamp(min=torch.finfo(first.dtype).tiny))
    return Solution(x, left.flatten(), count)


def _dot(u: Tensor, v: Tensor) -> Tensor:
    """Re <u, v> of each item, shaped (b, 1, ...)."""
    product = (u.conj() * v).real if u.is_complex() else u * v
    return product.flatten(1).sum(1).reshape(-1, *[1] * (u.ndim - 1))
