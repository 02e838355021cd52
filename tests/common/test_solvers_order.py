"""Measured orders of convergence on a Gaussian mixture, and one result for every process.

`undrift.common.solvers.measured` has the problem; here every solver meets every process.
"""

import pytest
import torch
from paths import MEASURED

from undrift.common.processes import PROCESSES, DenoisingSDE, Process, VariancePreserving
from undrift.common.solvers import DDIM, SOLVERS, Exponential, Solver, build_solver, deis
from undrift.common.solvers.measured import COUNTS, carried, measured_order


def draws(name: str) -> bool:
    plan = build_solver(name).plan(VariancePreserving(), [0.9, 0.6, 0.3, 0.0])
    return any(step.sigma > 0 for step in plan)


NAMES = [name for name in SOLVERS if not draws(name)]
MORE: dict[str, Solver] = {
    "2M taylor": Exponential(2, rule="taylor"),
    "2M noise taylor": Exponential(2, form="noise", rule="taylor"),
    "4M": Exponential(4),
    "data AB3 in t": deis(3, "t", "data"),
    "data AB3 in w": deis(3, "w", "data"),
    "AB3 in the angle": deis(3, "angle"),
}
ALL = {**{name: build_solver(name) for name in NAMES}, **MORE}
# The only ones that see t itself, not just s/a: their result depends on the process.
OWN_TIME = ("euler", "deis-2", "deis-3", "deis-4", "data AB3 in t")
# Polynomials in t and of high degree are late to settle.
LATE: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("deis-3", "data AB3 in t", "4M"), (80, 128, 200, 320, 500)),
    "deis-4": (128, 200, 320, 500, 800),
}
# All but the one without noise; the denoising SDE as noisy as the nodes ask for.
EVERY_PROCESS: dict[str, Process] = {
    name: DenoisingSDE(level=3.0) if name == "denoising-sde" else make()
    for name, make in PROCESSES.items()
    if name != "cold-diffusion"
}
PAIRS = [(name, process) for name in ALL for process in MEASURED]
# By default every solver meets one process, each process several solvers.
CHOSEN = [(name, [*MEASURED][k % len(MEASURED)]) for k, name in enumerate(ALL)]
REST = [pair for pair in PAIRS if pair not in CHOSEN]


def meets_its_order(name: str, process: str) -> None:
    solver = ALL[name]
    measured, errors = measured_order(solver, MEASURED[process], LATE.get(name, COUNTS))
    assert solver.order - 0.25 < measured
    assert errors[-1] < {1: 2e-2, 2: 2e-4, 3: 8e-6, 4: 1e-7}[solver.order]


@pytest.mark.parametrize(("name", "process"), CHOSEN)
def test_the_stated_order_is_measured(name: str, process: str) -> None:
    meets_its_order(name, process)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "process"), REST)
def test_the_stated_order_is_measured_everywhere(name: str, process: str) -> None:
    meets_its_order(name, process)


@pytest.mark.parametrize("process", ["IR-SDE", "flow"])
@pytest.mark.parametrize("name", ["ddim", "multistep-2", "unipc-2", "heun"])
@pytest.mark.parametrize("kind", ["t", "angle"])
def test_the_order_does_not_depend_on_the_placement(name: str, process: str, kind: str) -> None:
    solver = ALL[name]
    assert measured_order(solver, MEASURED[process], kind=kind)[0] > solver.order - 0.25


@pytest.mark.parametrize("form", ["data", "noise"])
def test_the_published_third_order_is_a_second(form: str) -> None:
    """Without the factor 2 in the second difference; with it the error is far smaller."""
    published = Exponential(3, form=form, published_third=True)
    measured, errors = measured_order(published, MEASURED["VP"])
    _, proper = measured_order(Exponential(3, form=form), MEASURED["VP"])
    assert 1.75 < measured < 2.4
    assert errors[-1] > 5 * proper[-1]


@pytest.mark.parametrize("name", [name for name in ALL if name not in OWN_TIME])
@pytest.mark.parametrize(("steps", "processes"), [(5, EVERY_PROCESS), (20, MEASURED)])
def test_every_process_gives_the_same_result(
    name: str, steps: int, processes: dict[str, Process]
) -> None:
    """On the same s/a nodes a process is only a change of frame."""
    first, *others = (carried(ALL[name], process, steps) for process in processes.values())
    for other in others:
        torch.testing.assert_close(other, first, rtol=0, atol=1e-12)


def test_euler_in_t_depends_on_the_process() -> None:
    """The exemption is needed: the same nodes give different states."""
    first, other = (carried(ALL["euler"], MEASURED[name], 20) for name in ("VP", "flow"))
    assert float((first - other).abs().max()) > 1e-3


def test_ddim_of_twice_the_steps_is_half_as_wrong() -> None:
    """The measure itself: order 1 to a percent on fine grids."""
    measured, _ = measured_order(DDIM(), MEASURED["VP"], (100, 200, 400))
    assert measured == pytest.approx(1.0, abs=0.02)
