"""The largest eigenvalue of a self-adjoint operator by Lanczos' method (1950).

The Ritz value grows with every product towards the answer, never above it, and needs far fewer
products than power iteration.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def largest_eigenvalue(
    apply: Callable[[Tensor], Tensor], start: Tensor, iterations: int = 100, tol: float = 1e-6
) -> float:
    """Of `apply`, positive semi-definite, from a random start; stops at a relative gain of tol.

    start: any shape; all of its values are one vector.
    """
    diagonal: list[float] = []
    beside: list[float] = []
    q, before = start / torch.linalg.vector_norm(start), torch.zeros_like(start)
    found = 0.0
    for _ in range(iterations):
        r = apply(q)
        diagonal.append(_dot(q, r))
        r = r - diagonal[-1] * q - (beside[-1] if beside else 0.0) * before
        small = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
        if beside:
            off = torch.diag(torch.tensor(beside, dtype=torch.float64), 1)
            small = small + off + off.T
        last, found = found, float(torch.linalg.eigvalsh(small)[-1])
        length = float(torch.linalg.vector_norm(r))
        if found - last <= tol * found or length <= 1e-14 * found:
            break
        beside.append(length)
        q, before = r / length, q
    return found


def _dot(u: Tensor, v: Tensor) -> float:
    return float((u.conj() * v).real.sum() if u.is_complex() else (u * v).sum())
