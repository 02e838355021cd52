"""What a receiver makes of magnitudes, for training samples: phases, blur, noise of both parts."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[np.float32]
Shape = tuple[int, int, int]
_BLUR = (0.3, 1.2)  # deviation of a Gaussian along an axis, voxels


def random_phase(shape: Shape, rng: np.random.Generator) -> Array:
    """A constant, a ramp along each axis and a smooth field of 0 to 1 rad, as coils and air make.

    The field is a sum of bumps a quarter of each side apart.
    """
    phase = np.full(shape, rng.uniform(0, 2 * np.pi), np.float32)
    drawn = rng.standard_normal((8, 8, 8), dtype=np.float32)
    for axis, n in enumerate(shape):
        place = np.linspace(-0.5, 0.5, n, dtype=np.float32) if n > 1 else np.zeros(1, np.float32)
        ramp = np.float32(rng.normal(0, 0.5)) * place
        phase += ramp.reshape([-1 if a == axis else 1 for a in range(3)])
        drawn = np.tensordot(drawn, _bumps(4 * (place + 0.5)), ((0,), (1,)))
    return (phase + np.float32(rng.random()) * drawn).astype(np.float32)


def _bumps(place: Array) -> Array:
    """Gaussian weights (n, 8) of knots -1 ... 6 at places 0 to 4; unit sum of squares."""
    weights = np.exp(-0.5 * ((place[:, None] - np.arange(-1, 7)) / 0.6) ** 2)
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


def smoothed(values: Array, rng: np.random.Generator) -> Array:
    """Values under a Gaussian of .3 to 1.2 voxels, of its own along each axis."""
    sigma = rng.uniform(*_BLUR, values.ndim)
    return ndimage.gaussian_filter(values, sigma, mode="nearest").astype(np.float32)


def rician(values: Array, sigma: float, rng: np.random.Generator) -> Array:
    """The magnitude of values with complex noise of deviation `sigma` a part."""
    re, im = rng.standard_normal((2, *values.shape), dtype=np.float32) * np.float32(sigma)
    return np.hypot(values + re, im).astype(np.float32)
