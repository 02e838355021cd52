"""What a benchmark runs: rows of cases, and for each row the methods that can run here.

A domain brings its cases, its methods and its scores. A case is made by its number alone, so that
all methods get the same one and a run that stopped can go on. What a method's results depend on
beside the case, its identity, is a part of the key under which a score is kept (see `loop`): new
weights or settings are measured again, all else is not.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from undrift.common.errors import InputError, MissingExtraError, UsageError, nearest
from undrift.common.metrics.score_table import ItemScore


@dataclass(frozen=True, eq=False)
class Line:
    """A row as it is run: the cases `make(0)` to `make(count - 1)` by every method.

    methods: name -> its identity, of what JSON can hold.
    """

    name: str
    count: int
    methods: Mapping[str, Any]
    make: Callable[[int], Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """What is run.

    Attributes:
        split, seed: of the cases and of the methods.
        rows: in the order in which they are run and shown.
        score: (method, case) -> its scores, or the error that stopped it; see `loop.scored`.
        about: all that is needed to repeat it, JSON-ready.
        missing: method or row -> why it cannot run here.
        noted: case -> what is kept beside its scores.
    """

    split: str
    seed: int
    rows: Sequence[Line]
    score: Callable[[str, Any], ItemScore]
    about: Mapping[str, Any]
    missing: Mapping[str, str]
    noted: Callable[[Any], Mapping[str, Any]] = lambda case: {}


def check_words(
    split: str, splits: Collection[str], methods: Sequence[str] | None, known: Collection[str]
) -> None:
    """Raises UsageError for a split or a method that there is not."""
    if split not in splits:
        raise UsageError(f"no split '{split}' (there are: {', '.join(splits)})")
    for name in methods or ():
        if name not in known:
            raise UsageError(f"no method '{name}'{nearest(name, known)} ({', '.join(known)})")


@contextmanager
def left_out(missing: dict[str, str], name: str) -> Iterator[None]:
    """A package, file or model that is not here ends the block; `missing` then says why."""
    try:
        yield
    except (MissingExtraError, InputError) as error:
        missing[name] = str(error)


def check_any(found: object, missing: Mapping[str, str]) -> None:
    """Raises UsageError where no method was found."""
    if not found:
        raise UsageError(f"no method can run here: {'; '.join(missing.values())}")
