"""UndriftScheduler inside diffusers' pipelines: the same as our own loop on the same network."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers_steps import SCALED, gap
from tiny_pipelines import autoencoder, ddpm, diffusers, dit, lively, unet
from torch import Tensor

from undrift.common.diffusers_bridge.pipeline import load_pipeline_denoiser
from undrift.common.diffusers_bridge.scheduler import UndriftScheduler
from undrift.common.grids import build_grid
from undrift.common.solvers import build_solver
from undrift.common.solvers.loop import run_plan

SOLVERS = ["ddim", "multistep-2", "sde-multistep-2", "heun"]


def noise(*shape: int) -> tuple[Tensor, torch.Generator]:
    """What a pipeline draws first from a fresh generator, and the generator after that."""
    generator = torch.Generator().manual_seed(7)
    return torch.randn(shape, generator=generator), generator


def ours(denoise: Any, x: Tensor, solver: str, count: int, generator: torch.Generator) -> Tensor:
    """The same run by our own loop."""
    rule = build_solver(solver)
    times = build_grid("auto", denoise.process, count, 1.0, order=rule.order)

    def draw(number: int) -> Tensor:
        return torch.randn(x.shape, generator=generator)

    with torch.no_grad():
        return run_plan(denoise, x, rule.plan(denoise.process, times), draw=draw)


def latent_scheduler() -> Any:
    """Ours, second order, in place of the scheduler of a latent pipeline."""
    theirs = diffusers.DDIMScheduler(clip_sample=False, **SCALED)
    return UndriftScheduler.from_config(theirs.config, solver="multistep-2")


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@pytest.mark.parametrize("solver", SOLVERS)
def test_pixel_pipelines(solver: str) -> None:
    scheduler = UndriftScheduler.from_config(diffusers.DDPMScheduler().config, solver=solver)
    pipeline = ddpm(scheduler)
    denoise = load_pipeline_denoiser(pipeline)
    expected = ours(denoise, *noise(2, 3, 8, 8)[:1], solver, 5, noise(2, 3, 8, 8)[1])
    expected = (expected / 2 + 0.5).clamp(0, 1)
    other = diffusers.DDIMPipeline(pipeline.unet, diffusers.DDIMScheduler())
    other.scheduler = scheduler  # the constructor makes a DDIMScheduler of anything
    other.set_progress_bar_config(disable=True)
    for each in (pipeline, other):
        found = each(2, generator=seeded(), num_inference_steps=5, output_type="pt").images
        assert found.std() > 0.1
        assert float((found - expected).abs().max()) < 1e-5


def test_a_transformer_with_classes_and_an_autoencoder() -> None:
    scheduler = UndriftScheduler.from_config(
        diffusers.DDIMScheduler(**SCALED).config, solver="multistep-2"
    )
    pipeline = dit(scheduler)
    pictures = pipeline([3, 7], 1.0, generator=seeded(), num_inference_steps=5, output_type="pt")
    denoise = load_pipeline_denoiser(pipeline, class_labels=torch.tensor([3, 7]))
    latents = ours(denoise, *noise(2, 4, 8, 8)[:1], "multistep-2", 5, seeded())
    assert denoise.latents is not None
    expected = (denoise.latents.decode(latents) / 2 + 0.5).clamp(0, 1)
    assert float((pictures.images - expected).abs().max()) < 1e-5
    guided = pipeline([3, 7], 4.0, generator=seeded(), num_inference_steps=5, output_type="pt")
    assert float((guided.images - expected).abs().max()) > 1e-3


def test_a_latent_pipeline() -> None:
    scheduler = UndriftScheduler.from_config(
        diffusers.DDIMScheduler(clip_sample=False, **SCALED).config
    )
    pipeline = diffusers.LDMPipeline(autoencoder(), unet(4), scheduler)
    pipeline.set_progress_bar_config(disable=True)
    found = pipeline(2, seeded(), num_inference_steps=5, output_type="np", eta=0.0).images
    denoise = load_pipeline_denoiser(pipeline)
    latents = ours(denoise, *noise(2, 4, 8, 8)[:1], "multistep-2", 5, seeded())
    assert denoise.latents is not None
    expected = (denoise.latents.decode(latents) / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    assert float((torch.from_numpy(found) - expected).abs().max()) < 1e-5


def test_a_conditional_super_resolver() -> None:
    scheduler = UndriftScheduler.from_config(
        diffusers.DDIMScheduler(clip_sample=False, **SCALED).config
    )
    place = "diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion_superresolution"
    kind = importlib.import_module(place).LDMSuperResolutionPipeline
    pipeline = kind(autoencoder(), unet(8, 4), scheduler)
    pipeline.set_progress_bar_config(disable=True)
    picture = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    found = pipeline(picture, 2, 5, generator=seeded(), output_type="pt").images
    denoise = load_pipeline_denoiser(pipeline)

    def given(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Any:
        return denoise(x, t, picture, level)

    given.process = denoise.process  # type: ignore[attr-defined]
    latents = ours(given, *noise(2, 4, 8, 8)[:1], "multistep-2", 5, seeded())
    with torch.no_grad():
        expected = pipeline.vqvae.decode(latents).sample.clamp(-1, 1) / 2 + 0.5
    assert float((found - expected).abs().max()) < 1e-5


def test_a_pipeline_folder_keeps_the_scheduler(tmp_path: Path) -> None:
    pipeline = ddpm(UndriftScheduler(solver="unipc-2", **SCALED))
    expected = pipeline(1, generator=seeded(), num_inference_steps=4, output_type="pt").images
    pipeline.save_pretrained(tmp_path)
    again = diffusers.DDPMPipeline.from_pretrained(tmp_path)
    again.set_progress_bar_config(disable=True)
    assert isinstance(again.scheduler, UndriftScheduler)
    found = again(1, generator=seeded(), num_inference_steps=4, output_type="pt").images
    assert gap(expected, found) < 1e-6


def stable(name: str, scheduler: Any) -> Any:
    pytest.importorskip("transformers")
    network = diffusers.UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4,
        cross_attention_dim=6, attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    pipeline = getattr(diffusers, name)(
        vae=autoencoder(), text_encoder=None, tokenizer=None, unet=lively(network),
        scheduler=scheduler, safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


WORDS = torch.randn(1, 5, 6, generator=torch.Generator().manual_seed(2))


def test_stable_diffusion() -> None:
    scheduler = UndriftScheduler.from_config(
        diffusers.DDIMScheduler(clip_sample=False, **SCALED).config
    )
    pipeline = stable("StableDiffusionPipeline", scheduler)
    common = {"num_inference_steps": 5, "output_type": "latent"}
    found = pipeline(
        prompt_embeds=WORDS, guidance_scale=1.0, generator=seeded(), height=16, width=16, **common
    ).images
    denoise = load_pipeline_denoiser(pipeline, encoder_hidden_states=WORDS)
    expected = ours(denoise, *noise(1, 4, 8, 8)[:1], "multistep-2", 5, seeded())
    assert gap(expected, found) < 1e-5


def test_stable_diffusion_from_a_picture() -> None:
    scheduler = UndriftScheduler.from_config(
        diffusers.DDIMScheduler(clip_sample=False, **SCALED).config
    )
    pipeline = stable("StableDiffusionImg2ImgPipeline", scheduler)
    picture = torch.rand(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    found = pipeline(
        prompt_embeds=WORDS, image=picture, strength=0.5, guidance_scale=1.0, generator=seeded(),
        num_inference_steps=6, output_type="latent",
    ).images  # fmt: skip
    denoise = load_pipeline_denoiser(pipeline, encoder_hidden_states=WORDS)
    rule = build_solver("multistep-2")
    times = build_grid("auto", denoise.process, 6, 1.0, order=rule.order)[3:]
    scheduler.set_timesteps(6)
    x = scheduler.add_noise(picture, noise(1, 4, 8, 8)[0], scheduler.timesteps[3:4])
    with torch.no_grad():
        expected = run_plan(denoise, x, rule.plan(denoise.process, times))
    assert gap(expected, found) < 1e-4
