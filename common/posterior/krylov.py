"""Krylov solves of (A V A^T + sigma^2) w = m - A D that give V A^T w along with w.

Every product with the system passes through V A^T p, and the correction V A^T w is the same
combination of those as w is of the directions p: k steps cost k products of the network and none
is spent on the correction itself. Each item of the batch stops on its own.

A covariance V is symmetric and not negative, the Jacobian of a trained network need be neither.
Conjugate gradients (Hestenes and Stiefel 1952) watch two things that hold for a covariance: the
curvature p^T S p is above sigma^2 |p|^2, and S p is orthogonal to the direction before. They leave
an item where either is far from true (`broken`). GMRES (Saad and Schultz 1986) needs no symmetry:
it takes the least residual, and remembers k + 1 vectors.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Apply = Callable[[Tensor], tuple[Tensor, Tensor]]  # p -> V A^T p, (A V A^T + sigma^2) p
_TRUST = 0.5  # of sigma^2 |p|^2: less curvature than that and V is no covariance there
_SKEW = 0.3  # cosine of S p and the direction before, in the metric S, which should be 0


@dataclass(frozen=True)
class Solved:
    """correction: V A^T w, like x0; w, residual: like the measurement; broken: (b,), see above."""

    correction: Tensor
    w: Tensor
    residual: Tensor
    broken: Tensor


@dataclass(frozen=True)
class System:
    """left: m - A D, (b, *shape_out). like: a signal, for its shape. noise: sigma^2."""

    apply: Apply
    left: Tensor
    like: Tensor
    noise: float

    def begin(self, start: Tensor | None) -> Solved:
        """Zero, or the best multiple of `start`: of least energy, for one product."""
        zero = Solved(
            torch.zeros_like(self.like),
            torch.zeros_like(self.left),
            self.left,
            torch.zeros(len(self.left), dtype=torch.bool, device=self.left.device),
        )
        if start is None:
            return zero
        moved, image = self.apply(start)
        bend = dot(start, image)
        good = bend > _TRUST * self.noise * dot(start, start)
        share = torch.where(good, dot(start, self.left) / torch.where(good, bend, 1), 0)
        return _gone(zero, share, moved, start, image)


def conjugate_gradients(
    system: System, iterations: int, tol: float, start: Tensor | None = None
) -> Solved:
    """So many steps at most, until |residual| <= tol |left|; one more product for a start."""
    found = system.begin(start)
    limit = tol**2 * dot(system.left, system.left)
    direction, size, broken = found.residual, dot(found.residual, found.residual), found.broken
    before, known = torch.zeros_like(direction), torch.ones_like(size)
    for _ in range(iterations):
        going = (size > limit) & ~broken
        if not bool(going.any()):
            break
        moved, image = system.apply(direction)
        bend = dot(direction, image)
        flat = bend <= _TRUST * system.noise * dot(direction, direction)
        skew = dot(before, image) ** 2 > _SKEW**2 * bend * known
        broken = broken | going & (flat | skew)
        going = going & ~broken
        step = torch.where(going, size / torch.where(going, bend, 1), 0)
        found = _gone(found, step, moved, direction, image)
        after = dot(found.residual, found.residual)
        share = torch.where(going, after / torch.where(going, size, 1), 0)
        before, known = direction, bend
        direction = found.residual + over(share, direction) * direction
        size = torch.where(going, after, size)
    return Solved(found.correction, found.w, found.residual, broken)


def gmres(system: System, iterations: int, tol: float, start: Tensor | None = None) -> Solved:
    """As `conjugate_gradients`, for systems without symmetry; without restarts."""
    begun = found = system.begin(start)
    length = left = dot(begun.residual, begun.residual).sqrt()
    limit = tol * dot(system.left, system.left).sqrt()
    basis = [_scaled(begun.residual, length)]
    moves: list[Tensor] = []
    images: list[Tensor] = []
    columns: list[Tensor] = []  # of the Hessenberg matrix, (b, 2), (b, 3), ...
    for k in range(iterations):
        going = left > limit
        if not bool(going.any()):
            break
        moved, image = system.apply(basis[k])
        moves.append(moved)
        images.append(image)
        columns.append(_extended(basis, image))
        trial = begun
        for share, *parts in zip(_fitted(columns, length), moves, basis, images, strict=False):
            trial = _gone(trial, share, *parts)
        found = _chosen(going, trial, found)
        left = torch.where(going, dot(trial.residual, trial.residual).sqrt(), left)
    return found


def _extended(basis: list[Tensor], image: Tensor) -> Tensor:
    """Adds the unit vector of what is new in the image to the basis (zero where nothing is).

    Returns the coordinates of the image: (b, number of basis vectors). Twice, against round-off.
    """
    before, rest = dot(image, image).sqrt(), image
    coordinates = torch.zeros(len(basis), len(image), dtype=before.dtype, device=before.device)
    for _ in range(2):
        for i, q in enumerate(basis):
            part = dot(q, rest)
            rest, coordinates[i] = rest - over(part, q) * q, coordinates[i] + part
    length = dot(rest, rest).sqrt()
    length = torch.where(length > 1e2 * torch.finfo(length.dtype).eps * before, length, 0)
    basis.append(_scaled(rest, length))
    return torch.stack([*coordinates, length], 1)


def _fitted(columns: list[Tensor], length: Tensor) -> tuple[Tensor, ...]:
    """The least-squares solution of H f = length e_1, one (b,) for each basis vector used."""
    rows = columns[-1].shape[1]
    padded = [torch.nn.functional.pad(c, (0, rows - c.shape[1])) for c in columns]
    inverse = torch.linalg.pinv(torch.stack(padded, 2))
    return (inverse[:, :, 0] * length[:, None]).unbind(1)


def _scaled(vector: Tensor, length: Tensor) -> Tensor:
    """vector / length; zero where the length is."""
    return over(torch.where(length > 0, 1 / torch.where(length > 0, length, 1), 0), vector) * vector


def _gone(found: Solved, share: Tensor, moved: Tensor, p: Tensor, image: Tensor) -> Solved:
    """After a step of length `share` along p."""
    return Solved(
        found.correction + over(share, moved) * moved,
        found.w + over(share, p) * p,
        found.residual - over(share, image) * image,
        found.broken,
    )


def _chosen(mask: Tensor, new: Solved, old: Solved) -> Solved:
    pairs = zip(vars(new).values(), vars(old).values(), strict=True)
    return Solved(*(torch.where(over(mask, n), n, o) for n, o in pairs))


def dot(u: Tensor, v: Tensor) -> Tensor:
    """Re <u, v> of each item, (b,)."""
    product = (u.conj() * v).real if u.is_complex() else u * v
    return product.flatten(1).sum(1)


def over(value: Tensor, like: Tensor) -> Tensor:
    """(b,) shaped to multiply (b, ...)."""
    return value.reshape(-1, *[1] * (like.ndim - 1))
