"""UndriftScheduler equals diffusers' own schedulers where both mean the same."""

from typing import Any

import pytest
import torch
from diffusers_steps import SCALED, X, gap, loop
from tiny_pipelines import diffusers

from undrift.common.diffusers_bridge.scheduler import UndriftScheduler

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("count", [1, 5, 50])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("settings", [{}, SCALED, {"beta_schedule": "squaredcos_cap_v2"}])
def test_ddim_equals_theirs(settings: dict[str, Any], prediction: str, count: int) -> None:
    theirs = diffusers.DDIMScheduler(
        timestep_spacing="trailing", clip_sample=False, prediction_type=prediction, **settings
    )
    ours = UndriftScheduler.from_config(theirs.config, solver="ddim", grid="uniform")
    assert (
        gap(loop(theirs, num_inference_steps=count), loop(ours, num_inference_steps=count)) < 1e-5
    )
    assert ours.timesteps.tolist() == theirs.timesteps.tolist()
    assert ours.timesteps.dtype == theirs.timesteps.dtype


@pytest.mark.parametrize("count", [1, 5, 20])
@pytest.mark.parametrize(
    ("settings", "solver"),
    [
        (SCALED, "multistep-2"),
        ({"prediction_type": "v_prediction"}, "multistep-2"),
        ({"algorithm_type": "sde-dpmsolver++", **SCALED}, "sde-multistep-2"),
        ({"solver_order": 1, **SCALED}, "ddim"),
    ],
)
def test_multistep_equals_theirs(settings: dict[str, Any], solver: str, count: int) -> None:
    theirs = diffusers.DPMSolverMultistepScheduler(**settings)
    ours = UndriftScheduler.from_config(theirs.config, solver=solver)
    expected = loop(theirs, num_inference_steps=count)
    assert gap(expected, loop(ours, timesteps=theirs.timesteps.tolist())) < 1e-5


def test_ddpm_equals_theirs_with_the_same_noise() -> None:
    theirs = diffusers.DDPMScheduler(num_train_timesteps=20, variance_type="fixed_small")
    ours = UndriftScheduler.from_config(theirs.config, solver="ancestral", grid="uniform")
    assert ours.config.clip_sample
    assert gap(loop(theirs, num_inference_steps=20), loop(ours, num_inference_steps=20)) < 1e-5


def test_flow_matching_equals_theirs() -> None:
    theirs = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    ours = UndriftScheduler.from_config(theirs.config, solver="ddim", grid="uniform")
    sigmas = [1.0, 0.7, 0.4, 0.1]
    expected = loop(theirs, sigmas=sigmas)
    assert gap(expected, loop(ours, sigmas=sigmas)) < 1e-5
    assert torch.allclose(ours.sigmas, theirs.sigmas, atol=1e-6)
    assert torch.allclose(ours.timesteps, theirs.timesteps)


def test_zero_terminal_signal_equals_theirs() -> None:
    theirs = diffusers.DDIMScheduler(
        timestep_spacing="trailing",
        clip_sample=False,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
    )
    ours = UndriftScheduler.from_config(theirs.config, solver="ddim", grid="uniform")
    assert float(ours.process.a(torch.ones((), dtype=torch.float64))) == 0
    assert gap(loop(theirs, num_inference_steps=5), loop(ours, num_inference_steps=5)) < 1e-5


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_edm_equals_theirs(prediction: str) -> None:
    theirs = diffusers.EDMEulerScheduler(prediction_type=prediction)
    theirs.set_timesteps(6)
    ours = UndriftScheduler.from_config(theirs.config, solver="ddim")

    def told(scheduler: Any, **steps: Any) -> list[float]:
        scheduler.set_timesteps(**steps)
        return scheduler.timesteps.tolist()

    sigmas = theirs.sigmas[:-1].tolist()
    assert told(ours, sigmas=sigmas) == pytest.approx(told(theirs, num_inference_steps=6), abs=1e-4)
    x = 80 * X
    for place, sigma in enumerate(sigmas):
        inputs = [s.scale_model_input(x, s.timesteps[place]) for s in (theirs, ours)]
        assert gap(*inputs) < 1e-5
        output = torch.tanh(inputs[0])
        steps = [s.step(output, s.timesteps[place], x) for s in (theirs, ours)]
        for name in ("prev_sample", "pred_original_sample"):
            assert gap(steps[0][name], steps[1][name]) < 1e-4, (name, sigma)
        x = steps[0].prev_sample


@pytest.mark.parametrize(
    "scheduler",
    ["DDIM", "DDPM", "PNDM", "LMSDiscrete", "EulerDiscrete", "EulerAncestralDiscrete",
     "HeunDiscrete", "DPMSolverMultistep", "DPMSolverSinglestep", "DEISMultistep",
     "UniPCMultistep"],
)  # fmt: skip
def test_schedules_of_every_class_are_read_exactly(scheduler: str) -> None:
    theirs = getattr(diffusers, f"{scheduler}Scheduler")(**SCALED)
    process = UndriftScheduler.from_config(theirs.config).process
    times = (torch.arange(1000, dtype=torch.float64) + 1) / 1000
    assert torch.allclose(process.a(times) ** 2, theirs.alphas_cumprod.double(), rtol=2e-6, atol=0)


def test_noise_and_velocity_are_theirs() -> None:
    theirs = diffusers.DDPMScheduler()
    ours = UndriftScheduler.from_config(theirs.config)
    timesteps, noise = torch.tensor([3, 900]), X.flip(0)
    for name in ("add_noise", "get_velocity"):
        expected = getattr(theirs, name)(X, noise, timesteps)
        assert gap(expected, getattr(ours, name)(X, noise, timesteps)) < 1e-5


def test_score_networks_are_told_sigma() -> None:
    theirs = diffusers.ScoreSdeVeScheduler(sigma_min=0.02, sigma_max=40.0)
    ours = UndriftScheduler.from_config(theirs.config, solver="ddim")
    ours.set_timesteps(sigmas=[40.0, 3.0, 0.1])
    assert ours.timesteps.tolist() == pytest.approx([40.0, 3.0, 0.1], rel=1e-5)
    # with the score of N(0, 1) data the estimate is the posterior mean x / (1 + sigma^2)
    result = ours.step(-X / (1 + 40.0**2), ours.timesteps[0], X)
    assert gap(X / (1 + 40.0**2), result.pred_original_sample) < 1e-3
