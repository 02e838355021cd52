"""The mixture problem: several modes explain one measurement, and their weights are known.

tests/reference/problems/gmm_problem.npz: x0 in 16 dimensions from six Gaussians with full
covariances, m = A x0 + n with four values; three modes remain, of weight .09, .81 and .10.
"""

import functools

import torch
from gaussian_posterior import VP, arrays
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.exact import abs_at
from undrift.common.noise import Noise
from undrift.common.solvers.loop import Denoise


@functools.cache
def mixture() -> dict[str, Tensor]:
    """w, M, C of the prior, A, y, sigma_y, and post_w, post_M, post_C."""
    return arrays("gmm_problem")


def prior() -> Denoise:
    """The exact denoiser of the prior under VP; differentiable in x."""
    p = mixture()
    values, vectors = torch.linalg.eigh(p["C"])  # (6, 16), (6, 16, 16)
    turn = vectors.permute(1, 0, 2).reshape(16, 96)
    centres = torch.einsum("kd,kde->ke", p["M"], vectors)

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a, _, s = abs_at(VP, t)
        inner = (x @ turn).reshape(-1, 6, 16) - a * centres
        spread = a**2 * values + s**2
        log = p["w"].log() - (inner**2 / spread + spread.log()).sum(-1) / 2
        share = torch.exp(log - log.amax(1, keepdim=True))
        share = (share / share.sum(1, keepdim=True))[..., None]
        each = centres + inner * (a * values / spread)
        return Estimate((share * each).flatten(1) @ turn.T)

    return denoise


def exact_draws(count: int, seed: int = 0) -> Tensor:
    """Draws of the posterior, (count, 16)."""
    p = mixture()
    generator = torch.Generator().manual_seed(seed)
    which = torch.multinomial(p["post_w"], count, replacement=True, generator=generator)
    noise = torch.randn(count, 16, generator=generator, dtype=torch.float64)
    roots = torch.linalg.cholesky(p["post_C"])
    return p["post_M"][which] + torch.einsum("nij,nj->ni", roots[which], noise)


def variation(draws: Tensor) -> float:
    """Total variation of the weights of the modes; draws belong to their likeliest one."""
    p = mixture()
    roots = torch.linalg.cholesky(p["post_C"])
    gaps = (draws[:, None] - p["post_M"])[..., None]
    inner = torch.linalg.solve_triangular(roots, gaps, upper=False)[..., 0]
    widths = torch.diagonal(roots, dim1=1, dim2=2).log().sum(1)
    which = (p["post_w"].log() - widths - (inner**2).sum(-1) / 2).argmax(1)
    found = torch.bincount(which, minlength=len(p["post_w"])) / len(draws)
    return float((found - p["post_w"]).abs().sum() / 2)


def sliced(draws: Tensor, truth: Tensor, directions: int = 200) -> float:
    """Sliced W2 of two samples over the posterior's spread, sqrt(trace / 16).

    The root mean square over directions, by 1000 quantiles. Draws of the prior read 1.35.
    """
    lines = Noise(0, "directions")((1, directions, 16), dtype=torch.float64)[0]
    lines = lines / torch.linalg.vector_norm(lines, dim=1, keepdim=True)
    shares = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    one, other = (torch.quantile(v @ lines.T, shares, dim=0) for v in (draws, truth))
    return float((one - other).square().mean().sqrt() / truth.var(0).mean().sqrt())
