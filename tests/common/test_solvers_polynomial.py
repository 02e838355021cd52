"""The integral itself: against scipy's quadrature, in every variable, and exact cases."""

import math

import pytest
import torch
from oracles import abs_at, number
from paths import MEASURED

from undrift.common.errors import UsageError
from undrift.common.processes import BrownianBridge, Flow, Process
from undrift.common.solvers.plan import Node, nodes
from undrift.common.solvers.polynomial import (
    VARIABLES,
    Rule,
    exponential_moments,
    lagrange,
    weights,
)
from undrift.common.solvers.recorder import Line, Recorder, noise_of

TIMES = [0.85, 0.7, 0.52, 0.3]  # three known nodes and the new one


def by_quadrature(
    rule: Rule, process: Process, known: list[Node], old: Node, new: Node
) -> list[float]:
    """C_j by scipy over u = w^{1 + eta} (or rho), the place of the polynomial found by time."""
    from scipy.integrate import quad
    from scipy.optimize import brentq

    def ratio(t: float) -> float:
        a, _, s = abs_at(process, t)
        return a / s

    def place(w: float) -> float:
        t = float(brentq(lambda t: math.log(ratio(t) / w), new.t, old.t, xtol=1e-15))  # type: ignore[arg-type]
        return rule.place(Node(t, *abs_at(process, t), 1.0, math.log(w)))

    def basis(j: int, tau: float) -> float:
        own = rule.place(known[j])
        others = [rule.place(node) for i, node in enumerate(known) if i != j]
        return math.prod((tau - other) / (own - other) for other in others)

    w0, w1, power = math.exp(old.lam), math.exp(new.lam), 1 + rule.eta
    scale, ends = power * new.a, (1 / w0, 1 / w1)
    if rule.form == "data":
        scale, ends = new.s * w1**-rule.eta, (w0**power, w1**power)

    def integrand(u: float, j: int) -> float:
        return basis(j, place(u ** (1 / power) if rule.form == "data" else 1 / u))

    def integral(j: int) -> float:
        return scale * quad(integrand, *ends, args=(j,), epsrel=1e-9, epsabs=1e-9)[0]

    return [integral(j) for j in range(len(known))]


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize(("form", "eta"), [("data", 0.0), ("data", 1.0), ("noise", 0.0)])
def test_weights_are_the_integrals_of_lagrange_polynomials(
    variable: str, form: str, eta: float
) -> None:
    process = Flow()
    grid = nodes(process, TIMES)
    rule, known = Rule(form, variable, eta), grid[2::-1]
    found = weights(rule, process, known, grid[2], grid[3])
    expected = by_quadrature(rule, process, known, grid[2], grid[3])
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("process", MEASURED)
@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("form", ["data", "noise"])
def test_weights_of_a_constant_add_up_to_the_measure(
    process: str, variable: str, form: str
) -> None:
    """Whatever the polynomial: a1 (1 - e^{-H}) and -(1 + eta) s1 (e^h - 1)."""
    grid = nodes(MEASURED[process], [0.8, 0.6, 0.5, 0.2])
    old, new = grid[2:]
    h = new.lam - old.lam
    for eta in (0.0, 0.7):
        rule = Rule(form, variable, eta)
        total = sum(weights(rule, MEASURED[process], grid[2::-1], old, new))
        data = -new.a * math.expm1(-(1 + eta) * h)
        noise = -(1 + eta) * new.s * math.expm1(h)
        assert total == pytest.approx(data if form == "data" else noise, rel=1e-11)


def test_moments_of_small_and_large_steps_meet() -> None:
    """The series below 2 and the recursion above, and quadrature between 1e-8 and 50."""
    from scipy.integrate import quad

    def density(x: float, total: float, k: int) -> float:
        return x**k * total * math.exp(-total * (1 - x))

    for total in (1e-8, 0.3, -0.3, 1.999, 2.001, -2.5, 12.0, 50.0):
        for k, found in enumerate(exponential_moments(total, 5)):
            expected = quad(density, 0, 1, args=(total, k), epsabs=0)[0]
            assert found == pytest.approx(expected, rel=1e-9)
    assert exponential_moments(math.inf, 3) == [1.0, 1.0, 1.0]


def test_lagrange_polynomials_are_one_at_their_own_place() -> None:
    places = [0.0, -0.7, 1.0, 2.5]
    for j, row in enumerate(lagrange(places)):
        for i, x in enumerate(places):
            value = sum(c * x**k for k, c in enumerate(row))
            assert value == pytest.approx(float(i == j), abs=1e-12)


@pytest.mark.parametrize("variable", ["t", "rho", "angle", "cosine"])
def test_the_clean_end_takes_the_end_of_the_polynomial(variable: str) -> None:
    """With s1 = 0 all of the measure sits there: C_j = a1 l_j(tau1)."""
    process = Flow()
    grid = nodes(process, [0.6, 0.3, 0.0])
    rule = Rule("data", variable)
    places = [rule.place(node) for node in grid]
    found = weights(rule, process, [grid[1], grid[0]], grid[1], grid[2])
    share = (places[2] - places[0]) / (places[1] - places[0])
    assert found == pytest.approx([share, 1 - share], rel=1e-12)


@pytest.mark.parametrize("variable", ["t", "w", "angle", "cosine"])
def test_a_value_at_a_start_without_signal_counts(variable: str) -> None:
    """lambda = -inf carries no slope in lambda; in these variables it does."""
    process = Flow()
    grid = nodes(process, [1.0, 0.6, 0.3])
    rule = Rule("data", variable)
    assert rule.usable(grid[0])
    assert not Rule("data", "lambda").usable(grid[0])
    found = weights(rule, process, grid[1::-1], grid[1], grid[2])
    assert all(math.isfinite(weight) and weight != 0 for weight in found)


def test_no_step_no_move() -> None:
    process = MEASURED["VP"]
    grid = nodes(process, [0.6, 0.3])
    assert weights(Rule(), process, grid[:1], grid[0], grid[0]) == [0.0]


def test_a_recorded_formula_becomes_a_step() -> None:
    """z1 = 2 z0 - D0, then z2 = z0 + 3 D1, with y brought back on a bridge."""
    process = BrownianBridge()
    grid = nodes(process, [0.8, 0.5, 0.2])
    run = Recorder(grid[0])
    state, value = run.call()
    run.move(2 * state - value, grid[1])
    run.move(state + 3 * run.call()[1], grid[2], 0.1)
    first, second = run.steps
    assert (first.t, first.A, first.B) == (0.8, (2.0,), (-1.0,))
    assert pytest.approx(0.5 - 2 * 0.8) == first.C
    assert (second.A, second.B, second.sigma) == ((0.0, 1.0), (3.0,), 0.1)
    assert pytest.approx(0.2 - 0.8) == second.C


def test_lines_are_linear() -> None:
    node = nodes(MEASURED["VP"], [0.5, 0.1])[0]
    state, value = Line(states={0: 1.0}), Line(values={0: 1.0})
    line = noise_of(state, value, node)
    assert line.states[0] == pytest.approx(1 / node.s)
    assert line.values[0] == pytest.approx(-node.a / node.s)
    assert (line - line).states[0] == 0.0
    assert (line * 0.0).values == {}


def test_unknown_names_are_told() -> None:
    with pytest.raises(UsageError, match="did you mean 'lambda'"):
        Rule(variable="lamda")
    with pytest.raises(UsageError, match=r"data\|noise"):
        Rule("velocity")


def test_nodes_of_a_tensor_time() -> None:
    """`number` and `abs_at` agree with `nodes`, which these tests rest on."""
    node = nodes(Flow(), torch.tensor([0.5, 0.25]).tolist())[0]
    assert (node.a, node.b, node.s) == abs_at(Flow(), 0.5)
    assert node.lam == pytest.approx(float(torch.log(Flow().a(number(0.5)) / 0.5)))
