"""From a recipe file to a finished model: ties the general loop to the domain's data.

A domain that can be trained has a module `undrift.<domain>.training` with `open_data(settings, task,
seed)` and `open_validation(settings, recipe)`, both given the recipe's own sections.
"""

import importlib
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from torch.utils.data import Dataset

from undrift.common.config import load, override, read_yaml
from undrift.common.training.loop import Run, Validate, export, prepare, train
from undrift.common.training.recipe import Recipe


@dataclass
class Session:
    """A run with its data."""

    run: Run
    dataset: Dataset
    validate: Validate | None

    def train(self) -> Path:
        """Trains to the end and returns the path of the weights."""
        train(self.run, self.dataset, self.validate)
        return self.run.folder / f"{self.run.recipe.id}.safetensors"


def read_recipe(path: Path, assignments: tuple[str, ...] = ()) -> Recipe:
    """Reads and checks a recipe; raises InputError with every problem."""
    return load(Recipe, override(read_yaml(path), assignments), path)


def open_session(
    path: Path,
    folder: Path | None = None,
    assignments: tuple[str, ...] = (),
    *,
    restart: bool = False,
    cpu: bool = False,
) -> Session:
    """Reads a recipe, opens its data and restores or begins its run."""
    recipe = read_recipe(path, assignments)
    domain = importlib.import_module(f"undrift.{recipe.domain}.training")
    dataset = domain.open_data(recipe.data, recipe.task, recipe.schedule.seed)
    validate = domain.open_validation(recipe.validation, recipe) if recipe.validation else None
    run = prepare(recipe, folder or Path("runs") / recipe.id, resume=not restart, cpu=cpu)
    return Session(run, dataset, validate)


def try_out(session: Session) -> dict[str, object]:
    """Two optimisation steps in a folder that is thrown away; returns shapes, memory and time."""
    run = session.run
    sample = session.dataset[0]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run.folder, run.iteration = Path(folder), 0
        train(run, session.dataset, None, until=2)
        size = export(run).stat().st_size
    return {
        "recipe": run.recipe.id,
        "sample": {name: list(value.shape) for name, value in sample.items()},
        "parameters": sum(value.numel() for value in run.network.parameters()),
        "weight_file_mb": round(size / 1e6, 2),
        "seconds_per_step": round((time.monotonic() - began) / 2, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "losses": [round(value, 5) for value in run.losses],
        "device": str(run.accelerator.device),
    }
