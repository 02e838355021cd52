"""Whether a data set on disc is what its card says: `undrift data verify CARD --root DIR`.

All at once: items without partner, their number, pictures that cannot be read, sizes, and groups
that lie in two splits. A view that is not there is no mistake (few need all scales), unless there
is none.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from undrift.common.card_files import FileCheck
from undrift.common.cards import DataCard
from undrift.common.errors import InputError
from undrift.common.open_views import check_views as check
from undrift.restoration.datasets.dataset import CardData


def check_views(card: DataCard, root: Path) -> list[FileCheck]:
    """See `undrift.common.open_views.check_views`. Decodes every picture."""
    return check(card, root, CardData, _pictures)


def _pictures(data: CardData) -> Iterator[str]:
    view = data.view
    for k in range(len(data)):
        try:
            sizes = {side: pictures.decoded(k).shape[1:] for side, pictures in data.sides.items()}
        except InputError as error:
            yield str(error)
            continue
        names = {side: pictures.name(k) for side, pictures in data.sides.items()}
        large = sizes.get("clean")
        if large is not None and view.size is not None and list(large) != view.size:
            yield (
                f"{names['clean']} is {_text(large)}; the card says {_text(view.size)}: "
                "get it again"
            )
        small = sizes.get("degraded")
        if large and small and large != (view.scale * small[0], view.scale * small[1]):
            yield (
                f"{names['degraded']} is {_text(small)} and {names['clean']} {_text(large)}; "
                f"expected clean = {view.scale} x degraded: get both from the same release"
            )
        if "mask" in sizes and sizes["mask"] != (small or large):
            yield f"{names['mask']} is {_text(sizes['mask'])}, unlike its picture; get it again"


def _text(size: Sequence[int]) -> str:
    return f"{size[0]} x {size[1]} (height x width)"
