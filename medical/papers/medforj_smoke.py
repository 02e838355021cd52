"""The smoke run of medforj: its flow target on small volumes of balls, and what is exact of it."""

from collections.abc import Iterator

import torch
from torch import Tensor

from undrift.common.networks.local_nafnet3d import LocalNAFNet3d
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.reproduce.small import train
from undrift.medical.generation.medforj import leading_times, linear_process, medforj_denoiser

_SIDE, _COUNT = 12, 8


def measure(task: Task) -> Iterator[Measured]:
    """The target turned round, the list of steps, then the training."""
    process = linear_process()
    x0, noise = _balls(1), torch.randn(_COUNT, 1, _SIDE, _SIDE, _SIDE, dtype=torch.float64,
                                       generator=torch.Generator().manual_seed(0))  # fmt: skip
    last = torch.tensor(1.0, dtype=torch.float64)
    x = process.a(last) * x0.double() + process.s(last) * noise
    found = medforj_denoiser(lambda x, i: noise - x0, "flow")(x, 1.0).x0
    off = float((found - x0).abs().max())
    yield Measured("smoke", "flow target", "error of x0 at index 999", off)
    first = round(1000 * leading_times(64)[0]) - 1
    yield Measured("smoke", "schedule", "first index of 64 published steps", first)
    task.say("medforj: 200 training steps of a small network")
    torch.manual_seed(0)
    network = LocalNAFNet3d(1, 1, 2, (16, 32), (1, 1)).to(task.device)

    def loss_of(batch: dict[str, Tensor]) -> Tensor:
        psi = torch.atan2(batch["s"], batch["a"]).flatten()
        out = network(batch["a"] * batch["x0"] + batch["s"] * batch["noise"], psi, None)
        return (out - (batch["noise"] - batch["x0"])).square().mean()

    def batch(number: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(number + 11)
        batch_shape = (_COUNT, 1, _SIDE, _SIDE, _SIDE)
        t = torch.rand(_COUNT, 1, 1, 1, 1, generator=generator).double()
        made = {"x0": _balls(number + 5000), "a": process.a(t).float(), "s": process.s(t).float(),
                "noise": torch.randn(batch_shape, generator=generator)}  # fmt: skip
        return {name: value.to(task.device) for name, value in made.items()}

    trained = train(network, loss_of, batch)
    yield from trained.measured("smoke")


def _balls(seed: int) -> Tensor:
    """(8, 1, 12, 12, 12) in [-1, 1]: a bright ball each."""
    generator = torch.Generator().manual_seed(seed)
    line = torch.linspace(-1, 1, _SIDE)
    places = torch.stack(torch.meshgrid(line, line, line, indexing="ij"))
    middle = 0.4 * (torch.rand(_COUNT, 3, 1, 1, 1, generator=generator) - 0.5)
    radius = 0.5 + 0.3 * torch.rand(_COUNT, 1, 1, 1, generator=generator)
    far = (places - middle).norm(dim=1)
    return torch.where(far < radius, 0.8, -1.0)[:, None]
