"""The page common/README.md says what the core does: formulas, ends, orders, defects."""

import ast
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pages import CORE, DOCS, ROOT, code, rows
from scipy.special import expi
from test_docs_results import script

from undrift.common import processes
from undrift.common.predictions import PREDICTIONS, weights
from undrift.common.processes import PROCESSES, Process, Resfusion, build_process, clocks
from undrift.common.processes.process import angle
from undrift.common.solvers import SOLVERS, summary

TEXT = CORE.read_text(encoding="utf-8")
OTHER: dict[str, dict[str, object]] = {
    "residual-shift": {"kappa": 1.3, "first": 0.05, "last": 0.9, "power": 0.6},
    "mean-reverting": {"level": 0.3, "residue": 0.02},
    "brownian-bridge": {"spread": 0.7},
    "variance-preserving": {"beta_0": 0.2, "beta_1": 15.0},
    "flow": {"scale": 0.6},
    "rddm": {"sum_scale": 0.3, "steps": 50},
    "resfusion": {"steps": 40},
    "i2sb": {"rate": 1.0, "steps": 100},
    "stochastic-interpolant": {"path": "trig", "spread": 0.8},
    "foellmer": {"level": 0.7, "power": 1},
    "schroedinger-bridge": {"kind": "vp", "c": 0.3, "high": 5.0},
    "ouve": {"theta": 2.0, "low": 0.1, "high": 1.0},
    "bbed": {"k": 3.0, "theta": 0.4},
    "selfrdb": {"steps": 8, "gamma": 0.7},
    "denoising-sde": {"level": 0.2, "residue": 0.1},
    "variance-exploding": {"low": 0.02, "high": 10.0},
}
CLOCKS = {
    "eta": lambda process, t: process.root_eta(t) ** 2,
    "A": lambda process, t: process.residual_clock(t),
    "N": lambda process, t: process.noise_clock(t),
    "r": lambda process, t: process.root(t),
    "theta": lambda process, t: process.theta(t),
    "m": lambda process, t: process.m(t),
    "v": lambda process, t: process.forward_variance(t),
    "S": lambda process, t: (
        process.sums[-1] if hasattr(process, "sums") else process.forward_variance(t / t)
    ),
    "F": lambda process, t: clocks.tabulated(process.sums, t),
    "R": lambda process, t: clocks.tabulated(process.sums[::-1], t),
    "q": lambda process, t: process.alpha(t),
    "q_1": lambda process, t: process.alpha(t / t),
    "rho_1": lambda process, t: process.forward_std(t / t) / process.alpha(t / t).sqrt(),
    "u": lambda process, t: process.clock(t),
    "L": lambda process, t: process.growth,
    "alpha": lambda process, t: process.alpha(1 - t),
    "beta": lambda process, t: process.beta(1 - t),
    "gamma": lambda process, t: process.amplitude(1 - t),
    "B": lambda process, t: process.decay(t),
    "t": lambda _, t: t,
}
T = torch.linspace(0.02, 0.98, 9, dtype=torch.float64)


def _ei(x: torch.Tensor | float) -> torch.Tensor:
    """The exponential integral."""
    return torch.from_numpy(np.asarray(expi(np.asarray(x)), dtype=np.float64))


def value(formula: str, known: dict[str, Any]) -> torch.Tensor:
    """A formula of the page, evaluated in float64."""
    names = ("exp", "sqrt", "sin", "cos")
    known = {name: getattr(torch, name) for name in names} | {"Ei": _ei, "log": math.log} | known
    assert {*re.findall(r"[A-Za-z_]\w*", formula)} <= {*known}, formula
    found = eval(formula, {"__builtins__": {}}, known)
    return torch.as_tensor(found, dtype=torch.float64).expand_as(T)


def test_the_tables_name_all_processes_predictions_and_solvers() -> None:
    named = [code(row[0])[0] for row in rows(TEXT, "process")]
    assert sorted(named) == sorted(PROCESSES)
    assert [code(row[0])[0] for row in rows(TEXT, "prediction")] == list(PREDICTIONS)


@pytest.mark.parametrize("name", PROCESSES)
def test_formulas_of_the_processes_are_those_of_the_code(name: str) -> None:
    process: Process = build_process(name, OTHER.get(name, {}))
    [row] = [r for r in rows(TEXT, "process") if code(r[0]) == [name]]
    formulas = [code(cell)[0] for cell in row[2:]]
    used = {word for formula in formulas for word in re.findall(r"[A-Za-z_]\w*", formula)}
    own = {k for k, v in vars(process).items() if isinstance(v, int | float)}
    needed = (used & {*CLOCKS}) - own  # a name may be a clock here, a parameter there
    known = {**vars(process), **{clock: CLOCKS[clock](process, T) for clock in needed}}
    functions = (process.a, process.b, process.s, process.phi)
    for formula, function in zip(formulas, functions, strict=True):
        torch.testing.assert_close(value(formula, known), function(T), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", PREDICTIONS)
def test_weights_of_the_predictions_are_those_of_the_code(name: str) -> None:
    process = Resfusion()  # the one with a multiplier of its own
    [row] = [r for r in rows(TEXT, "prediction") if code(r[0]) == [name]]

    def slope(function: Any) -> torch.Tensor:
        return torch.func.jvp(function, (T,), (torch.ones_like(T),))[1]

    k = process.last_multiplier(T)
    q = -torch.log(k)
    known = {
        "g": torch.sinh(q) / q, "q": q,
        "h": (1 - process.a(T) ** 2) / (2 * process.s(T)) * (torch.expm1(q) - q) / q,
        "a": process.a(T), "b": process.b(T), "s": process.s(T), "f": process.forward_std(T),
        "k": k, "psi": angle(process, T, 0.4), "sigma_d": 0.4,
        "phi": process.phi(T), "da": slope(process.a), "db": slope(process.b),
        "ds": slope(process.s), "dphi": slope(process.phi),
    }  # fmt: skip
    formulas = [code(cell)[0] for cell in row[1:4]]
    for formula, found in zip(formulas, weights(name, process, T, 0.4), strict=True):
        torch.testing.assert_close(value(formula, known), found, rtol=1e-11, atol=1e-11)


def test_computed_tables_are_up_to_date() -> None:
    if not (ROOT / "common").is_dir():
        pytest.skip("needs a checkout")
    page = script("make_core_page")
    assert page.filled(TEXT) == TEXT, "run python docs/make_core_page.py"
    assert page.filled(TEXT.replace("about y", "somewhere")) == TEXT


def test_published_settings_can_be_built() -> None:
    page = script("make_core_page")
    assert {*page.SETTINGS} == {*PROCESSES}
    for name, expressions in page.SETTINGS.items():
        for expression in expressions:
            built = eval(expression, {"__builtins__": {}}, vars(processes))
            assert isinstance(built, PROCESSES[name] | Process), expression


@pytest.mark.parametrize(
    ("solver", "process"), [("ddim", "flow"), ("multistep-3", "VP"), ("sde-multistep-2", "IR-SDE")]
)
def test_orders_of_the_page_can_be_measured_again(solver: str, process: str) -> None:
    orders = script("orders")
    [row] = [r for r in rows(TEXT, "solver") if code(r[0]) == [solver]]
    head = next(line for line in TEXT.splitlines() if line.startswith("| solver |"))
    place = [cell.strip() for cell in head.strip("|").split("|")].index(process)
    again = orders.record(solver, process)["order"]
    assert again == pytest.approx(float(row[place]), abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOLVERS)
def test_every_order_of_the_page_is_measured_again(name: str) -> None:
    """Five counts of steps on all eight processes, with noise the weak order."""
    orders = script("orders")
    [row] = [r for r in rows(TEXT, "solver") if code(r[0]) == [name]]
    again = {label: orders.record(name, label)["order"] for label in orders.MEASURED}
    assert min(again.values()) > summary(name).order - 0.25
    assert list(again.values()) == pytest.approx([float(cell) for cell in row[4:]], abs=0.03)


def test_orders_with_both_ends_can_be_measured_again() -> None:
    found = script("end_orders").record("ddim", "BBDM", "uniform")
    [row] = [r for r in rows(TEXT, "path") if r[0] == "BBDM" and code(r[1]) == ["uniform"]]
    assert float(row[2].split()[0]) == pytest.approx(found["order"], abs=0.03)
    assert found["order"] < 0.8  # what the text says


def test_measured_orders_reach_the_stated_ones() -> None:
    found = rows(TEXT, "solver")
    assert [code(row[0])[0] for row in found] == list(SOLVERS)
    for row in found:
        [name] = code(row[0])
        stated = summary(name).order
        assert int(row[1]) == stated
        assert all(float(cell) > stated - 0.25 for cell in row[4:]), row


def defects() -> set[str]:
    """Names of the tests of defects."""
    names = set()
    for path in sorted((Path(__file__).parent / "common").glob("test_defects_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        names |= {name for name in functions if name.startswith("test_")}
    return names


def test_each_defect_has_a_test_and_each_test_a_row() -> None:
    named = [code(row[2])[0] for row in rows(TEXT, "where")]
    assert len(named) == len({*named})
    assert {*named} == defects()


def test_the_page_is_part_of_the_documents() -> None:
    assert "common/README.md" in (DOCS / "core.md").read_text(encoding="utf-8")
    assert "common/README.md" in (ROOT / "README.md").read_text(encoding="utf-8")
