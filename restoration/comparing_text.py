"""What `compare` says: a table of tests, the pictures by their difference, and a page."""

from collections.abc import Sequence
from pathlib import Path

from undrift.common.metrics.score_text import DIGITS, aligned, number, summary_rows
from undrift.common.report import PICTURED, Report, ReportTable, Row
from undrift.restoration.comparing import Comparison, Tested
from undrift.restoration.comparing_runs import spread_file
from undrift.restoration.images import read_picture

TESTS = (
    "p-values are two-sided and adjusted by Holm's rule over all tests shown. Wilcoxon's test "
    "weighs large differences more, the sign test counts pictures only."
)


def comparison_text(found: Comparison, *, items: bool = False) -> str:
    """Scores of every run, the tests, and with `items` every picture by its difference."""
    table = found.table
    lines = [table.title]
    for setting in table.conditions:
        lines += ["", *([setting] if setting else []), *aligned(summary_rows(table, setting))]
    lines += ["", *aligned(test_rows(found.tests)), "", TESTS]
    if items:
        for head, *rows in difference_tables(found):
            lines += ["", *aligned([head, *rows])]
    if table.failed:
        lines += ["", f"{len(table.failed)} failed:"]
        lines += [f"  {e.method} {e.setting} {e.item}: {e.error}" for e in table.failed]
    return "\n".join(lines)


def test_rows(tests: Sequence[Tested]) -> list[list[str]]:
    """A head, and one row for each condition, pair of runs and metric."""
    rows = [["comparison", "metric", "difference", "95 % interval", "above", "below", "n",
             "p Wilcoxon", "p sign"]]  # fmt: skip
    for tested in tests:
        paired, metric = tested.test.paired, tested.metric
        change, digits = paired.difference, DIGITS.get(metric, 4)
        interval = "-"
        if change.low is not None and change.high is not None:
            interval = f"{change.low:+.{digits}f} to {change.high:+.{digits}f}"
        where = f"{tested.setting}: " if tested.setting else ""
        rows.append(
            [
                f"{where}{tested.second} - {tested.first}", metric,
                f"{change.mean:+.{digits}f}", interval, str(paired.wins), str(paired.losses),
                str(change.n), f"{tested.wilcoxon:.2g}", f"{tested.sign:.2g}",
            ]
        )  # fmt: skip
    return rows


def difference_tables(found: Comparison) -> list[list[list[str]]]:
    """For each condition and run a table of pictures, the largest loss against the first first."""
    table, metric = found.table, found.table.metrics[0]
    first, *others = table.methods
    tables = []
    for setting in table.conditions:
        for other in others:
            mine, theirs = (table.values(run, setting, metric) for run in (first, other))
            head = f"{setting}: {metric}" if setting else metric
            rows = [[head, first, other, "difference"]]
            for item, change in found.differences(other, setting):
                cells = [number(metric, mine[item]), number(metric, theirs[item])]
                rows.append([item, *cells, f"{change:+.{DIGITS.get(metric, 4)}f}"])
            tables.append(rows)
    return tables


def comparison_report(found: Comparison) -> Report:
    """The page: scores, tests, pictures by their difference under sliders, maps of errors."""
    table = found.table
    tables = []
    for setting in table.conditions:
        head, *body = summary_rows(table, setting)
        tables.append(ReportTable(setting or "Scores", head, body))
    head, *body = test_rows(found.tests)
    tables.append(ReportTable("Tests", head, body, TESTS))
    for head, *body in difference_tables(found):
        tables.append(ReportTable("Pictures by difference", head, body))
    first, *others = table.methods
    labels = (first, others[0] if len(others) == 1 else "the other run")
    return Report(table.title, table.settings, _rows(found), tables, labels)


def _rows(found: Comparison) -> list[Row]:
    if not found.pictures:
        return []
    first, *others = found.table.methods
    metric = found.table.metrics[0]
    pairs = [
        (item, other, change) for other in others for item, change in found.differences(other, "")
    ]
    rows = []
    for item, other, change in sorted(pairs, key=lambda entry: entry[2]):
        name = item if len(others) == 1 else f"{item}: {other}"
        scores = {
            f"{metric} of {first}": found.table.values(first, "", metric)[item],
            f"{metric} of {other}": found.table.values(other, "", metric)[item],
            "difference": change,
        }
        pictures = {}
        if len(rows) < PICTURED:
            pictures = _pictures(found.pictures[first][item], found.pictures[other][item])
        rows.append(
            Row(name, **{"before": None, "after": None, **pictures}, scores=scores,
                labels=(first, other))
        )  # fmt: skip
    return rows


def _pictures(mine: tuple[Path, Path], theirs: tuple[Path, Path]) -> dict[str, object]:
    spreads = {"std_before": spread_file(mine[0]), "std": spread_file(theirs[0])}
    return {
        "before": read_picture(mine[0]).pixels,
        "after": read_picture(theirs[0]).pixels,
        "reference": read_picture(theirs[1]).pixels,
        **{key: read_picture(path).pixels for key, path in spreads.items() if path is not None},
    }
