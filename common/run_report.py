"""The page about a run of a restoring command: when it is written, and of what."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from undrift.common.manifest import Record
from undrift.common.run_options import RunOptions

if TYPE_CHECKING:
    from undrift.common.report import Report

Records = Sequence[Record]


def page_writer(
    options: RunOptions, page: Callable[[Records, Records, Mapping[str, Any]], "Report"]
) -> Callable[[Records], None] | None:
    """A function that writes the HTML report of a run, or None if none is asked for.

    page: (all records, those with an output, the settings that were given) -> what it shows.
    """
    if options.report is None:
        return None
    path = options.report

    def write(records: Records) -> None:
        from undrift.common.report import write_report

        done = [r for r in records if r["status"] in ("written", "skipped")]
        settings = {k: v for k, v in vars(options).items() if v not in (None, (), {})}
        write_report(path, page(records, done, settings))

    return write
