"""The training loop: AdamW with warm-up and decay, EMA, accumulation, mixed precision, resume.

Sample n of a run is a function of (data seed, n) alone, noise and time included. Optimisation step
k of a run with R processes, batch B and M accumulated parts uses samples ((k M + m) R + r) B + j, so
that two processes equal one with the doubled batch, and a resumed run equals an uninterrupted one
bit for bit on a CPU: nothing random lives outside the sample number.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from undrift.common.denoisers import Denoiser
from undrift.common.losses import training_loss
from undrift.common.training.recipe import Recipe, Schedule
from undrift.common.training.state import load_checkpoint, save_checkpoint
from undrift.common.weights.files import save_weights

log = logging.getLogger("undrift")
Validate = Callable[[Denoiser, Path], dict[str, float]]


class Numbers(Sampler[int]):
    """Sample numbers of one process from iteration `first` on; see the module's docstring."""

    def __init__(self, schedule: Schedule, first: int, last: int, rank: int, processes: int):
        self.schedule, self.first, self.last = schedule, first, last
        self.rank, self.processes = rank, processes

    def __iter__(self) -> Iterator[int]:
        batch = self.schedule.batch
        for part in range(self.first * self.schedule.accumulate, self.last * self.schedule.accumulate):
            base = (part * self.processes + self.rank) * batch
            yield from range(base, base + batch)

    def __len__(self) -> int:
        return (self.last - self.first) * self.schedule.accumulate * self.schedule.batch


@dataclass
class Run:
    """What a training run holds; `iteration` counts finished optimisation steps."""

    recipe: Recipe
    folder: Path
    accelerator: Accelerator
    denoiser: Denoiser
    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor]
    iteration: int = 0
    losses: list[float] = field(default_factory=list)


def rate_at(schedule: Schedule, iteration: int) -> float:
    """Learning rate of optimisation step `iteration` (from 0)."""
    rise = min(1.0, (iteration + 1) / max(schedule.warmup, 1))
    left = schedule.iterations - iteration
    fall = min(1.0, left / schedule.decay) if schedule.decay else 1.0
    return schedule.rate * rise * fall


def prepare(recipe: Recipe, folder: Path, resume: bool = True, cpu: bool = False) -> Run:
    """Builds a run, or restores it from `folder`/checkpoint.pt if there is one and `resume`.

    Raises InputError if the checkpoint belongs to a recipe that differs in more than its length.
    """
    schedule = recipe.schedule
    accelerator = Accelerator(
        mixed_precision=schedule.precision,
        gradient_accumulation_steps=schedule.accumulate,
        cpu=cpu,
    )
    torch.manual_seed(schedule.seed)  # initial weights
    denoiser = recipe.settings({}).build()
    network = denoiser.network.to(accelerator.device)
    if accelerator.device.type in ("cpu", "cuda"):
        network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        network.parameters(), schedule.rate, weight_decay=schedule.weight_decay
    )
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    wrapped, optimizer = accelerator.prepare(network, optimizer)
    denoiser.network = wrapped
    run = Run(recipe, folder, accelerator, denoiser, network, optimizer, average)
    if resume:
        load_checkpoint(run)
    return run


def train(run: Run, dataset: Dataset, validate: Validate | None = None, until: int = 0) -> None:
    """Runs to the recipe's last iteration (or `until`), saving and validating on the way."""
    schedule = run.recipe.schedule
    last = min(until or schedule.iterations, schedule.iterations)
    accelerator = run.accelerator
    numbers = Numbers(
        schedule, run.iteration, last, accelerator.process_index, accelerator.num_processes
    )
    loader = DataLoader(
        dataset, batch_size=schedule.batch, sampler=numbers, num_workers=schedule.workers
    )
    began, first = time.monotonic(), run.iteration
    parts: list[float] = []
    run.network.train()
    for batch in loader:
        parts.append(_part(run, batch))
        if len(parts) < schedule.accumulate:
            continue
        run.losses.append(sum(parts) / len(parts))
        parts.clear()
        run.iteration += 1
        _average(run)
        _report(run, (time.monotonic() - began) / (run.iteration - first))
        _milestones(run, validate, last)


def _part(run: Run, batch: dict[str, Tensor]) -> float:
    """One forward and backward pass; the optimiser moves once the parts are complete."""
    recipe, accelerator = run.recipe, run.accelerator
    device = accelerator.device
    batch = {name: value.to(device) for name, value in batch.items()}
    for group in run.optimizer.param_groups:
        group["lr"] = rate_at(recipe.schedule, run.iteration)
    t = recipe.times.draw(run.denoiser.process, batch["u"], recipe.scaling.sigma_d)
    with accelerator.accumulate(run.denoiser.network):
        with accelerator.autocast():
            loss = training_loss(run.denoiser, batch, t, **recipe.loss.model_dump())
        accelerator.backward(loss)
        if accelerator.sync_gradients:
            accelerator.clip_grad_norm_(run.network.parameters(), recipe.schedule.clip)
        run.optimizer.step()
        run.optimizer.zero_grad()
    return float(loss.detach())


@torch.no_grad()
def _average(run: Run) -> None:
    """Exponential moving average of the weights, with the usual warm-up of its memory."""
    keep = min(run.recipe.schedule.ema, (1 + run.iteration) / (10 + run.iteration))
    for name, value in run.network.state_dict().items():
        if value.is_floating_point():
            run.average[name].lerp_(value, 1 - keep)
        else:
            run.average[name].copy_(value)


def _report(run: Run, seconds: float) -> None:
    schedule = run.recipe.schedule
    if run.iteration % schedule.log_every or not run.accelerator.is_main_process:
        return
    recent = run.losses[-schedule.log_every :]
    line = {
        "iteration": run.iteration,
        "loss": round(sum(recent) / len(recent), 6),
        "rate": rate_at(schedule, run.iteration),
        "seconds": round(seconds, 4),
    }
    write_log(run.folder, line)
    log.info("iteration %(iteration)d  loss %(loss).5f  %(seconds).2f s each", line)


def _milestones(run: Run, validate: Validate | None, last: int) -> None:
    schedule, done = run.recipe.schedule, run.iteration == last
    if not run.accelerator.is_main_process:
        return
    if done or run.iteration % schedule.save_every == 0:
        save_checkpoint(run)
        export(run)
    if validate is not None and (done or run.iteration % schedule.validate_every == 0):
        with averaged(run) as denoiser:
            scores = validate(denoiser, run.folder / "validation" / f"{run.iteration:07d}")
        write_log(run.folder, {"iteration": run.iteration, "validation": scores})
        log.info("iteration %d  validation %s", run.iteration, scores)


class averaged:  # noqa: N801 - reads as a verb in a with statement
    """Context in which the run's denoiser has the averaged weights and is in evaluation mode."""

    def __init__(self, run: Run):
        self.run = run

    def __enter__(self) -> Denoiser:
        network = self.run.network
        self.kept = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(self.run.average)
        network.eval()
        self.wrapped, self.run.denoiser.network = self.run.denoiser.network, network
        self.mode = torch.inference_mode()
        self.mode.__enter__()
        return self.run.denoiser

    def __exit__(self, *problem: object) -> None:
        self.mode.__exit__(None, None, None)
        self.run.denoiser.network = self.wrapped
        self.run.network.load_state_dict(self.kept)
        self.run.network.train()


def export(run: Run) -> Path:
    """Writes the averaged weights as `<id>.safetensors` in the run's folder."""
    path = run.folder / f"{run.recipe.id}.safetensors"
    record: dict[str, object] = {"iterations": run.iteration, "recipe": run.recipe.model_dump()}
    save_weights(path, run.average, run.recipe.settings(record))
    return path


def write_log(folder: Path, line: dict[str, object]) -> None:
    """Appends one JSON line to `folder`/log.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
