"""The U-Net of guided diffusion (Dhariwal and Nichol 2021, "ADM") behind the package's signature.

Its network is told an integer step i of a discrete schedule and sees sqrt(abar) X + sqrt(1 - abar)
eps for X in [-1, 1]; it gives eps, and v of the "learned range" variance (Nichol and Dhariwal 2021,
Eq. (15)). The angle psi names the step by spread tan(psi) = sqrt((1 - abar)/abar), between steps by
interpolation of its logarithm. v becomes the logarithm of the variance of eps,

    Var(eps) = (Sigma - beta~) / c^2 * abar / (1 - abar),    c = sqrt(abar') beta / (1 - abar),

with abar' one step cleaner (the law of total variance on Ho et al. 2020, Eq. (7)). diffusers'
UNet2DModel does the computing; what its options cannot say is set on it afterwards.
"""

import functools
import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from undrift.common.networks.local_nafnet import pad_to_multiple
from undrift.common.processes.variance_preserving import VariancePreserving, cosine, discrete

SCHEDULES = ("linear", "cosine")
_WHOLE = 0.02  # a step this near to a whole one is that one: psi comes in single precision
_LEAST = 1e-12


class GuidedUNet(nn.Module):
    """(b, c, h, w) -> (b, c or 2c, h, w): eps and, with learned variance, its log-variance.

    schedule: a name of `SCHEDULES`, of 1000 steps. spread: deviation of X that inputs and angles
    are scaled for (`Scaling.sigma_d` in the units of X). classes: level is the number of one.
    heads: of every attention, where one head width for all does not say it. time_features: of the
    sinusoids, where they are not the first width. plain_resampling: halves and doubles without
    weights. unet: options of UNet2DModel.
    """

    reach = None  # unbounded
    ratios: Tensor

    def __init__(
        self,
        inputs: int = 3,
        outputs: int = 3,
        schedule: str = "linear",
        spread: float = 1.0,
        classes: int = 0,
        heads: int | None = None,
        time_features: int | None = None,
        plain_resampling: bool = False,
        **unet: object,
    ):
        super().__init__()
        if schedule not in SCHEDULES:
            raise ValueError(f"schedule {schedule!r} is not one of {', '.join(SCHEDULES)}")
        self.schedule, self.spread, self.classes = schedule, spread, classes
        self.levels = len(cast(Sequence[int], unet["block_out_channels"]))
        unet |= {"in_channels": inputs, "out_channels": outputs}
        self.unet = build_unet(classes, heads, time_features, plain_resampling, **unet)
        self.register_buffer("ratios", log_ratios(schedule).float(), persistent=False)

    @property
    def multiple(self) -> int:
        """Sides are padded to a multiple of this."""
        return 2 ** (self.levels - 1)

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        """x: the state scaled to unit variance; level: (b, 1) class numbers, for such networks.

        Raises ValueError for a level that the network does not take, or lacks.
        """
        steps = self.steps(psi)
        tangent = torch.tan(self._inside(psi))
        theirs = self.spread * torch.sqrt((1 + tangent**2) / (1 + (self.spread * tangent) ** 2))
        padded = pad_to_multiple(theirs.to(x.dtype)[:, None, None, None] * x, self.multiple)
        out = self.unet(padded, steps, class_labels=self._labels(level)).sample
        out = out[..., : x.shape[-2], : x.shape[-1]]
        if out.shape[1] == x.shape[1]:
            return out
        eps, share = out.chunk(2, 1)
        return torch.cat([eps, self._log_variance(share, steps)], 1)

    def steps(self, psi: Tensor) -> Tensor:
        """Step numbers 0 to 999 of angles (b,), float; beyond the schedule its ends."""
        table = self.ratios.double()
        ratio = torch.log(self.spread * torch.tan(self._inside(psi)))
        right = torch.searchsorted(table, ratio).clamp(1, len(table) - 1)
        below, above = table[right - 1], table[right]
        place = (right - 1 + (ratio - below) / (above - below)).clamp(0, len(table) - 1)
        whole = place.round()
        return torch.where((place - whole).abs() < _WHOLE, whole, place).to(psi.dtype)

    @staticmethod
    def _inside(psi: Tensor) -> Tensor:
        return psi.double().clamp(1e-6, math.pi / 2 - 1e-6)

    def _labels(self, level: Tensor | None) -> Tensor | None:
        given = 0 if level is None else level.shape[1]
        if given != bool(self.classes):
            raise ValueError(f"the network takes {int(bool(self.classes))} levels, {given} came")
        return None if level is None else level[:, 0].round().long()

    def _log_variance(self, share: Tensor, steps: Tensor) -> Tensor:
        """ln Var(eps) of v, see the module; like v."""
        now = self._signal(steps)
        before = torch.where(steps >= 1, self._signal((steps - 1).clamp(min=0)), 1.0)
        beta = 1 - now / before
        # The first step's beta~ is 0; the published networks have that of the second there.
        first, second = self._signal(torch.tensor([0.0, 1.0], device=steps.device))
        clipped = (1 - first) / (1 - second) * (1 - second / first)
        least = (1 - before) / (1 - now) * beta
        floor = torch.where(steps >= 1, least, clipped)
        weight = before.sqrt() * beta / (1 - now)
        over = [v.reshape(-1, 1, 1, 1).to(share.dtype) for v in (beta, floor, least, weight, now)]
        beta, floor, least, weight, now = over
        sigma = floor * torch.exp((share + 1) / 2 * torch.log(beta / floor))
        spread = (sigma - least) / weight**2 * now / (1 - now)
        return torch.log(spread.clamp(min=_LEAST))

    def _signal(self, steps: Tensor) -> Tensor:
        """abar at step numbers that need not be whole, float64."""
        table = self.ratios.double()
        left = steps.double().floor().clamp(0, len(table) - 2).long()
        ratio = table[left] + (steps.double() - left) * (table[left + 1] - table[left])
        return torch.sigmoid(-2 * ratio)


def build_unet(
    classes: int,
    heads: int | None,
    time_features: int | None,
    plain_resampling: bool,
    **unet: object,
) -> nn.Module:
    """diffusers' UNet2DModel with what its options cannot say set on it."""
    from diffusers.models.attention_processor import Attention
    from diffusers.models.downsampling import Downsample2D
    from diffusers.models.embeddings import TimestepEmbedding, Timesteps
    from diffusers.models.unets.unet_2d import UNet2DModel
    from diffusers.models.upsampling import Upsample2D

    model = UNet2DModel(num_class_embeds=classes or None, **unet)  # type: ignore[arg-type]
    for module in model.modules():
        if heads is not None and isinstance(module, Attention):
            module.heads = heads
            module.scale = (module.inner_dim // heads) ** -0.5
    if time_features is not None:
        model.time_proj = Timesteps(time_features, True, 0)
        width = model.time_embedding.linear_2.out_features
        model.time_embedding = TimestepEmbedding(time_features, width)
    if plain_resampling:
        for block in model.down_blocks:
            for old in getattr(block, "downsamplers", None) or ():
                block.downsamplers = nn.ModuleList([Downsample2D(old.channels, use_conv=False)])
        for block in model.up_blocks:
            for old in getattr(block, "upsamplers", None) or ():
                block.upsamplers = nn.ModuleList([Upsample2D(old.channels, use_conv=False)])
    return model


@functools.lru_cache(maxsize=4)
def schedule_process(schedule: str) -> VariancePreserving:
    """The discrete process of a schedule, for data in [-1, 1]; whole steps i at t = (i + 1)/1000.

    "linear": betas from 1e-4 to .02 (Ho et al. 2020); "cosine": Nichol and Dhariwal 2021, Eq. (17).
    """
    if schedule == "cosine":
        return cosine(1000)
    return discrete([1e-4 + (0.02 - 1e-4) * i / 999 for i in range(1000)])


def log_ratios(schedule: str) -> Tensor:
    """ln(s/a) at the thousand steps, float64."""
    process = schedule_process(schedule)
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    return torch.log(process.s(t)) - torch.log(process.a(t))
