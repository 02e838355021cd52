"""Tables of scores as aligned text for people."""

from collections.abc import Iterator, Sequence

from undrift.common.metrics.score_table import Table
from undrift.common.metrics.summary import Summary

SOUND = ("si_sdr", "si_sdr_centred", "sdr", "snr", "seg_snr", "lsd")  # in dB
UNITS = {"psnr": "dB", "psnr_y": "dB", "mae": "of 1"} | dict.fromkeys(SOUND, "dB")
DIGITS = {"psnr": 2, "psnr_y": 2, "ssim": 4, "vif": 3, "stoi": 3, "estoi": 3, "pesq": 2}
DIGITS |= dict.fromkeys(SOUND, 2)


def as_text(table: Table, *, items: bool = False) -> str:
    """The whole table: summaries for each condition, comparisons, failures.

    Args:
        items: add the first metric of every item, one column a method.
    """
    lines = [table.title]
    for setting in table.conditions:
        lines += ["", *([setting] if setting else [])]
        lines += aligned(summary_rows(table, setting))
        lines += [f"  {line}" for line in comparison_lines(table, setting)]
        if items:
            lines += ["", *aligned(item_rows(table, setting))]
    if table.failed:
        lines += ["", f"{len(table.failed)} failed:"]
        lines += [f"  {e.item} {e.setting} {e.method}: {e.error}" for e in table.failed]
    return "\n".join(lines)


def summary_rows(table: Table, setting: str) -> list[list[str]]:
    """A head and one row per method: mean, standard deviation and interval of every metric."""
    head = ["method"]
    for name in table.metrics:
        unit = f" {UNITS[name]}" if name in UNITS else ""
        head += [f"{name}{unit}", "std", "95 % interval"]
    rows = [[*head, "n", "s/item"]]
    for method, kind in table.methods.items():
        label = f"{method} (oracle)" if kind == "oracle" and "oracle" not in method else method
        found = [table.summary(method, setting, name) for name in table.metrics]
        cells = [c for n, s in zip(table.metrics, found, strict=True) for c in _cells(n, s)]
        seconds = table.seconds(method, setting)
        number = str(found[0].n) if found[0] else "0"
        rows.append([label, *cells, number, "" if seconds is None else f"{seconds:.2g}"])
    return rows


def comparison_lines(table: Table, setting: str) -> Iterator[str]:
    """One sentence per model and other method: mean difference and pictures below."""
    metric = table.metrics[0]
    unit = f" {UNITS[metric]}" if metric in UNITS else ""
    for model, other, paired in table.comparisons(setting):
        change, digits = paired.difference, DIGITS.get(metric, 4)
        interval = ""
        if change.low is not None and change.high is not None:
            interval = f" [{change.low:+.{digits}f}, {change.high:+.{digits}f}]"
        yield (
            f"{model} - {other}: {change.mean:+.{digits}f}{unit}{interval}, "
            f"below on {paired.losses} of {change.n}"
        )


def item_rows(table: Table, setting: str) -> list[list[str]]:
    """A head and one row per item with the first metric of every method."""
    metric = table.metrics[0]
    by_method = {name: table.values(name, setting, metric) for name in table.methods}
    names = dict.fromkeys(entry.item for entry in table.scores if entry.setting == setting)
    rows = [[f"item ({metric})", *table.methods]]
    for item in names:
        cells = [number(metric, values.get(item)) for values in by_method.values()]
        rows.append([item, *cells])
    return rows


def _cells(metric: str, summary: Summary | None) -> list[str]:
    if summary is None:
        return ["-", "-", "-"]
    interval = "-"
    if summary.low is not None:
        interval = f"{number(metric, summary.low)} to {number(metric, summary.high)}"
    return [number(metric, summary.mean), number(metric, summary.std), interval]


def number(metric: str, value: float | None) -> str:
    """A score with the digits of its metric; a minus sign for none."""
    return "-" if value is None else f"{value:.{DIGITS.get(metric, 4)}f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of equal columns, the first to the left, the others to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
