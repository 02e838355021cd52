"""What a user would pick without a model; all of them measure the noise in the cube.

noisy             nothing is done
nlm, tv, wavelet  band by band, scikit-image (wavelet: BayesShrink)
median            destriping: medians of columns that stand out of those beside them
pca               the subspace of the signal (`subspace`), nothing else
hyres             HyRes-like (Rasti et al. 2017): whitened, principal components, wavelets by SURE,
                  and as many components as SURE says
fasthyde          FastHyDe-like (Zhuang & Bioucas-Dias 2018): images of the subspace by non-local
                  means; with "bm3d" by BM3D, as published (package of a non-commercial licence)
filled ...        the same after impulses and dead columns are filled by the median around them
repaired ...      filled, then destriped by the median
moments ...       filled, then the moments of columns matched (Gadallah et al. 2000)

The last three are the fair peers where there are such faults.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from undrift.common.errors import require
from undrift.scientific.hyperspectral.benchmark.cases import ROWS, Case
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.gaps import around
from undrift.scientific.hyperspectral.limits import limits_of
from undrift.scientific.hyperspectral.noise.estimate import band_residual, noise_report
from undrift.scientific.hyperspectral.subspace import signal_subspace

Array = npt.NDArray[np.float64]
NAMES = (
    "noisy", "nlm", "tv", "wavelet", "median", "pca", "hyres", "fasthyde", "filled hyres",
    "filled fasthyde", "repaired nlm", "repaired fasthyde", "moments fasthyde",
    "filled fasthyde-bm3d",
)  # fmt: skip
# method -> strengths tried: multiples of the measured deviation
CHOICES: Mapping[str, tuple[float, ...]] = {
    "nlm": (0.8, 1.1, 1.5),
    "tv": (0.6, 1.2, 2.0),
    "wavelet": (0.8, 1.2, 1.6),
    "hyres": (1.2, 1.6, 2.2),
    "fasthyde": (0.8, 1.1, 1.5),
    "fasthyde-bm3d": (1.0, 1.3, 1.6),
}
# (method, kind of row) -> the best mean MPSNR on `validation`, found by `tune`; of BM3D its own
STRENGTH: Mapping[tuple[str, str], float] = {
    ("nlm", "case"): 0.8,
    ("nlm", "sensor"): 1.1,
    ("tv", "case"): 0.6,
    ("tv", "sensor"): 0.6,
    ("wavelet", "case"): 1.2,
    ("wavelet", "sensor"): 0.8,
    ("hyres", "case"): 1.6,
    ("hyres", "sensor"): 1.6,
    ("fasthyde", "case"): 1.1,
    ("fasthyde", "sensor"): 1.1,
    ("fasthyde-bm3d", "case"): 1.0,
    ("fasthyde-bm3d", "sensor"): 1.0,
}
SLOW, MOST_BANDS = ("filled fasthyde-bm3d",), 150  # left out of rows with more bands
_WINDOW = 9  # columns a destriped one is compared with
_LEVELS = 5


def restore(method: str, case: Case, strength: float | None = None) -> Array:
    """(bands, rows, columns) by a name of `NAMES`. Raises MissingExtraError without its package."""
    y = case.noisy.array.astype(np.float64)
    front, _, name = method.rpartition(" ")
    if front:
        y = _FRONTS[front](repaired(y))
    if name == "noisy":
        return y
    if name == "median":
        return median_destriped(y)
    if strength is None:
        strength = STRENGTH.get((name, case.kind), 1.0)
    sigma = np.maximum(_sigma(y, bool(front)), 1e-6)
    if name in _BANDWISE:
        return np.stack(
            [_BANDWISE[name](band, s, strength) for band, s in zip(y, sigma, strict=True)]
        )
    space = signal_subspace(y, sigma)
    if name == "hyres":
        return _hyres(y, sigma, strength)
    return space.cube(_IMAGES[name](space.coefficients(y), strength))


def _sigma(y: Array, clean: bool) -> Array:
    """(bands,) as the noise report measures it; after repair by the same regression."""
    if not clean:
        return np.nan_to_num(noise_report(Cube(y)).sigma, nan=1e-6)
    residual = band_residual(y).reshape(len(y), -1)
    return 1.4826 * np.median(abs(residual - np.median(residual, 1, keepdims=True)), 1)


def repaired(y: Array) -> Array:
    """Values at a limit that many share, and dead columns, by the median of valid ones around."""
    dead = noise_report(Cube(y)).dead
    hidden = limits_of(y, np.zeros(y.shape, bool)).at | dead[:, None]
    out = y.copy()
    for band, empty in zip(out, hidden, strict=True):
        if 0 < empty.sum() < empty.size:
            band[empty] = around(band, ~empty)[empty]
    return out


def median_destriped(y: Array) -> Array:
    """Columns whose median stands out of the running one by three deviations of that, less it."""
    from scipy.ndimage import median_filter

    middle = np.median(y, 1)
    over = middle - median_filter(middle, (1, _WINDOW), mode="nearest")
    usual = 1.4826 * np.median(abs(over), 1, keepdims=True)
    return y - np.where(abs(over) > 3 * usual, over, 0)[:, None]


def moments(y: Array) -> Array:
    """Mean and deviation of each column matched to those of the columns around it."""
    from scipy.ndimage import uniform_filter1d

    mean, spread = y.mean(1), np.maximum(y.std(1), 1e-9)
    target, width = (uniform_filter1d(v, _WINDOW, axis=1, mode="nearest") for v in (mean, spread))
    return (y - mean[:, None]) * (width / spread)[:, None] + target[:, None]


def _nlm(band: Array, sigma: float, strength: float) -> Array:
    from skimage.restoration import denoise_nl_means

    return denoise_nl_means(band, 5, 6, h=strength * sigma, sigma=sigma, fast_mode=True)


def _tv(band: Array, sigma: float, strength: float) -> Array:
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(band, weight=strength * sigma)


def _wavelet(band: Array, sigma: float, strength: float) -> Array:
    from skimage.restoration import denoise_wavelet

    return denoise_wavelet(band, sigma=strength * sigma, wavelet="db2", mode="soft")


def _hyres(y: Array, sigma: Array, strength: float) -> Array:
    """Soft thresholds by SURE in each subband; components whose SURE is below that of zero."""
    white = y / sigma[:, None, None]
    mean = white.mean((1, 2))
    white = white - mean[:, None, None]
    flat = white.reshape(len(y), -1)
    vectors = np.linalg.eigh(flat @ flat.T)[1][:, ::-1]
    images = np.tensordot(vectors.T, white, 1)
    out = np.zeros_like(white)
    for number, image in enumerate(images[:60]):
        clean, risk = _sure_image(image / strength)
        if risk > (image**2).sum() / strength**2 - image.size:
            break
        out += strength * vectors[:, number, None, None] * clean
    return (out + mean[:, None, None]) * sigma[:, None, None]


def _sure_image(image: Array) -> tuple[Array, float]:
    """An image with noise of deviation 1 by its wavelets, and the risk SURE expects."""
    pywt = require("pywt")
    level = min(_LEVELS, pywt.dwt_max_level(min(image.shape), "db5"))
    parts = pywt.wavedec2(image, "db5", mode="periodization", level=level)
    risk, kept = float(parts[0].size), [parts[0]]
    for details in parts[1:]:
        found = [_sure(band) for band in details]
        kept.append(tuple(band for band, _ in found))
        risk += sum(r for _, r in found)
    return pywt.waverec2(kept, "db5", mode="periodization"), risk


def _sure(band: Array) -> tuple[Array, float]:
    """n - 2 #{|c| <= t} + sum min(|c|, t)^2 at its least (Donoho & Johnstone 1995)."""
    size = np.sort(abs(band), axis=None)
    n = size.size
    risks = n - 2 * np.arange(1, n + 1) + np.cumsum(size**2) + np.arange(n - 1, -1, -1) * size**2
    least = int(risks.argmin())
    threshold = size[least]
    return np.sign(band) * np.maximum(abs(band) - threshold, 0), float(risks[least])


def _fasthyde(images: Array, strength: float) -> Array:
    return np.stack([_nlm(image, 1.0, strength) for image in images])


def _fasthyde_bm3d(images: Array, strength: float) -> Array:
    package = require("bm3d")
    return np.stack([package.bm3d(image, sigma_psd=strength) for image in images])


_BANDWISE: Mapping[str, Callable[[Array, float, float], Array]] = {
    "nlm": _nlm, "tv": _tv, "wavelet": _wavelet,
}  # fmt: skip
_FRONTS: Mapping[str, Callable[[Array], Array]] = {
    "filled": lambda y: y, "repaired": median_destriped, "moments": moments,
}  # fmt: skip
_IMAGES: Mapping[str, Callable[[Array, float], Array]] = {
    "pca": lambda images, strength: images,
    "fasthyde": _fasthyde,
    "fasthyde-bm3d": _fasthyde_bm3d,
}


def tune(method: str, kind: str, front: str = "", items: int = 2) -> dict[float, float]:
    """Strength -> mean MPSNR on `validation`, over the rows of a kind with 31 bands."""
    from undrift.scientific.hyperspectral.metrics import mpsnr

    rows = [row for row in ROWS.values() if row.kind == kind and row.bands < 100]
    cases = [row.make("validation", n) for row in rows for n in range(items)]
    name = f"{front} {method}".strip()
    return {
        strength: float(np.mean([mpsnr(c.truth, restore(name, c, strength)) for c in cases]))
        for strength in CHOICES[method]
    }
