"""What `compare` takes as a run: restored pictures, a manifest of them, or saved scores."""

from collections.abc import Sequence
from pathlib import Path

from undrift.common.errors import InputError, UndriftError, UsageError, nearest
from undrift.common.manifest import NAME, Manifest
from undrift.common.metrics.score_store import SCORES, entry_of, item_records
from undrift.common.metrics.score_table import ItemScore
from undrift.restoration.evaluate import companion, match
from undrift.restoration.images import read_picture
from undrift.restoration.metrics import score

Pictures = dict[str, tuple[Path, Path]]  # item -> (restored, reference)


def scored_file(place: Path) -> Path | None:
    """The file of scores that a benchmark saved at `place`; None for other runs."""
    path = place / SCORES if place.is_dir() else place
    return path if path.name == SCORES and path.is_file() else None


def labels(places: Sequence[Path], methods: Sequence[str] | None = None) -> list[str]:
    """Short names that differ: the last parts of the paths, as many as it takes.

    Of one place with several methods, the methods.
    """
    if methods and len(set(methods)) == len(places) and len(set(places)) == 1:
        return list(methods)
    whole = [place.parent if place.name in (NAME, SCORES) else place for place in places]
    parts = [place.absolute().parts for place in whole]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{'/'.join(part[-1:])} ({k})" for k, part in enumerate(parts, 1)]


def pictures_of(place: Path, reference: Path) -> tuple[Pictures, list[str]]:
    """The pairs of a run by the name of the reference, and what was left out, in words.

    Raises:
        InputError: a path is missing, the manifest tells of no picture, or nothing matches.
    """
    folder, only = place, None
    if place.name == NAME:
        folder = place.parent
        only = set(Manifest(folder).written)
        if not only:
            raise InputError(f"{place} tells of no picture that was written; did the run fail?")
    pairs = match(folder, reference)
    found: Pictures = {}
    for name, restored, truth in pairs.matched:
        if only is None or name in only:
            key = truth.name if reference.is_file() else truth.relative_to(reference).as_posix()
            found[key] = (restored, truth)
    if not found:
        raise InputError(f"no picture of {place} has a namesake below {reference}")
    notes = []
    for names, what in (
        ([n for n in pairs.without_reference if only is None or n in only], "without reference"),
        (list(pairs.ambiguous), "with several possible references"),
    ):
        if names:
            shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            notes.append(f"{place}: {len(names)} {what}, not scored: {shown}")
    return found, notes


def scores_of_pictures(
    run: str, pictures: Pictures, metrics: Sequence[str], crop_border: int
) -> list[ItemScore]:
    """One score a picture; what cannot be scored has its error."""
    entries = []
    for item, (restored, truth) in pictures.items():
        try:
            x, ref = read_picture(restored).pixels, read_picture(truth).pixels
            entries.append(ItemScore(item, "", run, score(x, ref, metrics, crop_border)))
        except (UndriftError, OSError) as error:
            entries.append(ItemScore(item, "", run, {}, error=str(error)))
    return entries


def spread_file(restored: Path) -> Path | None:
    """The standard deviations that a run wrote beside a picture, if it did."""
    path = companion(restored, "std")
    return path if path.is_file() else None


def saved_scores(
    places: Sequence[Path], names: Sequence[str], methods: Sequence[str] | None
) -> tuple[list[ItemScore], tuple[str, ...]]:
    """The scores of saved benchmarks with runs as methods, and the metrics that all have.

    Without `methods` a condition is one of the benchmark and one method of it.

    Raises:
        UsageError: as many methods as runs, or one, were expected. InputError: nothing in common.
    """
    if methods and len(methods) not in (1, len(places)):
        raise UsageError(
            f"got {len(methods)} methods for {len(places)} runs; name one, or one for each run"
        )
    latest = [_latest(place) for place in places]
    wanted = [None] * len(places)
    if methods:
        wanted = list(methods) * (len(places) if len(methods) == 1 else 1)
        for place, entries, method in zip(places, latest, wanted, strict=True):
            there = dict.fromkeys(entry.method for entry in entries)
            if method not in there:
                known = ", ".join(there)
                hint = nearest(str(method), there)
                raise InputError(f"{place} has no method '{method}'{hint} (it has: {known})")
    kept: list[dict[tuple[str, str], ItemScore]] = []
    for entries, name, method in zip(latest, names, wanted, strict=True):
        own = {}
        for entry in entries:
            if method in (None, entry.method):
                setting = entry.setting if method else f"{entry.setting}, {entry.method}"
                own[setting, entry.item] = ItemScore(
                    entry.item, setting, name, entry.scores, entry.seconds, entry.error
                )
        kept.append(own)
    common = [key for key in kept[0] if all(key in own for own in kept)]
    scored = [own[key] for key in common for own in kept]
    shared = [set(entry.scores) for entry in scored if entry.error is None]
    metrics = [m for m in next((e.scores for e in scored if not e.error), ()) if
               all(m in names for names in shared)]  # fmt: skip
    if not metrics:
        raise InputError("the runs have no score of the same condition, method and picture")
    return scored, tuple(metrics)


def _latest(place: Path) -> list[ItemScore]:
    """The last score of each condition, method and item."""
    path = scored_file(place)
    found = {} if path is None else {
        (record["setting"], record["method"], record["item"]): entry_of(record)
        for record in item_records(path)
    }  # fmt: skip
    if not found:
        raise InputError(f"{place} holds no scores")
    return list(found.values())
