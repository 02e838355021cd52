"""The task calls `impute` and `anomalies` of series of sensors.

    result = impute("stations.csv")  # gaps filled; result.std tells how sure
    found = anomalies("stations.csv")  # flags by thresholds from held-out values

A model is fitted to the series itself, in a minute or so on a processor; what it cannot know from
the series it cannot fill.
"""

from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, UsageError
from undrift.common.results import Restored
from undrift.scientific.atmosphere.series.filling import (
    Anomalies,
    Sampling,
    fill,
    find_anomalies,
)
from undrift.scientific.atmosphere.series.fitting import Fitting, SeriesModel, fit
from undrift.scientific.atmosphere.series.tables import Table, open_series, save_series


def impute(
    series: Any, *, model: SeriesModel | None = None, mode: str = "conditional",
    samples: int = 16, steps: int = 16, iterations: int = 600, seed: int = 0, item: str = "",
) -> Restored:  # fmt: skip
    """Fills gaps (NaN, empty cells) of a multivariate series with the mean of posterior samples.

    series: a path (.csv, .tsv, .nc), xarray object with the dimension time, or array (length,
    sensors). model: a fitted one, else one is fitted. mode: "conditional" or "unconditional", see
    `network.Posed`. Known values come back as they are; std is 0 there, and covers the truth where
    the series is like its past. Raises InputError and UsageError.
    """
    if samples < 2:
        raise UsageError(f"samples {samples}; expected 2 or more, to tell a deviation")
    given = open_series(series)
    model = model or fit(given.values, Fitting(mode=mode, iterations=iterations), seed)
    _check(given.values, model)
    drawn = fill(model, given.values, Sampling(samples, steps, seed, item))
    gaps = np.isnan(given.values)
    std = np.where(gaps, drawn.std(0, ddof=1), 0.0)
    info = {
        "task": "impute", "gaps": int(gaps.sum()), "length": len(given.values),
        "sensors": list(given.names), "mode": model.fitting.mode, "samples": samples,
        "steps": steps, "iterations": model.fitting.iterations, "seed": seed, "item": item,
        "held_out_loss": model.loss,
    }  # fmt: skip
    deviations = given.back(std)

    def write(path: Path, value: Any, about: Any) -> None:
        history = f"undrift impute: {about['gaps']} gaps, {samples} samples, seed {seed}"
        save_series(path, value, deviations, history)

    return Restored(
        given.back(np.where(gaps, drawn.mean(0), given.values)),
        std=deviations,
        samples=tuple(given.back(one) for one in drawn),
        info=info,
        writer=write,
    )


def anomalies(
    series: Any, *, train: Any = None, model: SeriesModel | None = None,
    mode: str = "unconditional", quantile: float = 0.99, samples: int = 8, steps: int = 16,
    iterations: int = 600, seed: int = 0,
) -> Anomalies:  # fmt: skip
    """Finds times that their neighbours do not tell, without labels.

    train: a series that is as it should be, to fit and to take thresholds from; by default the
    series itself. quantile: of held-out scores, the threshold. Raises InputError and UsageError.
    """
    if not 0.5 <= quantile < 1:
        raise UsageError(f"quantile {quantile}; expected 0.5 to 1")
    given = open_series(series)
    learnt = given if train is None else open_series(train)
    model = model or fit(learnt.values, Fitting(mode=mode, iterations=iterations), seed)
    _check(given.values, model)
    clean = None if train is None else learnt.values[model.held_from :]
    return find_anomalies(model, given.values, Sampling(samples, steps, seed), quantile, clean)


def anomaly_table(series: Any, found: Anomalies) -> Table:
    """Time, score, votes, flag and the distance of every sensor, as a table."""
    given = open_series(series)
    if isinstance(given.source, Table):
        times, name, delimiter = [row[0] for row in given.source.rows], given.source.header[0], ","
    else:
        coords = getattr(given.source, "coords", {})
        values = coords["time"].values if "time" in coords else np.arange(len(given.values))
        times, name, delimiter = [str(value) for value in values], "time", ","
    rows = [
        [
            time, _text(found.score[n]), _text(found.votes[n]), str(int(found.flags[n])),
            *(_text(cell) for cell in found.cells[n]),
        ]
        for n, time in enumerate(times)
    ]  # fmt: skip
    return Table([name, "score", "votes", "anomalous", *given.names], rows, delimiter)


def _text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4g}"


def _check(values: np.ndarray, model: SeriesModel) -> None:
    if values.shape[1] != len(model.mean):
        raise InputError(f"{values.shape[1]} sensors for a model of {len(model.mean)}")
    if np.isnan(values).all():
        raise InputError("no value in the whole series")
