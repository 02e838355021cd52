"""From a recipe to a finished model: ties the general loop to the domain's data.

A domain that can be trained has a module `undrift.<domain>.training` with `open_samples(recipe,
trial)` and `open_validation(settings, recipe)`; `trial` is None, or a folder for throw-away data
when a recipe is only tried. Where it has tasks with a loss of their own, `open_objective(recipe)`
returns that, or None; where it has something to add to the header of weights, `open_finish(recipe)`
returns the function that does.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path

from torch.utils.data import Dataset

from undrift.common.console import Console
from undrift.common.training.loop import Validate, train
from undrift.common.training.recipes import read_recipe
from undrift.common.training.run import Run, prepare


@dataclass
class Session:
    """A run with its data."""

    run: Run
    dataset: Dataset
    validate: Validate | None

    def train(self, console: Console | None = None) -> Path:
        """Trains to the end and returns the path of the weights; see `loop.train`."""
        return train(self.run, self.dataset, self.validate, console=console)


def open_session(
    recipe: str | Path,
    folder: Path | None = None,
    assignments: tuple[str, ...] = (),
    *,
    restart: bool = False,
    cpu: bool = False,
    trial: Path | None = None,
) -> Session:
    """Reads a recipe (id or path), restores or begins its run and opens its data.

    folder: of the run, default runs/ID. assignments: overrides such as "schedule.batch=8".
    restart: ignore the checkpoint in the folder. Raises InputError for a recipe, a checkpoint or
    data that cannot be used.
    """
    chosen = read_recipe(recipe, assignments)
    domain = importlib.import_module(f"undrift.{chosen.domain}.training")
    validate = domain.open_validation(chosen.validation, chosen) if chosen.validation else None
    run = prepare(chosen, folder or Path("runs") / chosen.id, resume=not restart, cpu=cpu)
    own = getattr(domain, "open_objective", lambda _: None)(chosen)
    run.objective = own or run.objective
    if hasattr(domain, "open_finish"):
        run.finish = domain.open_finish(chosen)
    with run.accelerator.main_process_first():  # it makes what the others read from the cache
        dataset = domain.open_samples(chosen, trial)
    return Session(run, dataset, validate)
