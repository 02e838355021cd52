"""The training loss, in the network's own unit-variance output.

mean_i w(t_i) |F_i - target_i|: with weighting "unit" w = 1 (EDM's choice, every noise level alike);
"x0" measures the error of the estimate of x0 in units of sigma_d; "min-snr" is Hang et al. 2023
with gamma 5. Its minimiser is the posterior mean for kind "l2" and any weighting. Kind "nll" trains
a network with a variance head: the Gaussian likelihood, with mean and variance as its minimisers.
"""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from undrift.common.denoisers import Denoiser
from undrift.common.processes.process import Process, angle, marginal


def output_error(output: Tensor, target: Tensor, kind: str) -> Tensor:
    """Per-item mean error (b,) of kind "l2", "l1", "charbonnier" (smooth below 1e-2) or "nll".

    For "nll" the output has twice the channels of the target: mean, then logarithm of the variance.
    """
    if kind == "nll":
        mean, spread = output.float().chunk(2, 1)
        return ((spread + (mean - target.float()) ** 2 * torch.exp(-spread)) / 2).flatten(1).mean(1)
    difference = (output - target).float().flatten(1)
    if kind == "l2":
        return (difference**2).mean(1)
    if kind == "l1":
        return difference.abs().mean(1)
    return torch.sqrt(difference**2 + 1e-4).mean(1)


def time_weight(process: Process, t: Tensor, sigma_d: float, weighting: str, power: int) -> Tensor:
    """w(t), float64 (b,); `power` 2 for squared errors and 1 for absolute ones."""
    psi = angle(process, t.double(), sigma_d)
    if weighting == "unit":
        return torch.ones_like(psi)
    if weighting == "x0":
        return torch.sin(psi) ** power
    snr = 1 / torch.tan(psi).clamp(min=1e-6) ** 2
    return (snr.clamp(max=5.0) + 1) / (snr + 1)


def assign_noise(x0: Tensor, noise: Tensor) -> Tensor:
    """Immiscible diffusion (Li et al. 2024): permutes noise within the batch towards its images.

    The marginal law of the noise is unchanged; the sum of squared distances is least.
    """
    cost = torch.cdist(x0.flatten(1), noise.flatten(1)).square()
    _, order = linear_sum_assignment(cost.detach().cpu().numpy())
    return noise[torch.as_tensor(order, device=noise.device)]


def training_loss(
    denoiser: Denoiser,
    batch: dict[str, Tensor],
    t: Tensor,
    *,
    kind: str,
    weighting: str,
    immiscible: bool = False,
) -> Tensor:
    """Mean loss of a batch with x0, noise, and where present y and level (b, k)."""
    x0, noise, y = batch["x0"], batch["noise"], batch.get("y")
    level = batch.get("level")
    level = None if level is None or level.shape[1] == 0 else level
    if immiscible:
        noise = assign_noise(x0, noise)
    x = marginal(denoiser.process, x0, y, t, noise).to(x0.dtype)
    error = output_error(denoiser.output(x, t, y, level), denoiser.target(x0, t, y, noise), kind)
    power = 2 if kind == "l2" else 1
    weight = time_weight(denoiser.process, t, denoiser.scaling.sigma_d, weighting, power)
    return (weight.to(error.dtype) * error).mean()
