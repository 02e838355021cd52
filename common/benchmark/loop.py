"""Runs the rows of a plan: item by item, method by method, going on where it stopped."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import undrift
from undrift.common.benchmark.plan import Line, Plan
from undrift.common.errors import MissingExtraError, UndriftError
from undrift.common.files import fingerprint
from undrift.common.metrics.score_store import Store
from undrift.common.metrics.score_table import ItemScore

Made = TypeVar("Made")
Watch = Callable[[ItemScore], object]


def run(
    asked: Plan, *, save: Path | None = None, fresh: bool = False, watch: Watch = lambda e: None
) -> Iterator[ItemScore]:
    """The scores of all items, from `save`/scores.jsonl where they are there already.

    fresh: measure again what is there. watch: called after each new score.
    """
    store = Store(save, fresh=fresh)
    for row in asked.rows:
        for n in range(row.count):
            yield from _item(asked, row, n, store, watch)


def _item(asked: Plan, row: Line, n: int, store: Store, watch: Watch) -> Iterator[ItemScore]:
    case = None
    for method, identity in row.methods.items():
        key = fingerprint({
            "row": row.name, "n": n, "split": asked.split, "method": method, "seed": asked.seed,
            "identity": identity, "version": undrift.__version__,
        })  # fmt: skip
        entry = store.get(key)
        if entry is None:
            case = row.make(n) if case is None else case
            entry = asked.score(method, case)
            store.add(key, entry, **asked.noted(case))
            watch(entry)
        yield entry


def scored(
    item: str,
    setting: str,
    method: str,
    restore: Callable[[], Made],
    measure: Callable[[Made], Mapping[str, float]],
    *,
    through: tuple[type[Exception], ...] = (MissingExtraError,),
) -> ItemScore:
    """Times `restore()` and scores what it made; what stops it is recorded.

    Raises errors of the kinds `through`: those of all items, such as a missing package.
    """
    began = time.perf_counter()
    try:
        made = restore()
        seconds = time.perf_counter() - began
        return ItemScore(item, setting, method, measure(made), seconds)
    except through:
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, UndriftError) else repr(error)
        return ItemScore(item, setting, method, {}, None, reason)
