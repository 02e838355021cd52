"""`log.jsonl` in a run's folder: loss, rate and speed every few iterations, and validations."""

import json
import time
from pathlib import Path

import torch

from undrift.common.files import write_text
from undrift.common.training.optimise import rate_at
from undrift.common.training.run import Run


def write_log(folder: Path, line: dict[str, object]) -> None:
    """Appends one JSON line."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def trim_log(folder: Path, iteration: int) -> None:
    """Forgets lines after `iteration`: a resumed run does those steps again."""
    path = folder / "log.jsonl"
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and _iteration(line) <= iteration]
    if kept != lines:
        write_text(path, "".join(kept))


def _iteration(line: str) -> int:
    return int(json.loads(line)["iteration"])


class LossLog:
    """Writes the mean loss since the last line, over all processes."""

    def __init__(self, run: Run):
        self.run = run
        self.losses: list[float] = []
        self.since = time.monotonic()

    def step(self, loss: float) -> None:
        """To be called by every process after every step."""
        self.losses.append(loss)
        run, schedule = self.run, self.run.recipe.schedule
        if run.iteration % schedule.log_every:
            return
        mean = torch.tensor(sum(self.losses) / len(self.losses), device=run.accelerator.device)
        mean = float(run.accelerator.reduce(mean, "mean"))  # type: ignore[arg-type]
        seconds = (time.monotonic() - self.since) / len(self.losses)
        if run.accelerator.is_main_process:
            line = {"iteration": run.iteration, "loss": round(mean, 6)}
            rate = rate_at(schedule, run.iteration - 1)
            write_log(run.folder, {**line, "rate": rate, "seconds": round(seconds, 4)})
        self.losses.clear()
        self.since = time.monotonic()
