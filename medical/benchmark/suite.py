"""Runs the rows of the benchmark: item by item, method by method, going on where it stopped.

The first estimate of a method is scored by PSNR, SSIM and mean absolute error, all of tissues too;
its samples by CRPS and by the coverage of their 90 % interval. A single estimate's CRPS is its mean
absolute error, and it has no coverage.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import undrift
from undrift.common.errors import InputError, MissingExtraError, UndriftError, UsageError, nearest
from undrift.common.files import fingerprint, sha256_of
from undrift.common.metrics.score_store import Store
from undrift.common.metrics.score_table import ItemScore
from undrift.medical import metrics
from undrift.medical.benchmark import baselines, models
from undrift.medical.benchmark.cases import FIRST, Case, Row, rows_named
from undrift.medical.benchmark.real import NEEDS as NEEDED_FOR

METHODS: Mapping[str, tuple[str, ...]] = {
    "ct-denoise": ("noisy", "nlm", "tv", "bm4d", "model-mean", "model"),
    "mr-denoise": ("noisy", "nlm", "tv", "bm4d", "model-mean", "model"),
    "mri-recon": ("zero-filled", "cg-sense", "wavelet", "tv", "model"),
    "ct-recon": ("fbp", "sart", "tv", "model"),
    "translate": ("intensities", "plain", "model-mean", "model"),
}
OURS = ("model-mean", "model", "plain")
NEEDS = {"bm4d": "bm4d"}
Watch = Callable[[ItemScore], object]


@dataclass(frozen=True)
class Plan:
    """What is run. missing: method of a kind, or row -> why it cannot run here."""

    split: str
    rows: Sequence[Row]
    methods: Mapping[str, tuple[str, ...]]
    count: int | None = None
    seed: int = 0
    missing: Mapping[str, str] = field(default_factory=dict)
    identities: Mapping[tuple[str, str], Any] = field(default_factory=dict)


def plan(
    split: str = "test",
    rows: tuple[str, ...] | None = None,
    methods: tuple[str, ...] | None = None,
    count: int | None = None,
    seed: int = 0,
) -> Plan:
    """Finds what can run. Raises UsageError for unknown names and where nothing is left."""
    if split not in FIRST:
        raise UsageError(f"no split '{split}' (there are: {', '.join(FIRST)})")
    known = tuple(dict.fromkeys(name for names in METHODS.values() for name in names))
    for name in methods or ():
        if name not in known:
            raise UsageError(f"no method '{name}'{nearest(name, known)} ({', '.join(known)})")
    kept: dict[str, tuple[str, ...]] = {}
    missing: dict[str, str] = {}
    chosen = [row for row in rows_named(rows) if _at_hand(row, missing)]
    identities: dict[tuple[str, str], Any] = {}
    for kind in dict.fromkeys(row.kind for row in chosen):
        good = []
        for name in METHODS[kind]:
            if methods is not None and name not in methods:
                continue
            try:
                identities[kind, name] = identity_of(kind, name)
                good.append(name)
            except (MissingExtraError, InputError) as error:
                missing[f"{kind} {name}"] = str(error)
        kept[kind] = tuple(good)
    if not any(kept.values()):
        raise UsageError(f"no method can run here: {'; '.join(missing.values())}")
    return Plan(split, chosen, kept, count, seed, missing, identities)


def _at_hand(row: Row, missing: dict[str, str]) -> bool:
    """Whether the row's anatomy is installed; what stops it goes into `missing`."""
    try:
        NEEDED_FOR.get(row.real, lambda: None)()
    except (MissingExtraError, InputError) as error:
        missing[row.name] = str(error)
        return False
    return True


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


def run(
    asked: Plan, *, save: Path | None = None, fresh: bool = False, watch: Watch = lambda e: None
) -> Iterator[ItemScore]:
    """The scores of all items, from `save`/scores.jsonl where they are there already."""
    store = Store(save, fresh=fresh)
    for row in asked.rows:
        for n in range(min(row.count, asked.count or row.count)):
            yield from _item(asked, row, n, store, watch)


def _item(asked: Plan, row: Row, n: int, store: Store, watch: Watch) -> Iterator[ItemScore]:
    case = None
    for method in asked.methods[row.kind]:
        key = fingerprint({
            "row": row.name, "n": n, "split": asked.split, "method": method, "seed": asked.seed,
            "identity": asked.identities[row.kind, method], "version": undrift.__version__,
        })  # fmt: skip
        entry = store.get(key)
        if entry is None:
            case = case or row.make(asked.split, n)
            entry = score_one(method, case, asked.seed)
            store.add(key, entry, unit=case.unit)
            watch(entry)
        yield entry


def score_one(method: str, case: Case, seed: int) -> ItemScore:
    """One method on one case; what stops it is recorded, but for missing packages."""
    began = time.perf_counter()
    try:
        if method in OURS:
            made = models.sampled(method, case, seed)
        else:
            made = [np.asarray(baselines.restore(method, case), np.float32)]
        seconds = time.perf_counter() - began
        return ItemScore(case.item, case.row, method, scores_of(made, case), seconds)
    except MissingExtraError:
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, UndriftError) else repr(error)
        return ItemScore(case.item, case.row, method, {}, None, reason)


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
