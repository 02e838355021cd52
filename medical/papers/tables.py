"""What the descriptions of medical papers share: needs, smoke tables, and where results lie.

A table of pairs is measured from two folders below the cache: `papers/CARD` with the truth and
`papers/PAPER/TABLE` with results under the same names, volumes of any kind that is read. Published
numbers that nobody could look up are not entered: such a table shows what is measured alone.
"""

from collections.abc import Mapping

from undrift.common.reproduce.paper import FALL, STEPS, Figure, Need, Table

LEAST_STEPS = 200


def results(paper: str, table: str, what: str) -> Need:
    """Volumes that somebody made with the paper's weights, or with a model trained here."""
    return Need(
        kind="files",
        name=f"papers/{paper}/{table}",
        what=what,
        how=f"put volumes, named like the true ones, into papers/{paper}/{table} below the cache",
    )


def lacking(name: str, what: str) -> Need:
    """A part of the protocol that this package does not have."""
    return Need(kind="code", name=name, what=what, how="not part of this package")


def smoke(fall: float | None, figures: Mapping[tuple[str, str], tuple[str, float, float]],
          source: str) -> Table:  # fmt: skip
    """The smoke table. fall: of the loss, at least; None where nothing is trained.

    figures: (row, column) -> (kind, value, tolerance).
    """
    trained = [] if fall is None else [
        Figure(row=STEPS[0], column=STEPS[1], value=LEAST_STEPS, kind="at least"),
        Figure(row=FALL[0], column=FALL[1], value=fall, kind="at least"),
    ]  # fmt: skip
    others = [
        Figure(row=row, column=column, value=value, tolerance=tolerance, kind=kind)  # type: ignore[arg-type]
        for (row, column), (kind, value, tolerance) in figures.items()
    ]
    return Table(name="smoke", title="Training, protocol and sampler on small phantoms",
                 source=source, when="smoke", figures=[*trained, *others])  # fmt: skip
