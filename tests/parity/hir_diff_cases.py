"""HIR-Diff: schedules, losses, chains of ten steps, and the U-Net of its weights, made small.

Stand-in: eps = (x - sqrt(abar) m) / sqrt(1.01 - abar), m = .6 tanh(x) + .1 (x rolled by a column)
+ .05 (x with its channels turned round). The small network has w = .4 sin(.7 i + n) + .1 cos(.013 i
n) in the i-th value of the n-th tensor, half of it where there are two axes or more. The published
weights of differences along bands are ratios of rounding errors, so that all weights are stored.
"""

from collections.abc import Iterator

import numpy as np
import torch
from parity.case import Case, load, relative, tensor, worst
from torch import Tensor

from undrift.common.networks.sr3_unet import Sr3UNet
from undrift.common.operators.coarse import CoarseGrain
from undrift.scientific.hyperspectral.hir_diff.chain import chain
from undrift.scientific.hyperspectral.hir_diff.factors import coefficients, singular_vectors
from undrift.scientific.hyperspectral.hir_diff.guidance import Guidance, edges
from undrift.scientific.hyperspectral.hir_diff.schedules import schedule, walked

SOURCE = "HIRDiff 9651079"
FILE = "scientific/hir_diff"
LAWS = {"k5": ("exponential", 5.0), "k8": ("exponential", 8.0), "linear": ("linear", 0.0),
        "cosine": ("cosine", 0.0)}  # fmt: skip


def standin(x: Tensor, abar: float) -> Tensor:
    guess = 0.6 * torch.tanh(x) + 0.1 * x.roll(1, -1) + 0.05 * x.flip(1)
    return (x - abar**0.5 * guess) / (1.01 - abar) ** 0.5


def _schedules() -> float:
    data = load(FILE)
    return max(
        relative(tensor(schedule(law, k)), data[f"abar_{name}"])  # type: ignore[arg-type]
        for name, (law, k) in LAWS.items()
    )


def guidance(task: str) -> Guidance:
    data = load(FILE)
    y, shape = tensor(data[f"{task}_y"])[None], data["gt"].shape
    operator = CoarseGrain(shape, 2) if task == "sr" else None
    mask = tensor(data["mask"])[None] if task == "inpainting" else None
    weights = tensor(data["denoise_weights"]) if task == "denoise" else None
    eta1, eta2 = data[f"{task}_eta"].tolist()
    return Guidance(y, eta1, eta2, operator, mask, weights)


def _loss(task: str) -> float:
    found = guidance(task)(tensor(load(FILE)["loss_of"])[None])
    return relative(found, load(FILE)[f"{task}_loss"])


def _weights() -> float:
    """Rows and columns; bands of ours are 1, the largest that rounding can make of theirs."""
    data = load(FILE)
    ours = edges(tensor(data["denoise_y"])[None])
    assert (ours[2] == 1).all()
    assert data["denoise_weights"][2].max() <= 1
    assert data["denoise_weights"][2].min() < 0.34
    return worst(ours[:2], data["denoise_weights"][:2])


def _factor(task: str) -> float:
    data = load(FILE)
    found = coefficients(singular_vectors(data[f"{task}_y"]), data["bands"])
    return worst(tensor(found), data[f"{task}_E"])


def _chain(task: str) -> float:
    """States, x0 and the last cube. Their levels, and roots of these, are in single precision."""
    data = load(FILE)
    levels = walked(schedule("exponential", 5.0 if task == "inpainting" else 8.0), 10)
    single = [(float(np.float32(now)), float(np.float32(later))) for now, later in levels]
    factor, start = tensor(data[f"{task}_E"]), tensor(data["start"])
    found = list(chain(standin, factor, guidance(task), start, single))
    last = torch.einsum("ck,kij->cij", factor, (found[-1].x[0] + 1) / 2)
    torch.testing.assert_close(found[-1].result, last.clamp(0, 1))
    return max(
        worst(torch.stack([state.x[0] for state in found]), data[f"{task}_states"]),
        worst(torch.stack([state.x0[0] for state in found]), data[f"{task}_x0"]),
        worst(last, data[f"{task}_cube"]),
    )


def small_network() -> Sr3UNet:
    """The network of the reference, its tensors in the order of the published program."""
    network = Sr3UNet(3, 3, 8, (1, 2, 2), 1, (8,), 4, side=32).double().eval()
    ours = network.state_dict()
    with torch.no_grad():
        for n, key in enumerate(load(FILE)["net_keys"]):
            value = ours[str(key)]
            i = torch.arange(value.numel(), dtype=torch.float64)
            made = 0.4 * torch.sin(0.7 * i + n) + 0.1 * torch.cos(0.013 * i * n)
            made = made.reshape(value.shape) * (1.0 if value.ndim == 1 else 0.5)
            plus = value.ndim == 1 and "norm" in str(key)
            value.copy_(made + 1 if plus else made)
    return network


def _network() -> float:
    data = load(FILE)
    with torch.no_grad():
        found = small_network()(tensor(data["net_x"]), tensor(data["net_level"]))
    return worst(found, data["net_out"])


def cases() -> Iterator[Case]:
    """All cases of HIR-Diff."""
    yield Case("HIR-Diff, schedules", f"{SOURCE} make_beta_schedule", 1e-9, _schedules)
    yield Case("HIR-Diff, weights of edges", f"{SOURCE} loss_denoise", 1e-9, _weights)
    yield Case("HIR-Diff, the U-Net made small", f"{SOURCE} sr3_modules.UNet", 1e-9, _network)
    for task in ("denoise", "sr", "inpainting"):
        yield Case(f"HIR-Diff, loss of {task}", f"{SOURCE} loss_{task}", 1e-9,
                   lambda task=task: _loss(task))  # fmt: skip
        yield Case(f"HIR-Diff, coefficients of {task}", f"{SOURCE} p_sample_loop", 1e-9,
                   lambda task=task: _factor(task))  # fmt: skip
        yield Case(f"HIR-Diff, chain of {task}", f"{SOURCE} p_sample_loop_progressive", 1e-6,
                   lambda task=task: _chain(task))  # fmt: skip
