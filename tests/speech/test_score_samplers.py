"""SGMSE+, BBED and the bridge as a speech task runs them: official runs in two real channels.

The stored runs are complex, with noise of total variance 1; here every value is two channels and
the process is in the units of one, so that both conventions must meet.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from parity.case import REFERENCE
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.external import External
from undrift.common.processes import BBED, OUVE, Process, SchroedingerBridge
from undrift.speech.bridge import SB_VE_PUBLISHED, BridgeSampler
from undrift.speech.sgmse import SGMSE_PLUS, ScoreSampler
from undrift.speech.spectrogram import to_channels, to_complex

ROOT = math.sqrt(2)
OUVE_16K = OUVE(1.5, 0.05 / ROOT, 0.5 / ROOT)
OUVE_48K = OUVE(2.0, 0.1 / ROOT, 1.0 / ROOT)
BBED_16K = BBED(2.6, 0.26)
BRIDGE = SchroedingerBridge(c=0.2)
PC_RUNS: dict[str, tuple[ScoreSampler, Process]] = {
    "default30": (SGMSE_PLUS, OUVE_16K),
    "ald2_n5": (ScoreSampler(steps=5, corrections=2), OUVE_16K),
    "langevin_n5": (ScoreSampler(steps=5, corrector="langevin", snr=0.33), OUVE_16K),
    "nocorr_n5": (ScoreSampler(steps=5, corrector="none"), OUVE_16K),
    "p48k_n8": (ScoreSampler(steps=8), OUVE_48K),
    "em_n5": (ScoreSampler(steps=5, compat="even-steps"), OUVE_16K),
}


@functools.cache
def stored(name: str) -> dict[str, np.ndarray]:
    with np.load(REFERENCE / f"speech_{name}.npz") as data:
        return dict(data)


def channels(array: np.ndarray) -> Tensor:
    """Complex (b, 1, f, t) -> float64 (b, 2, f, t)."""
    return to_channels(torch.from_numpy(array.astype(np.complex128))[:, 0])


def network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
    """The stand-in estimate of x0 of all stored runs."""
    assert y is not None
    return 0.6 * y + 0.2 * math.cos(t) * x


def draws(noise: np.ndarray, offset: int = 0) -> Callable[[int], Tensor]:
    """Stored complex noise as unit noise of the channels."""
    return lambda k: ROOT * channels(noise[k - offset])


def same(ours: Tensor, theirs: np.ndarray) -> None:
    torch.testing.assert_close(ours, channels(theirs), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("run", PC_RUNS)
def test_sgmse_plus_as_published(run: str) -> None:
    data, (sampler, process) = stored("pc_sampler"), PC_RUNS[run]
    y = channels(data["y"])
    x = sampler(External(network, process, "x0"), process, y, draws(data[f"{run}_noise"]))
    same(x, data[f"{run}_result"])
    assert sampler.planned_calls(process) == int(data[f"{run}_nfe"])


@pytest.mark.parametrize("top", ["0.999", "0.5"])
def test_bbed_as_published(top: str) -> None:
    data, sampler = stored("bbed"), ScoreSampler(steps=8, start=float(top))
    denoise = External(network, BBED_16K, "x0")
    x = sampler(denoise, BBED_16K, channels(data["y"]), draws(data[f"pc_T{top}_n8_noise"]))
    same(x, data[f"pc_T{top}_n8_result"])


def test_the_flow_ends_with_one_step_of_the_mean() -> None:
    """From the stored end of RK45: x - dt (theta (y - x) - g^2 score), by hand, complex."""
    data = stored("ode_sampler")
    y, x = (data[name].astype(np.complex128) for name in ("y", "result_no_denoise"))
    t, L = 0.03, math.log(10)
    s2 = 0.05**2 * L / (1.5 + L) * (math.exp(2 * L * t) - math.exp(-2 * 1.5 * t))
    g2 = (0.05 * math.exp(L * t)) ** 2 * 2 * L
    x0 = 0.6 * y + 0.2 * math.cos(t) * x
    score = (math.exp(-1.5 * t) * x0 + (1 - math.exp(-1.5 * t)) * y - x) / s2
    mean = x - t * (1.5 * (y - x) - g2 * score)
    sampler = ScoreSampler("ode")
    prior = ROOT * channels(data["prior_z"])
    found = sampler(
        External(network, OUVE_16K, "x0"), OUVE_16K, channels(data["y"]), lambda k: prior
    )
    torch.testing.assert_close(found, channels(mean), rtol=0, atol=2e-4)  # of RK45's 1e-5 control
    assert sampler.planned_calls(OUVE_16K) is None


@pytest.mark.parametrize("run", ["ode_n50", "ode_n5", "ode_n1", "sde_n50", "sde_n5"])
def test_bridges_as_published(run: str) -> None:
    data = stored("sbve_sampler")
    kind, steps = run.split("_n")
    sampler = BridgeSampler(kind, int(steps), estimator_time="current", compat="sgmse")  # type: ignore[arg-type]
    y = channels(data["y"]).float()
    noise = data.get(f"{run}_noise", np.zeros(0))
    denoise = External(network, BRIDGE, "x0")
    x = sampler(denoise, BRIDGE, y, lambda k: draws(noise, 1)(k).float())
    # "ode" begins with a difference of thousands of y, of which the program's float32 rounds each.
    rounding = max(abs(step.C) for step in sampler.plan(BRIDGE)) * 2**-24
    theirs = channels(data[f"{run}_result"])
    torch.testing.assert_close(x.double(), theirs, rtol=2e-5, atol=max(2e-5, rounding))
    assert sampler.planned_calls(BRIDGE) == int(steps)


def test_the_exact_bridge_differs_from_the_coded_one_by_what_its_guard_leaves() -> None:
    """Weights of y and estimate sum to 1 at every step, where the coded ones reach 1.048."""
    exact, coded = BridgeSampler(steps=5), BridgeSampler(steps=5, compat="sgmse")
    for sampler, bound in ((exact, 1e-12), (coded, 0.06)):
        x, sums = 1.0, []
        for step in sampler.plan(BRIDGE):
            x = step.A[0] * x + step.B[0] + step.C
            sums.append(abs(x - 1))
        assert max(sums) < bound
        assert sampler is exact or max(sums) > 0.04
    first = exact.plan(BRIDGE)[0]
    assert first.A[0] + first.C == pytest.approx(0.6272, abs=5e-5)


@pytest.mark.parametrize("kind", ["ode", "sde"])
def test_a_network_that_knows_x0_is_believed(kind: str) -> None:
    x0, y = torch.randn(2, 1, 2, 6, 5, generator=torch.Generator().manual_seed(0)).double()
    seen: list[float] = []

    def perfect(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        seen.append(t)
        return x0

    denoise = External(perfect, BRIDGE, "x0")
    for time in ("previous", "current"):
        seen.clear()
        sampler = BridgeSampler(kind, 4, estimator_time=time)  # type: ignore[arg-type]
        x = sampler(denoise, BRIDGE, y, lambda k: torch.ones_like(y))
        torch.testing.assert_close(x, x0, rtol=0, atol=1e-12)
        asked = sampler.asked()
        assert seen == list(asked[1:] if time == "current" else asked[:-1])
    assert min(seen) == SB_VE_PUBLISHED.least


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: ScoreSampler("pcs"), "kind 'pcs' is not one of 'pc', 'ode'; did you mean 'pc'"),  # type: ignore[arg-type]
        (lambda: ScoreSampler(corrector="adl"), "corrector 'adl' .* did you mean 'ald'"),  # type: ignore[arg-type]
        (lambda: ScoreSampler(start=0.02), "0 < least < start <= 1"),
        (lambda: BridgeSampler(estimator_time="next"), "estimator_time 'next'"),  # type: ignore[arg-type]
        (lambda: BridgeSampler(steps=0), "one step or more"),
        (lambda: SB_VE_PUBLISHED.plan(OUVE_16K), "is for the Schroedinger bridge"),
    ],
)
def test_wrong_settings_are_told(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        wrong()


def test_channels_and_complex_values_are_the_same_numbers() -> None:
    y = stored("bbed")["y"]
    assert np.array_equal(to_complex(channels(y)).numpy(), y[:, 0].astype(np.complex128))
