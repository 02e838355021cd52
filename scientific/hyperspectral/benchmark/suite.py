"""What the benchmark runs: its methods, what they depend on, how they are scored.

Scores: mpsnr in dB, mssim (Wang's), sam in degrees, ergas (Wald's, in per cent); see `metrics`.
`low-rank` and `model` are what this package makes; `turns nlm` is the same with non-local means in
the place of the prior.
"""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.benchmark import loop
from undrift.common.benchmark.plan import Line, Plan, check_any, check_words, left_out
from undrift.common.errors import UsageError
from undrift.common.files import sha256_of
from undrift.common.metrics.score_table import ItemScore
from undrift.scientific.hyperspectral import metrics
from undrift.scientific.hyperspectral.benchmark import baselines
from undrift.scientific.hyperspectral.benchmark.cases import FIRST, Case, Row, rows_named
from undrift.scientific.hyperspectral.benchmark.real import Scene, real_rows, real_scene

OURS = {"turns nlm": "non-local-means", "low-rank": "low-rank", "model": "model"}
JUDGED = ("model", "low-rank")  # the first that is there is compared with the peers
METHODS = (*baselines.NAMES, *OURS)

run = loop.run


def plan(
    split: str = "test",
    rows: tuple[str, ...] | None = None,
    methods: tuple[str, ...] | None = None,
    count: int | None = None,
    seed: int = 0,
    real: Path | None = None,
) -> Plan:
    """Finds what can run. real: a file with a cube whose best bands are the truth (see `real`).

    Raises UsageError for unknown names, where nothing is left, and for validation on a real cube,
    InputError for a file that gives no truth.
    """
    check_words(split, FIRST, methods, METHODS)
    if real is not None and split != "test":
        raise UsageError(f"a real cube is for the test; leave out --split {split}")
    missing: dict[str, str] = {}
    found: dict[str, Any] = {}
    for name in methods or METHODS:
        with left_out(missing, name):
            found[name] = identity_of(name)
    check_any(found, missing)
    scene = None if real is None else real_scene(real)
    chosen = rows_named(rows, None if scene is None else real_rows(scene))
    about = {"domain": "scientific", "suite": "hyperspectral", "split": split, "seed": seed,
             "rows": [row.name for row in chosen], "methods": found,
             "not installed": missing, **_truth(scene)}  # fmt: skip
    lines = [
        Line(row.name, min(row.count, count or row.count), _fitting(found, row, scene),
             partial(row.make, split))
        for row in chosen
    ]  # fmt: skip
    return Plan(
        split=split, seed=seed, rows=lines, score=partial(score_one, seed=seed), about=about,
        missing=missing, noted=lambda case: {"unit": "reflectance"},
    )  # fmt: skip


def _truth(scene: Scene | None) -> dict[str, Any]:
    """What is told of a real truth."""
    if scene is None:
        return {}
    return {"truth": {"about": scene.about, "sha256": scene.sha256, "ceiling": scene.ceiling}}


def _fitting(methods: dict[str, Any], row: Row, scene: Scene | None) -> dict[str, Any]:
    """Those that are not too slow for as many bands; a real truth is a part of their identity."""
    slow = baselines.SLOW if row.bands > baselines.MOST_BANDS else ()
    kept = {name: one for name, one in methods.items() if name not in slow}
    if scene is None:
        return kept
    return {name: {**one, "truth": scene.sha256} for name, one in kept.items()}


def identity_of(method: str) -> Any:
    """All that its results depend on beside the case. Raises where it cannot run here."""
    from undrift.common.errors import require

    if method in OURS:
        from undrift.common.weights.model import find_weights
        from undrift.scientific.hyperspectral import method as ways
        from undrift.scientific.hyperspectral.learned import MODEL

        names = {"model": MODEL, "low-rank": ways.PRIOR}
        weights = sha256_of(find_weights(names[method])) if method in names else ""
        turned = {"symmetries": ways.SYMMETRIES["balanced"]} if method == "low-rank" else {}
        return {"weights": weights, "turns": ways.TURNS, "most": ways.MOST, **turned}
    name = method.rpartition(" ")[2]
    if name == "fasthyde-bm3d":
        require("bm3d")
    if name == "hyres":
        require("pywt")
    return {f"strength, {kind}": value for (known, kind), value in baselines.STRENGTH.items()
            if known == name}  # fmt: skip


def score_one(method: str, case: Case, seed: int = 0) -> ItemScore:
    """One method on one case; what stops it is recorded, but for missing packages."""
    return loop.scored(
        case.item, case.row, method, lambda: _made(method, case, seed),
        lambda made: scores_of(made, case),
    )  # fmt: skip


def _made(method: str, case: Case, seed: int) -> Any:
    if method in OURS:
        from undrift.scientific.hyperspectral.tasks import denoise

        return denoise(case.noisy, method=OURS[method], seed=seed, item=case.item).value.array
    return baselines.restore(method, case)


def scores_of(made: Any, case: Case) -> dict[str, float]:
    """The scores of an estimate (bands, rows, columns)."""
    estimate = np.asarray(made, np.float64)
    return {
        "mpsnr": metrics.mpsnr(case.truth, estimate),
        "mssim": metrics.mssim(case.truth, estimate),
        "sam": math.degrees(metrics.sam(case.truth, estimate)),
        "ergas": metrics.ergas(case.truth, estimate),
    }
