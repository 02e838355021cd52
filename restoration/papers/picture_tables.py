"""What the descriptions of papers on picture restoration share: needs, and parts of their tables.

A table is measured from two folders below the cache: `papers/CARD` holds the data in the layout of
its data card, and `papers/PAPER/TABLE` holds what restores it, either `results/`, pictures that
somebody restored (some authors publish theirs), or `model.safetensors`, a model of undrift. Tables
of the degraded pictures themselves need the data alone.
"""

from collections.abc import Mapping, Sequence

from undrift.common.reproduce.paper import FALL, STEPS, Figure, Kind, Need, Table
from undrift.common.reproduce.tables import closed as closed
from undrift.common.reproduce.tables import data as data

# What a repetition with the authors' own pictures may be off by: the last printed digit, and what
# two programs for the same formula differ in.
TOLERANCES = {"PSNR": 0.1, "SSIM": 0.003, "MAE": 0.1}
LEAST_STEPS = 240
PERCEPTION = Need(
    kind="code",
    name="perceptual scores",
    what="LPIPS, FID and scores without a reference, with the weights their authors publish",
    how="not part of undrift; the packages lpips, clean-fid and pyiqa have them",
)


def restored(paper: str, table: str, how: str) -> Need:
    """What restores a data set: pictures or a model."""
    return Need(
        kind="files",
        name=f"papers/{paper}/{table}",
        what=f"restored pictures, or a model, for {table}",
        how=f"{how}; put pictures into papers/{paper}/{table}/results below the cache folder, or a "
        "model (undrift train TASK --process NAME makes one) beside it as model.safetensors",
    )


def scored(
    name: str, title: str, source: str, needs: Sequence[Need],
    rows: Mapping[str, Mapping[str, float]], tolerance: float | None = None,
) -> Table:  # fmt: skip
    """A published table: row -> column -> value; columns begin with the name of a score.

    tolerance: of PSNR, where that of `TOLERANCES` is not meant.
    """
    figures = [
        Figure(row=row, column=column, value=value, tolerance=_tolerance(column, value, tolerance))
        for row, values in rows.items()
        for column, value in values.items()
    ]
    return Table(name=name, title=title, source=source, needs=list(needs), figures=figures)


def smoke(
    fall: float, scores: Mapping[str, Mapping[str, float]],
    gains: Sequence[tuple[str, float, Kind]], source: str,
) -> Table:  # fmt: skip
    """The smoke table: training, stored scores of a fixed pair, and gains over the degraded one.

    scores: protocol -> score -> the number of a second program. gains: (task, dB, kind).
    """
    figures = [
        Figure(row=STEPS[0], column=STEPS[1], value=LEAST_STEPS, kind="at least"),
        Figure(row=FALL[0], column=FALL[1], value=fall, kind="at least"),
        *(
            Figure(row=f"fixed pair, {row}", column=column, value=value, tolerance=1e-4)
            for row, values in scores.items()
            for column, value in values.items()
        ),
        *(
            Figure(row=f"sampled, {task}", column="dB above degraded", value=value, kind=kind)
            for task, value, kind in gains
        ),
    ]
    return Table(
        name="smoke", title="Training, protocol and sampler on small pictures", when="smoke",
        source="fixed pair: a second program of the same definitions, tests/independent_scores.py; "
        + source,
        figures=figures,
    )  # fmt: skip


def _tolerance(column: str, value: float, given: float | None) -> float:
    score = column.split()[0]
    if score == "PSNR" and given is not None:
        return given
    return TOLERANCES.get(score, round(0.05 * value, 4))
