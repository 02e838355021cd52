"""Tables of docs/bridges_and_regression.md from docs/results/bridges-*.jsonl, and its pictures.

python docs/bridges_and_regression_page.py            # the tables
python docs/bridges_and_regression_page.py pictures   # the strip; needs the trained networks
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from undrift.common.files import write_atomically, write_text
from undrift.common.metrics.summary import compare, summarise

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "bridges_and_regression.md"
RESULTS = ROOT / "docs" / "results"
PICTURE = ROOT / "docs" / "images" / "bridges_and_regression.png"
BLOCK = re.compile(r"(<!-- bridges:(\w+):(\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
MISSING = "*Not measured yet.*\n"
# key, head, digits, and whether more is better
COLUMNS = (
    ("psnr_one", "PSNR, one sample", 2, True), ("psnr_mean", "PSNR, mean of 4", 2, True),
    ("ssim_one", "SSIM, one", 3, True), ("ssim_mean", "SSIM, mean", 3, True),
    ("vif_one", "VIF, one", 3, True), ("vif_mean", "VIF, mean", 3, True),
    ("crps", "CRPS", 2, False), ("spread", "spread", 2, None), ("error", "error", 2, None),
    ("chi", "chi", 2, None),
)  # fmt: skip
COMPARED = ("psnr_mean", "psnr_one", "ssim_mean", "vif_mean", "vif_one", "crps")
Records = list[dict[str, Any]]
Key = tuple[str, int]


def read(task: str) -> Records:
    """The records of a task; none if there is no file."""
    path = RESULTS / f"bridges-{task}.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def grouped(records: Records) -> dict[Key, Records]:
    """(entrant, calls) -> its lines, the degraded picture and the regression network first."""
    found: dict[Key, Records] = {}
    for record in records:
        if record["part"] == "test":
            found.setdefault((record["entrant"], record["calls"]), []).append(record)
    first = ("degraded", "regression")
    return dict(sorted(found.items(), key=lambda pair: pair[0][0] not in first))


def scores(records: Records) -> str:
    """Means and standard deviations over the photographs."""
    heads = ["network, path", "calls", "n", *(head for _, head, _, _ in COLUMNS)]
    lines = [_row(heads), _row(["---"] * len(heads))]
    for (entrant, _), rows in grouped(records).items():
        cells = [_mean(rows, key, digits) for key, _, digits, _ in COLUMNS]
        lines.append(_row([entrant, rows[0]["way"], str(len(rows)), *cells]))
    return "\n".join([*lines, ""])


def differences(records: Records) -> str:
    """Each score minus that of the regression network on the same photograph."""
    groups = grouped(records)
    first = {row["item"]: row for row in groups[("regression", 1)]}
    about = {key: (head, digits, more) for key, head, digits, more in COLUMNS}
    heads = ["network, path", "calls", *(about[key][0] for key in COMPARED)]
    lines = [_row(heads), _row(["---"] * len(heads))]
    for (entrant, _), rows in groups.items():
        if entrant == "regression":
            continue
        cells = []
        for key in COMPARED:
            _, digits, more = about[key]
            found = compare([r[key] for r in rows], [first[r["item"]][key] for r in rows])
            d, better = found.difference, found.wins if more else found.losses
            cell = f"{d.mean:+.{digits}f} [{d.low:+.{digits}f}, {d.high:+.{digits}f}], {better}"
            cells.append(cell)
        lines.append(_row([entrant, rows[0]["way"], *cells]))
    return "\n".join([*lines, ""])


def validation(records: Records) -> str:
    """CRPS of each solver on the validation pictures, in 1/255."""
    lines = [_row(["network, path", "calls, solver: CRPS"]), _row(["---", "---"])]
    found: dict[str, list[str]] = {}
    for record in records:
        if record["part"] == "validation":
            tried = [f"{way}: {value:.3f}" for way, value in record["crps"].items()]
            found.setdefault(record["entrant"], []).extend(tried)
    lines += [_row([entrant, "; ".join(tried)]) for entrant, tried in found.items()]
    return "\n".join([*lines, ""])


TABLES = {"scores": scores, "differences": differences, "validation": validation}


def filled(text: str) -> str:
    """The page with every table made anew."""

    def table(match: re.Match[str]) -> str:
        records = read(match[2])
        return match[1] + (TABLES[match[3]](records) if records else MISSING) + match[4]

    return BLOCK.sub(table, text)


def _mean(rows: Records, key: str, digits: int) -> str:
    values = [float(row[key]) for row in rows if key in row]
    if not values:
        return "-"
    found = summarise(values)
    if found.std is None:  # one photograph, or samples that do not differ
        return f"{found.mean:.{digits}f}"
    return f"{found.mean:.{digits}f} ± {found.std:.{digits}f}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def pictures(shown: dict[str, tuple[str, int, int]], side: int = 96) -> None:
    """One row a task: y, regression, a sample, the mean of four, their deviation, x0."""
    import torch
    from bridges_and_regression import entrants, pictures
    from PIL import Image

    from undrift.restoration.contest.drawing import ONE_CALL, Way, draw

    rows = []
    for task, (item_name, top, left) in shown.items():
        item = next(i for i in pictures(task, "skimage-photos", 192) if i.name == item_name)
        regression = dict(entrants(task, "regression"))["regression"]
        bridge = dict(entrants(task, "common"))["common, ir-sde"]
        samples = draw(bridge, Way(10, "ancestral"), item, 4)
        deviation = (samples.std(0, keepdim=True).mean(1, keepdim=True) * 8).expand(1, 3, -1, -1)
        made = [item.y, draw(regression, ONE_CALL, item, 1), samples[:1], samples.mean(0)[None]]
        crops = [x[0, :, top : top + side, left : left + side] for x in (*made, deviation, item.x0)]
        rows.append(torch.cat([c.clamp(0, 1) for c in crops], 2).repeat_interleave(2, 1))
    pixels = torch.cat([r.repeat_interleave(2, 2) for r in rows], 1).permute(1, 2, 0).numpy()
    image = Image.fromarray((pixels * 255).round().astype(np.uint8))
    write_atomically(PICTURE, lambda part: image.save(part, format="PNG", optimize=True))


if __name__ == "__main__":
    if sys.argv[1:] == ["pictures"]:
        pictures({"jpeg10": ("astronaut", 48, 48), "sr4": ("chelsea", 48, 48)})
    else:
        write_text(PAGE, filled(PAGE.read_text(encoding="utf-8")))
