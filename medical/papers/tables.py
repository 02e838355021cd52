"""The smoke tables of medical papers.

Published numbers that nobody could look up are not entered: such a table shows what is measured
alone. A table of pairs is measured from two folders below the cache: `papers/CARD` with the truth
and `papers/PAPER/TABLE` with results under the same names, volumes of any kind that is read.
"""

from collections.abc import Mapping

from undrift.common.reproduce.paper import Kind, Table
from undrift.common.reproduce.tables import smoke_table


def smoke(
    fall: float | None, figures: Mapping[tuple[str, str], tuple[Kind, float, float]], source: str
) -> Table:
    """See `smoke_table`."""
    return smoke_table("Training, protocol and sampler on small phantoms", fall, figures, source)
