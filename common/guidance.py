"""Guidance: away from a worse denoiser, towards a better one, and beyond it.

    D = D_weak + w (D_strong - D_weak)

The score is affine in D, so its density is p_strong^w p_weak^(1 - w) up to a constant: classifier-
free guidance (Ho and Salimans 2022, Eq. (6), with w = 1 + their w) where weak is unconditional,
autoguidance (Karras et al. 2024, Eq. (4)) where it is a smaller network, perturbed-attention
guidance (`networks.perturbed`) where it is the same one made blind. The weak one costs a call;
`stop` saves it once the two agree (adaptive guidance, Castillo et al. 2023, Sec. 4).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.solvers.loop import Denoise

Stop = Callable[[Tensor, float, Tensor | None, Tensor, Tensor], bool]  # x, t, y, strong, weak


class Extrapolated:
    """Wraps two denoisers of one process; call it as one.

    weight: a number, or a function of t (1 where no guidance is wanted: it saves the weak call).
    stop: says from x, t, y and the two estimates of x0 whether the weak one may rest; it is called
    again at the same or a higher t. It looks at values, which on a GPU waits for them.
    Put tiles and symmetries inside, and take a fresh one for each signal, or `restart`.
    strong_calls, weak_calls: calls made.
    """

    def __init__(
        self,
        strong: Denoise,
        weak: Denoise,
        weight: float | Callable[[float], float],
        stop: Stop | None = None,
    ):
        self.strong, self.weak, self.weight, self.stop = strong, weak, weight, stop
        self.strong_calls = self.weak_calls = 0
        self._resting_below: float | None = None

    def restart(self) -> None:
        """Forgets that the weak denoiser rests; the counts go on."""
        self._resting_below = None

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """As the strong denoiser, its x0 extrapolated; a y of its own is passed on."""
        better = self.strong(x, t, y, level)
        self.strong_calls += 1
        weight = self.weight(t) if callable(self.weight) else self.weight
        resting = self._resting_below is not None and t < self._resting_below
        if weight == 1 or resting:
            return Estimate(better.x0, better.y)
        worse = self.weak(x, t, y, level).x0
        self.weak_calls += 1
        if self.stop is not None:
            self._resting_below = t if self.stop(x, t, y, better.x0, worse) else None
        return Estimate(torch.lerp(worse, better.x0, weight), better.y)


def closer_than(difference: float) -> Stop:
    """Stops once the two estimates differ by less than this (root mean square, data units).

    Of a batch, every item has to.
    """

    def stop(x: Tensor, t: float, y: Tensor | None, strong: Tensor, weak: Tensor) -> bool:
        return bool((strong - weak).square().flatten(1).mean(1).sqrt().max() < difference)

    return stop


def more_similar_than(similarity: float) -> Stop:
    """Stops once the cosine of the two estimates, each about its own mean, exceeds this.

    Castillo et al. compare estimates of the noise; from a start of pure noise, where x tells
    nothing, these agree whatever the denoisers are, and the weak one would rest at once.
    Of a batch, every item has to.
    """

    def stop(x: Tensor, t: float, y: Tensor | None, strong: Tensor, weak: Tensor) -> bool:
        flat = (x0.flatten(1) for x0 in (strong, weak))
        first, second = (v - v.mean(1, keepdim=True) for v in flat)
        return bool(torch.cosine_similarity(first, second).min() > similarity)

    return stop
