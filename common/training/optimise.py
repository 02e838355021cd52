"""Optimisation steps: AdamW with warm-up and decay, accumulation, mixed precision, clipping.

Nothing random lives outside the sample number: noise and time come with the sample, and dropout,
where a network has it, is seeded by the number of the part. So a resumed run equals an
uninterrupted one, bit for bit on a CPU.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.errors import InputError
from undrift.common.training.recipe import Schedule
from undrift.common.training.run import Run, update_average
from undrift.common.training.samples import Numbers, open_loader


def rate_at(schedule: Schedule, iteration: int) -> float:
    """Learning rate of optimisation step `iteration` (from 0)."""
    rise = min(1.0, (iteration + 1) / max(schedule.warmup, 1))
    left = schedule.iterations - iteration
    fall = min(1.0, left / schedule.decay) if schedule.decay else 1.0
    return schedule.rate * rise * fall


def optimise(run: Run, dataset: Dataset, last: int) -> Iterator[float]:
    """Takes the steps from `run.iteration` to `last`; yields the loss after each.

    Raises InputError, before the weights change, if a loss or a gradient is not finite.
    """
    schedule, accelerator = run.recipe.schedule, run.accelerator
    rank, processes = accelerator.process_index, accelerator.num_processes
    run.network.train()
    parts: list[float] = []
    for batch in open_loader(dataset, Numbers(schedule, run.iteration, last, rank, processes)):
        number = (run.iteration * schedule.accumulate + len(parts)) * processes + rank
        parts.append(_part(run, batch, number))
        if len(parts) < schedule.accumulate:
            continue
        run.iteration += 1
        update_average(run.average, run.network, schedule.ema, run.iteration)
        loss = sum(parts) / len(parts)
        parts.clear()
        yield loss


def _part(run: Run, batch: dict[str, Tensor], number: int) -> float:
    """One forward and backward pass; the optimiser moves once the parts are complete."""
    recipe, accelerator = run.recipe, run.accelerator
    batch = {name: value.to(accelerator.device) for name, value in batch.items()}
    for group in run.optimizer.param_groups:
        group["lr"] = rate_at(recipe.schedule, run.iteration)
    torch.manual_seed(((recipe.schedule.seed << 40) + number) % 2**63)  # for dropout only
    with accelerator.accumulate(run.denoiser.network):
        with accelerator.autocast():
            loss = run.objective(run.denoiser, batch, recipe, run.iteration)
        accelerator.backward(loss)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise _diverged(run, f"the loss is {value}", batch, number)
        if accelerator.sync_gradients:
            norm = accelerator.clip_grad_norm_(run.network.parameters(), recipe.schedule.clip)
            scaled = recipe.schedule.precision == "fp16"  # then too large gradients are skipped
            if not scaled and norm is not None and not bool(torch.isfinite(norm)):
                raise _diverged(run, "the gradient is not finite", batch, number)
        run.optimizer.step()
        run.optimizer.zero_grad()
    return value


def _diverged(run: Run, what: str, batch: dict[str, Tensor], number: int) -> InputError:
    """The error that says where, and whether the samples or the optimisation are to blame."""
    size = run.recipe.schedule.batch
    for name, values in batch.items():
        good = values.flatten(1).isfinite().all(1) if values.ndim > 1 else values.isfinite()
        if not bool(good.all()):
            n = number * size + int((~good).nonzero()[0])
            cause = f"'{name}' of sample {n} holds values that are not finite; repair the data"
            break
    else:
        cause = (
            "lower schedule.rate or schedule.clip, or lengthen schedule.warmup, "
            "and begin anew with --restart"
        )
        if run.recipe.schedule.precision != "no":
            cause += "; schedule.precision=no helps too"
    saved = "the last checkpoint and the weights saved with it are untouched"
    return InputError(f"iteration {run.iteration + 1}: {what}: {cause} ({saved})")
