"""Pictures of the benchmark: maps with sensors and spread, and spectra."""

from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import require
from undrift.common.files import write_atomically
from undrift.scientific.atmosphere.benchmark.cases import Case, Row
from undrift.scientific.atmosphere.benchmark.methods import METHODS
from undrift.scientific.atmosphere.benchmark.suite import FieldPlan
from undrift.scientific.atmosphere.verification.spectra import plane_spectrum

Members = dict[str, np.ndarray]


def draw(asked: FieldPlan, folder: Path, n: int = 0) -> list[Path]:
    """Item n of each row of the plan: maps-ROW.png and spectra-ROW.png of the first channel.

    Raises MissingExtraError without matplotlib.
    """
    require("matplotlib").use("Agg")
    written = []
    for row in asked.rows:
        case = row.make(n)
        made = {
            name: case.scale.back(METHODS[name](case, asked.known, asked.seed).members).numpy()
            for name in row.methods
        }
        for kind, figure in (("maps", _maps(case, made)), ("spectra", _spectra(case, made))):
            path = folder / f"{kind}-{_plain(case.row)}.png"
            write_atomically(path, lambda part, f=figure: f.savefig(part, format="png", dpi=110))
            written.append(path)
    return written


def _plain(row: Row) -> str:
    return f"x{row.factor}-{row.sensors}"


def _maps(case: Case, made: Members) -> Any:
    """Truth and coarse field with sensors, then mean, a member and the deviation of a method."""
    from matplotlib.figure import Figure

    ensembles = {name: members for name, members in made.items() if len(members) > 1}
    figure = Figure(figsize=(12, 3.1 * (1 + len(ensembles))), layout="constrained")
    axes = figure.subplots(1 + len(ensembles), 4, squeeze=False)
    limit = float(np.abs(case.truth[0]).max())
    field = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, "origin": "lower"}
    singles = {name: m[0] for name, m in made.items() if len(m) == 1}
    top = {"truth": case.truth, "coarse and sensors": case.coarse, **singles}
    for axis, (name, values) in zip(axes[0], top.items(), strict=False):
        axis.imshow(values[0], extent=(0, 64, 0, 64), **field)
        axis.set_title(name)
    axes[0, 1].scatter(case.indices[:, 1] + 0.5, case.indices[:, 0] + 0.5, s=7, c="k")
    figure.colorbar(axes[0, 0].images[0], ax=list(axes[0]), label=_unit(case), shrink=0.8)
    for line, (name, members) in zip(axes[1:], ensembles.items(), strict=True):
        spread = members[:, 0].std(0, ddof=1)
        line[0].imshow(members[:, 0].mean(0), **field)
        line[1].imshow(members[0, 0], **field)
        shown = line[2].imshow(spread, cmap="viridis", origin="lower", vmin=0)
        wrong = line[3].imshow(
            np.abs(members[:, 0].mean(0) - case.truth[0]), cmap="viridis", origin="lower", vmin=0,
            vmax=2.5 * float(spread.mean()),
        )  # fmt: skip
        line[2].scatter(case.indices[:, 1], case.indices[:, 0], s=4, c="w")
        figure.colorbar(shown, ax=line[2], shrink=0.8)
        figure.colorbar(wrong, ax=line[3], shrink=0.8)
        titles = (f"{name}: mean", "a member", "deviation of members", "|mean - truth|")
        for axis, title in zip(line, titles, strict=True):
            axis.set_title(title)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure


def _spectra(case: Case, made: Members) -> Any:
    """Variance by waves a side, of members one by one."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axis = figure.subplots()
    waves, truth = plane_spectrum(case.truth[0])
    axis.loglog(waves, truth, "k", lw=2.5, label="truth")
    for name, members in made.items():
        spectra = plane_spectrum(np.asarray(members)[:, 0])[1].mean(0)
        style = "-" if len(members) > 1 else "--"
        axis.loglog(waves, spectra, style, label=name)
    axis.axvline(64 / case.row.factor / 2, color="grey", lw=0.8, ls=":")
    axis.text(64 / case.row.factor / 2, truth.max(), " coarse grid", color="grey", va="top")
    axis.set(xlabel="waves a side", ylabel=f"variance, ({_unit(case)})²", title=case.row.name)
    axis.set_ylim(truth[:24].min() * 1e-2, truth.max() * 3)
    axis.legend(fontsize=8)
    return figure


def _unit(case: Case) -> str:
    return case.place.channel(case.scale.names[0]).unit
