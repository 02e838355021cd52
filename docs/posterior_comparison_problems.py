"""The problems of `docs/posterior_comparison.py`: photographs, operators in both libraries, noise.

A problem is the middle of a photograph, one operator written for this library and for deepinv, and
a noisy measurement that both get. The two operators are compared before anything is measured:
equal values, and the adjoint of each against its own forward map.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.operators.blur import Blur
from undrift.common.operators.decimated import BlurDownsample
from undrift.common.operators.diagonal import Mask
from undrift.common.operators.kernels import gaussian_kernel, motion_kernel
from undrift.common.operators.linear import LinearOperator
from undrift.restoration.metrics import score
from undrift.restoration.photos import centre_crop, load_photos

Shape = tuple[int, int, int]
EQUAL = 1e-5  # of two operators, relative


@dataclass(frozen=True)
class Problem:
    """clean: (1, c, h, w) in [0, 1]; y: the measurement, shaped as both libraries shape it.

    operator, physics: the same linear map here and in deepinv; measured: its number of values.
    """

    photo: str
    name: str
    clean: Tensor
    operator: LinearOperator
    physics: Any
    y: Tensor
    sigma: float
    measured: int

    def scores(self, x: Tensor) -> dict[str, float]:
        """psnr, ssim and haarpsi of the clipped x; chi of x as it is."""
        x = x.detach().to(self.clean)
        left = self.operator(x) - self.y
        chi = float(torch.linalg.vector_norm(left)) / (self.sigma * self.measured**0.5)
        if not np.isfinite(chi):
            return {"psnr": float("nan"), "ssim": float("nan"), "haarpsi": float("nan"), "chi": chi}
        clipped = x.clamp(0, 1)
        found = score(clipped[0].numpy(), self.clean[0].numpy(), ("psnr", "ssim"))
        return {**found, "haarpsi": haarpsi(clipped, self.clean), "chi": chi}


def haarpsi(x: Tensor, clean: Tensor) -> float:
    """Deepinv's HaarPSI with its settings for natural images; 1 is equal."""
    from deepinv.loss.metric import HaarPSI  # type: ignore[import-not-found]

    return float(HaarPSI(C=30.0, alpha=4.2)(x, clean).mean())


def gaussian_blur(shape: Shape, item: str, sigma: float) -> tuple[LinearOperator, Any]:
    """Circular blur, standard deviation 1.6 pixels, 15 x 15."""
    return _blur(gaussian_kernel(1.6, 15), shape, sigma)


def motion_blur(shape: Shape, item: str, sigma: float) -> tuple[LinearOperator, Any]:
    """Circular blur along 11 pixels at 30 degrees, 13 x 13."""
    return _blur(motion_kernel(11.0, 30.0, 13), shape, sigma)


def inpainting(shape: Shape, item: str, sigma: float) -> tuple[LinearOperator, Any]:
    """70 % of the pixels missing at random, all channels of a pixel together."""
    from deepinv.physics import Inpainting  # type: ignore[import-not-found]

    drawn = Noise(7, item)((1, 1, *shape[1:]))[0]
    kept = round(0.3 * drawn.numel())
    mask = (drawn >= drawn.flatten().sort(descending=True).values[kept - 1]).float()
    physics = Inpainting(img_size=shape, mask=mask.expand(shape), noise_model=_noise(sigma))
    return Mask(mask, shape), physics


def downsampling(shape: Shape, item: str, sigma: float) -> tuple[LinearOperator, Any]:
    """Every fourth value of the circular mean over 4 x 4 pixels."""
    from deepinv.physics import Downsampling  # type: ignore[import-not-found]

    kernel = torch.zeros(5, 5, dtype=torch.float64)  # odd, so that its centre is beyond doubt
    kernel[:4, :4] = 1 / 16
    physics = Downsampling(
        img_size=shape, filter=kernel[None, None].float(), factor=4, padding="circular",
        noise_model=_noise(sigma),
    )  # fmt: skip
    return BlurDownsample(kernel, shape, 4), physics


def _blur(kernel: Tensor, shape: Shape, sigma: float) -> tuple[LinearOperator, Any]:
    from deepinv.physics import BlurFFT  # type: ignore[import-not-found]

    physics = BlurFFT(img_size=shape, filter=kernel[None, None].float(), noise_model=_noise(sigma))
    return Blur(kernel, shape, "circular"), physics


def _noise(sigma: float) -> Any:
    from deepinv.physics import GaussianNoise  # type: ignore[import-not-found]

    return GaussianNoise(sigma)


OPERATORS: dict[str, Callable[[Shape, str, float], tuple[LinearOperator, Any]]] = {
    "gaussian blur": gaussian_blur,
    "motion blur": motion_blur,
    "inpainting 70 %": inpainting,
    "downsampling x4": downsampling,
}


def problems(
    card: str, photos: Sequence[str], side: int, sigma: float, operators: Sequence[str]
) -> Iterator[Problem]:
    """Each photograph with each operator; the noise is drawn by names, so order does not matter."""
    for photo, pixels in load_photos(card, photos):
        clean = torch.from_numpy(np.ascontiguousarray(centre_crop(pixels, side)))[None]
        shape: Shape = (clean.shape[1], side, side)
        for name in operators:
            operator, physics = OPERATORS[name](shape, photo, sigma)
            check(name, operator, physics)
            exact = operator(clean)
            seen = operator(torch.ones_like(clean)) > 0  # nothing is measured at a masked pixel
            noise = Noise(1, f"{photo} {name}")(tuple(exact.shape))
            y = exact + sigma * noise * seen
            yield Problem(photo, name, clean, operator, physics, y, sigma, int(seen.sum()))


def check(name: str, operator: LinearOperator, physics: Any) -> tuple[float, float]:
    """Relative differences of the two operators and of their adjoints.

    Raises InputError if they are not the same map, or if an adjoint is not that of its map.
    """
    x = Noise(2, name)((1, *operator.shape_in))
    v = operator(Noise(3, name)((1, *operator.shape_in)))
    ours, theirs = operator(x), physics.A(x)
    back, its_back = operator.adjoint(v), physics.A_adjoint(v)
    gaps = (_apart(ours, theirs), _apart(back, its_back))
    size = float(ours.norm() * v.norm())
    products = [float((image * v).sum() - (x * pulled).sum()) / size
                for image, pulled in ((ours, back), (theirs, its_back))]  # fmt: skip
    if max(*gaps, *map(abs, products)) > EQUAL:
        raise InputError(
            f"{name}: the operators of the two libraries differ by {gaps[0]:.1e}, their adjoints "
            f"by {gaps[1]:.1e}, adjoint defects {products[0]:.1e} and {products[1]:.1e}; expected "
            f"{EQUAL:g} at most"
        )
    return gaps


def _apart(u: Tensor, v: Tensor) -> float:
    return float((u - v).norm() / u.norm())
