"""Whether a data set on disc is what its card says: `undrift data verify CARD --root DIR`.

All at once: items without partner, their number, pictures that cannot be read, sizes, and groups
that lie in two splits. A view that is not there is no mistake (few need all scales), unless there
is none.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from undrift.common.card_files import FileCheck
from undrift.common.card_views import View
from undrift.common.cards import DataCard
from undrift.common.errors import InputError
from undrift.restoration.datasets.dataset import CardData
from undrift.restoration.datasets.layout import is_here, misplaced, scan

_SHOWN = 20  # problems of one view


def check_views(card: DataCard, root: Path) -> list[FileCheck]:
    """One line a view: its problem is "" where all is as the card says; others a line a problem.

    Decodes every picture. Views of which a whole side is missing are left out, unless all are so.
    """
    checks: list[FileCheck] = []
    groups: dict[str, dict[str, str]] = {}
    views = card.front.undrift.views
    for view in [v for v in views if is_here(v, root)] or views:
        entries, problems = scan(view, root)
        if not entries and not problems:
            continue
        name = f"{view.split}/{view.name}"
        if not problems:
            problems, groups[name] = _inside(card, view, root)
        shown = problems[:_SHOWN]
        if len(problems) > _SHOWN:
            shown.append(f"has {len(problems) - _SHOWN} more problems")
        checks += [FileCheck(name, root, problem, hashed=False) for problem in shown or [""]]
    if views and not checks:
        checks.append(FileCheck(card.id, None, str(misplaced(views, root)), hashed=False))
    return checks + _shared(groups)


def _inside(card: DataCard, view: View, root: Path) -> tuple[list[str], dict[str, str]]:
    """Problems of the pictures of a view whose files pair up, and group -> split."""
    try:
        data = CardData(card, root, view.split, view.name)
    except InputError as error:
        return [str(error)], {}
    splits = {split.name: split.items for split in card.front.undrift.splits}
    expected = splits[view.split] if view.items is None else view.items
    problems = list(_pictures(data))
    if expected is not None and len(data) != expected:
        problems.append(
            f"has {len(data)} items; the card says {expected}: some are missing or extra"
        )
    return problems, {entry.group: view.split for entry in data.entries if entry.group is not None}


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


def _shared(groups: dict[str, dict[str, str]]) -> list[FileCheck]:
    """Groups that lie in more than one split."""
    places: dict[str, set[str]] = {}
    for found in groups.values():
        for group, split in found.items():
            places.setdefault(group, set()).add(split)
    return [
        FileCheck(group, None, f"lies in the splits {', '.join(sorted(splits))}: a leak", False)
        for group, splits in sorted(places.items())
        if len(splits) > 1
    ]
