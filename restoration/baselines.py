"""Classical restorers: what a user would otherwise pick, behind one call.

Noise removal at a known standard deviation: total variation (Chambolle 2004), wavelet shrinkage
(BayesShrink, Chang et al. 2000, in YCbCr), non-local means (Buades et al. 2005, fast variant of
Darbon et al. 2008) and BM3D (Dabov et al. 2007, optional package with a non-commercial licence).
The weight of total variation grows with the noise, weight = TV_FACTOR * sigma; the factor was
chosen on photographs that no benchmark uses (`baselines_tuning.py`). `tv-oracle` looks at the
clean picture to choose the best of four weights: an upper bound, not a method.
Enlargement: bicubic (Keys 1981, a = -1/2) and Lanczos with three lobes.
"""

import numpy as np

from undrift.common.errors import UsageError, nearest, require
from undrift.restoration.method import Method

TV_FACTOR = 0.95
TV_ORACLE_FACTORS = (0.5, 0.7, 0.95, 1.3)


def tv(y: np.ndarray, sigma: float, *, factor: float = TV_FACTOR) -> np.ndarray:
    """Total-variation denoising, channel by channel, with weight `factor * sigma`.

    Always 200 iterations, within 0.1 dB of convergence on most photographs: scikit-image's
    stopping rule also fires where the energy turns early on, which costs smooth ones some dB.
    """
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(y, weight=factor * sigma, eps=0, max_num_iter=200, channel_axis=0)


def tv_oracle(y: np.ndarray, sigma: float, *, reference: np.ndarray) -> np.ndarray:
    """The one of four total-variation results that is nearest to `reference`."""
    results = [tv(y, sigma, factor=factor) for factor in TV_ORACLE_FACTORS]
    return min(results, key=lambda x: float(np.square(x - reference).mean()))


def wavelet(y: np.ndarray, sigma: float) -> np.ndarray:
    """BayesShrink in the wavelet domain, told the true sigma; colour goes through YCbCr."""
    from skimage.restoration import denoise_wavelet

    if y.shape[0] == 1:
        return denoise_wavelet(y[0], sigma=sigma, rescale_sigma=True)[None]
    colour = y.transpose(1, 2, 0)
    restored = denoise_wavelet(
        colour, sigma=sigma, channel_axis=-1, convert2ycbcr=True, rescale_sigma=True
    )
    return restored.transpose(2, 0, 1)


def nlm(y: np.ndarray, sigma: float) -> np.ndarray:
    """Fast non-local means, h = 0.8 sigma, 5 x 5 patches in a window of 13, true sigma."""
    from skimage.restoration import denoise_nl_means

    settings = {"patch_size": 5, "patch_distance": 6, "h": 0.8 * sigma, "sigma": sigma}
    if y.shape[0] == 1:  # scikit-image drops a single channel
        return denoise_nl_means(y[0], **settings)[None]
    return denoise_nl_means(y, channel_axis=0, **settings)


def bm3d(y: np.ndarray, sigma: float) -> np.ndarray:
    """(C)BM3D with its default profile and the true sigma.

    Raises:
        MissingExtraError: the package `bm3d` is not installed.
    """
    package = require("bm3d")
    if y.shape[0] == 1:
        return package.bm3d(y[0], sigma_psd=sigma).reshape(y.shape)
    return package.bm3d_rgb(y.transpose(1, 2, 0), sigma_psd=sigma).transpose(2, 0, 1)


def lanczos(y: np.ndarray, scale: float) -> np.ndarray:
    """Lanczos interpolation with three lobes, in floating point, to ceil(h scale) rows.

    Where that reaches beyond the last pixel, by less than 1 / scale, the picture is continued.
    """
    from PIL import Image

    from undrift.common.resize import resized

    height, width = (resized(side, scale) for side in y.shape[1:])
    box = (0.0, 0.0, width / scale, height / scale)
    beyond = [int(length > side) for length, side in zip(box[:1:-1], y.shape[1:], strict=True)]
    wide = np.pad(y, [(0, 0), (0, beyond[0]), (0, beyond[1])], mode="edge")
    planes = [Image.fromarray(plane.astype(np.float32)) for plane in wide]
    return np.stack(
        [
            np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS, box=box))
            for plane in planes
        ]
    )


def bicubic(y: np.ndarray, scale: float) -> np.ndarray:
    """Bicubic interpolation (a = -1/2, mirrored border), the reverse of the degradation."""
    import torch

    from undrift.common.resize import upscale

    return upscale(torch.from_numpy(np.ascontiguousarray(y)), scale).numpy()


def identity(y: np.ndarray, sigma: float) -> np.ndarray:
    """The noisy picture itself."""
    return y


BASELINES: dict[str, Method] = {
    method.name: method
    for method in (
        Method("identity", "denoise", identity, "the noisy input"),
        Method("tv", "denoise", tv, f"total variation, weight {TV_FACTOR} sigma"),
        Method("tv-oracle", "denoise", tv_oracle, "total variation, best weight of four", "oracle"),
        Method("wavelet", "denoise", wavelet, "BayesShrink wavelets in YCbCr, true sigma"),
        Method("nlm", "denoise", nlm, "fast non-local means, h = 0.8 sigma, true sigma"),
        Method("bm3d", "denoise", bm3d, "(C)BM3D, true sigma; extra `baselines`"),
        Method("bicubic", "sr", bicubic, "bicubic interpolation"),
        Method("lanczos", "sr", lanczos, "Lanczos interpolation, three lobes"),
    )
}


def all_baselines() -> dict[str, Method]:
    """Name -> method, of all tasks."""
    from undrift.restoration.baselines_operators import OPERATOR_BASELINES

    return {**BASELINES, **OPERATOR_BASELINES}


def baselines_of(task: str) -> dict[str, Method]:
    """Name -> method, of one task: those of `TASKS` in `protocols`, and "jpeg", "blind-sr" and
    "camera" of `protocols_blind`."""
    from undrift.restoration.baselines_blind import BLIND_BASELINES

    own = {key: method for key, method in all_baselines().items() if method.task == task}
    return own or BLIND_BASELINES.get(task, {})


def baseline(name: str, task: str) -> Method:
    """The baseline called `name` for `task`, a key of `baselines_of`.

    Raises:
        UsageError: no such baseline for this task; the message names the nearest.
    """
    found = baselines_of(task)
    if name not in found:
        raise UsageError(
            f"no baseline '{name}' for {task}{nearest(name, found)} (there are: {', '.join(found)})"
        )
    return found[name]
