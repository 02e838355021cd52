"""The tables of docs/posterior_comparison.md, from docs/results/posterior-comparison.jsonl."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results" / "posterior-comparison.jsonl"
PAGE = ROOT / "docs" / "posterior_comparison.md"
BLOCK = re.compile(r"(<!-- posterior-comparison:(\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
MISSING = "*Not measured yet.*\n"
SCORES = {"psnr": 2, "ssim": 3, "haarpsi": 3}
CALIBRATED = (0.8, 1.2)  # chi of a run that explains the data and not their noise
OURS, AT, RIVAL, AGAINST = "undrift, default", 20, "deepinv", 100
Records = list[dict[str, Any]]


def read(path: Path = RESULTS) -> Records:
    """The records of a file; none if there is no file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def values(records: Records, method: str, calls: int, operator: str) -> dict[str, np.ndarray]:
    """Columns of scores by photograph, in the order of the photographs; failed runs are NaN."""
    rows = [r for r in records if r["record"] == "run"
            and (r["method"], r["calls"], r["operator"]) == (method, calls, operator)]  # fmt: skip
    rows.sort(key=lambda row: row["photo"])
    return {name: np.array([row.get(name, math.nan) for row in rows], dtype=float)
            for name in (*SCORES, "chi", "seconds")}  # fmt: skip


def bootstrap(gaps: np.ndarray, draws: int = 10000) -> tuple[float, float]:
    """The 95 % interval of the mean of paired differences, by resampling the pictures."""
    rng = np.random.default_rng(0)
    means = gaps[rng.integers(len(gaps), size=(draws, len(gaps)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def runs(records: Records) -> tuple[list[tuple[str, int]], list[str]]:
    """(method, calls) in the order of the file, grouped by method; and the operators."""
    made = [r for r in records if r["record"] == "run"]
    pairs = list(dict.fromkeys((r["method"], r["calls"]) for r in made))
    order = list(dict.fromkeys(method for method, _ in pairs))
    pairs.sort(key=lambda pair: (order.index(pair[0]), pair[1]))
    return pairs, list(dict.fromkeys(r["operator"] for r in made))


def verdict(records: Records, chi: tuple[float, float] = (0.0, math.inf)) -> str:
    """Our default at 20 calls against the best of deepinv at 100 with such a mean chi."""
    pairs, operators = runs(records)
    rivals = [pair for pair in pairs if pair[0].startswith(RIVAL) and pair[1] in (8, AGAINST)]
    lines = ["| operator | score | undrift, 20 calls | best of deepinv, 100 calls | difference "
             "[95 %] | chi | chi of the best |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    for operator in operators:
        ours = values(records, OURS, AT, operator)
        for score, digits in SCORES.items():
            found = [(pair, theirs) for pair in rivals
                     if len((theirs := values(records, *pair, operator))[score]) == len(ours[score])
                     and np.isfinite(theirs[score]).all()
                     and chi[0] <= theirs["chi"].mean() <= chi[1]]  # fmt: skip
            if not found:
                lines.append(f"| {operator} | {score} | {ours[score].mean():.{digits}f} | none | | "
                             f"{ours['chi'].mean():.2f} | |")  # fmt: skip
                continue
            pair, best = max(found, key=lambda row: row[1][score].mean())
            gaps = ours[score] - best[score]
            low, high = bootstrap(gaps)
            label = pair[0].partition(", ")[2] + ("" if pair[1] == AGAINST else ", 8 calls")
            lines.append(
                f"| {operator} | {score} | {ours[score].mean():.{digits}f} | "
                f"{best[score].mean():.{digits}f} ({label}) | {gaps.mean():+.{digits}f} "
                f"[{low:+.{digits}f}, {high:+.{digits}f}] | {ours['chi'].mean():.2f} | "
                f"{best['chi'].mean():.2f} |"
            )
    return "\n".join(lines) + "\n"


def calibrated(records: Records) -> str:
    """The same among the runs of deepinv that explain the data without fitting their noise."""
    return verdict(records, CALIBRATED)


def scores(records: Records) -> str:
    """One table an operator: mean and standard deviation over the photographs."""
    pairs, operators = runs(records)
    parts = []
    for operator in operators:
        parts += [f"**{operator}**\n", "| method | calls | PSNR | SSIM | HaarPSI | chi | s | n |",
                  "|---|---|---|---|---|---|---|---|"]  # fmt: skip
        parts += list(_rows(records, pairs, operator))
        parts.append("")
    return "\n".join(parts)


def _rows(records: Records, pairs: list[tuple[str, int]], operator: str) -> Iterator[str]:
    for method, calls in pairs:
        found = values(records, method, calls, operator)
        n = len(found["psnr"])
        if not n:
            continue
        cells = [_spread(found[name], digits) for name, digits in {**SCORES, "chi": 2}.items()]
        label = f"**{method}**" if method == OURS else method
        yield f"| {label} | {calls} | {' | '.join(cells)} | {found['seconds'].mean():.2f} | {n} |"


def memory(records: Records) -> str:
    """MB above what the process held before."""
    lines = ["| method | peak, MB |", "|---|---|"]
    lines += [f"| {r['method']} | {r['mb']:.0f} |" for r in records if r["record"] == "memory"]
    return "\n".join(lines) + "\n"


def _spread(column: np.ndarray, digits: int) -> str:
    lost = int((~np.isfinite(column)).sum())
    kept = column[np.isfinite(column)]
    if lost:
        return f"{lost} of {len(column)} failed"
    spread = kept.std(ddof=1) if len(kept) > 1 else 0.0
    if kept.mean() >= 1000:
        return f"{kept.mean():.1e}"
    return f"{kept.mean():.{digits}f} ± {spread:.{digits}f}"


def ranked(records: Records, method: str, calls: int, operator: str) -> list[int]:
    """Places of a method's grid that were tried, the highest mean PSNR first; failed ones last."""
    tried: dict[int, list[float]] = {}
    for r in records:
        if r["record"] == "tuning" and (r["method"], r["calls"], r["operator"]) == (
            method, calls, operator,
        ):  # fmt: skip
            tried.setdefault(r["place"], []).append(r.get("psnr", math.nan))
    means = {
        place: np.nan_to_num(np.mean(column), nan=-math.inf) for place, column in tried.items()
    }
    return sorted(means, key=lambda place: (-means[place], place))


def best_places(records: Records) -> dict[tuple[str, int], dict[str, int]]:
    """For each method, number of calls and operator the place with the highest mean PSNR."""
    best: dict[tuple[str, int], dict[str, int]] = {}
    for r in records:
        if r["record"] == "tuning":
            places = ranked(records, r["method"], r["calls"], r["operator"])
            best.setdefault((r["method"], r["calls"]), {})[r["operator"]] = places[0]
    return best


def tuning_table(records: Records) -> str:
    """The chosen places, as the settings file holds them."""
    return "\n".join(f"    {key!r}: {found!r}," for key, found in best_places(records).items())


def filled(text: str, records: Records) -> str:
    """The page with its tables."""
    makers = {"verdict": verdict, "calibrated": calibrated, "scores": scores, "memory": memory}
    done = any(r["record"] == "run" for r in records)

    def table(match: re.Match[str]) -> str:
        body = makers[match[2]](records) if done else MISSING
        return f"{match[1]}\n{body}\n{match[3]}"

    return BLOCK.sub(table, text)


def write_page() -> None:
    """Puts the tables of what was measured into the page."""
    text = filled(PAGE.read_text(encoding="utf-8"), read())
    PAGE.write_text(text, encoding="utf-8")
