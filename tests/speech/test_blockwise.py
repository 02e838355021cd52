"""A sampler on blocks equals the sampler on the whole signal."""

import pytest
import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.networks.band_unet import BandUNet
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.noise import Noise
from undrift.common.processes import SchroedingerBridge
from undrift.common.processes.process import start
from undrift.common.solvers import build_solver
from undrift.common.solvers.loop import run_plan
from undrift.speech.blockwise import Blockwise

PROCESS = SchroedingerBridge(c=0.01)
NOISE = Noise(3, "blocks")
TIMES = (1.0, 0.6, 0.3, 0.1, 0.0)


def draw(shape: tuple[int, ...], number: int, first: int) -> Tensor:
    return NOISE((1, *shape[1:]), number, (0, first), dtype=torch.float64)


def begin(y: Tensor, noise: Tensor) -> Tensor:
    return start(PROCESS, y, noise)


def denoiser() -> Denoiser:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = BandUNet(bins=32, fold=2, widths=(8, 8, 16), dilations=(1, 2), ahead=2)
        for value in network.parameters():
            if value.ndim > 1:
                torch.nn.init.normal_(value, std=0.5 * value[0].numel() ** -0.5)
    return Denoiser(network.double(), PROCESS, "x0", Scaling(0.07, 0.0, 0.1)).eval()


@pytest.mark.parametrize("solver", ["ddim", "ancestral", "multistep-2", "sde-multistep-2"])
@pytest.mark.parametrize("ends", [[], [1, 3, 4, 30], [7, 8]])
def test_blocks_equal_the_whole(solver: str, ends: list[int]) -> None:
    made, y = denoiser(), 0.1 * torch.randn(1, 2, 32, 40, dtype=torch.float64)
    steps = build_solver(solver, 0.07, {}).plan(PROCESS, TIMES)
    blocks = Blockwise(made, steps, draw, begin)
    with torch.inference_mode():
        whole = run_plan(
            made, begin(y, draw(tuple(y.shape), 0, 0)), steps, y=y,
            draw=lambda k: draw(tuple(y.shape), k, 0),
        )  # fmt: skip
        parts = [blocks.push(y[..., a:b]) for a, b in zip([0, *ends], [*ends, 40], strict=True)]
        joined = torch.cat([*parts, blocks.finish()], -1)
    assert blocks.delay == 2 * len(steps)
    assert (whole - y).abs().max() > 0.01
    torch.testing.assert_close(joined, whole, rtol=0, atol=1e-12)


def test_networks_without_a_state_are_refused() -> None:
    bare = Denoiser(LocalNAFNet(4, 2), PROCESS, "x0", Scaling(0.07, 0.0, 0.1))
    steps = build_solver("ddim", 0.07, {}).plan(PROCESS, (1.0, 0.0))
    with pytest.raises(InputError, match="LocalNAFNet carries no state"):
        Blockwise(bare, steps, draw, begin)
