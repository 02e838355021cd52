"""Fills the computed tables of common/README.md: ends of the processes, orders of the solvers.

    python docs/orders.py            # measures, some minutes
    python docs/end_orders.py        # the same with both ends
    python docs/make_core_page.py    # writes what was measured into the page

What stands between `<!-- core:NAME -->` and `<!-- end -->` is replaced. With `--check` nothing is
changed, and the exit code is 1 if the page is out of date.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from undrift.common.processes import PROCESSES, Process  # noqa: E402
from undrift.common.solvers import SOLVERS, summary  # noqa: E402

PAGE = ROOT / "common" / "README.md"
ORDERS = ROOT / "docs" / "results" / "orders.jsonl"
END_ORDERS = ROOT / "docs" / "results" / "end_orders.jsonl"
BLOCK = re.compile(r"(<!-- core:([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)

# name -> expressions of the published settings, evaluated by a test.
SETTINGS = {
    "residual-shift": ["residual_shift.published(15)", "residual_shift.published(4, 0.2)"],
    "rddm": ["RDDM(sum_scale=1.0)", "RDDM(sum_scale=0.01)", "rddm.ddim()"],
    "resfusion": ["Resfusion(12)", "Resfusion(273)"],
    "mean-reverting": [
        "MeanReverting(level=10/255)",
        "MeanReverting(level=50/255, clock=mean_reverting.theta_table('cosine', 100))",
    ],
    "brownian-bridge": [
        "brownian_bridge.published()",
        "brownian_bridge.published(law='sin')",
    ],
    "consecutive-bridge": ["ConsecutiveBridge()"],
    "i2sb": ["I2SB(rate=0.3)", "I2SB(rate=1.0, cold=True)"],
    "stochastic-interpolant": ["StochasticInterpolant('linear')", "StochasticInterpolant('trig')"],
    "foellmer": ["Foellmer(power=2)"],
    "variance-preserving": ["VariancePreserving()", "variance_preserving.cosine(1000)"],
    "ouve": ["ouve.published(16)", "ouve.published(48)"],
    "schroedinger-bridge": ["SchroedingerBridge()", "SchroedingerBridge('vp', c=0.3)"],
    "variance-exploding": ["VarianceExploding()", "VarianceExploding(high=80.0, law='linear')"],
    "bbed": ["BBED()", "BBED(theta=0.51)"],
    "selfrdb": ["SelfRDB()"],
    "denoising-sde": ["DenoisingSDE(level=70/255)", "DenoisingSDE(level=75/255)"],
    "cold-diffusion": ["ColdDiffusion()"],
    "flow": ["Flow()"],
}


def row(cells: list[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def begins(process: Process) -> str:
    """How a path looks at t = 1."""
    one = torch.ones((), dtype=torch.float64)
    a, b, s = (float(f(one)) for f in (process.a, process.b, process.s))
    if s < 1e-9:
        return "cold" if process.is_cold else "pinned"
    if a < 1e-9:
        return "blind" if b < 1e-9 else "blind, about y"
    return "noise" if b < 1e-9 else "about y"


def ends() -> str:
    """The table of the ends and the published settings."""
    t = torch.linspace(0, 1, 2001, dtype=torch.float64)
    lines = [
        row(["process", "a(1)", "b(1)", "s(1)", "largest s, at t", "begins", "published settings"]),
        row(["---"] * 7),
    ]
    for name, kind in PROCESSES.items():
        process = kind()
        s = process.s(t)
        place = int(s.argmax())
        numbers = [f"{float(f(t)[-1]):.3g}" for f in (process.a, process.b, process.s)]
        largest = f"{float(s[place]):.3g}, {float(t[place]):.2f}"
        settings = ", ".join(f"`{code}`" for code in SETTINGS.get(name, []))
        lines.append(row([f"`{name}`", *numbers, largest, begins(process), settings]))
    return "\n".join(lines) + "\n"


def solvers() -> str:
    """The table of orders, from the records of docs/orders.py."""
    if not ORDERS.is_file():
        return "*Not measured yet.*\n"
    found = [json.loads(line) for line in ORDERS.read_text(encoding="utf-8").splitlines()]
    labels = list(dict.fromkeys(record["process"] for record in found))
    places = {(record["solver"], record["process"]): record["order"] for record in found}
    lines = [
        row(["solver", "stated", "noise", "calls", *labels]),
        row(["---"] * (4 + len(labels))),
    ]
    for name in SOLVERS:
        facts = summary(name)
        measured = [f"{places[name, p]:.2f}" if (name, p) in places else "-" for p in labels]
        noisy = "yes" if facts.noisy else "no"
        lines.append(row([f"`{name}`", str(facts.order), noisy, facts.calls, *measured]))
    head = (
        "Order of convergence by regression over five counts of steps on a regular interval of "
        "ln(a/s), where the\nexact flow of a Gaussian mixture is known; for solvers that draw "
        "noise the weak order, of the variance on\nGaussian data. Measured by "
        "`python docs/orders.py`.\n"
    )
    return "\n".join([head, *lines]) + "\n"


def limits() -> str:
    """The table of orders with both ends, from the records of docs/end_orders.py."""
    found = [json.loads(line) for line in END_ORDERS.read_text(encoding="utf-8").splitlines()]
    places = {(r["process"], r["solver"], r["grid"]): r for r in found}
    names = list(dict.fromkeys(record["solver"] for record in found))
    lines = [row(["path", "nodes", *(f"`{name}`" for name in names)])]
    lines.append(row(["---"] * (2 + len(names))))
    for label in dict.fromkeys(record["process"] for record in found):
        for grid in dict.fromkeys(record["grid"] for record in found):
            shown = [places[label, name, grid] for name in names]
            cells = [f"{r['order']:.2f} ({r['errors'][-1]:.1e})" for r in shown]
            lines.append(row([label, f"`{grid}`", *cells]))
    return "\n".join(lines) + "\n"


MAKERS = {"ends": ends, "solvers": solvers, "limits": limits}


def filled(text: str) -> str:
    """The page with its blocks made anew."""
    return BLOCK.sub(lambda match: match[1] + MAKERS[match[2]]() + match[3], text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="Change nothing; 1 if out of date.")
    check = parser.parse_args().check
    text = PAGE.read_text(encoding="utf-8")
    new = filled(text)
    if check:
        print("up to date" if new == text else f"{PAGE} is out of date")
        return int(new != text)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
