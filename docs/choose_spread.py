"""Chooses how far several samples lie about one call of a model: `signal.spread` of its weights.

    python docs/choose_spread.py 'T1 to T2' brain-t1-t2 --steps 2 --factors 1,1.5,2,2.5,3
    python docs/choose_spread.py 'T1 to T2' brain-t1-t2 --steps 2 --write 2
    python docs/make_cards.py                                  # the hash is another then

The row is one of `undrift medical benchmark`; its items are validation phantoms (seeds from 100 000
on), never those of the test. Prints CRPS and the coverage of 90 % intervals, mean over the items;
--write puts a factor into the header, tensors keep their bytes. Choose on some items (--items
0,1,2) and look at the choice on others (--items 3,4,5).
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from undrift.common.weights.files import read_settings, replace_settings  # noqa: E402
from undrift.common.weights.model import find_weights  # noqa: E402
from undrift.medical import metrics  # noqa: E402
from undrift.medical.benchmark.cases import ROWS, Case  # noqa: E402
from undrift.medical.tasks import denoise, translate  # noqa: E402


def runs(case: Case, model: str, steps: int, samples: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """One call's estimate and the samples of the path as they are, in the units of the truth."""
    shared: dict[str, Any] = {"model": model, "item": case.item}
    task = translate
    if ROWS[case.row].kind == "ct-denoise":
        task, shared = denoise, {**shared, "kind": "ct", "spacing": case.spacing}
    once = task(case.given, steps=1, solver="ddim", **shared)
    drawn = task(case.given, steps=steps, solver="auto", samples=samples, **shared)
    return numbers(once.value, once.info), [numbers(one, once.info) for one in drawn.samples]


def numbers(value: Any, info: Any) -> np.ndarray:
    """An array (x, y, z); of a contrast without a unit, in the numbers of its own map."""
    array = np.asarray(getattr(value, "array", value), np.float32)
    scale = info.get("target_scale", {"kind": "hu"})
    if scale["kind"] == "hu":
        return array
    return 2 * (array - scale["low"]) / (scale["high"] - scale["low"]) - 1


def compared(row: str, model: str, steps: int, samples: int, items: list[int],
             factors: list[float]) -> None:  # fmt: skip
    """Prints a line a factor, the first with the samples as they are."""
    scores: dict[str, list[tuple[float, float]]] = {}
    for n in items:
        case = ROWS[row].make("validation", n)
        estimate, drawn = runs(case, model, steps, samples)
        mean = np.mean(drawn, 0)
        sets = {"as they are": drawn}
        for factor in factors:
            sets[f"one call, {factor:g}"] = [estimate + factor * (one - mean) for one in drawn]
        for name, found in sets.items():
            measured = (metrics.crps(found, case.truth, case.mask),
                        metrics.coverage(found, case.truth, case.mask))  # fmt: skip
            scores.setdefault(name, []).append(measured)
    for name, rows in scores.items():
        crps, coverage = np.mean(rows, 0)
        print(f"{name:16s} n={len(rows)}  CRPS {crps:.4g}  coverage {coverage:.3f}", flush=True)


def write(path: Path, factor: float, steps: int) -> None:
    """Puts the choice into the header of a weight file."""
    settings = read_settings(path)
    signal = {**settings.signal, "spread": {"wider": factor, "steps": steps}}
    replace_settings(path, settings.model_copy(update={"signal": signal}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("row", choices=list(ROWS))
    parser.add_argument("weights")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--items", default="0,1,2,3,4,5")
    parser.add_argument("--factors", default="1,1.5,2,2.5,3")
    parser.add_argument("--write", type=float)
    asked = parser.parse_args()
    if asked.write is not None:
        write(find_weights(asked.weights), asked.write, asked.steps)
    else:
        compared(
            asked.row, asked.weights, asked.steps, asked.samples,
            [int(n) for n in asked.items.split(",")], [float(f) for f in asked.factors.split(",")],
        )  # fmt: skip
