"""Parts that the tables of papers of all domains share."""

from collections.abc import Sequence

from undrift.common.reproduce.paper import Need, Table


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
