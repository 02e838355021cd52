"""The training loop: optimisation steps with a log, checkpoints, weights and validation on the way.

What is saved is whole: a checkpoint is written between two steps and replaces the one before, and
the averaged weights lie beside it, ready to use, all the time.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.data import Dataset

from undrift.common.console import Console, Progress
from undrift.common.denoisers import Denoiser
from undrift.common.files import clean_leftovers
from undrift.common.training.interrupt import Stop
from undrift.common.training.log import LossLog, trim_log, write_log
from undrift.common.training.optimise import optimise
from undrift.common.training.run import Run, averaged, export
from undrift.common.training.state import save_checkpoint

Validate = Callable[[Denoiser, Path], dict[str, float]]


def train(
    run: Run,
    dataset: Dataset,
    validate: Validate | None = None,
    until: int = 0,
    console: Console | None = None,
) -> Path:
    """Runs to the recipe's last iteration (or `until`) and returns the path of the weights.

    Raises KeyboardInterrupt, with a checkpoint of the last finished step saved, on Ctrl-C or
    SIGTERM; InputError if the training diverges (nothing is saved then).
    """
    schedule = run.recipe.schedule
    last = min(until or schedule.iterations, schedule.iterations)
    main = run.accelerator.is_main_process
    console = console if console is not None and main else Console(quiet=True)
    if main:
        clean_leftovers(run.folder)
        trim_log(run.folder, run.iteration)
    log, left = LossLog(run), max(0, last - run.iteration)
    with Stop(run.accelerator) as stop, Progress(console, left) as progress:
        for loss in optimise(run, dataset, max(last, run.iteration)):
            run.losses.append(loss)
            progress.step(f"iteration {run.iteration}, loss {loss:.5f}")
            log.step(loss)
            stopping = stop.asked()
            if main:
                _save(run, stopping or run.iteration == last)
                _validate(run, validate, run.iteration == last, console)
            if stopping and run.iteration < last:
                console.note(f"stopped; {run.folder} holds iteration {run.iteration}")
                run.accelerator.wait_for_everyone()
                raise KeyboardInterrupt
    if main and not run.weights.exists():  # finished earlier
        export(run)
    run.accelerator.wait_for_everyone()
    return run.weights


def _save(run: Run, now: bool) -> None:
    if now or run.iteration % run.recipe.schedule.save_every == 0:
        save_checkpoint(run)
        export(run)


def _validate(run: Run, validate: Validate | None, now: bool, console: Console) -> None:
    if validate is None or not (now or run.iteration % run.recipe.schedule.validate_every == 0):
        return
    with torch.inference_mode():
        scores = validate(averaged(run), run.folder / "validation" / f"{run.iteration:07d}")
    write_log(run.folder, {"iteration": run.iteration, "validation": scores})
    shown = ", ".join(f"{name} {value:g}" for name, value in scores.items())
    console.note(f"iteration {run.iteration}: validation {shown}")
