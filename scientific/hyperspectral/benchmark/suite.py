"""Runs the rows of the benchmark: item by item, method by method, going on where it stopped.

Scores: mpsnr in dB, mssim (Wang's), sam in degrees, ergas (Wald's, in per cent); see `metrics`.
`low-rank` and `model` are what this package makes; `turns nlm` is the same with non-local means in
the place of the prior.
"""

import math
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
from undrift.scientific.hyperspectral import metrics
from undrift.scientific.hyperspectral.benchmark import baselines
from undrift.scientific.hyperspectral.benchmark.cases import FIRST, Case, Row, rows_named

OURS = {"turns nlm": "non-local-means", "low-rank": "low-rank", "model": "model"}
JUDGED = ("model", "low-rank")  # the first that is there is compared with the peers
METHODS = (*baselines.NAMES, *OURS)
Watch = Callable[[ItemScore], object]


@dataclass(frozen=True)
class Plan:
    """What is run. missing: method -> why it cannot run. identities: what results depend on."""

    split: str
    rows: Sequence[Row]
    methods: tuple[str, ...]
    count: int | None = None
    seed: int = 0
    missing: Mapping[str, str] = field(default_factory=dict)
    identities: Mapping[str, Any] = field(default_factory=dict)


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
    for name in methods or ():
        if name not in METHODS:
            raise UsageError(f"no method '{name}'{nearest(name, METHODS)} ({', '.join(METHODS)})")
    missing: dict[str, str] = {}
    identities: dict[str, Any] = {}
    for name in methods or METHODS:
        try:
            identities[name] = identity_of(name)
        except (MissingExtraError, InputError) as error:
            missing[name] = str(error)
    if not identities:
        raise UsageError(f"no method can run here: {'; '.join(missing.values())}")
    return Plan(split, rows_named(rows), tuple(identities), count, seed, missing, identities)


def identity_of(method: str) -> Any:
    """All that its results depend on beside the case. Raises where it cannot run here."""
    from undrift.common.errors import require

    if method in OURS:
        from undrift.common.weights.model import find_weights
        from undrift.scientific.hyperspectral import method as ways
        from undrift.scientific.hyperspectral.learned import MODEL

        names = {"model": MODEL, "low-rank": ways.PRIOR}
        weights = sha256_of(find_weights(names[method])) if method in names else ""
        return {"weights": weights, "turns": ways.TURNS, "most": ways.MOST}
    name = method.rpartition(" ")[2]
    if name == "fasthyde-bm3d":
        require("bm3d")
    if name == "hyres":
        require("pywt")
    return {f"strength, {kind}": value for (known, kind), value in baselines.STRENGTH.items()
            if known == name}  # fmt: skip


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
    for method in asked.methods:
        if method in baselines.SLOW and row.bands > baselines.MOST_BANDS:
            continue
        key = fingerprint({
            "row": row.name, "n": n, "split": asked.split, "method": method, "seed": asked.seed,
            "identity": asked.identities[method], "version": undrift.__version__,
        })  # fmt: skip
        entry = store.get(key)
        if entry is None:
            case = case or row.make(asked.split, n)
            entry = score_one(method, case, asked.seed)
            store.add(key, entry, unit="reflectance")
            watch(entry)
        yield entry


def score_one(method: str, case: Case, seed: int = 0) -> ItemScore:
    """One method on one case; what stops it is recorded, but for missing packages."""
    began = time.perf_counter()
    try:
        if method in OURS:
            from undrift.scientific.hyperspectral.tasks import denoise

            made = denoise(case.noisy, method=OURS[method], seed=seed, item=case.item).value.array
        else:
            made = baselines.restore(method, case)
        seconds = time.perf_counter() - began
        return ItemScore(case.item, case.row, method, scores_of(made, case), seconds)
    except MissingExtraError:
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, UndriftError) else repr(error)
        return ItemScore(case.item, case.row, method, {}, None, reason)


def scores_of(made: Any, case: Case) -> dict[str, float]:
    """The scores of an estimate (bands, rows, columns)."""
    estimate = np.asarray(made, np.float64)
    return {
        "mpsnr": metrics.mpsnr(case.truth, estimate),
        "mssim": metrics.mssim(case.truth, estimate),
        "sam": math.degrees(metrics.sam(case.truth, estimate)),
        "ergas": metrics.ergas(case.truth, estimate),
    }
