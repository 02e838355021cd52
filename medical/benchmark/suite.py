"""What the benchmark runs: which methods a row has, what they depend on, how they are scored.

The first estimate of a method is scored by PSNR, SSIM and mean absolute error, all of tissues too;
its samples by CRPS and by the coverage of their 90 % interval. A single estimate's CRPS is its mean
absolute error, and it has no coverage.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from undrift.common.benchmark import loop
from undrift.common.benchmark.plan import Line, Plan, check_any, check_words, left_out
from undrift.common.files import sha256_of
from undrift.common.metrics.score_table import ItemScore
from undrift.medical import metrics
from undrift.medical.benchmark import baselines, models
from undrift.medical.benchmark.cases import FIRST, TARGETS, Case, rows_named
from undrift.medical.benchmark.real import NEEDS as NEEDED_FOR

METHODS: Mapping[str, tuple[str, ...]] = {
    "ct-denoise": ("noisy", "nlm", "tv", "bm4d", "model-mean", "model"),
    "mr-denoise": ("noisy", "nlm", "tv", "bm4d", "model-mean", "model"),
    "mri-recon": ("zero-filled", "cg-sense", "wavelet", "tv", "model"),
    "ct-recon": ("fbp", "sart", "tv", "model"),
    "sr": ("linear", "cubic", "lanczos", "consistent", "model"),
    **dict.fromkeys(TARGETS, ("intensities", "plain", "model-mean", "model")),
}
OURS = ("model-mean", "model", "plain")
NEEDS = {"bm4d": "bm4d"}

run = loop.run


def plan(
    split: str = "test",
    rows: tuple[str, ...] | None = None,
    methods: tuple[str, ...] | None = None,
    count: int | None = None,
    seed: int = 0,
) -> Plan:
    """Finds what can run. Raises UsageError for unknown names and where nothing is left."""
    known = tuple(dict.fromkeys(name for names in METHODS.values() for name in names))
    check_words(split, FIRST, methods, known)
    missing: dict[str, str] = {}
    chosen = []
    for row in rows_named(rows):
        with left_out(missing, row.name):
            NEEDED_FOR.get(row.real, lambda: None)()  # raises where the anatomy is not installed
            chosen.append(row)
    found: dict[str, dict[str, Any]] = {row.kind: {} for row in chosen}
    for kind, own in found.items():
        for name in METHODS[kind]:
            if methods is None or name in methods:
                with left_out(missing, f"{kind} {name}"):
                    own[name] = identity_of(kind, name)
    check_any(any(found.values()), missing)
    told = {f"{kind} {name}": one for kind, own in found.items() for name, one in own.items()}
    about = {"domain": "medical", "split": split, "seed": seed,
             "rows": [row.name for row in chosen], "methods": told,
             "not installed": missing}  # fmt: skip
    lines = [
        Line(
            row.name, min(row.count, count or row.count), found[row.kind], partial(row.make, split)
        )
        for row in chosen
    ]
    return Plan(
        split=split, seed=seed, rows=lines, score=partial(score_one, seed=seed), about=about,
        missing=missing, noted=lambda case: {"unit": case.unit},
    )  # fmt: skip


def identity_of(kind: str, method: str) -> Any:
    """All that its results depend on beside the case. Raises where it cannot run here."""
    if method in OURS:
        from undrift.common.weights.model import find_weights

        files = [sha256_of(find_weights(name)) for name in models.models_of(kind, method)]
        single = method != "model"
        return {"weights": files, "steps": 1 if single else models.STEPS.get(kind),
                "samples": 1 if single else models.SAMPLES[kind],
                "settings": dict(models.settings_of(kind))}  # fmt: skip
    if method in NEEDS:
        from importlib.metadata import version

        from undrift.common.errors import require

        require(NEEDS[method])
        return {"version": version(NEEDS[method]), "strength": baselines.STRENGTH[kind, method]}
    return {"strength": baselines.STRENGTH.get((kind, method))}


def score_one(method: str, case: Case, seed: int) -> ItemScore:
    """One method on one case; what stops it is recorded, but for missing packages."""
    return loop.scored(
        case.item, case.row, method, lambda: _made(method, case, seed),
        lambda made: scores_of(made, case),
    )  # fmt: skip


def _made(method: str, case: Case, seed: int) -> list[np.ndarray]:
    if method in OURS:
        return models.sampled(method, case, seed)
    return [np.asarray(baselines.restore(method, case), np.float32)]


def scores_of(made: Sequence[np.ndarray], case: Case) -> dict[str, float]:
    """The scores of an estimate, `made[0]`, and of the samples behind it, the others."""
    first, samples = made[0], list(made[1:])
    given = (case.data_range, case.mask)
    found = {
        "psnr": metrics.psnr(first, case.truth, *given),
        "ssim": metrics.ssim(first, case.truth, *given),
        "mae": metrics.mae(first, case.truth, case.mask),
        "crps": metrics.crps(samples or [first], case.truth, case.mask),
    }
    if len(samples) > 1:
        found["coverage"] = metrics.coverage(samples, case.truth, case.mask)
    parts = metrics.mae_by_tissue(first, case.truth, case.tissues)
    return {**found, **{f"mae {name}": value for name, value in parts.items()}}
