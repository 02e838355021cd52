"""Pipelines of diffusers that are tiny and random but whole."""

import importlib
from typing import Any

import torch
from torch import nn

diffusers: Any = importlib.import_module("diffusers")  # its names have no types of use here


def lively(model: nn.Module, seed: int = 0) -> Any:
    """Every weight drawn, so that no path is silent, and the output of the order of the input."""
    generator = torch.Generator().manual_seed(seed)
    for value in model.parameters():
        value.data.copy_(torch.randn(value.shape, generator=generator) * 0.1)
    return model.eval()


def unet(channels: int = 3, outputs: int | None = None, **other: Any) -> Any:
    """A UNet for 8 x 8 pictures."""
    return lively(
        diffusers.UNet2DModel(
            sample_size=8,
            in_channels=channels,
            out_channels=outputs or channels,
            block_out_channels=(8, 8),
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            norm_num_groups=4,
            attention_head_dim=4,
            **other,
        )
    )


def autoencoder() -> Any:
    """8 x 8 latents of 4 channels for 16 x 16 pictures."""
    return lively(
        diffusers.AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(4, 4),
            norm_num_groups=2,
            latent_channels=4,
            scaling_factor=0.2,
        )
    )


def transformer() -> Any:
    """A DiT with a learned variance, for ten classes and no class."""
    return lively(
        diffusers.DiTTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=8,
            in_channels=4,
            out_channels=8,
            num_layers=2,
            sample_size=8,
            patch_size=2,
            norm_num_groups=2,
        )
    )


def ddpm(scheduler: Any) -> Any:
    pipeline = diffusers.DDPMPipeline(unet(), scheduler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def dit(scheduler: Any = None) -> Any:
    chosen = diffusers.DDIMScheduler(clip_sample=False) if scheduler is None else scheduler
    pipeline = diffusers.DiTPipeline(transformer(), autoencoder(), chosen)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
