"""Geophysical flows against pyqg's states, closed forms, and what must be conserved."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.flows.forcing import RingForcing
from undrift.scientific.atmosphere.flows.models import Barotropic, Flow, SurfaceQG, TwoLayer
from undrift.scientific.atmosphere.flows.run import Run
from undrift.scientific.atmosphere.flows.spectrum import kinetic_energy, shells, slope
from undrift.scientific.atmosphere.flows.square import Square

PYQG = Path(__file__).parents[1] / "reference" / "scientific" / "qg_pyqg.npz"
SMALL = Square(32)
# pyqg's own defaults for two layers, an ocean; the others on a square of 2 pi without drag.
THEIRS: dict[str, tuple[Flow, float, float]] = {
    "qg2": (
        TwoLayer(Square(32, 1e6), 15e3, (0.025, 0.0), beta=1.5e-11, delta=0.25, drag=5.787e-7),
        7200.0,
        1e-12,
    ),
    "bve": (Barotropic(SMALL), 0.01, 1e-12),
    "sqg": (SurfaceQG(SMALL), 0.005, 1e-12),
    # pyqg steps the beta term by Adams-Bashforth; here it is integrated exactly.
    "bve_beta": (Barotropic(SMALL, beta=5.0), 0.002, 1e-5),
}


@pytest.mark.parametrize("name", THEIRS)
def test_forty_steps_are_those_of_pyqg(name: str):
    flow, dt, tolerance = THEIRS[name]
    given = np.load(PYQG)
    run = Run(flow, torch.from_numpy(given[f"{name}_q0"])[None], dt).advance(int(given["steps"]))
    wanted = given[f"{name}_q"]
    assert np.abs(run.q[0].numpy() - wanted).max() <= tolerance * np.abs(wanted).max()


def _wave(square: Square, kx: int, ky: int) -> torch.Tensor:
    place = torch.arange(square.n, dtype=torch.float64) * square.step * 2 * math.pi / square.length
    return torch.cos(kx * place[None] + ky * place[:, None])[None, None]


def test_a_rossby_wave_travels_at_its_own_speed():
    square, beta, time = Square(32), 3.0, 0.5
    run = Run(Barotropic(square, beta=beta, deformation=0.7), _wave(square, 3, 2), 0.01)
    run.advance(round(time / 0.01))
    phase = beta * 3 / (3**2 + 2**2 + 0.7**-2) * time  # omega = -beta kx / (k^2 + Ld^-2)
    place = torch.arange(32, dtype=torch.float64) * square.step
    wanted = torch.cos(3 * place[None] + 2 * place[:, None] + phase)
    assert torch.allclose(run.q[0, 0], wanted, atol=1e-10)


def test_drag_is_exact_and_reaches_as_far_as_it_is_told():
    square = Square(32)
    slow, fast = _wave(square, 2, 0), _wave(square, 6, 0)
    flow = Barotropic(square, drag=0.4, drag_reach=3)
    run = Run(flow, slow + fast, 0.01).advance(100)  # parallel waves do not advect each other
    assert torch.allclose(run.q, math.exp(-0.4) * slow + fast, atol=1e-10)


def test_the_scheme_is_of_second_order_at_least():
    """Third order after a first step of Euler's, whose error of dt^2 stays."""
    square = Square(64)  # the filter, whose effect depends on the number of steps, begins at 20
    q = _noise(square, 1, reach=5) / 3
    ends = [Run(Barotropic(square), q, 0.1 / n).advance(n).q for n in (10, 20, 40, 160)]
    errors = [float((end - ends[-1]).abs().max()) for end in ends[:-1]]
    assert math.log2(errors[0] / errors[1]) > 1.8
    assert math.log2(errors[1] / errors[2]) > 1.8


def test_energy_and_enstrophy_stay_without_forcing_and_drag():
    run = Run(Barotropic(Square(64)), _noise(Square(64), 2), 0.002)

    def both() -> tuple[float, float]:
        square = run.flow.square
        energy = kinetic_energy(square, run.flow.stream(run.spectrum)).sum()
        return float(energy), float(shells(square, run.spectrum).sum())

    before = both()
    after = (run.advance(100), both())[1]
    assert after[0] == pytest.approx(before[0], rel=1e-4)
    assert after[1] == pytest.approx(before[1], rel=1e-2)  # the filter takes a little


def test_forcing_injects_its_rate():
    square = Square(32)
    forcing = RingForcing(square, rate=0.05, forced=6, seed=3)
    flow = Barotropic(square)
    rates = []
    for step in range(400):
        kick = forcing.kicks(step, 1, torch.float64)
        rates.append(float(kinetic_energy(square, flow.stream(kick)).sum()))
    # A sum of about 40 squares of complex normals, 400 times: its mean is known to under 1 %.
    assert np.mean(rates) == pytest.approx(0.05, rel=0.03)


def test_members_and_blocks_of_steps_do_not_matter():
    square = Square(32)

    def run(members: int) -> Run:
        forcing = RingForcing(square, rate=0.05, forced=4, seed=1)
        start = torch.zeros(members, 1, 32, 32, dtype=torch.float64)
        return Run(Barotropic(square), start, 0.02, forcing)

    whole = run(2).advance(30)
    parts = run(3).advance(11).advance(19)
    assert torch.allclose(whole.q, parts.q[:2], atol=1e-12)
    assert not torch.allclose(whole.q[0], whole.q[1], atol=1e-2)
    assert bool(torch.isreal(whole.q).all()) and float(whole.q.std()) > 0


def test_shells_hold_the_variance_and_slopes_are_read_off():
    square = Square(64)
    q = torch.randn(1, 1, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    q = square.field(torch.fft.rfft2(q) * (square.number < 31))
    inside = shells(square, torch.fft.rfft2(q)).sum()
    assert float(inside) == pytest.approx(float(q.var(correction=0)), rel=1e-9)
    k = torch.arange(1, 33, dtype=torch.float64)
    assert slope(7 * k**-3.5, 3, 20) == pytest.approx(-3.5)


def test_a_wind_too_fast_for_the_step_is_refused():
    with pytest.raises(InputError, match=r"step 0: a wind of .* take dt below"):
        Run(Barotropic(SMALL), 100 * _noise(SMALL, 4), 0.05).advance(1)


@pytest.mark.parametrize("n", [7, 6])
def test_odd_and_tiny_squares_are_refused(n: int):
    with pytest.raises(InputError, match="expected an even n from 8"):
        Square(n)


@pytest.mark.slow
def test_forced_turbulence_has_the_slope_of_a_direct_cascade():
    """E(k) about k^-3 to k^-4 beyond the forced waves at this size (Maltrud & Vallis 1991)."""
    square = Square(64)
    forcing = RingForcing(square, rate=0.05, forced=4, seed=0)
    run = Run(Barotropic(square, drag=0.05), 1e-3 * _noise(square, 5).float(), 0.01, forcing)
    run.advance(5000)
    energies = []
    for _ in range(20):
        run.advance(50)
        energies.append(kinetic_energy(square, run.flow.stream(run.spectrum))[0, 0])
    assert -4.5 < slope(torch.stack(energies).mean(0), 6, 18) < -3.0


def _noise(square: Square, seed: int, reach: float = 10) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(1, 1, square.n, square.n, dtype=torch.float64, generator=generator)
    shape = torch.exp(-(((square.number - 4) / 2) ** 2)) * (square.number < reach)
    q = square.field(torch.fft.rfft2(q) * shape)
    return 3 * q / q.std()
