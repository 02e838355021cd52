"""What a user would pick without a model, told what it needs to know.

noisy, zero-filled, fbp   nothing is done beyond the plain inverse
nlm, tv      scikit-image's non-local means and total variation in three dimensions
bm4d         Maggioni et al. 2013, by the package `bm4d` (non-commercial licence), if installed
cg-sense, wavelet, tv     of `undrift.medical.reconstruct_mri`
sart, tv     of `undrift.medical.reconstruct_ct`
linear, cubic, lanczos, consistent   finer slices, see `thick`
intensities  translation by the mean target value of each source value, learned from training

`STRENGTH` holds the parameters that gave the best mean PSNR on the split `validation`, found by
`tune` over `CHOICES`; they are the same for every item of a row's kind. Deviations of white noise
are measured in the volume (CT) or told (Rician).
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from undrift.common.errors import require
from undrift.medical.benchmark.cases import ROWS, TARGETS, Case, air_noise

# kind, method -> the parameter tried: over the deviation of the noise; sart: views in all rounds;
# cg-sense: the deviation of the image
CHOICES: Mapping[tuple[str, str], tuple[float, ...]] = {
    ("ct-denoise", "nlm"): (0.5, 0.65, 0.8, 0.95, 1.2, 1.8),
    ("ct-denoise", "tv"): (0.15, 0.3, 0.4, 0.5, 0.6, 0.75, 1.0),
    ("ct-denoise", "bm4d"): (0.7, 1.0, 1.2, 1.4, 1.7, 2.2),
    ("mr-denoise", "nlm"): (0.3, 0.4, 0.5, 0.65, 0.8, 0.95, 1.2),
    ("mr-denoise", "tv"): (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5),
    ("mr-denoise", "bm4d"): (0.7, 1.0, 1.4),
    ("mri-recon", "cg-sense"): (0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1.0, 3.0),
    ("mri-recon", "wavelet"): (0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 1.0),
    ("mri-recon", "tv"): (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.2),
    ("ct-recon", "sart"): (450, 600, 750, 900, 1050, 1200),
    ("ct-recon", "tv"): (12.0, 25.0, 50.0, 100.0),
}
STRENGTH: Mapping[tuple[str, str], float] = {
    ("ct-denoise", "nlm"): 0.8,
    ("ct-denoise", "tv"): 0.5,
    ("ct-denoise", "bm4d"): 1.4,
    ("mr-denoise", "nlm"): 0.5,
    ("mr-denoise", "tv"): 0.3,
    ("mr-denoise", "bm4d"): 1.0,
    ("mri-recon", "cg-sense"): 0.25,
    ("mri-recon", "wavelet"): 0.1,
    ("mri-recon", "tv"): 0.05,
    ("ct-recon", "sart"): 900,
    ("ct-recon", "tv"): 25.0,
}
_SCALE = 1000.0  # HU: strengths are relative, so that values are near 1


def restore(method: str, case: Case, strength: float | None = None) -> np.ndarray:
    """The result (x, y, z) of a classical method. Raises MissingExtraError without its package."""
    kind = ROWS[case.row].kind
    chosen = STRENGTH.get((kind, method), 0.0) if strength is None else strength
    if kind == "ct-denoise":
        values = case.given / np.float32(_SCALE)
        found = denoised(method, values, air_noise(values), chosen)
        return found * np.float32(_SCALE)
    if kind == "mr-denoise":
        given = case.given["volume"].array
        return denoised(method, given, case.given["sigma"], chosen)
    if kind == "mri-recon":
        return _k_space(method, case, chosen)
    if kind == "ct-recon":
        return _sinogram(method, case, chosen)
    if kind == "sr":
        from undrift.medical.benchmark.thick import restored

        return np.asarray(restored(method, case), np.float32)
    return by_intensity(case)


def denoised(method: str, values: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    """Volume denoising of scikit-image and BM4D, told the deviation of the noise."""
    if method == "noisy":
        return values
    if method == "bm4d":
        package = require("bm4d")
        return np.asarray(package.bm4d(values, strength * sigma), np.float32)
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

    if method == "tv":
        return denoise_tv_chambolle(values, weight=strength * sigma, eps=0, max_num_iter=60)
    return denoise_nl_means(
        values, patch_size=3, patch_distance=3, h=strength * sigma, sigma=sigma, fast_mode=True
    )


def _k_space(method: str, case: Case, strength: float) -> np.ndarray:
    from undrift.medical.mri.tasks import reconstruct_mri

    name = {"cg-sense": "spread", "wavelet": "weight", "tv": "weight"}.get(method)
    options: dict[str, Any] = {} if name is None else {name: strength}
    made = reconstruct_mri(**case.given, method=method, samples=1, options=options)
    return np.abs(made.value).astype(np.float32)


def _sinogram(method: str, case: Case, strength: float) -> np.ndarray:
    from undrift.medical.ct.tasks import reconstruct_ct

    more: dict[str, Any] = {}
    if method == "sart":
        more = {"steps": max(1, round(strength / len(case.given.geometry.angles)))}
    if method == "tv":
        more = {"options": {"weight": strength}}
    return reconstruct_ct(case.given, method=method, samples=1, **more).value.array


@functools.cache
def intensity_table(target: str = "t2-se", subjects: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Source numbers and the mean target number (CT: HU) near each, over training subjects."""
    from undrift.medical.simulate.anatomy import brain
    from undrift.medical.simulate.brain_ct import brain_ct
    from undrift.medical.simulate.mr_signal import signal

    pairs = []
    for seed in range(subjects):
        phantom = brain(seed, (64, 64, 64), 2.4)
        inside = phantom.mask()
        source = _numbers(signal(phantom, "mprage").array)
        wanted = (
            brain_ct(phantom).array if target == "ct" else _numbers(signal(phantom, target).array)
        )
        pairs.append([source[inside], wanted[inside]])
    source, wanted = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    edges = np.quantile(source, np.linspace(0, 1, 129))
    bins = np.clip(np.searchsorted(edges, source) - 1, 0, 127)
    count = np.maximum(np.bincount(bins, minlength=128), 1)
    means = [np.bincount(bins, values, 128) / count for values in (source, wanted)]
    return means[0], means[1]


def by_intensity(case: Case) -> np.ndarray:
    """The mean target number of each source number, by linear interpolation."""
    source, target = intensity_table(TARGETS[ROWS[case.row].kind])
    return np.interp(_numbers(case.given.array), source, target).astype(np.float32)


def _numbers(values: np.ndarray) -> np.ndarray:
    """Values (x, y, z) of a contrast by the map of their own foreground."""
    from undrift.medical.signal import PercentileSettings

    given = PercentileSettings.model_validate({"kind": "percentiles", "floor": 0.1})
    return given.measure(values).forward(values)


def tune(kind: str, method: str, items: int = 3) -> dict[float, float]:
    """Strength -> mean PSNR on `validation`; the first row of the kind that is not real."""
    from undrift.medical.metrics import psnr

    rows = [r for r in ROWS.values() if r.kind == kind and not r.real]
    cases = [row.make("validation", n) for row in rows for n in range(min(items, row.count))]
    return {
        strength: float(np.mean([
            psnr(restore(method, case, strength), case.truth, case.data_range, case.mask)
            for case in cases
        ]))
        for strength in CHOICES[kind, method]
    }  # fmt: skip
