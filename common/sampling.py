"""From a model and a few wishes to samples: presets, solver, grid, tiles, noise, in one place.

Tasks say what the state is at the start and what y and the levels are; everything else about
sampling is the same for all of them and lives here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undrift.common.devices import autocast, free_memory, resolve_device, resolve_dtype
from undrift.common.errors import UsageError, nearest
from undrift.common.grids import build_grid
from undrift.common.noise import Noise
from undrift.common.processes.process import Process, start
from undrift.common.solvers import Step, build_solver
from undrift.common.solvers.loop import Denoise, run_plan
from undrift.common.tiling import Tiled, automatic_tile
from undrift.common.weights.model import Model
from undrift.common.weights.settings import Preset

STOCHASTIC = "sde-multistep-2"  # samples differ only if the solver draws noise
STEPS_OF_SAMPLES = 5


@dataclass(frozen=True)
class Wishes:
    """What a caller asks for; None means the preset's value. See `RunOptions` for the meaning."""

    preset: str | None = None
    steps: int | None = None
    solver: str | None = None
    samples: int | None = None
    seed: int = 0
    item: str = ""
    device: str = "auto"
    dtype: str = "auto"
    tile: str | int | Sequence[int] = "auto"
    max_memory: int | None = None
    batch: str | int = "auto"


@dataclass
class Sampler:
    """A model with all choices made; `draw_samples` runs it."""

    model: Model
    choice: Preset
    wishes: Wishes
    device: str
    dtype: torch.dtype
    denoise: Denoise = field(init=False)
    calls: int = field(default=0, init=False)

    @property
    def process(self) -> Process:
        """The process of the model."""
        return self.model.denoiser.process

    def plan(self, start_time: float = 1.0) -> list[Step]:
        """The steps from `start_time` to the clean end."""
        solver = build_solver(self.choice.solver)
        sigma_d = self.model.denoiser.scaling.sigma_d
        times = build_grid(
            self.choice.grid, self.process, self.choice.steps, sigma_d, start_time, solver.order
        )
        return solver.plan(self.process, times)

    def draw_samples(
        self,
        shape: Sequence[int],
        *,
        y: Tensor | None = None,
        level: Tensor | None = None,
        state: Tensor | None = None,
        time: float = 1.0,
    ) -> Tensor:
        """Returns (k, c, *space) samples; `shape` (1, c, *space) of the state.

        state, time: a given state to start from (a measurement with known noise); without it the
        start is drawn around y. Sample k is the same whatever the other samples are.
        """
        y = None if y is None else y.to(self.device)
        level = None if level is None else level.to(self.device)
        self.denoise = self._tiled(shape[2:])
        steps = self.plan(time)
        results = []
        for number in range(self.choice.samples):
            noise = Noise(self.wishes.seed, self.wishes.item, number)

            def draw(index: int, noise: Noise = noise) -> Tensor:
                return noise(tuple(shape), index, device=self.device)

            x = start(self.process, y, draw(0), time) if state is None else state.to(self.device)
            with torch.inference_mode(), autocast(self.device, self.dtype):
                results.append(run_plan(self.denoise, x, steps, y=y, level=level, draw=draw))
        self.calls = len(steps) * self.choice.samples
        return torch.cat(results)

    def _tiled(self, size: Sequence[int]) -> Denoise:
        network = self.model.denoiser.network
        tile = self.wishes.tile
        if tile == "off":
            return self.model.denoiser
        if tile == "auto":
            memory = self.wishes.max_memory or free_memory(self.device) // 3
            tile = automatic_tile(network, size, memory)
        batch = 1 if self.wishes.batch == "auto" else int(self.wishes.batch)
        denoiser = self.model.denoiser
        return Tiled(denoiser, tile if isinstance(tile, int) else [int(n) for n in tile], batch)

    def record(self) -> dict[str, object]:
        """Everything about the sampling that is needed to repeat it."""
        import undrift

        tile = getattr(self.denoise, "tile", None)
        return {
            "undrift": undrift.__version__,
            "torch": torch.__version__,
            "model": self.model.id,
            "weights": self.model.sha256,
            "solver": self.choice.solver,
            "grid": self.choice.grid,
            "steps": self.choice.steps,
            "samples": self.choice.samples,
            "nfe": self.calls,
            "seed": self.wishes.seed,
            "item": self.wishes.item,
            "tile": None if tile is None else list(tile),
            "device": self.device,
            "dtype": str(self.dtype).removeprefix("torch."),
        }


def make_sampler(model: str, task: str, wishes: Wishes) -> Sampler:
    """Loads a model for a task and resolves all wishes.

    With several samples and no solver named, a stochastic solver is taken.
    Raises UsageError for unknown names, InputError for an unknown model.
    """
    from undrift.common.weights.model import load_model

    device = resolve_device(wishes.device)
    dtype = resolve_dtype(wishes.dtype, device)
    loaded = load_model(model, device, task)
    return Sampler(loaded, choose(loaded, wishes), wishes, device, dtype)


def choose(model: Model, wishes: Wishes) -> Preset:
    """The preset with the explicit wishes on top."""
    presets: dict[str, Preset] = {str(k): v for k, v in model.settings.presets.items()}
    name = wishes.preset or "balanced"
    if name not in presets:
        raise UsageError(f"preset {name!r} is not one of {', '.join(presets)}{nearest(name, presets)}")
    choice = presets[name]
    wanted = {
        key: value
        for key in ("steps", "solver", "samples")
        if (value := getattr(wishes, key)) is not None
    }
    chosen = choice.model_copy(update=wanted)
    if chosen.steps < 1 or chosen.samples < 1:
        raise UsageError(f"steps {chosen.steps}, samples {chosen.samples}: expected 1 or more")
    if chosen.samples > 1 and wishes.solver is None:
        steps = max(chosen.steps, STEPS_OF_SAMPLES) if wishes.steps is None else chosen.steps
        chosen = chosen.model_copy(update={"solver": STOCHASTIC, "steps": steps})
    build_solver(chosen.solver)
    return chosen




def check_wishes(model: str, task: str, wishes: Wishes) -> str:
    """Checks all names before a run and says in a line what will be used. Raises as `make_sampler`."""
    sampler = make_sampler(model, task, wishes)
    choice = sampler.choice
    calls = len(sampler.plan()) * choice.samples
    dtype = str(sampler.dtype).removeprefix("torch.")
    return f"{sampler.model.id}, {sampler.device}, {dtype}, {choice.solver}, {calls} calls an item"
