"""The table of the suite: a line a row with ours, the best classical method, and the margin.

Ours is the first model of a row. The best classical method is the one of the highest mean of the
first metric among all others, oracles that look at the truth included: the hardest comparison.
The margin is the mean difference on the pictures both restored, with the bootstrap interval of the
mean; lost are the pictures on which ours is below.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from undrift.common.metrics.score_table import Table, record_of
from undrift.common.metrics.score_text import aligned, number
from undrift.common.metrics.summary import Summary, compare
from undrift.restoration.suite import ROWS


def suite_rows(table: Table) -> Iterator[dict[str, Any]]:
    """One JSON-ready "row" record for each row in `table`."""
    metric = table.metrics[0]
    for name in table.conditions:
        scored = {
            method: values
            for method in table.methods
            if (values := table.values(method, name, metric))
        }
        ours = next((m for m in scored if table.methods[m] == "model"), None)
        others = [m for m in scored if table.methods[m] != "model"]
        best = max(others, key=lambda m: sum(scored[m].values()) / len(scored[m]), default=None)
        record: dict[str, Any] = {
            "row": name, "label": ROWS[name].label if name in ROWS else name,
            "n": max((len(values) for values in scored.values()), default=0),
            "ours": _shown(table, name, ours), "best": _shown(table, name, best),
            "margin": None, "lost": None, "lost_items": None,
        }  # fmt: skip
        if ours and best and (items := [i for i in scored[ours] if i in scored[best]]):
            first, second = [scored[ours][i] for i in items], [scored[best][i] for i in items]
            paired = compare(first, second)
            below = [i for i, a, b in zip(items, first, second, strict=True) if a < b]
            record |= {
                "margin": asdict(paired.difference), "lost": paired.losses, "lost_items": below,
            }  # fmt: skip
        yield record_of("row", **record)


def suite_records(table: Table, *, items: bool = False) -> Iterator[dict[str, Any]]:
    """JSON-ready records: "table", a "row" for each row, a "method" for each row and method.

    `items` adds the score of every picture.
    """
    head = {"title": table.title, "metrics": table.metrics, "settings": dict(table.settings)}
    yield record_of("table", **head)
    yield from suite_rows(table)
    for record in table.records():
        kind = record["record"]
        if (kind == "method" and record[table.metrics[0]]) or (kind == "item" and items):
            yield record


def suite_text(table: Table, *, items: bool = False) -> str:
    """Aligned columns for people; `items` adds the lost pictures."""
    metrics = table.metrics
    head = ["row", "n", *(f"ours {m}" for m in metrics), "best classical", *metrics]
    lines = [[*head, f"margin {metrics[0]}", "95 % interval", "lost"]]
    notes = []
    for row in suite_rows(table):
        ours, best, margin = row["ours"], row["best"], row["margin"]
        cells = [row["row"], str(row["n"]), *_cells(ours, metrics), (best or {}).get("method", "-")]
        cells += _cells(best, metrics)
        if margin is None:
            cells += ["-", "-", "-"]
        else:
            interval = "-"
            if margin["low"] is not None:
                interval = f"{margin['low']:+.2f} to {margin['high']:+.2f}"
            cells += [f"{margin['mean']:+.2f}", interval, f"{row['lost']} of {margin['n']}"]
            if items and row["lost_items"]:
                notes.append(f"{row['row']}: lost on {', '.join(row['lost_items'])}")
        lines.append(cells)
    failed = [f"failed: {e.item} {e.setting} {e.method}: {e.error}" for e in table.failed]
    return "\n".join([table.title, "", *aligned(lines), *([""] if notes else []), *notes, *failed])


def _shown(table: Table, row: str, method: str | None) -> dict[str, Any] | None:
    if method is None:
        return None
    found: dict[str, Summary | None] = {m: table.summary(method, row, m) for m in table.metrics}
    return {
        "method": method, "kind": table.methods[method],
        **{name: asdict(summary) if summary else None for name, summary in found.items()},
    }  # fmt: skip


def _cells(shown: dict[str, Any] | None, metrics: Sequence[str]) -> list[str]:
    cells = []
    for place, metric in enumerate(metrics):
        found = (shown or {}).get(metric)
        text = number(metric, found["mean"] if found else None)
        spread = found["std"] if found and place == 0 else None
        cells.append(text if spread is None else f"{text} ± {spread:.1f}")
    return cells
