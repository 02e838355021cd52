"""ScoreDVI (Cheng et al., ICCV 2023): one noisy picture alone gives the picture and its noise.

A posterior over the clean picture, the noise's precision in each pixel and the weights of a mixture
is fitted to one picture by Adam; its terms stand in `score_vi_terms`, its networks in
`score_vi_networks`. The prior of pictures enters by its score only, at z = mu_k + sqrt(v_k) n,

    grad ln p(z) = (D(z) - z) / v_k.

The paper's D is a bias-free network that guesses the level of the noise by itself. Ours is the
package's denoiser, which is told s = sqrt(v_k) in blocks of 16 pixels, a little more for safety:
the score is that of p blurred by s, (D(z) - z) / s^2 (Tweedie). A denoiser that is told too little
takes noise for detail, so that the fit has to begin near its end: at D(y), with the noise found in
each block, not at a network's first guess. All K share one D.
The paper fixes the prior of the precision, (1, .02), (1, .01) or (1, .005) for three cameras; two
thirds of a pixel's noise would then come from the prior. Here it weighs little (.1) and lies at the
estimated noise; `prior` takes the paper's.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.noise import Noise
from undrift.common.posterior.priors import read_prior
from undrift.restoration.self_supervised import score_vi_terms as terms
from undrift.restoration.self_supervised.score_vi_networks import Posterior
from undrift.restoration.self_supervised.score_vi_prior import (
    FAINT,
    SURE,
    denoiser_of,
    evened,
    noise_of_blocks,
)
from undrift.restoration.sigma import SAFETY, estimate_sigma

STEPS, RATE, MEMORY = 400, 1e-3, 0.9
MODEL = "leaves-denoise"
WEIGHT = 0.1  # observations that the automatic prior of a precision counts for, times two
_COARSE = 4  # every so many pixels are looked at for the strength of the prior


@dataclass(frozen=True, eq=False)
class Fitted:
    """All float32 (1, c, h, w) on the processor, in the unit of the picture.

    estimate: the posterior mean. noise: standard deviation of the noise in each pixel. std: of the
    estimate, by the mixture. losses: of each step; their zero means nothing.
    """

    estimate: Tensor
    noise: Tensor
    std: Tensor
    losses: tuple[float, ...]
    calls: int


def fit_score_vi(
    y: Tensor,
    *,
    steps: int = STEPS,
    components: int = 3,
    draws: int = 1,
    prior: tuple[float, float] | None = None,
    strength: float | None = 1.0,
    model: str = MODEL,
    seed: int = 0,
    item: str = "",
    device: str = "auto",
    tell: Callable[[int, float], None] | None = None,
) -> Fitted:
    """Fits y (1, c, h, w), nominally in [0, 1], of any number of channels.

    components: Gaussians K, 3 in the paper. draws: of z a step; 5 in the paper, each costs K calls
    of the denoiser. prior: shape and rate (alpha0, beta0) of a precision, None: see the module.
    strength: of the prior of pictures; None: .5, 1 or 2 by the noise of every fourth pixel, as in
    the paper, which takes detail for noise in small pictures and smooths them away. model: the
    denoiser. Raises InputError for pictures that cannot serve and UsageError for numbers that
    cannot be.
    """
    if y.ndim != 4 or y.shape[0] != 1 or not bool(torch.isfinite(y).all()):
        raise InputError(f"expected one finite picture (1, c, h, w), got {tuple(y.shape)}")
    if min(steps, components, draws) < 1 or (prior is not None and min(prior) <= 0):
        raise UsageError(
            f"steps {steps}, components {components}, draws {draws}, prior {prior}: expected 1 or "
            "more of each, and two numbers above 0"
        )
    from undrift.common.devices import resolve_device

    place = resolve_device(device)
    strength = _strength(y) if strength is None else strength
    y = y.to(place)
    noise = noise_of_blocks(y)
    alpha0, beta0 = prior or (WEIGHT, WEIGHT * noise**2)
    denoise = denoiser_of(read_prior(model, place), y.shape[1])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # initial weights
        posterior = Posterior(y.shape[1], components, alpha0).to(place)
    with torch.no_grad():
        start = denoise(y, noise)
    fit = _Fit(y, start, noise, posterior, denoise, (alpha0, beta0), strength, (seed, item, draws))
    losses = []
    for step in range(steps):
        losses.append(fit.step(step))
        if tell is not None:
            tell(step + 1, losses[-1])
    found = [v.float().cpu() for v in (fit.mean, fit.noise2.sqrt(), fit.var.sqrt())]
    return Fitted(found[0], found[1], found[2], tuple(losses), steps * draws * components)


class _Fit:
    """The optimisation; mean, noise2 and var are averages over the last steps."""

    def __init__(
        self,
        y: Tensor,
        start: Tensor,
        noise: Tensor,
        posterior: Posterior,
        denoise: Callable[[Tensor, Tensor], Tensor],
        prior: tuple[float, Tensor | float],
        strength: float,
        random: tuple[int, str, int],
    ):
        self.y, self.start, self.noise = y, start, noise
        self.posterior, self.denoise = posterior, denoise
        self.prior, self.strength = prior, strength
        self.seed, self.item, self.draws = random
        self.spread = max(float(y.std()), FAINT)
        self.optimizer = torch.optim.Adam(posterior.parameters(), RATE)
        self.mean, self.noise2, self.var = start.clone(), torch.zeros_like(y), torch.zeros_like(y)

    def step(self, number: int) -> float:
        """One step of Adam; returns the loss per pixel."""
        q = self.posterior(self.y, self.start, self.noise, self.spread)
        loss = self._loss(q, number)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self._remember({name: value.detach() for name, value in q.items()}, number)
        return float(loss.detach())

    def _loss(self, q: dict[str, Tensor], number: int) -> Tensor:
        data = terms.data_term(q["mu"], q["v"], q["pi"], q["alpha"], q["beta"], self.y)
        each = data + terms.kl_gamma(q["alpha"], q["beta"], *self.prior)
        prior = -(q["pi"].detach() * torch.log(q["v"])).sum(0, keepdim=True) / 2  # entropy
        for k in range(self.draws):
            prior = prior + self._score(q, number * self.draws + k) / self.draws
        each = (each + self.strength * prior).sum(1, keepdim=True)
        if q["pi"].shape[0] > 1:
            each = each + terms.kl_choice(q["pi"], q["d"]) + terms.kl_dirichlet(q["d"])
        return each.mean()

    def _score(self, q: dict[str, Tensor], draw: int) -> Tensor:
        """The term of one draw; the denoiser is called once for each Gaussian."""
        shape = (1, *self.y.shape[1:])
        noise = [
            Noise(self.seed, self.item, k)(shape, draw, device=self.y.device)
            for k in range(len(q["mu"]))
        ]
        z = q["mu"] + torch.sqrt(q["v"]) * torch.cat(noise)
        scores = []
        with torch.no_grad():
            for one, v in zip(z.detach(), q["v"].detach(), strict=True):
                level = evened(v)
                found = self.denoise(one[None], SURE * level)
                scores.append((found - one) / level**2)
        return terms.score_term(z, torch.cat(scores), q["pi"])

    def _remember(self, q: dict[str, Tensor], number: int) -> None:
        keep = min(MEMORY, number / (number + 1))
        mean = (q["pi"] * q["mu"]).sum(0, keepdim=True)
        var = (q["pi"] * (q["v"] + (q["mu"] - mean) ** 2)).sum(0, keepdim=True)
        self.mean.lerp_(mean, 1 - keep)
        self.var.lerp_(var, 1 - keep)
        self.noise2.lerp_(q["beta"] / q["alpha"], 1 - keep)


def _strength(y: Tensor) -> float:
    """lambda by the noise of every fourth pixel: .5 to 10/255, 1 to 25/255, then 2."""
    small = y[..., ::_COARSE, ::_COARSE]
    if min(small.shape[2:]) < 8:
        return 1.0
    level = 255 * estimate_sigma(small) / SAFETY
    return 0.5 if level <= 10 else 1.0 if level <= 25 else 2.0
