"""What a call of moment matching costs, with the network of the model that ships.

The number of passes is tested beside the method; here is their time, in units of one pass forward
and backward. Only with `--slow`.
"""

import pytest
import torch
from cost import Run, least_times
from torch import Tensor

from undrift.common.operators.coarse import Average
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.weights.model import load_model

SIDE = 128


def calls(k: int) -> dict[str, Run]:
    """One pass each way, and a call with k products that none may leave out."""
    denoiser = load_model("leaves-denoise").denoiser
    operator = Average((3, SIDE, SIDE), 2)
    x = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    x = x.to(memory_format=torch.channels_last)
    told = MomentMatching(  # GMRES: conjugate gradients would leave a network that is not symmetric
        denoiser, denoiser.process, operator, operator(x), 0.1, 0.3,
        iterations=k, tol=0.0, method="gmres",
    )  # fmt: skip

    def both_ways() -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            state = x.clone().requires_grad_()
            return torch.autograd.grad(denoiser(state, 0.5).x0, state, x)[0]

    return {"pass": both_ways, "call": lambda: told(x, 0.5)}


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_call_costs_what_its_passes_do(k: int) -> None:
    """Within 1.1 (k + 2) / 2: one pass forward and k + 1 backward, of which one is not needed."""
    works = calls(k)
    times = least_times({name: lambda run=run: run for name, run in works.items()}, rounds=9)
    ratio = times["call"] / times["pass"]
    print(f"k = {k}: {ratio:.2f} passes both ways; {(k + 2) / 2:g} expected")
    assert ratio < 1.1 * (k + 2) / 2
