"""The last line of a run, and the error that sums up its failures."""

from collections import Counter
from collections.abc import Sequence

from undrift.common.errors import (
    MissingExtraError,
    OutOfMemoryError,
    PartialFailure,
    UndriftError,
)
from undrift.common.manifest import Record

# The name of an item's error -> the error of the run, when it is the only kind.
_EXACT: dict[str, type[UndriftError]] = {
    "MemoryError": OutOfMemoryError,
    "MissingExtraError": MissingExtraError,
    "OutOfMemoryError": OutOfMemoryError,  # ours and torch's
}


def summarise(records: Sequence[Record], left: int = 0, dry_run: bool = False) -> str:
    """Such as `213 written, 0 skipped, 1 failed (scans/bad.tif: truncated file).`

    `left` items were not started.
    """
    counts = Counter(record["status"] for record in records)
    made = "planned" if dry_run else "written"
    parts = [f"{counts[made]} {made}", f"{counts['skipped']} skipped"]
    if counts["kept"]:
        parts.append(f"{counts['kept']} kept as they are (--overwrite redoes them)")
    first = next((record["error"] for record in records if record["status"] == "failed"), "")
    more = f"; and {counts['failed'] - 1} more" if counts["failed"] > 1 else ""
    parts.append(f"{counts['failed']} failed" + (f" ({first}{more})" if first else ""))
    if left:
        parts.append(f"{left} not started")
    return ", ".join(parts) + "."


def failure(records: Sequence[Record]) -> type[UndriftError] | None:
    """The class of the error that the failed `records` amount to; None if none failed."""
    kinds = {record["kind"] for record in records if record["status"] == "failed"}
    if not kinds:
        return None
    return _EXACT.get(kinds.pop(), PartialFailure) if len(kinds) == 1 else PartialFailure
