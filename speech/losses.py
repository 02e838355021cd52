"""The losses of SGMSE's family, as values of tensors; `objectives` trains with them.

    score matching     L = 1/2 sum |s score + z|^2
    denoiser           L = 1/2 sum w |D - mean|^2,   D = s^2 score + x,  mean = a x0 + b y
    data prediction    L = 1/2 mean |D - x0|^2 + l1 1/2 mean |d - w0| + pesq PESQ(w0, d)
    StoRM              L = w 1/2 sum |D(y) - x0|^2 + (1 - w) 1/2 sum |s score + z|^2

(Richter et al. 2023, Eq. (15); Richter et al. 2024; Lemercier et al. 2023, Eq. (17).) Sums run over
bins and frames, complex values count as one, d and w0 are the waves of D and x0, and what is said
is the mean over the batch. Weights w of "denoiser": 1, s^2, or EDM's (s^2 + r^2)/(s r)^2 with r the
spread of the data. All hold for complex values and for their two real channels alike.
"""

import importlib
import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor

from undrift.common.errors import MissingExtraError, UsageError, nearest
from undrift.common.processes.process import over
from undrift.speech import torchaudio_compat

WEIGHTINGS = ("1", "sigma^2", "edm")
Wave = Callable[[Tensor], Tensor]  # (b, 2, bins, frames) -> (b, samples)


def squares(gap: Tensor) -> Tensor:
    """Half the sum of squared moduli of each item, (b,); real channels or complex."""
    flat = torch.view_as_real(gap) if gap.is_complex() else gap
    return flat.square().flatten(1).sum(1) / 2


def score_matching(score: Tensor, z: Tensor, s: Tensor) -> Tensor:
    """score, z: like the state (b, ...), z the unit noise in it, s: (b,) its deviation."""
    return squares(over(s, score) * score + z).mean()


def denoiser_loss(
    score: Tensor, z: Tensor, s: Tensor, weighting: str = "1", *, spread: float = 0.1,
    as_coded: bool = False,
) -> Tensor:  # fmt: skip
    """D - mean is s^2 score + s z. weighting: of `WEIGHTINGS`; spread: r of "edm".

    as_coded: the authors' program, where the weights of "edm" meet every item of the batch: the
    mean weight times the sum over the batch. Raises UsageError for an unknown weighting.
    """
    if weighting not in WEIGHTINGS:
        raise UsageError(
            f"weighting {weighting!r} is not one of {', '.join(WEIGHTINGS)}"
            f"{nearest(weighting, WEIGHTINGS)}"
        )
    each = squares(over(s, score) ** 2 * score + over(s, z) * z)
    if weighting == "1":
        return each.mean()
    if weighting == "sigma^2":
        return (s**2 * each).mean()
    weight = (s**2 + spread**2) / (s * spread) ** 2
    return weight.mean() * each.sum() if as_coded else (weight * each).mean()


def data_prediction(
    estimate: Tensor, x0: Tensor, wave: Wave, *, l1: float = 0.001, pesq: float = 0.0,
    rate: int = 16000,
) -> Tensor:  # fmt: skip
    """estimate, x0: (b, 2, bins, frames); wave: their inverse transform, (frames - 1) hops long.

    Raises MissingExtraError if a PESQ term is asked for and its package is not here.
    """
    bins_frames = x0.shape[-1] * x0.shape[-2]
    loss = (squares(estimate - x0) / bins_frames).mean()
    if not l1 and not pesq:
        return loss
    told, clean = wave(estimate), wave(x0)
    if l1:
        loss = loss + l1 * (told - clean).abs().mean() / 2
    if pesq:
        loss = loss + pesq * pesq_loss(clean, told, rate)
    return loss


def storm_loss(predicted: Tensor, x0: Tensor, residue: Tensor, weight: float = 0.5) -> Tensor:
    """predicted: D(y); residue: s score + z of the second stage. The sum over the batch, too."""
    return (weight * squares(predicted - x0) + (1 - weight) * squares(residue)).sum()


def pesq_loss(clean: Tensor, told: Tensor, rate: int = 16000) -> Tensor:
    """The differentiable loss of the package torch-pesq, mean over waves (b, samples).

    Raises MissingExtraError, with the line that brings it, if it is not here.
    """
    if importlib.util.find_spec("torch_pesq") is None:
        raise MissingExtraError(
            "a PESQ term needs the package torch-pesq and an old typeguard; run: "
            "pip install torch-pesq 'typeguard<3', or set pesq to 0"
        )
    torchaudio_compat.load()  # which the package imports, whatever torch is here
    package = importlib.import_module("torch_pesq")
    measure = package.PesqLoss(1.0, sample_rate=rate).to(clean.device)
    return measure(clean, told).mean()
