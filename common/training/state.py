"""Checkpoints of a training run: one file, written whole, read without executing anything.

It holds weights, averaged weights, optimiser and iteration. Samples depend on their number only, so
there is no random state to keep.
"""

import ast
import pickle
from typing import TYPE_CHECKING, Any

import torch

from undrift.common.errors import InputError
from undrift.common.files import write_atomically

if TYPE_CHECKING:
    from undrift.common.training.run import Run

# Changing these does not change what has been computed so far.
_FREE = {"iterations", "decay", "log_every", "validate_every", "save_every", "workers"}
_WORDS = {"presets": True, "validation": True, "ranges": True, "schedule": _FREE}


def save_checkpoint(run: "Run") -> None:
    """Writes `checkpoint.pt` in the run's folder."""
    scaler = run.accelerator.scaler
    state = {
        "recipe": _essence(run),
        "processes": run.accelerator.num_processes,
        "iteration": run.iteration,
        "network": run.network.state_dict(),
        "average": run.average,
        "optimizer": run.optimizer.state_dict(),
        "scaler": None if scaler is None else scaler.state_dict(),
    }
    write_atomically(run.folder / "checkpoint.pt", lambda part: torch.save(state, part))


def load_checkpoint(run: "Run") -> None:
    """Restores the run from its folder's checkpoint, if there is one.

    Raises InputError if it is damaged, if the recipe differs from the checkpoint's in anything but
    its length (the constant-rate part of a run may be prolonged or brought to its decay), or if the
    number of processes, hence the samples of a step, differs.
    """
    path = run.folder / "checkpoint.pt"
    if not path.exists():
        return
    try:
        state = torch.load(path, map_location=run.accelerator.device, weights_only=True)
        problems = _differences(run, state)
    except (RuntimeError, OSError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path} cannot be read as a checkpoint ({' '.join(str(error).split())[:200]}); "
            "use a new folder, or --restart to begin anew"
        ) from error
    if problems:
        raise InputError(
            f"{path} belongs to another recipe: {'; '.join(problems)}. "
            "Use a new folder (-o), or --restart to begin anew"
        )
    run.network.load_state_dict(state["network"])
    run.average = state["average"]
    run.optimizer.load_state_dict(state["optimizer"])
    run.iteration = state["iteration"]
    if run.accelerator.scaler is not None and state.get("scaler"):
        run.accelerator.scaler.load_state_dict(state["scaler"])


def _essence(run: "Run") -> str:
    return repr(run.recipe.model_dump(exclude=_WORDS))  # type: ignore[arg-type]


def _differences(run: "Run", state: dict[str, Any]) -> list[str]:
    """Which keys differ, by dotted path, with the checkpoint's value and the recipe's."""
    problems = _compared(ast.literal_eval(state["recipe"]), ast.literal_eval(_essence(run)), "")
    before, now = state.get("processes", 1), run.accelerator.num_processes
    if before != now:
        problems.append(f"it was made by {before} process(es), now there are {now}")
    return problems


def _compared(old: Any, new: Any, place: str) -> list[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [f"{place} was {old!r}, is {new!r}"]
    keys = [*old, *(key for key in new if key not in old)]
    found = [
        _compared(old.get(key), new.get(key), f"{place}.{key}" if place else str(key))
        for key in keys
    ]
    return [problem for problems in found for problem in problems]
