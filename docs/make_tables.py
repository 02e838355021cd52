"""Fills the tables of measured results in the Markdown files from the benchmark's own JSON lines.

    undrift benchmark skimage-photos --task denoise --json > docs/results/denoise.jsonl
    undrift benchmark skimage-photos --task sr --scale 4 --json > docs/results/sr-x4.jsonl
    undrift benchmark skimage-photos --task all --save measured --json > docs/results/suite.jsonl
    python docs/make_tables.py

`docs/results/NAME.jsonl` becomes what stands between `<!-- table:NAME -->` and `<!-- end -->` in
README.md, docs/*.md and the model cards; `suite.jsonl` also every method of every row, at
`<!-- table:suite-methods -->`; the tables of speech are made by `speech_tables.py`. Nothing here
computes a score: means, spreads, intervals and the pictures on which a model loses are those of the
benchmark's records.
`python docs/make_tables.py --check` changes nothing and fails if a file is out of date.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

from speech_tables import speech_methods, speech_table, speed_table  # noqa: E402

RESULTS = ROOT / "docs" / "results"
BLOCK = re.compile(r"(<!-- table:([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
MISSING = "*Not measured yet.*\n"
DIGITS = {"psnr": 2, "psnr_y": 2, "ssim": 3, "vif": 3}
Records = list[dict[str, Any]]


def pages() -> list[Path]:
    """The Markdown files that may hold tables."""
    places = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    cards = (ROOT / domain / "weights" for domain in ("restoration", "speech"))
    return [*places, *(page for folder in cards for page in sorted(folder.glob("*.md")))]


def read_records(name: str) -> Records:
    """The records of docs/results/NAME.jsonl; none if it was not measured."""
    path = RESULTS / f"{name}.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(records: Records) -> str:
    """Markdown of one benchmark: a table, how models compare, where they lose, the command."""
    if not records:
        return MISSING
    head = next(record for record in records if record["record"] == "table")
    methods = [record for record in records if record["record"] == "method"]
    settings = list(dict.fromkeys(record["setting"] for record in methods))
    metrics = [name for name in head["metrics"] if name in DIGITS]
    columns = [f"{setting}: {' / '.join(metrics)}" for setting in settings]
    lines = [_row(["method", *columns, "s a picture"]), _row(["---"] * (len(columns) + 2))]
    for method in dict.fromkeys(record["method"] for record in methods):
        own = {r["setting"]: r for r in methods if r["method"] == method}
        times = [r["seconds"] for r in own.values() if r["seconds"] is not None]
        label = f"**{method}**" if next(iter(own.values()))["kind"] == "model" else method
        cells = [_scores(own.get(setting), metrics) for setting in settings]
        lines.append(_row([label, *cells, f"{max(times):.2g}" if times else "-"]))
    lines += ["", *_losses(records, settings), "", f"Printed by `{command(head)}`."]
    return "\n".join(lines) + "\n"


def suite_table(records: Records) -> str:
    """Markdown of the suite: a line a row with ours, the best classical method and the margin."""
    rows = [record for record in records if record["record"] == "row"]
    if not rows:
        return MISSING
    head = next(record for record in records if record["record"] == "table")
    metrics = " / ".join(head["metrics"])
    columns = ["degradation", f"ours: {metrics}", f"best classical: {metrics}",
               "margin in dB (95 % interval)", "below on", "n"]  # fmt: skip
    lines = [_row(columns), _row(["---"] * len(columns))]
    models = dict.fromkeys(row["ours"]["method"] for row in rows if row["ours"])
    for row in rows:
        best, margin = row["best"], row["margin"]
        theirs = f"{best['method']} {_scores(best, head['metrics'])}" if best else "-"
        cells = [row["label"], _scores(row["ours"], head["metrics"]), theirs]
        lost = "-" if margin is None else f"{row['lost']} of {margin['n']}"
        lines.append(_row([*cells, _margin(margin), lost, str(row["n"])]))
    lines += ["", f"Ours: {', '.join(models) or 'not measured yet'}. Printed by `{command(head)}`."]
    return "\n".join(lines) + "\n"


def suite_methods(records: Records) -> str:
    """Markdown of the suite: for each row every method, and the pictures on which ours is below."""
    rows = [record for record in records if record["record"] == "row"]
    if not rows:
        return MISSING
    head = next(record for record in records if record["record"] == "table")
    lines = []
    for row in rows:
        lines += [f"### {row['label'].capitalize()} (`{row['row']}`)", ""]
        lines += [
            _row(["method", " / ".join(head["metrics"]), "95 % interval", "n", "s a picture"])
        ]
        lines += [_row(["---"] * 5)]
        for method in records:
            if method["record"] == "method" and method["setting"] == row["row"]:
                name = f"**{method['method']}**" if method["kind"] == "model" else method["method"]
                first = method[head["metrics"][0]]
                interval = (
                    "-" if first["low"] is None else f"{first['low']:.2f} to {first['high']:.2f}"
                )
                time = "-" if method["seconds"] is None else f"{method['seconds']:.2g}"
                scores = _scores(method, head["metrics"])
                lines += [_row([name, scores, interval, str(first["n"]), time])]
        if row["lost_items"]:
            lost = f"Below {row['best']['method']} on: {', '.join(row['lost_items'])}."
            lines += ["", lost]
        lines += [""]
    return "\n".join(lines)


def _margin(margin: dict[str, Any] | None) -> str:
    if margin is None:
        return "-"
    interval = ""
    if margin["low"] is not None:
        interval = f" ({margin['low']:+.2f} to {margin['high']:+.2f})"
    return f"{_number(margin['mean']):+.2f}{interval}"


def command(head: dict[str, Any]) -> str:
    """The command line that repeats a table, from its own record of settings."""
    used = head["settings"]
    words = ["undrift benchmark", used["card"], "--task", used["task"]]
    if used["task"] in ("sr", "denoise"):
        values = [name.split()[-1].removeprefix("x") for name in used["conditions"]]
        words += ["--scale" if used["task"] == "sr" else "--sigma", ",".join(values)]
    for flag, key in (("--rows", "rows"), ("--method", "methods")) if used["task"] == "all" else ():
        words += [flag, ",".join(used[key])] if used.get(key) else []
    for flag, key in (("--psf", "psfs"), ("--mask", "masks")):
        words += [word for value in used.get(key) or () for word in (flag, value)]
    if used.get("noises"):
        words += ["--noise", ",".join(f"{value:g}" for value in used["noises"])]
    if used.get("crop"):
        words += ["--crop", str(used["crop"])]
    for key in ("split", "items"):
        if used.get(key):
            words += [f"--{key}", used[key] if key == "split" else ",".join(used[key])]
    for key, value in used["options"].items():
        words += [f"--{key}", str(value)]
    return " ".join([*words, "--seed", str(used["seed"])])


def _scores(record: dict[str, Any] | None, metrics: Sequence[str]) -> str:
    """Mean with the standard deviation of the first metric; the other means alone."""
    parts = []
    for place, metric in enumerate(metrics):
        found = record and record.get(metric)
        if not found or isinstance(found["mean"], str):
            parts.append("-")
            continue
        text = f"{found['mean']:.{DIGITS[metric]}f}"
        spread = found["std"]
        parts.append(f"{text} ± {spread:.1f}" if place == 0 and spread is not None else text)
    return " / ".join(parts)


def _losses(records: Records, settings: Sequence[str]) -> Iterator[str]:
    """One line for each comparison, naming the pictures on which the model is below."""
    scores = {
        (r["setting"], r["method"], r["item"]): r["scores"]
        for r in records
        if r["record"] == "item" and not r["error"]
    }
    for record in (r for r in records if r["record"] == "comparison" and r["setting"] in settings):
        change, metric = record["difference"], record["metric"]
        ours = {
            k[2]: v for k, v in scores.items() if k[:2] == (record["setting"], record["method"])
        }
        theirs = {
            k[2]: v for k, v in scores.items() if k[:2] == (record["setting"], record["baseline"])
        }
        below = [
            n for n in ours if n in theirs and _number(ours[n][metric]) < _number(theirs[n][metric])
        ]
        interval = ""
        if change["low"] is not None:
            interval = f" (95 % interval {change['low']:+.2f} to {change['high']:+.2f})"
        named = f": {', '.join(below)}" if below else ""
        mean = change["mean"] if isinstance(change["mean"], str) else f"{change['mean']:+.2f}"
        yield (
            f"- {record['setting']}, {record['method']} against {record['baseline']}: {mean} dB"
            f"{interval}, below on {len(below)} of {change['n']}{named}"
        )


def _number(value: float | str) -> float:
    return float(value)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


SUITES = {
    "suite": ("suite", suite_table),
    "suite-methods": ("suite", suite_methods),
    "speech": ("speech", speech_table),
    "speech-methods": ("speech", speech_methods),
    "speech-speed": ("speech-speed", speed_table),
}


def filled(text: str) -> str:
    """A page with every table replaced."""

    def block(found: re.Match[str]) -> str:
        file, write = SUITES.get(found[2], (found[2], table))
        return found[1] + write(read_records(file)) + found[3]

    return BLOCK.sub(block, text)


def main() -> int:
    """Rewrites the pages that changed and names them."""
    parser = argparse.ArgumentParser(description="Fills the tables of measured results.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail if out of date")
    check = parser.parse_args().check
    stale = []
    for page in pages():
        old = page.read_text(encoding="utf-8")
        new = filled(old)
        if new != old:
            stale.append(page)
            if not check:
                page.write_text(new, encoding="utf-8")
    for page in stale:
        print(f"{'out of date' if check else 'filled'}: {page.relative_to(ROOT)}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
