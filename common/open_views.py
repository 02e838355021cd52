"""A view of a data card below a root: listed, paired and checked, whatever its files hold.

What a file holds is the domain's business: its data set, a `ViewData`, opens the files of
`entries`, and tells `check_views` what is wrong inside them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from undrift.common.card_files import FileCheck
from undrift.common.card_views import View
from undrift.common.cards import DataCard, find_card
from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.view_files import Entry, is_here, misplaced, scan

_SHOWN = 20  # problems of one view


@dataclass(frozen=True)
class OpenView:
    """A view of a card below `root` whose files all have their partners."""

    card: DataCard
    view: View
    root: Path
    entries: list[Entry]


def find_view(card: DataCard, split: str | None = None, view: str | None = None) -> View:
    """The view `view` of `split`; the first that fits where one of them is None.

    Raises UsageError, which lists what there is, where none fits.
    """
    views = card.front.undrift.views
    if not views:
        raise UsageError(f"{card.id} has no views; its data come by `undrift data make`")
    fits = [v for v in views if split in (None, v.split) and view in (None, v.name)]
    if fits:
        return fits[0]
    hint = nearest(split or "", [v.split for v in views]) or nearest(
        view or "", [v.name for v in views]
    )
    known = ", ".join(f"{v.split}/{v.name}" for v in views)
    raise UsageError(f"{card.id} has no view {split or '*'}/{view or '*'}{hint} (it has: {known})")


def open_view(
    card: str | DataCard, root: str | Path, split: str | None = None, view: str | None = None
) -> OpenView:
    """Lists and pairs the files of a view of the card below `root`; opens none of them.

    Raises:
        UsageError: a split or view that the card does not have.
        InputError: an unknown card, no data below `root`, or files without partner, all at once.
    """
    card = find_card(card) if isinstance(card, str) else card
    chosen, root = find_view(card, split, view), Path(root).expanduser()
    if not root.is_dir():
        raise InputError(f"{root} is not a folder; expected the one that holds the data")
    entries, problems = scan(chosen, root)
    if problems:
        raise InputError(f"{card.id}:\n  " + "\n  ".join(problems))
    if not entries:
        raise misplaced([chosen], root)
    return OpenView(card, chosen, root, entries)


Item = TypeVar("Item")


class ViewData(ABC, Generic[Item]):
    """The items of one view of a card below `root`, `self[k]` for each of `entries`.

    Raises:
        UsageError: a split or view that the card does not have.
        InputError: an unknown card, no data below `root`, or files without partner, all at once.
    """

    def __init__(
        self,
        card: str | DataCard,
        root: str | Path,
        split: str | None = None,
        view: str | None = None,
    ) -> None:
        opened = open_view(card, root, split, view)
        self.card, self.view, self.root = opened.card, opened.view, opened.root
        self.entries = opened.entries

    def __len__(self) -> int:
        return len(self.entries)

    @abstractmethod
    def __getitem__(self, k: int) -> Item:
        """Item k, its files read. Raises InputError where they cannot be."""

    def __iter__(self) -> Iterator[Item]:
        return (self[k] for k in range(len(self)))


class Opened(Protocol):
    """A data set of one view, as a domain opens it."""

    entries: list[Entry]

    def __len__(self) -> int: ...


Data = TypeVar("Data", bound=Opened)


def check_views(
    card: DataCard,
    root: Path,
    open_: Callable[[DataCard, Path, str, str], Data],
    inside: Callable[[Data], Iterable[str]],
) -> list[FileCheck]:
    """One line a view: its problem is "" where all is as the card says; others a line a problem.

    open_: opens (card, root, split, view), InputError where it cannot. inside: what is wrong in the
    files. Views of which a whole side is missing are left out, unless all are so.
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
            try:
                data = open_(card, root, view.split, view.name)
                problems = [*inside(data), *_number(card, view, len(data))]
                grouped = [entry.group for entry in data.entries if entry.group is not None]
                groups[name] = dict.fromkeys(grouped, view.split)
            except InputError as error:
                problems = [str(error)]
        shown = problems[:_SHOWN]
        if len(problems) > _SHOWN:
            shown.append(f"has {len(problems) - _SHOWN} more problems")
        checks += [FileCheck(name, root, problem, hashed=False) for problem in shown or [""]]
    if views and not checks:
        checks.append(FileCheck(card.id, None, str(misplaced(views, root)), hashed=False))
    return checks + _shared(groups)


def _number(card: DataCard, view: View, found: int) -> list[str]:
    splits = {split.name: split.items for split in card.front.undrift.splits}
    expected = splits[view.split] if view.items is None else view.items
    if expected in (None, found):
        return []
    return [f"has {found} items; the card says {expected}: some are missing or extra"]


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
