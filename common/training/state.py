"""Checkpoints of a training run: one file, written whole, read without executing anything.

It holds weights, averaged weights, optimiser and iteration. Samples depend on their number only, so
there is no random state to keep.
"""

from typing import TYPE_CHECKING

import torch

from undrift.common.errors import InputError
from undrift.common.files import write_atomically

if TYPE_CHECKING:
    from undrift.common.training.loop import Run

# Changing these does not change what has been computed so far.
_FREE = {"iterations", "decay", "log_every", "validate_every", "save_every", "workers"}


def save_checkpoint(run: "Run") -> None:
    """Writes `checkpoint.pt` in the run's folder."""
    state = {
        "recipe": _essence(run),
        "iteration": run.iteration,
        "network": run.network.state_dict(),
        "average": run.average,
        "optimizer": run.optimizer.state_dict(),
    }
    write_atomically(run.folder / "checkpoint.pt", lambda part: torch.save(state, part))


def load_checkpoint(run: "Run") -> None:
    """Restores the run from its folder's checkpoint, if there is one.

    Raises InputError if the recipe differs from the checkpoint's in anything but its length (the
    constant-rate part of a run may be prolonged or brought to its decay).
    """
    path = run.folder / "checkpoint.pt"
    if not path.exists():
        return
    state = torch.load(path, map_location=run.accelerator.device, weights_only=True)
    if state["recipe"] != _essence(run):
        raise InputError(
            f"{path} belongs to another recipe; use a new folder, or --restart to begin anew"
        )
    run.network.load_state_dict(state["network"])
    run.average = state["average"]
    run.optimizer.load_state_dict(state["optimizer"])
    run.iteration = state["iteration"]


def _essence(run: "Run") -> str:
    kept = run.recipe.model_dump(exclude={"presets": True, "validation": True, "schedule": _FREE})
    return repr(kept)
