"""Markdown of the benchmark of speech, for `make_tables.py`; nothing here computes a score."""

from collections.abc import Sequence
from typing import Any

Records = list[dict[str, Any]]

DEFAULT = "balanced"
RIVALS = ("noisy", "noisereduce", "rnnoise", "fast")
MISSING = "*Not measured yet.*\n"
DIGITS = {"si_sdr": 1, "estoi": 2, "pesq": 2, "lsd": 1}
NAMES = {"si_sdr": "SI-SDR", "estoi": "ESTOI", "pesq": "PESQ", "lsd": "LSD"}
SHOWN = {
    "all snr": "noise, mean of -5 to 15 dB", "room": "room", "room, snr 10": "room, noise 10 dB",
    "clean": "clean speech",
}  # fmt: skip


def speech_table(records: Records) -> str:
    """A line a method, a column each for noise, rooms and clean speech; then the differences."""
    if not records:
        return MISSING
    head, metrics, methods = _parts(records)
    settings = [s for s in SHOWN if any(r["setting"] == s for r in methods)]
    columns = [SHOWN[s] for s in settings]
    lines = [_row(["method", *columns]), _row(["---"] * (len(columns) + 1))]
    for name in dict.fromkeys(r["method"] for r in methods):
        own = {r["setting"]: r for r in methods if r["method"] == name}
        label = f"**{name}**" if next(iter(own.values()))["kind"] == "model" else name
        lines.append(_row([label, *(_scores(own.get(s), metrics) for s in settings)]))
    lines += _absent(head, len(columns))
    shown = " / ".join(NAMES.get(m, m) for m in metrics)
    count = max(r[metrics[0]]["n"] for r in methods if r[metrics[0]])
    lines += ["", f"Mean {shown} of {count} recordings, ± standard deviation of the first.", ""]
    lines += _differences(records, metrics, settings)
    return "\n".join([*lines, "", f"Printed by `{command(head)}`."]) + "\n"


def speech_methods(records: Records) -> str:
    """Every condition with every method: mean, standard deviation and interval of each metric."""
    if not records:
        return MISSING
    head, metrics, methods = _parts(records)
    lines = []
    for setting in dict.fromkeys(r["setting"] for r in methods):
        title = str(SHOWN.get(setting, setting)).capitalize()
        lines += [f"### {title} (`{setting}`)", ""]
        titles = [f"{NAMES.get(m, m)} (95 % interval)" for m in metrics]
        lines += [_row(["method", *titles, "n"]), _row(["---"] * (len(metrics) + 2))]
        for record in (r for r in methods if r["setting"] == setting):
            label = record["method"]
            label = f"**{label}**" if record["kind"] == "model" else label
            found = record[metrics[0]]
            cells = [_whole(record[m], m) for m in metrics]
            lines.append(_row([label, *cells, str(found["n"] if found else 0)]))
        lines += _absent(head, len(metrics) + 1)
        differences = _differences(records, metrics, [setting])
        lines += ["", *differences, *([""] if differences else [])]
    return "\n".join(lines)


def speed_table(records: Records) -> str:
    """A line a method: real-time factor and peak memory for each length of recording."""
    if not records:
        return MISSING
    lengths = list(dict.fromkeys(r["seconds"] for r in records))
    cells = [f"{_length(s)}: RTF, MiB" for s in lengths]
    lines = [_row(["method", *cells]), _row(["---"] * (len(cells) + 1))]
    for name in dict.fromkeys(r["method"] for r in records):
        own = {r["seconds"]: r for r in records if r["method"] == name}  # the last run counts
        row = [_cost(own.get(s)) for s in lengths]
        lines.append(_row([f"`{name}`", *row]))
    return "\n".join(lines) + "\n"


def command(head: dict[str, Any]) -> str:
    """The command line that repeats the table."""
    used = head["settings"]
    words = ["undrift speech benchmark"]
    words += [] if used["split"] == "test" else ["--split", used["split"]]
    return " ".join([*words, "--seed", str(used["seed"])])


def _parts(records: Records) -> tuple[dict[str, Any], list[str], Records]:
    head = next(r for r in records if r["record"] == "table")
    metrics = [m for m in NAMES if m in head["metrics"]]
    methods = [r for r in records if r["record"] == "method" and r[metrics[0]]]
    return head, metrics, methods


def _absent(head: dict[str, Any], columns: int) -> list[str]:
    missing = head["settings"].get("not installed", {})
    return [_row([name, "not installed", *["-"] * (columns - 1)]) for name in missing]


def _differences(records: Records, metrics: Sequence[str], settings: Sequence[str]) -> list[str]:
    """For the default preset the mean paired differences from others, with their intervals."""
    lines = []
    found = [
        r for r in records
        if r["record"] == "comparison" and r["setting"] in settings
        and r["method"] == DEFAULT and r["baseline"] in RIVALS
    ]  # fmt: skip
    for setting in settings:
        pairs = dict.fromkeys(
            (r["method"], r["baseline"]) for r in found if r["setting"] == setting
        )
        for model, other in pairs:
            own = {
                r["metric"]: r
                for r in found
                if (r["setting"], r["method"], r["baseline"]) == (setting, model, other)
            }
            said = [_change(own[m], m) for m in metrics if m in own]
            lines.append(f"- {SHOWN.get(setting, setting)}, {model} - {other}: {', '.join(said)}")
    return lines


def _change(record: dict[str, Any], metric: str) -> str:
    change, digits = record["difference"], DIGITS[metric]
    if isinstance(change["mean"], str) or change["low"] is None:
        return f"{NAMES[metric]} {change['mean']}"
    worse = record["wins"] if metric == "lsd" else record["losses"]
    return (
        f"{NAMES[metric]} {change['mean']:+.{digits}f} ({change['low']:+.{digits}f} to "
        f"{change['high']:+.{digits}f}; worse on {worse} of {change['n']})"
    )


def _scores(record: dict[str, Any] | None, metrics: Sequence[str]) -> str:
    parts = []
    for place, metric in enumerate(metrics):
        found = record and record.get(metric)
        if not found or isinstance(found["mean"], str):
            parts.append("∞" if found else "-")
            continue
        text = f"{found['mean']:.{DIGITS[metric]}f}"
        spread = found["std"]
        parts.append(f"{text} ± {spread:.1f}" if place == 0 and spread is not None else text)
    return " / ".join(parts)


def _whole(found: dict[str, Any] | None, metric: str) -> str:
    if not found or isinstance(found["mean"], str):
        return "∞" if found else "-"
    digits = DIGITS[metric]
    text = f"{found['mean']:.{digits}f}"
    if found["std"] is None:
        return text
    interval = f"{found['low']:.{digits}f} to {found['high']:.{digits}f}"
    return f"{text} ± {found['std']:.{digits}f} ({interval})"


def _length(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def _cost(record: dict[str, Any] | None) -> str:
    if record is None:
        return "-"
    if record.get("error"):
        return str(record["error"])
    return f"{record['rtf']:.3f}, {record['peak_mib']:.0f} (start {record['start_mib']:.0f})"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
