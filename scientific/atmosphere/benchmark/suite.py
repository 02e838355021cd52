"""Runs the rows of the benchmark: item by item, method by method, going on where it stopped.

All scores are in deviations of a channel, over all channels and points. rmse: of the mean of the
members. crps: fair; of a single estimate its mean absolute error; mean crps: that of the mean. ssr:
the spread over the error. spectrum: root mean square over waves of the difference of spectra in dB,
members one by one. chi: misfit of the members, by source.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import undrift
from undrift.common.errors import InputError, MissingExtraError, UndriftError, UsageError, nearest
from undrift.common.files import fingerprint, sha256_of
from undrift.common.metrics.ensembles import crps, spread_skill
from undrift.common.metrics.score_store import Store
from undrift.common.metrics.score_table import ItemScore
from undrift.scientific.atmosphere.banks import FIRST_SEED
from undrift.scientific.atmosphere.benchmark.cases import COUNT, Case, Row, make, rows_named
from undrift.scientific.atmosphere.benchmark.methods import (
    METHODS,
    PRIOR,
    USED,
    Found,
    gaussian_crps,
    settings_of,
)
from undrift.scientific.atmosphere.likelihood import overall
from undrift.scientific.atmosphere.tasks import FieldPrior, read_field_prior
from undrift.scientific.atmosphere.verification.spectra import plane_spectrum

Watch = Callable[[ItemScore], object]
_WAVES = 20  # of 64 points: beyond, the simulator's filter leaves nothing


@dataclass(frozen=True, eq=False)
class Plan:
    """What is run. missing: method -> why it cannot run here."""

    split: str
    rows: Sequence[Row]
    methods: Sequence[str]
    known: FieldPrior
    count: int = COUNT
    seed: int = 0
    missing: Mapping[str, str] = field(default_factory=dict)
    identities: Mapping[str, Any] = field(default_factory=dict)


def plan(
    split: str = "test",
    rows: tuple[str, ...] | None = None,
    methods: tuple[str, ...] | None = None,
    count: int | None = None,
    seed: int = 0,
    model: Any = PRIOR,
) -> Plan:
    """Finds what can run. Raises UsageError for unknown names and where nothing is left."""
    if split not in FIRST_SEED or split == "train":
        raise UsageError(f"no split '{split}' (there are: test, validation)")
    for name in methods or ():
        if name not in METHODS:
            raise UsageError(f"no method '{name}'{nearest(name, METHODS)} ({', '.join(METHODS)})")
    known = read_field_prior(model, "cpu")
    kept, missing, identities = [], {}, {}
    for name in methods or tuple(METHODS):
        try:
            identities[name] = _identity(name, known)
            kept.append(name)
        except (MissingExtraError, InputError) as error:
            missing[name] = str(error)
    if not kept:
        raise UsageError(f"no method can run here: {'; '.join(missing.values())}")
    return Plan(split, rows_named(rows), kept, known, count or COUNT, seed, missing, identities)


def _identity(name: str, known: FieldPrior) -> dict[str, Any]:
    from undrift.common.weights.model import find_weights

    files = [sha256_of(find_weights(one)) for one in USED.get(name, ())]
    return {"prior": known.prior.sha256, "weights": files, **settings_of(name)}


def run(
    asked: Plan, *, save: Path | None = None, fresh: bool = False, watch: Watch = lambda e: None
) -> Iterator[ItemScore]:
    """The scores of all items, from `save`/scores.jsonl where they are there already."""
    store = Store(save, fresh=fresh)
    for row in asked.rows:
        for n in range(asked.count):
            case = None
            for method in asked.methods:
                key = fingerprint({
                    "row": row.name, "n": n, "split": asked.split, "method": method,
                    "seed": asked.seed, "identity": asked.identities[method],
                    "version": undrift.__version__,
                })  # fmt: skip
                entry = store.get(key)
                if entry is None:
                    case = case or make(row, asked.split, n, asked.known.scale)
                    entry = score_one(method, case, asked.known, asked.seed)
                    store.add(key, entry)
                    watch(entry)
                yield entry


def score_one(method: str, case: Case, known: FieldPrior, seed: int) -> ItemScore:
    """One method on one case; what stops it is recorded, but for missing packages."""
    began = time.perf_counter()
    try:
        found = METHODS[method](case, known, seed)
        seconds = time.perf_counter() - began
        return ItemScore(case.item, case.row.name, method, scores_of(found, case), seconds)
    except MissingExtraError:
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, UndriftError) else repr(error)
        return ItemScore(case.item, case.row.name, method, {}, None, reason)


def scores_of(found: Found, case: Case) -> dict[str, float]:
    """See the module; `variance` and `mse` let a row's spread and error be pooled."""
    truth = case.scale.forward(torch.from_numpy(case.truth)).numpy()
    members = found.members.double().numpy()
    mean = members.mean(0)
    error = mean - truth
    told = {"rmse": float(np.sqrt((error**2).mean())), "mse": float((error**2).mean()),
            "spectrum": spectrum_error(members, truth)}  # fmt: skip
    spread = None if found.spread is None else found.spread.numpy()
    if len(members) > 1:
        told["crps"] = float(crps(truth, members).mean())
        told["ssr"] = spread_skill(truth, members)
        told["variance"] = float(members.var(0, ddof=1).mean() * (1 + 1 / len(members)))
        told["mean crps"] = float(np.abs(error).mean())
    elif spread is not None and spread.any():
        told["crps"] = float(gaussian_crps(error, spread).mean())
        told["variance"] = float((spread**2).mean())
        told["ssr"] = float(np.sqrt(told["variance"] / told["mse"]))
        told["mean crps"] = float(np.abs(error).mean())
    else:
        told["crps"] = float(np.abs(error).mean())
    chi = overall(case.likelihood().chi(found.members.double()))
    return {**told, **{f"chi {name}": value for name, value in chi.items()}}


def spectrum_error(members: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square over channels and waves of the difference of the spectra in dB; members'
    spectra are averaged, as those of one flow at other times are."""
    own = plane_spectrum(members)[1].mean(0)[..., :_WAVES]
    right = plane_spectrum(truth)[1][..., :_WAVES]
    return float(np.sqrt(((10 * np.log10(own / right)) ** 2).mean()))
