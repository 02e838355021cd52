"""Parts that the tables of papers of all domains share."""

from collections.abc import Mapping, Sequence

from undrift.common.reproduce.paper import FALL, STEPS, Figure, Kind, Need, Table

LEAST_STEPS = 200


def data(card: str, what: str) -> Need:
    """A data set in the layout of its card."""
    return Need(
        kind="files",
        name=f"papers/{card}",
        what=what,
        how=f"undrift data show {card} says where it is and how its files lie; put the folder, or "
        f"a link to it, at papers/{card} below the cache folder",
    )


def closed(name: str, title: str, source: str, needs: Sequence[Need]) -> Table:
    """A table whose numbers are not entered; what is measured is shown without them."""
    source = f"{source}; its numbers are not entered here, since no page with them was at hand"
    return Table(name=name, title=title, source=source, needs=list(needs))


def results(paper: str, table: str, what: str) -> Need:
    """Files that somebody made with the paper's weights, or with a model trained here."""
    return Need(
        kind="files",
        name=f"papers/{paper}/{table}",
        what=what,
        how=f"put them, named like the true ones, into papers/{paper}/{table} below the cache",
    )


def lacking(name: str, what: str) -> Need:
    """A part of the protocol that this package does not have."""
    return Need(kind="code", name=name, what=what, how="not part of this package")


def smoke_table(
    title: str, fall: float | None, figures: Mapping[tuple[str, str], tuple[Kind, float, float]],
    source: str,
) -> Table:  # fmt: skip
    """The smoke table. fall: of the loss, at least; None where nothing is trained.

    figures: (row, column) -> (kind, value, tolerance).
    """
    trained = [] if fall is None else [
        Figure(row=STEPS[0], column=STEPS[1], value=LEAST_STEPS, kind="at least"),
        Figure(row=FALL[0], column=FALL[1], value=fall, kind="at least"),
    ]  # fmt: skip
    others = [
        Figure(row=row, column=column, value=value, tolerance=tolerance, kind=kind)
        for (row, column), (kind, value, tolerance) in figures.items()
    ]
    return Table(
        name="smoke", title=title, source=source, when="smoke", figures=[*trained, *others]
    )
