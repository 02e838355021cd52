"""What this package makes of a case: samples (k, x, y, z) in the units of its truth.

model        the shipped model with the settings chosen on the split `validation`
model-mean   denoising, translation: one call at t = 1, an estimate of the mean without spread
plain        translation: the regression network of the same size, in place of the path
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from undrift.medical.benchmark.cases import ROWS, TARGETS, Case

Samples = list[np.ndarray]
SAMPLES = {"ct-denoise": 6, "mr-denoise": 4, "mri-recon": 4, "ct-recon": 4, "sr": 1,
           **dict.fromkeys(TARGETS, 8)}  # fmt: skip
STEPS = {"ct-denoise": 2, "mr-denoise": 3, **dict.fromkeys(TARGETS, 2)}
# further settings chosen on the split `validation`
CHOSEN: Mapping[str, Mapping[str, Any]] = {}
USED = {
    "ct-denoise": ("ct-low-dose",),
    "mr-denoise": ("mr-prior",),
    "mri-recon": ("brain-prior",),
    "ct-recon": ("ct-prior",),
    "sr": ("brain-prior",),
    "translate": ("brain-t1-t2",),
    "translate-flair": ("brain-t1-flair-bridge",),
    "translate-ct": ("brain-t1-ct-bridge",),
}


def settings_of(kind: str) -> Mapping[str, Any]:
    """What results depend on beside weights, steps and samples: the defaults of the task too."""
    if kind == "mri-recon":
        from undrift.medical.mri import methods as mri

        return {"sampler": mri.SAMPLER, "steps": mri.STEPS, "wider": mri.WIDER, **mri.SPLITTING,
                "start": mri.START}  # fmt: skip
    if kind == "ct-recon":
        from undrift.medical.ct import methods as ct

        return {"sampler": ct.SAMPLER, "steps": ct.STEPS, "wider": ct.WIDER, **ct.SPLITTING,
                "start": ct.TV_WEIGHT, "tv_share": ct.TV_SHARE}  # fmt: skip
    if kind == "sr":
        from undrift.medical import thick_slices as sr

        return {"error": sr.ERROR, "steps": sr.STEPS}
    return CHOSEN.get(kind, {})


def models_of(kind: str, method: str) -> tuple[str, ...]:
    """The names of the weights that a method uses."""
    from undrift.medical.tasks import TRANSLATORS

    if method == "plain":
        return (TRANSLATORS[TARGETS[kind].partition("-")[0]],)
    return USED[kind]


def sampled(method: str, case: Case, seed: int = 0, **changed: Any) -> Samples:
    """The samples of a model on a case; one, where it gives an estimate without spread."""
    kind = ROWS[case.row].kind
    changed = {**CHOSEN.get(kind, {}), **changed}
    if kind == "mri-recon":
        return _k_space(case, seed, changed)
    if kind == "ct-recon":
        return _sinogram(case, seed, changed)
    if kind == "sr":
        return _finer(case, seed, changed)
    single = method in ("model-mean", "plain")
    wishes: dict[str, Any] = {"seed": seed, "item": case.item}
    if single:
        wishes |= {"steps": 1, "solver": "ddim", "samples": 1}
    else:
        wishes |= {"steps": STEPS[kind], "samples": SAMPLES[kind]}
    wishes |= changed
    if kind in TARGETS:
        return _translated(case, models_of(kind, method)[0], wishes)
    return _denoised(kind, case, wishes)


def _k_space(case: Case, seed: int, changed: dict[str, Any]) -> Samples:
    from undrift.medical.mri.tasks import reconstruct_mri

    given = {"samples": SAMPLES["mri-recon"], "seed": seed, "item": case.item, **changed}
    made = reconstruct_mri(**case.given, **given)
    return [np.abs(made.value).astype(np.float32), *_parts(made, np.abs)]


def _sinogram(case: Case, seed: int, changed: dict[str, Any]) -> Samples:
    from undrift.medical.ct.tasks import reconstruct_ct

    given = {"samples": SAMPLES["ct-recon"], "seed": seed, "item": case.item, **changed}
    made = reconstruct_ct(case.given, **given)
    return [made.value.array, *_parts(made, lambda one: one.array)]


def _finer(case: Case, seed: int, changed: dict[str, Any]) -> Samples:
    from undrift.medical.thick_slices import super_resolve

    wishes = {"model": USED["sr"][0], "seed": seed, "item": case.item, **changed}
    made = super_resolve(**case.given, **wishes)
    return [made.value.array, *_parts(made, lambda one: one.array)]


def _denoised(kind: str, case: Case, wishes: dict[str, Any]) -> Samples:
    from undrift.medical.tasks import denoise

    if kind == "ct-denoise":
        made = denoise(case.given, kind="ct", spacing=case.spacing, **wishes)
        return [np.asarray(made.value), *_parts(made, np.asarray)]
    volume, sigma = case.given["volume"], case.given["sigma"]
    made = denoise(volume, kind="mr", sigma=sigma, **wishes)
    return [made.value.array, *_parts(made, lambda one: one.array)]


def _translated(case: Case, model: str, wishes: dict[str, Any]) -> Samples:
    from undrift.medical.tasks import translate
    from undrift.medical.volumes.volume import Volume

    made = translate(case.given, model=model, **wishes)
    if case.unit == "HU":
        return [made.value.array, *_parts(made, lambda one: one.array)]
    scale = made.info["target_scale"]
    low, high = float(scale["low"]), float(scale["high"])

    def numbers(one: Volume) -> np.ndarray:
        return (2 * (one.array - low) / (high - low) - 1).astype(np.float32)

    return [numbers(made.value), *_parts(made, numbers)]


def _parts(made: Any, each: Any) -> Samples:
    samples = made.samples if made.samples is not None else ()
    return [each(one).astype(np.float32) for one in samples] if len(samples) > 1 else []
