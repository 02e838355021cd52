"""Training of the smoke runs: a few hundred steps of a recipe, and by how much the loss fell.

The loss is that of one fixed batch of samples the training never sees, before and after, with the
averaged weights. The training loss itself is too noisy for so few steps: each step has other noise
levels. A loss whose terms rise during the training is taken as it is at the end, both times.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from undrift.common.denoisers import Denoiser
from undrift.common.reproduce.paper import FALL, STEPS, Measured
from undrift.common.training.session import Session, open_session

_HELD_OUT = 10**6  # numbers of samples from here on are not trained on
_BATCH = 64


@dataclass(frozen=True)
class Trained:
    """A denoiser with the averaged weights, and the loss of the fixed batch before and after."""

    denoiser: Denoiser
    steps: int
    before: float
    after: float

    def measured(self, table: str) -> Iterator[Measured]:
        """The figures that every smoke run with training is asked for."""
        yield Measured(table, *STEPS, self.steps)
        yield Measured(table, *FALL, self.before / self.after)


def train_briefly(
    recipe: str | Path, folder: Path, device: str, assignments: tuple[str, ...] = ()
) -> Trained:
    """Trains a recipe from the beginning in `folder`, which is left with a checkpoint."""
    from undrift.common.training.run import averaged

    session = open_session(
        recipe, folder, assignments, restart=True, cpu=device == "cpu", trial=folder
    )
    before = _loss(session)
    session.train()
    run = session.run
    return Trained(averaged(run), run.iteration, before, _loss(session))


@torch.no_grad()
def _loss(session: Session) -> float:
    from undrift.common.training.run import averaged

    recipe, device = session.run.recipe, session.run.accelerator.device
    samples = [session.dataset[_HELD_OUT + k] for k in range(_BATCH)]
    batch = {name: torch.stack([s[name] for s in samples]).to(device) for name in samples[0]}
    denoiser = averaged(session.run)
    last = recipe.schedule.iterations
    return float(session.run.objective(denoiser, batch, recipe, last))
