"""Classical answers to known blurs and missing pixels, as methods of the benchmark.

A picture (h, w) shows a scene that goes on beyond its frame and is blurred into it. All three
deconvolutions have the unknown surroundings in their model, so that none rings at the frame:
y = M C x, C a circular blur of the wider scene, M the frame (for total variation: Almeida &
Figueiredo 2013, "Deconvolving images with unknown boundaries using the alternating direction method
of multipliers", Sect. III). Oracles choose their one parameter by the clean picture: upper bounds,
not methods.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from undrift.restoration.method import Method
from undrift.restoration.spectra import slopes, transfer

TV_WEIGHTS = (0.15, 0.4, 1.2)
LUCY_ROUNDS = (10, 30, 100)
TV_ROUNDS = 60


@dataclass(frozen=True, eq=False)
class KnownBlur:
    """What a deblurring method is told: kernel (k, l), sum 1; sigma in the unit of the picture."""

    kernel: np.ndarray
    sigma: float
    psf: str = ""


@dataclass(frozen=True, eq=False)
class KnownMask:
    """What an inpainting method is told: missing (h, w) bool; sigma of the known pixels."""

    missing: np.ndarray
    sigma: float = 0.0


def wiener(y: np.ndarray, known: KnownBlur) -> np.ndarray:
    """The linear estimate S C^T M^T (M C S C^T M^T + sigma^2)^-1 (y - mean), S of power law 1/f^2.

    S, the spectrum of the scene, is scaled to the variance of the picture. With the frame M this is
    Wiener's filter without its ringing at the border; solved by conjugate gradients.
    """
    import torch

    from undrift.common.operators.conjugate_gradient import conjugate_gradient

    size, inside = _scene(y, known.kernel)
    rows, columns = np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None]
    law = 1 / np.maximum(rows**2 + columns**2, 1 / max(size) ** 2)
    law *= max(float(y.var()), 1e-8) / _mean_power(law, size[1])
    response = transfer(known.kernel, size)
    power, noise = law * np.abs(response) ** 2, max(known.sigma, 1e-4) ** 2

    def seen(gain: np.ndarray, v: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(_filtered(_framed(v[0].numpy(), size, inside), gain)[inside][None])

    mean = y.mean((1, 2), keepdims=True)
    found = conjugate_gradient(
        lambda v: seen(power, v) + noise * v,
        torch.from_numpy((y - mean).astype(np.float64))[None],
        tol=1e-3,
        iterations=100,
        precondition=lambda v: seen(1 / (power + noise), v),
    )
    whole = _framed(found.x[0].numpy(), size, inside)
    return mean + _filtered(whole, law * response.conj())[inside]


def richardson_lucy(y: np.ndarray, known: KnownBlur, *, reference: np.ndarray) -> np.ndarray:
    """Richardson-Lucy (1972, 1974) with an unknown frame, the best of three numbers of rounds."""
    rounds = zip(range(1, max(LUCY_ROUNDS) + 1), lucy(y, known), strict=False)
    return _nearest([x for count, (x, _) in rounds if count in LUCY_ROUNDS], reference)


def richardson_lucy_stopped(y: np.ndarray, known: KnownBlur) -> np.ndarray:
    """The first round of Richardson-Lucy that explains y to its noise (Morozov), at most 100."""
    rounds = enumerate(lucy(y, known), 1)
    return next(
        x
        for count, (x, seen) in rounds
        if float(np.square(y - seen).mean()) <= known.sigma**2 or count == max(LUCY_ROUNDS)
    )


def lucy(y: np.ndarray, known: KnownBlur) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rounds of Richardson-Lucy: the estimate within the frame, and its blur, (c, h, w) each."""
    size, inside = _scene(y, known.kernel)
    response = transfer(known.kernel, size)
    weight = np.maximum(_filtered(_framed(np.ones_like(y), size, inside), response.conj()), 1e-3)
    x = np.full((y.shape[0], *size), max(float(y.mean()), 1e-3))
    seen = _filtered(x, response)[inside]
    while True:
        ratio = np.maximum(y, 1e-4) / np.maximum(seen, 1e-4)
        back = _filtered(_framed(ratio, size, inside), response.conj())
        x = x * np.clip(back / weight, 0, 10)
        seen = _filtered(x, response)[inside]
        yield x[inside], seen


def tv_deconvolution(
    y: np.ndarray, known: KnownBlur, *, weight: float = TV_WEIGHTS[1]
) -> np.ndarray:
    """argmin |y - M C x|^2 / 2 + lam TV(x), lam = weight sigma^2 / .05, anisotropic over colours.

    Alternating directions with u = C x, d = grad x; M the frame, C a circular blur of the wider
    scene. Both penalties are fixed, `TV_ROUNDS` rounds.
    """
    size, inside = _scene(y, known.kernel)
    response = transfer(known.kernel, size)
    down, right = slopes(size)
    lam = weight * known.sigma**2 / 0.05
    mu, nu = 0.1, 20 * lam  # u's and d's penalties
    below = mu * np.abs(response) ** 2 + nu * (np.abs(down) ** 2 + np.abs(right) ** 2) + 1e-9
    x = _start(y, size, inside)
    u, e = _filtered(x, response), np.zeros((y.shape[0], *size))
    d = [np.zeros_like(e), np.zeros_like(e)]
    f = [np.zeros_like(e), np.zeros_like(e)]
    for _ in range(TV_ROUNDS):
        top = mu * response.conj() * np.fft.rfft2(u - e)
        for turn, part, rest in zip((down, right), d, f, strict=True):
            top = top + nu * turn.conj() * np.fft.rfft2(part - rest)
        whole = top / below
        x, blurred = np.fft.irfft2(whole, size), np.fft.irfft2(response * whole, size)
        u = blurred + e
        u[inside] = (y + mu * u[inside]) / (1 + mu)
        e = e + blurred - u
        for k, turn in enumerate((down, right)):
            slope = np.fft.irfft2(turn * whole, size) + f[k]
            d[k] = np.sign(slope) * np.maximum(np.abs(slope) - lam / nu, 0)
            f[k] = slope - d[k]
    return x[inside]


def tv_deconvolution_oracle(
    y: np.ndarray, known: KnownBlur, *, reference: np.ndarray
) -> np.ndarray:
    """The best of three weights of `tv_deconvolution`."""
    return _nearest([tv_deconvolution(y, known, weight=w) for w in TV_WEIGHTS], reference)


def biharmonic(y: np.ndarray, known: KnownMask) -> np.ndarray:
    """scikit-image's biharmonic inpainting (Damelin & Hoang 2018), known pixels as they are.

    In blocks where much is missing: its systems grow with the size of a hole.
    """
    from skimage.restoration import inpaint_biharmonic

    return inpaint_biharmonic(y, known.missing, channel_axis=0, split_into_regions=False)


def nearest_known(y: np.ndarray, known: KnownMask) -> np.ndarray:
    """Each missing pixel becomes the nearest known one."""
    from scipy.ndimage import distance_transform_edt

    found = distance_transform_edt(known.missing, return_distances=False, return_indices=True)
    rows, columns = np.asarray(found)
    return y[:, rows, columns]


def as_given(y: np.ndarray, known: object) -> np.ndarray:
    """The degraded picture itself."""
    return y


OPERATOR_BASELINES: dict[str, Method] = {
    method.name: method
    for method in (
        Method("blurred", "deblur", as_given, "the blurred input"),
        Method("wiener", "deblur", wiener, "Wiener's filter, 1/f^2, true kernel and noise"),
        Method("richardson-lucy", "deblur", richardson_lucy_stopped,
               "Richardson-Lucy, stopped where the noise explains what is left"),
        Method("richardson-lucy-oracle", "deblur", richardson_lucy,
               "Richardson-Lucy, best number of rounds of three", "oracle"),
        Method("tv-deconvolution", "deblur", tv_deconvolution,
               "total variation with unknown frame, weight chosen on other photographs"),
        Method("tv-deconvolution-oracle", "deblur", tv_deconvolution_oracle,
               "total variation with unknown frame, best weight of three", "oracle"),
        Method("masked", "inpaint", as_given, "the input, 0 where pixels are missing"),
        Method("nearest", "inpaint", nearest_known, "nearest known pixel"),
        Method("biharmonic", "inpaint", biharmonic, "biharmonic inpainting"),
    )
}  # fmt: skip


def _scene(y: np.ndarray, kernel: np.ndarray) -> tuple[tuple[int, int], tuple[slice, ...]]:
    """Size of the scene whose blur reaches the frame, and where the frame lies in it."""
    (tall, broad), (height, width) = kernel.shape, y.shape[1:]
    top, left = tall // 2, broad // 2
    inside = (slice(None), slice(top, top + height), slice(left, left + width))
    return (height + tall - 1, width + broad - 1), inside


def _framed(v: np.ndarray, size: tuple[int, int], inside: tuple[slice, ...]) -> np.ndarray:
    """M^T v: zeros around."""
    wide = np.zeros((v.shape[0], *size))
    wide[inside] = v
    return wide


def _filtered(x: np.ndarray, response: np.ndarray) -> np.ndarray:
    return np.fft.irfft2(response * np.fft.rfft2(x), x.shape[1:])


def _mean_power(law: np.ndarray, columns: int) -> float:
    """Mean over the whole plane of a spectrum given on half of it."""
    twice = np.full(law.shape[1], 2.0)
    twice[0] = 1.0
    if columns % 2 == 0:
        twice[-1] = 1.0
    return float((law * twice).sum() / (law.shape[0] * columns))


def _start(y: np.ndarray, size: tuple[int, ...], inside: tuple[slice, ...]) -> np.ndarray:
    margins = [(s.start, n - s.stop) for s, n in zip(inside[1:], size, strict=True)]
    return np.pad(y, [(0, 0), *margins], mode="symmetric").astype(np.float64)


def _nearest(found: list[np.ndarray], reference: np.ndarray) -> np.ndarray:
    return min(found, key=lambda x: float(np.square(np.clip(x, 0, 1) - reference).mean()))
