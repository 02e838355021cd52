"""The terms of ScoreDVI's bound (Cheng et al., ICCV 2023), as functions of their parameters.

Posterior of one picture y: x is one of K Gaussians N(mu_k, v_k) with weights pi_k in each pixel,
the noise's precision phi in each pixel is Gamma(alpha, beta), the weights are drawn from
Dirichlet(d). Per pixel, psi the digamma function:

    data        -sum_k pi_k ( (psi(alpha) - ln beta)/2 - ((mu_k - y)^2 + v_k) alpha/beta / 2 )
    precision   KL( Gamma(alpha, beta) || Gamma(alpha_0, beta_0) )
    choice      sum_k pi_k ( ln pi_k - E ln w_k ),  E ln w_k = psi(d_k) - psi(sum d)
    weights     KL( Dirichlet(d) || Dirichlet(1) )

Pictures are (1, c, h, w) and parameters have a leading K where they belong to a Gaussian.
"""

import torch
from torch import Tensor


def data_term(mu: Tensor, v: Tensor, pi: Tensor, alpha: Tensor, beta: Tensor, y: Tensor) -> Tensor:
    """Expected -ln p(y | x, phi), without ln(2 pi)/2; mu, v (K, c, h, w), pi (K, 1, h, w)."""
    known = (torch.digamma(alpha) - torch.log(beta)) / 2
    off = ((mu - y) ** 2 + v) * (alpha / beta) / 2
    return -(pi * (known - off)).sum(0, keepdim=True)


def kl_gamma(alpha: Tensor, beta: Tensor, alpha0: float, beta0: Tensor | float) -> Tensor:
    """KL( Gamma(alpha, beta) || Gamma(alpha0, beta0) ), shapes and rates."""
    beta0 = torch.as_tensor(beta0, dtype=beta.dtype, device=beta.device)
    prior = torch.tensor(alpha0, dtype=alpha.dtype, device=alpha.device)
    return (
        (alpha - alpha0) * torch.digamma(alpha) - torch.lgamma(alpha) + torch.lgamma(prior)
        + alpha0 * (torch.log(beta) - torch.log(beta0))
        + alpha * (beta0 - beta) / beta
    )  # fmt: skip


def kl_choice(pi: Tensor, d: Tensor) -> Tensor:
    """KL of the choice of a Gaussian; pi and d (K, 1, h, w)."""
    expected = torch.digamma(d) - torch.digamma(d.sum(0, keepdim=True))
    return (pi * (torch.log(pi.clamp(min=1e-12)) - expected)).sum(0, keepdim=True)


def kl_dirichlet(d: Tensor, prior: float = 1.0) -> Tensor:
    """KL( Dirichlet(d) || Dirichlet(prior, ..., prior) ) over the leading axis."""
    total, count = d.sum(0, keepdim=True), d.shape[0]
    one = torch.tensor(prior, dtype=d.dtype, device=d.device)
    norms = torch.lgamma(total) - torch.lgamma(d).sum(0, keepdim=True)
    norms = norms - torch.lgamma(count * one) + count * torch.lgamma(one)
    away = (d - prior) * (torch.digamma(d) - torch.digamma(total))
    return norms + away.sum(0, keepdim=True)


def score_term(z: Tensor, score: Tensor, weight: Tensor) -> Tensor:
    """A number whose gradient with respect to z is -weight * score: E[-ln p(z)] by its score.

    z (K, c, h, w), mu + sqrt(v) n with n fixed; score: of p at z, not differentiated; weight: pi.
    The value itself means nothing.
    """
    return -(weight.detach() * score.detach() * z).sum(0, keepdim=True)
