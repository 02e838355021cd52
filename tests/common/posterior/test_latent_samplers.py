"""Operators through a decoder, and PSLD: a tiny random VAE, and one that changes nothing."""

import copy
from typing import Any

import pytest
import torch
from gaussian_posterior import VP, by_index
from published import normals
from through import Through
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.operators.coarse import Average
from undrift.common.operators.diagonal import Mask
from undrift.common.operators.tone import Clip
from undrift.common.posterior.dps_shift import DPSShift
from undrift.common.posterior.gradient import DPS
from undrift.common.posterior.latent import Latent
from undrift.common.posterior.psld import PSLD
from undrift.common.solvers import Exponential
from undrift.common.solvers.ddim import DDIM
from undrift.common.solvers.loop import run_plan


@pytest.fixture(scope="module")
def tiny() -> Latent:
    """A random AutoencoderKL of factor 2 with four channels, float64, scaled and shifted."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "block_out_channels": (4, 4), "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2, "latent_channels": 4, "norm_num_groups": 2,
        "layers_per_block": 1, "scaling_factor": 0.5, "shift_factor": 0.1,
    }  # fmt: skip
    vae = AutoencoderKL(**settings)
    return Latent(vae.double(), (3, 16, 16))


def bent(x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None) -> Estimate:
    """A denoiser that is not linear."""
    return Estimate(0.6 * x + 0.3 * torch.tanh(x))


def test_a_latent_knows_its_shape_and_its_scale(tiny: Latent) -> None:
    assert tiny.latent_shape == (4, 8, 8)
    x = normals(2, 3, 16, 16)
    z = tiny.encode(x)
    raw = tiny.vae.encode(x).latent_dist.mode()
    torch.testing.assert_close(z, 0.5 * (raw - 0.1))
    torch.testing.assert_close(tiny.decode(z), tiny.vae.decode(raw).sample)


def test_pictures_that_the_autoencoder_cannot_return_are_refused(tiny: Latent) -> None:
    with pytest.raises(InputError, match="multiple of its factor"):
        Latent(tiny.vae, (3, 15, 15))
    with pytest.raises(InputError, match="does not take pictures"):
        Latent(tiny.vae, (5, 16, 16))


def test_the_adjoint_through_a_decoder_is_that_of_autograd(tiny: Latent) -> None:
    look = tiny.through(Average((3, 16, 16), 4))
    z, v = normals(2, 4, 8, 8), normals(2, 3, 4, 4, seed=1)
    leaf = z.clone().requires_grad_()
    found, jacobian = look.linearise(z)
    expected = torch.autograd.grad((look(leaf) * v).sum(), leaf)[0]
    torch.testing.assert_close(found, look(z))
    torch.testing.assert_close(jacobian.adjoint(v), expected, rtol=1e-9, atol=1e-12)
    u, one = normals(1, 4, 8, 8, seed=2), look.linearise(z[:1])[1]
    pushed = one(u)  # forwards too, through the decoder's attention
    torch.testing.assert_close((pushed * v[:1]).sum(), (u * expected[:1]).sum(), rtol=1e-9, atol=0)


def test_values_and_statistics_by_channel_are_those_of_the_configuration(tiny: Latent) -> None:
    """latent = (z - mean) scale / std by channel; pictures in [0, 1] are (x + 1) / 2."""
    mean, std = [0.1, -0.2, 0.3, 0.0], [0.5, 2.0, 1.0, 4.0]
    vae = copy.deepcopy(tiny.vae)
    vae.register_to_config(latents_mean=mean, latents_std=std)
    latent = Latent(vae, (3, 16, 16), 0.0, 1.0)
    x = normals(2, 3, 16, 16)
    raw = vae.encode(2 * x - 1).latent_dist.mode()
    offset, width = (raw.new_tensor(v).reshape(1, 4, 1, 1) for v in (mean, std))
    torch.testing.assert_close(latent.encode(x), (raw - offset) * 0.5 / width)
    torch.testing.assert_close(latent.decode(latent.encode(x)), vae.decode(raw).sample / 2 + 0.5)


def test_any_method_samples_latents(tiny: Latent) -> None:
    """Guidance brings the decoded sample nearer to the measurement than the prior alone does."""
    picture = tiny.decode(normals(1, 4, 8, 8, seed=2))
    operator = Average((3, 16, 16), 2)
    seen, look = operator(picture), tiny.through(operator)

    def denoise(
        x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        time = torch.tensor(t, dtype=torch.float64)
        a, s = VP.a(time), VP.s(time)
        return Estimate(a * x / (a**2 + s**2))  # latents of unit spread

    plan = Exponential(1).plan(VP, [*by_index(10), 0.0])
    start = normals(1, 4, 8, 8)
    method = DPS(denoise, VP, look, seen, 0.05, 1.0, rule="annealed")
    gaps = [
        (operator(tiny.decode(run_plan(d, start, plan))) - seen).square().mean()
        for d in (denoise, method)
    ]
    assert gaps[1] < 0.8 * gaps[0]


@pytest.mark.parametrize("official", [False, True])
def test_without_loss_in_the_autoencoder_psld_is_dps(official: bool) -> None:
    """Enc(A^+ m + (1 - A^+ A) D) - D = A^+ (m - A D), of the length of m - A D for a mask."""
    mask = (normals(8, 8) > 0).double()
    operator = Mask(mask, (3, 8, 8))
    seen = operator(normals(1, 3, 8, 8, seed=3))
    shared = bent, VP, operator, seen, 0.1
    glued = PSLD(
        *shared, latent=Latent(Through(), (3, 8, 8)), gamma=0.25, omega=0.5, official=official
    )
    plain = DPSShift(*shared, weight=0.75)
    plan, start = DDIM().plan(VP, [0.8, 0.5, 0.2]), normals(1, 3, 8, 8)
    torch.testing.assert_close(glued.run(start, plan), plain.run(start, plan))


def test_psld_descends_its_loss_through_both_networks(tiny: Latent) -> None:
    """The shift against central differences of the loss at D(x)."""
    operator = Average((3, 16, 16), 4)
    seen = operator(normals(1, 3, 16, 16, seed=4))
    method = PSLD(bent, VP, operator, seen, 0.1, latent=tiny, weight=0.7)
    x, u = normals(2, 4, 8, 8), normals(2, 4, 8, 8, seed=5)
    shift = method.shift(method.point(x, 0.4, None, None), 0.4, 0.3)
    with torch.no_grad():
        ends = [method.loss(bent(x + h * u, 0.4).x0, 0.4) for h in (1e-5, -1e-5)]
    slope = 0.7 * (ends[0] - ends[1]) / 2e-5
    torch.testing.assert_close((shift * u).sum(), -slope, rtol=1e-6, atol=1e-8)


def test_the_codes_noise_and_transpose_are_in_the_official_loss_only(tiny: Latent) -> None:
    """For averages A^T A is not a projection; A^+ = 16 A^T."""
    operator = Average((3, 16, 16), 4)
    seen = operator(normals(1, 3, 16, 16, seed=4))
    z, fresh = normals(1, 4, 8, 8), normals(1, 3, 4, 4, seed=6)

    def by_hand(factor: float, noise: float) -> Tensor:
        picture = tiny.decode(z)
        found = operator(picture)
        back = factor * operator.adjoint(seen - found)
        gap = tiny.encode(picture + back) - z
        return (found + noise * fresh - seen).norm() + 0.1 * gap.norm()

    plain = PSLD(bent, VP, operator, seen, 0.2, latent=tiny, normals=lambda t: fresh)
    official = PSLD(
        bent, VP, operator, seen, 0.2, latent=tiny, normals=lambda t: fresh, official=True
    )
    torch.testing.assert_close(plain.loss(z, 0.5), by_hand(16.0, 0.0))
    torch.testing.assert_close(official.loss(z, 0.5), by_hand(1.0, 0.2))


def test_psld_needs_a_latent_and_a_linear_operator() -> None:
    clip = Clip((3, 8, 8))
    with pytest.raises(InputError, match="PSLD got latent None"):
        PSLD(bent, VP, Mask(torch.ones(8, 8), (3, 8, 8)), torch.zeros(1, 3, 8, 8), 0.1)
    with pytest.raises(InputError, match="linear operator of its pictures"):
        PSLD(bent, VP, clip, torch.zeros(1, 3, 8, 8), 0.1, latent=Latent(Through(), (3, 8, 8)))
