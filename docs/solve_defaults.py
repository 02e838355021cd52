"""What `undrift.solve` chooses against what it could have chosen, on validation photographs.

    python docs/solve_defaults.py > docs/results/solve_defaults.jsonl

One JSON line a way: PSNR (dB, values clipped to [0, 1]) for each operator and photograph, chi, and
network calls. Crops of 128 x 128 of the card wheel-photos, noise .01; a test photograph is never
looked at. `python docs/solve_defaults.py --table` turns the lines into the table of docs/solve.md.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import undrift
from undrift.common.noise import Noise
from undrift.common.operators import (
    Average,
    Blur,
    Gaussian,
    Mask,
    Operator,
    gaussian_kernel,
    motion_kernel,
)
from undrift.restoration.photos import load_photos

SHAPE, SIGMA = (3, 128, 128), 0.01
PHOTOS = ("china", "flower", "grace_hopper")
RESULTS = Path(__file__).parent / "results" / "solve_defaults.jsonl"
MARKS = "<!-- defaults -->\n", "<!-- end of defaults -->"
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "default, 10 calls": {"steps": 10},
    "default, 50 calls": {"steps": 50},
    "first order, full noise": {"solver": "sde-1"},
    "second order, noise": {"solver": "sde-multistep-2"},
    "second order, no noise": {"solver": "multistep-2"},
    "moment matching": {"method": "moment-matching"},
    "one variance (jfps)": {"method": "jfps"},
    "DiffPIR": {"method": "diffpir"},
}


def operators() -> dict[str, Operator]:
    """The five of the table."""
    kept = (Noise(5, "mask")((1, 1, *SHAPE[1:]))[0] > 0.5244).double()  # 30 %
    box = torch.ones(SHAPE[1:], dtype=torch.float64)
    box[44:84, 44:84] = 0
    return {
        "30 % of pixels": Mask(kept, SHAPE),
        "box": Mask(box, SHAPE),
        "Gaussian blur": Blur(gaussian_kernel(1.6), SHAPE),
        "motion blur": Blur(motion_kernel(9.0, 45.0), SHAPE),
        "average x4": Average(SHAPE, 4),
    }


def crops() -> Iterator[tuple[str, Tensor]]:
    """Name and central crop, (1, 3, h, w)."""
    for name, picture in load_photos("wheel-photos", PHOTOS):
        top, left = ((n - side) // 2 for n, side in zip(picture.shape[1:], SHAPE[1:], strict=True))
        part = picture[:, top : top + SHAPE[1], left : left + SHAPE[2]].copy()
        yield name, torch.from_numpy(part)[None]


def measure(way: str, operator: Operator) -> dict[str, Any]:
    """Scores of one way on one operator."""
    psnr, chi, calls = [], [], 0
    for name, clean in crops():
        y = Gaussian(SIGMA).draw(operator(clean), Noise(0, name))
        if isinstance(operator, Mask):
            y = y * operator.weight.float()
        result = undrift.solve(y[0], operator, noise=SIGMA, item=name, **WAYS[way])
        error = (result.value.clamp(0, 1) - clean[0]).square().mean()
        psnr.append(round(float(-10 * torch.log10(error)), 3))
        chi.append(result.info["chi"])
        calls = result.info["nfe"] + result.info["products"]
    return {"psnr": psnr, "chi": chi, "calls": calls}


def table() -> str:
    """Markdown: mean PSNR and mean chi over the photographs."""
    lines = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    names = list(operators())
    rows = [["", *names, "calls"], ["---"] * (len(names) + 2)]
    for way in WAYS:
        found = {line["operator"]: line for line in lines if line["way"] == way}
        cells = [
            f"{_mean(found[name]['psnr']):.2f} ({_mean(found[name]['chi']):.2f})" for name in names
        ]
        rows.append([way, *cells, str(max(found[name]["calls"] for name in names))])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def main() -> None:
    """Measures, or writes the table."""
    if "--table" in sys.argv:
        page = RESULTS.parents[1] / "solve.md"
        before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        page.write_text(before + MARKS[0] + table() + MARKS[1] + after, encoding="utf-8")
        return
    for way in WAYS:
        for name, operator in operators().items():
            line = {"way": way, "operator": name, **measure(way, operator)}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
