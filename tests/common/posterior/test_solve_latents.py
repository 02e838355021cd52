"""`undrift.solve` with a pipeline folder of latents: what the classes give by hand, and errors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gaussian_posterior import VP
from tiny_pipelines import autoencoder, diffusers, unet
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.diffusers_bridge.pipeline import load_pipeline_denoiser
from undrift.common.errors import InputError
from undrift.common.grids import by_log_snr
from undrift.common.noise import Noise
from undrift.common.operators import Average, Clip, Gaussian, Mask, Operator
from undrift.common.posterior.choice import Asked, Choice, choose
from undrift.common.posterior.latent import Latent
from undrift.common.posterior.lgd import LGD
from undrift.common.posterior.priors import read_prior
from undrift.common.posterior.problem import Problem
from undrift.common.posterior.psld import PSLD
from undrift.common.posterior.stsl import STSL
from undrift.common.solve import solve
from undrift.common.solvers import build_solver
from undrift.common.solvers.ddim import DDIM
from undrift.common.solvers.loop import run_plan

SHAPE, SIGMA = (3, 16, 16), 0.005
OPERATOR = Average(SHAPE, 2)
STEPS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """UNet, scheduler and AutoencoderKL of latents (4, 8, 8), random but whole."""
    place = tmp_path_factory.mktemp("latent") / "tiny"
    scheduler = diffusers.DDIMScheduler(clip_sample=False)
    parts = {"unet": unet(4), "vae": autoencoder(), "scheduler": scheduler}
    for name, part in parts.items():
        part.save_pretrained(place / name)
    index = {name: ["diffusers", type(part).__name__] for name, part in parts.items()}
    (place / "model_index.json").write_text(json.dumps(index))
    return place


@pytest.fixture(scope="module")
def y(folder: Path) -> Tensor:
    """A decoded picture, averaged, with noise."""
    vae = load_pipeline_denoiser(folder).latents.autoencoder  # type: ignore[union-attr]
    picture = Latent(vae, SHAPE, 0.0, 1.0).decode(drawn(7))
    return (OPERATOR(picture) + SIGMA * Noise(2)((1, 3, 8, 8)))[0]


def drawn(sample: int, number: int = 0) -> Tensor:
    return Noise(0, "", sample)((1, 4, 8, 8), number)


def by_psld(denoise: Any, latent: Latent, y: Tensor, sample: int) -> Tensor:
    """On pictures in [-1, 1], with the weights of the paper."""
    process = denoise.process
    method = PSLD(denoise, process, OPERATOR, 2 * y[None] - 1, 2 * SIGMA, 1.0, latent=latent)
    times = [1.0, 2 / 3, 1 / 3, 0.0]
    return method.run(drawn(sample), DDIM().plan(process, times))


def by_stsl(denoise: Any, latent: Latent, y: Tensor, sample: int) -> Tensor:
    """The norm is twice as long on pictures in [-1, 1]."""
    process = denoise.process
    method = STSL(
        denoise, process, latent.through(OPERATOR), 2 * y[None] - 1, 2 * SIGMA, 1.0,
        weight=0.15, bend=0.0, inner=1,
    )  # fmt: skip
    return method.run(drawn(sample), DDIM().plan(process, log_times(process)))


def by_lgd(denoise: Any, latent: Latent, y: Tensor, sample: int) -> Tensor:
    process = denoise.process
    method = LGD(denoise, process, latent.through(OPERATOR), 2 * y[None] - 1, 2 * SIGMA, 1.0)
    plan = build_solver("multistep-2", 1.0).plan(process, log_times(process))
    return run_plan(method, drawn(sample), plan)


def log_times(process: Any) -> tuple[float, ...]:
    return by_log_snr(process, STEPS, 1.0, low=0.4 * SIGMA)


@pytest.mark.parametrize(
    ("method", "options", "by_hand"),
    [("psld", {}, by_psld), ("stsl", {"bend": 0.0, "inner": 1}, by_stsl), ("auto", {}, by_lgd)],
)
def test_a_folder_solves_as_the_classes_do_and_decodes_each_sample(
    folder: Path, y: Tensor, method: str, options: dict[str, Any], by_hand: Callable[..., Tensor]
) -> None:
    """By hand in the autoencoder's own [-1, 1]; the mean is one of pictures, not of latents."""
    denoise = load_pipeline_denoiser(folder)
    latent = Latent(denoise.latents.autoencoder, SHAPE)  # type: ignore[union-attr]
    with torch.no_grad():
        codes = torch.cat([by_hand(denoise, latent, y, k) for k in range(2)])
        pictures = (latent.decode(codes) + 1) / 2
        between = (latent.decode(codes.mean(0, keepdim=True))[0] + 1) / 2
    found = solve(y, OPERATOR, folder, noise=SIGMA, method=method, steps=STEPS, samples=2,
                  options=options, device="cpu")  # fmt: skip
    near: dict[str, Any] = {"rtol": 0.0, "atol": 2e-5}
    for sample, picture in zip(found.samples, pictures, strict=True):
        torch.testing.assert_close(sample, picture, **near)
    mean = pictures.mean(0)
    torch.testing.assert_close(found.value, mean, **near)
    assert (mean - between).abs().max() > 1e-3
    torch.testing.assert_close(found.residual, y - OPERATOR(mean[None])[0], **near)
    gaps = (y - OPERATOR(pictures)).square().flatten(1).mean(1).sqrt() / SIGMA
    assert found.info["chi_samples"] == pytest.approx(gaps.tolist(), rel=1e-2)
    assert found.info["model"] == "tiny"


def test_the_measurement_is_followed(folder: Path, y: Tensor) -> None:
    """Guidance brings decoded samples nearer to the measurement than those of another one are."""
    asked: dict[str, Any] = {"noise": SIGMA, "steps": 6, "device": "cpu"}
    own, crossed = (solve(seen, OPERATOR, folder, **asked).value for seen in (y, y.flip(1)))
    gaps = [(OPERATOR(x[None])[0] - y).square().mean() for x in (own, crossed)]
    assert gaps[0] < 0.5 * gaps[1], gaps


def test_auto_takes_what_a_decoder_allows_and_says_why(folder: Path) -> None:
    prior = read_prior(folder).for_signals(SHAPE)

    def chosen(operator: Operator, noise: float) -> Choice:
        seen = torch.zeros(1, *operator.shape_out)
        return choose(Problem(prior, operator, seen, Gaussian(noise)), Asked())

    clip, noisy = Clip(SHAPE), chosen(OPERATOR, SIGMA)
    assert "behind a decoder" in noisy.why
    assert (noisy.name, chosen(OPERATOR, 0.0).name) == ("lgd", "psld")
    assert (chosen(clip, SIGMA).name, chosen(clip, 0.0).name) == ("lgd", "stsl")


@pytest.mark.parametrize("name", ["sda", "pigdm", "red-diff", "scg"])
def test_other_methods_run_on_latents(folder: Path, y: Tensor, name: str) -> None:
    found = solve(y, OPERATOR, folder, noise=4.0, method=name, steps=1, device="cpu")
    assert tuple(found.value.shape) == SHAPE
    assert torch.isfinite(found.value).all()


def test_what_cannot_be_is_said(folder: Path) -> None:
    def refused(match: str, operator: Any = OPERATOR, **asked: Any) -> None:
        with pytest.raises(InputError, match=match):
            seen = torch.zeros(operator.shape_out)
            solve(seen, operator, asked.pop("prior", folder), noise=SIGMA, device="cpu", **asked)

    refused(r"multiples of 4, .*crop to 16 x 20 or pad to 20 x 24", Average((3, 18, 22), 2))
    refused(r"of 3 channels; .*signals of \(1, 16, 16\)", Average((1, 16, 16), 2))
    refused(r"ddrm needs a linear operator, got Average.* @ Network.* a decoder", method="ddrm")
    refused(r"ddnm needs a linear operator.*take one of .*lgd", method="ddnm")
    refused(r"psld needs a linear operator, got Clip", Clip(SHAPE), method="psld")
    refused(r"with a degraded signal of its own; expected none", degraded=torch.zeros(SHAPE))


def test_psld_needs_a_prior_of_latents() -> None:
    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        return Estimate(x)

    mask = Mask(torch.ones(8, 8), (3, 8, 8))
    with pytest.raises(InputError, match="psld needs a prior of latents, prior is one of signals"):
        solve(torch.zeros(3, 8, 8), mask, (denoise, VP), noise=SIGMA, method="psld")


def test_a_network_told_by_texts_needs_them(folder: Path, y: Tensor) -> None:
    """encoder_hidden_states of Stable Diffusion's UNet: asked for, and taken from the denoiser."""
    texts = {"encoder_hidden_states": torch.zeros(1, 2, 8)}
    network = diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 8),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), layers_per_block=1,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), norm_num_groups=4,
        attention_head_dim=4, cross_attention_dim=8,
    )  # fmt: skip
    plain = load_pipeline_denoiser(folder)
    told = type(plain)(network, plain.schedule, latents=plain.latents)
    asked: dict[str, Any] = {"noise": SIGMA, "steps": 1, "device": "cpu"}
    with pytest.raises(InputError, match=r"told encoder_hidden_states at every call"):
        solve(y, OPERATOR, told, **asked)
    found = solve(y, OPERATOR, told.with_conditions(**texts), **asked)
    assert tuple(found.value.shape) == SHAPE
