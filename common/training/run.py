"""What a training run holds: denoiser, optimiser, averaged weights and the number of steps done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser
from undrift.common.devices import channels_last
from undrift.common.errors import InputError
from undrift.common.losses import training_loss
from undrift.common.training.recipe import Recipe, Schedule
from undrift.common.training.recipes import recipe_paths
from undrift.common.training.state import load_checkpoint
from undrift.common.weights.files import load_denoiser, save_weights
from undrift.common.weights.model import find_weights
from undrift.common.weights.settings import Settings

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.optimizer import AcceleratedOptimizer


def denoising_loss(
    denoiser: Denoiser, batch: dict[str, Tensor], recipe: Recipe, iteration: int
) -> Tensor:
    """What most recipes minimise: the error at times drawn as the recipe says."""
    t = recipe.times.draw(denoiser.process, batch["u"], recipe.scaling.sigma_d)
    return training_loss(denoiser, batch, t, **recipe.loss.model_dump())


Objective = Callable[[Denoiser, dict[str, Tensor], Recipe, int], Tensor]


def unchanged(settings: Settings) -> Settings:
    """The header as the recipe has it."""
    return settings


@dataclass
class Run:
    """`network` is the bare one; `denoiser.network` may be wrapped to average over processes.

    objective: the loss of a batch, told the recipe and the number of finished iterations. finish:
    what becomes of the header before weights are written.
    """

    recipe: Recipe
    folder: Path
    accelerator: "Accelerator"
    denoiser: Denoiser
    network: nn.Module
    optimizer: "AcceleratedOptimizer"
    average: dict[str, Tensor]
    iteration: int = 0  # finished optimisation steps
    losses: list[float] = field(default_factory=list)
    objective: Objective = denoising_loss
    finish: Callable[[Settings], Settings] = unchanged

    @property
    def weights(self) -> Path:
        """Where the averaged weights are written."""
        return self.folder / f"{self.recipe.id}.safetensors"


def prepare(recipe: Recipe, folder: Path, resume: bool = True, cpu: bool = False) -> Run:
    """Builds a run, or restores it from `folder`/checkpoint.pt if there is one and `resume`.

    Raises InputError if the checkpoint cannot be read or belongs to a recipe that differs in more
    than its length, or if the device cannot compute in the precision asked for.
    """
    schedule = recipe.schedule
    accelerator = _accelerator(schedule, cpu)
    torch.manual_seed(schedule.seed)  # initial weights
    denoiser = recipe.settings({}).build()
    if recipe.start:
        _begin_from(recipe.start, denoiser.network)
    network = _placed(denoiser.network, accelerator.device)
    optimizer = torch.optim.AdamW(
        network.parameters(), schedule.rate, weight_decay=schedule.weight_decay
    )
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    denoiser.network, prepared = accelerator.prepare(network, optimizer)
    run = Run(recipe, folder, accelerator, denoiser, network, prepared, average)
    if resume:
        load_checkpoint(run)
    return run


def _accelerator(schedule: Schedule, cpu: bool) -> "Accelerator":
    if schedule.precision == "fp16" and (cpu or not torch.cuda.is_available()):
        raise InputError("schedule.precision: fp16 needs a GPU; use bf16 or no")
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    # accelerate allows one precision a process; an earlier run here may have had another.
    AcceleratorState._reset_state(not torch.distributed.is_initialized())
    return Accelerator(
        mixed_precision=schedule.precision,
        gradient_accumulation_steps=schedule.accumulate,
        cpu=cpu,
    )


def _begin_from(name: str, network: nn.Module) -> None:
    """Copies the weights of a finished model into a network of the same shape."""
    path = _beginning(name)
    given, _ = load_denoiser(path)
    weights, own = given.network.state_dict(), network.state_dict()
    if {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in own.items()}:
        raise InputError(
            f"start: the network of {path} is not the one of this recipe; "
            "give both the same name and params, or begin at random"
        )
    network.load_state_dict(weights)


def _beginning(name: str) -> Path:
    """The file of `start`; where a recipe makes it and has not yet, the error names its command."""
    try:
        return find_weights(name)
    except InputError as error:
        made_by = Path(name).stem
        if made_by == name or made_by not in recipe_paths():
            raise InputError(f"start: {error}") from error
        raise InputError(
            f"start: {error}; `undrift train {made_by}`, run in this folder first, makes "
            f"{Path('runs') / made_by / Path(name).name}. Name a file elsewhere by -s start=FILE"
        ) from error


def _placed(network: nn.Module, device: torch.device) -> nn.Module:
    network = network.to(device)
    return channels_last(network) if device.type in ("cpu", "cuda") else network


@torch.no_grad()
def update_average(average: dict[str, Tensor], network: nn.Module, memory: float, k: int) -> None:
    """After step k (from 1): average <- d average + (1 - d) weights, d = min(memory, (1+k)/(10+k)).

    The second bound is the usual warm-up: the first weights are forgotten quickly.
    """
    keep = min(memory, (1 + k) / (10 + k))
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - keep)
        else:
            average[name].copy_(value)


def averaged(run: Run) -> Denoiser:
    """A denoiser of its own with the averaged weights, in evaluation mode and full precision."""
    with torch.random.fork_rng(devices=[]):
        denoiser = run.recipe.settings({}).build()
    denoiser.network.load_state_dict(run.average)
    denoiser.network = _placed(denoiser.network, run.accelerator.device)
    return denoiser.eval().requires_grad_(False)


def export(run: Run) -> Path:
    """Writes the averaged weights as `<id>.safetensors` in the run's folder."""
    record: dict[str, object] = {"iterations": run.iteration, "recipe": run.recipe.model_dump()}
    save_weights(run.weights, run.average, run.finish(run.recipe.settings(record)))
    return run.weights
