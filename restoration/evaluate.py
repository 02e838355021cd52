"""Scores restored picture files against reference files.

Two folders are matched by relative name: `a/b.png` is scored against `a/b.png`, or, where that is
missing, against the one file `a/b.*` there is. Two files that could both be meant are an error of
that item, not a guess. A picture without partner is reported, not scored. Colours are compared as
they are stored, scaled to [0, 1]; alpha is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import undrift
from undrift.common.errors import InputError, UndriftError
from undrift.restoration.images import SUFFIXES, read_picture
from undrift.restoration.metrics import known_metrics, score
from undrift.restoration.score_table import ItemScore, Table


@dataclass(frozen=True)
class Pairs:
    """What matched: (name, restored, reference), and the names that did not.

    `ambiguous` maps a restored picture to the several references it could mean.
    """

    matched: list[tuple[str, Path, Path]]
    without_reference: list[str]
    without_restored: list[str]
    ambiguous: dict[str, list[str]]


def match(restored: Path, reference: Path) -> Pairs:
    """Pairs two files, or the pictures below two folders.

    Raises:
        InputError: a path is missing, a file stands against a folder, or nothing matches.
    """
    for path in (restored, reference):
        if not path.exists():
            raise InputError(f"no such file or folder: {path}")
    if restored.is_file() and reference.is_file():
        return Pairs([(restored.name, restored, reference)], [], [], {})
    if restored.is_file() or reference.is_file():
        raise InputError(
            f"{restored} and {reference}: one is a file, the other a folder; give two of a kind"
        )
    names, truths = _pictures(restored), _pictures(reference)
    by_stem: dict[str, list[str]] = {}
    for name in truths:
        by_stem.setdefault(_stem(name), []).append(name)
    matched: list[tuple[str, Path, Path]] = []
    without: list[str] = []
    ambiguous: dict[str, list[str]] = {}
    used: set[str] = set()
    for name in names:
        candidates = [name] if name in truths else by_stem.get(_stem(name), [])
        rivals = [other for other in names if other != name and _stem(other) == _stem(name)]
        used.update(candidates)
        if not candidates:
            without.append(name)
        elif len(candidates) > 1 or (rivals and candidates != [name]):
            ambiguous[name] = sorted({*candidates, *rivals})
        else:
            matched.append((name, restored / name, reference / candidates[0]))
    if not matched and not ambiguous:
        raise InputError(
            f"no picture below {restored} has a namesake below {reference} "
            f"({len(names)} and {len(truths)} files; looked for {' '.join(SUFFIXES)})"
        )
    return Pairs(matched, without, [name for name in truths if name not in used], ambiguous)


def evaluate(
    restored: str | Path,
    reference: str | Path,
    *,
    metrics: Sequence[str] = ("psnr", "ssim"),
    crop_border: int = 0,
) -> tuple[Table, Pairs]:
    """Scores every matched pair; pictures that cannot be scored are the table's `failed`.

    Args:
        restored, reference: two files, or two folders.
        metrics: names in `undrift.restoration.metrics.METRICS`.
        crop_border: pixels left out along each side.

    Raises:
        UsageError: an unknown metric. InputError: as `match`.
    """
    chosen = known_metrics(metrics)
    pairs = match(Path(restored), Path(reference))
    table = Table(
        title=f"{restored} against {reference}",
        settings={
            "undrift": undrift.__version__, "restored": str(restored), "reference": str(reference),
            "crop_border": crop_border, "without_reference": pairs.without_reference,
            "without_restored": pairs.without_restored,
        },
        metrics=chosen,
        methods={"restored": "baseline"},
    )  # fmt: skip
    for name, first, second in pairs.matched:
        try:
            x, ref = read_picture(first).pixels, read_picture(second).pixels
            entry = ItemScore(name, "", "restored", score(x, ref, chosen, crop_border))
        except (UndriftError, OSError) as error:
            entry = ItemScore(name, "", "restored", {}, error=str(error))
        table.scores.append(entry)
    for name, others in pairs.ambiguous.items():
        reason = f"several files could be meant: {', '.join(others)}; keep one"
        table.scores.append(ItemScore(name, "", "restored", {}, error=reason))
    return table, pairs


def _pictures(folder: Path) -> list[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.as_posix()
        for path in found
        if path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.parts)
    )


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
