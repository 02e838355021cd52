"""What the descriptions of papers on speech enhancement share: needs, tolerances, smoke tables.

A table is measured from two folders below the cache: `papers/CARD` holds the data in the layout of
its card, and `papers/PAPER/TABLE` holds what enhances it, either `results/`, recordings under the
names of the items that somebody enhanced, or `model.safetensors`: the authors' checkpoint,
converted, or a model that was trained here. Tables of the noisy recordings need the data alone.
"""

from collections.abc import Mapping, Sequence

from undrift.common.reproduce.paper import FALL, STEPS, Figure, Need, Table

# What a repetition with the authors' checkpoint may be off by: the last printed digit, the drawn
# noise, and resampling by another program.
TOLERANCES = {"PESQ": 0.05, "ESTOI": 0.01, "STOI": 0.01, "SI-SDR": 0.3}
LEAST_STEPS = 240
PESQ = Need(
    kind="package",
    name="pesq",
    what="the scores PESQ",
    how="pip install pesq (it needs a C compiler)",
)
FIXED = {"SI-SDR": 8.6774053, "ESTOI": 0.5359948}  # by whole-number fractions, and by pystoi 0.4.1
FIXED_PESQ = 1.8028135  # by pesq 0.0.4


def enhanced(paper: str, table: str, recipe: str) -> Need:
    """What enhances a data set: recordings or a model."""
    return Need(
        kind="files",
        name=f"papers/{paper}/{table}",
        what=f"enhanced recordings, or a model, for {table}",
        how=f"put model.safetensors into papers/{paper}/{table} below the cache folder: the "
        "authors' checkpoint (undrift models convert x.ckpt model.safetensors), or one trained "
        f"here (undrift train {recipe}); or enhanced recordings, named like the noisy ones, into "
        f"papers/{paper}/{table}/results",
    )


def scored(
    name: str, title: str, source: str, needs: Sequence[Need],
    rows: Mapping[str, Mapping[str, float]],
) -> Table:  # fmt: skip
    """A published table: row -> score -> value."""
    figures = [
        Figure(row=row, column=column, value=value, tolerance=TOLERANCES[column])
        for row, values in rows.items()
        for column, value in values.items()
    ]
    return Table(name=name, title=title, source=source, needs=list(needs), figures=figures)


def smoke_tables(fall: float, gain: float, source: str) -> list[Table]:
    """Training, stored scores of the fixed pair, and a sampled recording; PESQ apart.

    fall: of the loss, at least; gain: by how much sampled spectrograms are nearer to the clean
    ones than the noisy ones are, dB, at least.
    """
    figures = [
        Figure(row=STEPS[0], column=STEPS[1], value=LEAST_STEPS, kind="at least"),
        Figure(row=FALL[0], column=FALL[1], value=fall, kind="at least"),
        *(
            Figure(row="fixed pair", column=column, value=value, tolerance=1e-6)
            for column, value in FIXED.items()
        ),
        Figure(row="sampled", column="dB nearer than noisy", value=gain, kind="at least"),
    ]
    fixed = "fixed pair: exact fractions for SI-SDR, the packages pystoi and pesq for the others"
    return [
        Table(
            name="smoke", title="Training, protocol and sampler on speech-like sounds",
            source=f"{fixed}; {source}", when="smoke", figures=figures,
        ),
        Table(
            name="smoke-pesq", title="PESQ of the fixed pair", source=fixed, when="smoke",
            needs=[PESQ],
            figures=[Figure(row="fixed pair", column="PESQ", value=FIXED_PESQ, tolerance=1e-5)],
        ),
    ]  # fmt: skip
