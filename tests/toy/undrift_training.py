"""A tiny training problem, and a program that trains on it in processes that tests start or kill.

`python undrift_training.py killed FOLDER` starts three runs, each killed at another moment;
`torchrun ... undrift_training.py processes FOLDER` is one run of several processes.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.training.loop import train
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Run, prepare

SIDE = 8
ITERATIONS = 6
NETWORK = {"inputs": 3, "unshuffle": 2, "widths": [8], "depths": [1], "features": 8}
RECIPE: dict[str, Any] = {
    "id": "toy",
    "domain": "restoration",
    "task": "denoise",
    "process": {"name": "variance-preserving"},
    "scaling": {"sigma_d": 0.25, "centre": 0.5},
    "network": {"name": "local-nafnet", "params": NETWORK},
    "times": {"bands": [{"share": 1.0, "low": 0.02, "high": 2.0}]},
    "data": {},
    "presets": {"fast": {}},
}


def recipe(**schedule: Any) -> Recipe:
    """The toy recipe; keywords go to its schedule, `loss` to its loss, `params` to its network."""
    loss, params = schedule.pop("loss", {}), schedule.pop("params", {})
    plan = {"iterations": ITERATIONS, "batch": 4, "warmup": 2, "decay": 3, "ema": 0.9, **schedule}
    network = {"name": "local-nafnet", "params": {**NETWORK, **params}}
    return Recipe.model_validate({**RECIPE, "network": network, "loss": loss, "schedule": plan})


@dataclass
class Toy(Dataset[dict[str, Tensor]]):
    """Flat patches of random colour under noise, each a function of its number.

    at: called with the number of every sample before it is made.
    """

    at: Callable[[int], None] = lambda n: None

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        self.at(n)
        random = torch.Generator().manual_seed(n)
        x0 = 0.5 + 0.25 * torch.randn(3, 1, 1, generator=random).expand(3, SIDE, SIDE)
        noise = torch.randn(3, SIDE, SIDE, generator=random)
        u = torch.rand((), generator=random)
        return {"x0": x0.clone(), "noise": noise, "u": u, "level": torch.tensor([])}


def weights(run: Run) -> Tensor:
    """All weights and averaged weights of a run in one vector."""
    states = (run.network.state_dict(), run.average)
    return torch.cat([value.flatten() for state in states for value in state.values()])


def _die(*_: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _at_sample(which: int) -> Callable[[int], None]:
    return lambda n: _die() if n == which else None


def killed(folder: Path) -> None:
    """Three children die: after a checkpoint, in the middle of step 5, and while one is written."""
    wanted = recipe(save_every=2, validate_every=4)

    def boundary() -> None:
        train(prepare(wanted, folder / "boundary", cpu=True), Toy(), _die)

    def middle() -> None:
        train(prepare(wanted, folder / "middle", cpu=True), Toy(_at_sample(4 * 4 + 2)))

    def writing() -> None:
        run = prepare(wanted, folder / "writing", cpu=True)
        train(run, Toy(), until=2)
        save = torch.save

        def half(state: object, path: Path) -> None:
            save(state, path)
            path.write_bytes(path.read_bytes()[:1000])
            _die()

        torch.save = half
        train(run, Toy())

    for child in (boundary, middle, writing):
        number = os.fork()
        if number == 0:
            child()
            os._exit(1)  # it should have died
        if os.waitpid(number, 0)[1] != signal.SIGKILL:
            sys.exit(f"{child.__name__} was not killed")


def processes(folder: Path) -> None:
    """Trains to the end; then a second run in which one process is told to stop."""
    run = prepare(recipe(), folder / "whole", cpu=True)
    rank = run.accelerator.process_index
    train(run, Toy())
    torch.save(weights(run), folder / f"weights-{rank}.pt")

    def stop(n: int) -> None:
        if n == (2 * 2 + 1) * 4:  # a sample of rank 1 in the third step
            os.kill(os.getpid(), signal.SIGTERM)

    run = prepare(recipe(), folder / "stopped", cpu=True)
    try:
        train(run, Toy(stop))
    except KeyboardInterrupt:
        (folder / f"stopped-{rank}").write_text(str(run.iteration))
    run.accelerator.end_training()


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"killed": killed, "processes": processes}[sys.argv[1]](Path(sys.argv[2]))
