"""GDP (Fei et al. 2023, "Generative Diffusion Prior", x0 form): a step of the prior, then

    x' = x' + weight A^T (m - A D)

without a derivative of the network, and without the variance of the step that classifier guidance
would have there. The code's `scale` multiplies the gradient of a mean of squares, weight = 2 scale
/ (number of measured values): `of_scale`. Its published scales: super-resolution 2000, blurs and
colour 6000, inpainting 4000, low light 80000.
"""

from dataclasses import dataclass

from torch import Tensor

from undrift.common.operators.operator import Operator
from undrift.common.posterior.shifted import Shifted
from undrift.common.posterior.tweedie import Moments


@dataclass(frozen=True)
class GDP(Shifted):
    """weight: of the gradient of half the sum of squares; diverges above 2 over the norm squared
    of the operator."""

    derivative = False
    price = "1F"

    def point(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Moments:
        return self.without_graph(x, t, y, level)

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        operator, left = self.linearised(point.x0)
        return self.weight * operator.adjoint(left)


def of_scale(scale: float, operator: Operator) -> float:
    """The weight that a published `scale` means for this operator."""
    count = 1
    for size in operator.shape_out:
        count *= size
    return 2 * scale / count
