"""A recipe tried for two steps: what it costs, whether its numbers fit its data. Nothing stays."""

import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from undrift.common.training.optimise import optimise
from undrift.common.training.run import Run
from undrift.common.training.session import Session, open_session

STEPS = 2
_SAMPLES = 16


def try_out(
    recipe: str | Path, assignments: tuple[str, ...] = (), *, cpu: bool = False
) -> dict[str, Any]:
    """Two optimisation steps, in the recipe's precision; returns shapes, memory, time, losses.

    `spread` is the measured root mean square of x0 - c, to be compared with scaling.sigma_d; `main`
    says whether this is the process that may print.
    """
    with tempfile.TemporaryDirectory(prefix="undrift-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        session = open_session(recipe, folder, assignments, restart=True, cpu=cpu, trial=folder)
        return _facts(session)


def _facts(session: Session) -> dict[str, Any]:
    run, recipe = session.run, session.run.recipe
    sample = session.dataset[0]
    began = time.monotonic()
    losses = list(optimise(run, session.dataset, min(STEPS, recipe.schedule.iterations)))
    seconds = (time.monotonic() - began) / len(losses)
    bytes_ = sum(value.numel() * value.element_size() for value in run.average.values())
    return {
        "main": run.accelerator.is_main_process,
        "recipe": recipe.id,
        "sample": {name: list(value.shape) for name, value in sample.items()},
        "batch": recipe.schedule.batch * recipe.schedule.accumulate * run.accelerator.num_processes,
        "parameters": sum(value.numel() for value in run.network.parameters()),
        "weights_mb": round(bytes_ / 1e6, 2),
        "sigma_d": recipe.scaling.sigma_d,
        "spread": round(_spread(session), 4),
        "losses": [round(value, 5) for value in losses],
        "seconds_per_step": round(seconds, 3),
        "hours": round(seconds * recipe.schedule.iterations / 3600, 2),
        "peak_mb": _peak_mb(run),
        "precision": recipe.schedule.precision,
        "device": str(run.accelerator.device),
    }


def _spread(session: Session) -> float:
    """Root mean square of x0 - c over the first samples."""
    centre = session.run.recipe.scaling.centre
    total = 0.0
    for n in range(_SAMPLES):
        sample = session.dataset[n]
        difference = sample["x0"] - (sample["y"] if centre is None else centre)
        total += float(difference.square().mean())
    return math.sqrt(total / _SAMPLES)


def _peak_mb(run: Run) -> int | None:
    """Of the device's memory on a GPU, else of the process (None where that cannot be asked)."""
    if run.accelerator.device.type == "cuda":
        return torch.cuda.max_memory_allocated(run.accelerator.device) >> 20
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit >> 20
