"""What the benchmark runs: its methods, what they depend on, how they are scored.

All scores are in deviations of a channel, over all channels and points. rmse: of the mean of the
members. crps: fair; of a single estimate its mean absolute error; mean crps: that of the mean. ssr:
the spread over the error. spectrum: root mean square over waves of the difference of spectra in dB,
members one by one. chi: misfit of the members, by source.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from undrift.common.benchmark import loop
from undrift.common.benchmark.plan import Line, Plan, check_any, check_words, left_out
from undrift.common.files import sha256_of
from undrift.common.metrics.ensembles import crps, spread_skill
from undrift.common.metrics.score_table import ItemScore
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

SPLITS = ("test", "validation")
_WAVES = 20  # of 64 points: beyond, the simulator's filter leaves nothing


@dataclass(frozen=True, eq=False, kw_only=True)
class FieldPlan(Plan):
    """What is run, and the prior it is run with."""

    known: FieldPrior


def plan(
    split: str = "test",
    rows: tuple[str, ...] | None = None,
    methods: tuple[str, ...] | None = None,
    count: int | None = None,
    seed: int = 0,
    model: Any = PRIOR,
) -> FieldPlan:
    """Finds what can run. Raises UsageError for unknown names and where nothing is left."""
    check_words(split, SPLITS, methods, METHODS)
    known = read_field_prior(model, "cpu")
    found: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for name in methods or METHODS:
        with left_out(missing, name):
            found[name] = _identity(name, known)
    check_any(found, missing)
    items, chosen = count or COUNT, rows_named(rows)
    about = {"domain": "atmosphere", "split": split, "seed": seed, "items": items,
             "rows": [row.name for row in chosen], "methods": found,
             "left out": missing}  # fmt: skip
    lines = [Line(row.name, items, found, partial(_case, row, split, known)) for row in chosen]
    return FieldPlan(
        split=split, seed=seed, rows=lines, score=partial(score_one, known=known, seed=seed),
        about=about, missing=missing, known=known,
    )  # fmt: skip


def _case(row: Row, split: str, known: FieldPrior, n: int) -> Case:
    return make(row, split, n, known.scale)


def _identity(name: str, known: FieldPrior) -> dict[str, Any]:
    from undrift.common.weights.model import find_weights

    files = [sha256_of(find_weights(one)) for one in USED.get(name, ())]
    return {"prior": known.prior.sha256, "weights": files, **settings_of(name)}


def score_one(method: str, case: Case, known: FieldPrior, seed: int) -> ItemScore:
    """One method on one case; what stops it is recorded, but for missing packages."""
    return loop.scored(
        case.item, case.row.name, method, lambda: METHODS[method](case, known, seed),
        lambda found: scores_of(found, case),
    )  # fmt: skip


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
