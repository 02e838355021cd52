"""RED-Diff (Mardani et al. 2024): the posterior as one picture, found by stochastic optimisation.

    minimise over mu   |m - A(mu)|^2 / (2 sigma^2) + weight sum_t w(t) <eps_hat(x_t) - eps, mu>

with x_t = a (mu + sigma_x0 eps0) + b y + s eps, one time t a step from noisy to clean, and eps_hat
not differentiated (Eq. (9)). w is a function of rho = s/a, by default rho itself (1 over the root
of the signal-to-noise ratio). Sums and the noise sigma keep the balance between data and prior the
same for every operator; the authors' code takes means over measurements and pixels and no sigma,
`official=True`. The result is like a mode: it has no spread.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest
from undrift.common.posterior.conditional import Conditional
from undrift.common.solvers.loop import Draw

WEIGHTINGS: dict[str, Callable[[float], float]] = {
    "linear": lambda rho: rho,
    "sqrt": lambda rho: rho**0.5,
    "square": lambda rho: rho**2,
    "log": lambda rho: float(torch.log1p(torch.tensor(rho, dtype=torch.float64))),
    "trunc_linear": lambda rho: min(rho, 1.0),
    "power2over3": lambda rho: rho ** (2 / 3),
    "const": lambda rho: 1.0,
}


@dataclass(frozen=True)
class RedDiff(Conditional):
    """rate: of Adam (0.9, 0.99), in units of the signal. weight: of the prior, the paper's lambda.

    weighting: a name of `WEIGHTINGS`. spread: sigma_x0, noise put on mu. official: the balance of
    the authors' code, see above. Raises InputError for an unknown weighting.
    """

    rate: float = 0.1
    weight: float = 0.25
    weighting: str = "linear"
    spread: float = 0.0
    official: bool = False
    noiseless = True  # the official form does not use sigma

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weighting not in WEIGHTINGS:
            known = ", ".join(WEIGHTINGS)
            hint = nearest(self.weighting, WEIGHTINGS)
            raise InputError(f"weighting {self.weighting!r} is not one of {known}{hint}")
        if self.sigma == 0 and not self.official:
            raise InputError("RED-Diff needs the noise sigma of the measurement, above 0")

    def run(
        self,
        times: Sequence[float],
        start: Tensor,
        draw: Draw,
        y: Tensor | None = None,
        level: Tensor | None = None,
        watch: Callable[[Tensor], None] | None = None,
    ) -> Tensor:
        """Optimises mu from `start` (b, c, *space), one Adam step at each of the times.

        draw: draw 2k is eps0 and 2k + 1 is eps of step k. watch: called with mu after each step.
        """
        mu = start.detach().clone().requires_grad_()
        adam = torch.optim.Adam([mu], lr=self.rate, betas=(0.9, 0.99))
        for number, t in enumerate(times):
            with torch.inference_mode(False):
                mu.grad = self._gradient(mu.detach(), t, draw, number, y, level)
                adam.step()
            if watch is not None:
                watch(mu.detach().clone())
        return mu.detach()

    def _gradient(
        self, mu: Tensor, t: float, draw: Draw, number: int, y: Tensor | None, level: Tensor | None
    ) -> Tensor:
        a, s = self.ends_at(t)
        b = 0.0 if y is None else float(self.process.b(torch.tensor(t, dtype=torch.float64)))
        given = 0.0 if y is None else b * y
        x0 = mu + self.spread * draw(2 * number).to(mu)
        noise = draw(2 * number + 1).to(mu)
        x = a * x0 + given + s * noise
        with torch.no_grad():
            found = (x - a * self.denoise(x, t, y, level).x0 - given) / s
        operator, left = self.linearised(x0)
        data, prior = -operator.adjoint(left), WEIGHTINGS[self.weighting](s / a) * (found - noise)
        if self.official:
            return data / left.numel() + self.weight * prior / mu.numel()
        return data / self.sigma**2 + self.weight * prior
