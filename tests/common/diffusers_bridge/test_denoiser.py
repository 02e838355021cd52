"""Pipeline folders as denoisers: our runs equal what the pipeline's own scheduler makes of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers_steps import SCALED, gap
from tiny_pipelines import autoencoder, ddpm, diffusers, dit, lively, unet
from torch import Tensor

from undrift.common.diffusers_bridge.latents import Latents
from undrift.common.diffusers_bridge.pipeline import load_pipeline_denoiser
from undrift.common.errors import InputError
from undrift.common.solvers import build_solver
from undrift.common.solvers.loop import run_plan

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(3))


def theirs(network: Any, scheduler: Any, x: Tensor, **steps: Any) -> tuple[Tensor, list[float]]:
    """The result of diffusers' loop, and what the network was told."""
    scheduler.set_timesteps(**steps)
    with torch.no_grad():
        for t in scheduler.timesteps:
            x = scheduler.step(network(x, t).sample[:, : x.shape[1]], t, x).prev_sample
    return x, scheduler.timesteps.tolist()


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("scheduler", "solver"),
    [
        (diffusers.DDIMScheduler(clip_sample=False, timestep_spacing="trailing"), "ddim"),
        (diffusers.DDIMScheduler(clip_sample=False, timestep_spacing="trailing", **SCALED), "ddim"),
        (diffusers.DDIMScheduler(clip_sample=False, timestep_spacing="trailing",
                       beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction"), "ddim"),
        (diffusers.DDIMScheduler(clip_sample=False, timestep_spacing="trailing",
                       rescale_betas_zero_snr=True, prediction_type="v_prediction"), "ddim"),
        (diffusers.DPMSolverMultistepScheduler(**SCALED), "multistep-2"),
        (diffusers.DPMSolverMultistepScheduler(prediction_type="sample", **SCALED), "multistep-2"),
        (diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0), "ddim"),
    ],
)  # fmt: skip
def test_a_run_equals_theirs(
    scheduler: Any, solver: str, kind: torch.dtype, tmp_path: Path
) -> None:
    ddpm(scheduler).save_pretrained(tmp_path)
    denoise = load_pipeline_denoiser(tmp_path, dtype=kind)
    expected, told = theirs(denoise.network, scheduler, X.to(kind), num_inference_steps=5)
    assert expected.std() > 0.02
    times = [*map(denoise.schedule.time, told), 0.0]
    with torch.no_grad():
        found = run_plan(denoise, X.to(kind), build_solver(solver).plan(denoise.process, times))
    assert gap(expected, found) < 1e-5


def test_clipping_is_taken_over() -> None:
    denoise = load_pipeline_denoiser(ddpm(diffusers.DDPMScheduler()))
    assert float(denoise(100 * X, 0.5).x0.abs().max()) == 1.0
    unbounded = load_pipeline_denoiser(ddpm(diffusers.DDPMScheduler(clip_sample=False)))
    assert float(unbounded(100 * X, 0.5).x0.abs().max()) > 1


@pytest.mark.parametrize("kind", ["learned_range", "learned"])
def test_a_learned_variance_is_that_of_the_clean_signal(kind: str) -> None:
    scheduler = diffusers.DDPMScheduler(variance_type=kind, clip_sample=False)
    pipeline = ddpm(scheduler)
    pipeline.unet = unet(3, 6)
    denoise = load_pipeline_denoiser(pipeline)
    bars = scheduler.alphas_cumprod.double()
    for index in (1, 40, 999):
        estimate = denoise(X, (index + 1) / 1000)
        head = pipeline.unet(X, index).sample.detach()[:, 3:].double()
        beta = 1 - bars[index] / bars[index - 1]
        small = (1 - bars[index - 1]) / (1 - bars[index]) * beta
        weight = torch.sqrt(bars[index - 1]) * beta / (1 - bars[index])
        given = scheduler._get_variance(index, predicted_variance=head)
        total = given.exp() if kind == "learned_range" else given
        assert estimate.var is not None
        # Var(x_{i-1} | x_i) = beta~ + c^2 Var(x0 | x_i): back to what their step would draw with
        assert gap(total.clamp(min=small), small + weight**2 * estimate.var.double()) < 1e-4
    assert denoise(X, 0.5004).var is None  # between two steps
    assert denoise(X, 0.001).var is None  # the last step has beta~ = 0


def test_an_unnamed_variance_is_dropped() -> None:
    denoise = load_pipeline_denoiser(dit(), class_labels=torch.tensor([1, 2]))
    estimate = denoise(torch.randn(2, 4, 8, 8), 0.5)
    assert estimate.x0.shape == (2, 4, 8, 8) and estimate.var is None


def test_conditions_reach_the_network(tmp_path: Path) -> None:
    dit().save_pretrained(tmp_path)
    denoise = load_pipeline_denoiser(tmp_path, class_labels=torch.tensor([1, 2]))
    x = torch.randn(2, 4, 8, 8)
    other = denoise.with_conditions(class_labels=torch.tensor([1, 3]))
    near, far = (denoise(x, 0.5).x0 - other(x, 0.5).x0).abs().amax((1, 2, 3))
    assert near == 0 and far > 0
    with pytest.raises(InputError, match="takes no encoder_hidden_states"):
        denoise.with_conditions(encoder_hidden_states=x)


def test_a_degraded_signal_joins_as_channels() -> None:
    pipeline = ddpm(diffusers.DDPMScheduler(clip_sample=False))
    pipeline.unet = unet(6, 3)
    denoise = load_pipeline_denoiser(pipeline)
    assert not torch.equal(denoise(X, 0.5, X).x0, denoise(X, 0.5, -X).x0)
    with pytest.raises(InputError, match="takes 6 channels"):
        denoise(X, 0.5)


def test_latents_go_there_and_back_as_the_pipeline_scales_them(tmp_path: Path) -> None:
    dit().save_pretrained(tmp_path)
    latents = load_pipeline_denoiser(tmp_path).latents
    assert latents is not None
    pictures = torch.randn(1, 3, 16, 16)
    coder = autoencoder()
    with torch.no_grad():
        z = coder.encode(pictures).latent_dist.mean  # type: ignore[union-attr]
        expected = coder.decode(z).sample  # type: ignore[union-attr]
    assert gap(z * 0.2, latents.encode(pictures)) < 1e-6
    assert gap(expected, latents.decode(latents.encode(pictures))) < 1e-5
    small = {"latent_channels": 4, "norm_num_groups": 4, "block_out_channels": (4,)}
    moved = lively(diffusers.AutoencoderKL(scaling_factor=2.0, shift_factor=0.5, **small))
    z = moved.encode(pictures).latent_dist.mean.detach()
    assert gap((z - 0.5) * 2, Latents(moved).encode(pictures)) < 1e-6
    moved.register_to_config(latents_mean=[1.0, 2, 3, 4], latents_std=[2.0, 2, 2, 2])
    coded = Latents(moved).encode(pictures)
    assert gap(z - torch.tensor([1.0, 2, 3, 4]).reshape(1, 4, 1, 1), coded) < 1e-6


def test_another_scheduler_may_be_named() -> None:
    pipeline = ddpm(diffusers.DDPMScheduler())
    flow = load_pipeline_denoiser(pipeline, scheduler=diffusers.FlowMatchEulerDiscreteScheduler())
    assert type(flow.process).__name__ == "Flow"


def test_a_bare_model_folder_needs_a_scheduler(tmp_path: Path) -> None:
    unet().save_pretrained(tmp_path)
    assert (
        load_pipeline_denoiser(tmp_path, scheduler=diffusers.DDPMScheduler())(X, 0.5).x0.shape
        == X.shape
    )
    with pytest.raises(InputError, match="pass scheduler="):
        load_pipeline_denoiser(tmp_path)


def test_folders_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pipeline folder"):
        load_pipeline_denoiser(tmp_path)
    ddpm(diffusers.DDPMScheduler()).save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(InputError, match="safetensors only"):
        load_pipeline_denoiser(tmp_path)
    config = tmp_path / "unet" / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps({**settings, "_class_name": "UNet9"}), encoding="utf-8")
    with pytest.raises(InputError, match="'UNet9' is no model"):
        load_pipeline_denoiser(tmp_path)
    config.unlink()
    with pytest.raises(InputError, match="not whole"):
        load_pipeline_denoiser(tmp_path)
    (tmp_path / "model_index.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="no JSON"):
        load_pipeline_denoiser(tmp_path)
