"""From a model and a few wishes to samples: presets, solver, grid, tiles, noise, in one place.

Tasks say what the state is at the start and what y and the levels are; everything else about
sampling is the same for all of them and lives here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undrift.common.devices import autocast, free_memory, resolve_device, resolve_dtype
from undrift.common.errors import UsageError
from undrift.common.grids import build_grid, time_of_ratio
from undrift.common.noise import Noise
from undrift.common.padding import Padded
from undrift.common.processes.process import Process, start
from undrift.common.solvers import Step, build_solver
from undrift.common.solvers.auto import settled
from undrift.common.solvers.loop import Denoise, run_plan
from undrift.common.solvers.plan import calls
from undrift.common.symmetry import Symmetrised
from undrift.common.tiling import Tiled, automatic_tile
from undrift.common.weights.model import Model, load_model
from undrift.common.weights.settings import Preset
from undrift.common.wishes import POSTERIOR, Wishes, choose

# (weights, device) -> the tile that fitted after memory had run out; the next item begins there.
_FITTING: dict[tuple[str, str], int] = {}
AUTOMATIC = ("auto", "auto-sde")  # solvers that put a drawn start right after one call


@dataclass
class Sampler:
    """A model with all choices made; `draw_samples` runs it. calls, tile: of the last run.

    origin: where the signal lies in a larger one whose window it is, for its noise.
    """

    model: Model
    choice: Preset
    wishes: Wishes
    device: str
    dtype: torch.dtype
    calls: int = field(default=0, init=False)
    tile: list[int] | str | None = field(default=None, init=False)
    origin: tuple[int, ...] = field(default=(), init=False)

    @property
    def process(self) -> Process:
        """The process of the model."""
        return self.model.denoiser.process

    def plan(self, start_time: float = 1.0) -> list[Step]:
        """The steps from `start_time` to the clean end; raises UsageError if times start later."""
        choice, sigma_d = self.choice, self.model.denoiser.scaling.sigma_d
        solver = build_solver(choice.solver, sigma_d, choice.options)
        times = choice.times
        if times is None:
            times = build_grid(
                choice.grid, self.process, choice.steps, sigma_d, start_time, solver.order
            )
        elif abs(times[0] - start_time) > 1e-9:
            raise UsageError(
                f"the times of preset {self.wishes.preset_name!r} start at {times[0]:g}, this "
                f"signal at {start_time:g}; name a number of steps to place them anew"
            )
        return solver.plan(self.process, times)

    def time_of(self, ratio: float) -> float:
        """Where a signal with noise of that deviation enters; see `time_of_ratio`."""
        return time_of_ratio(self.process, ratio, self.model.denoiser.scaling.sigma_d)

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
        start is drawn around y. Sample k is the same whatever the other samples are. Several
        samples of one state by "auto" are drawn by "auto-sde", whose noise they need.
        Raises UsageError for several samples of one given state without noise between the steps,
        which would all be the same, and OutOfMemoryError.
        """
        y = None if y is None else y.to(self.device)
        level = None if level is None else level.to(self.device)
        steps = self.steps(time, state is not None, y is not None)
        denoise = self._tiled(self._padded_size(shape[2:]))
        turned = self.padded(self.turned(denoise))
        results = []
        for number in range(self.choice.samples):
            noise = Noise(self.wishes.seed, self.wishes.item, number)

            def draw(index: int, noise: Noise = noise) -> Tensor:
                return self.drawn(noise, shape, index)

            x = start(self.process, y, draw(0), time) if state is None else state.to(self.device)
            with torch.inference_mode(), autocast(self.device, self.dtype):
                results.append(run_plan(turned, x, steps, y=y, level=level, draw=draw))
        self.calls = calls(steps) * self.choice.samples * self.choice.symmetries
        self._note_tile(denoise, shape[2:])
        return torch.cat(results)

    def steps(
        self, time: float = 1.0, given_state: bool = False, with_y: bool = True
    ) -> list[Step]:
        """The plan from a given state, or from a start that is drawn; see `draw_samples`."""
        if given_state and self.choice.samples > 1 and self.choice.solver == "auto":
            self.choice = self.choice.model_copy(update={"solver": POSTERIOR})
        steps = self.plan(time)
        if given_state:
            self._check_noise(steps)
        elif self.choice.solver in AUTOMATIC:
            steps = settled(steps, self.process, with_y)
        return steps

    def _check_noise(self, steps: Sequence[Step]) -> None:
        if self.choice.samples == 1 or any(step.sigma > 0 for step in steps):
            return
        count = f"{self.choice.steps} step{'s' * (self.choice.steps > 1)}"
        raise UsageError(
            f"solver {self.choice.solver!r} with {count} draws no noise, so all samples would be "
            "the same; use auto and 2 steps or more, or 1 sample"
        )

    def _tiled(self, size: Sequence[int]) -> Tiled:
        denoiser, batch = self.model.denoiser, self.wishes.batch_size()
        tile = self.wishes.tile_sizes()
        if tile == "off":
            return Tiled(denoiser, max(size), batch, halve=False)  # also when it is turned
        if tile == "auto":
            memory = self.wishes.max_memory or free_memory(self.device) // 3
            largest = automatic_tile(denoiser.network, size, memory // batch)
            tile = (min(largest, _FITTING.get(self._key(), largest)),)
        return Tiled(denoiser, [int(side) for side in tile], batch)

    def drawn(self, noise: Noise, shape: Sequence[int], index: int) -> Tensor:
        """Draw number `index` for a signal of `shape` (1, c, *space)."""
        return noise(tuple(shape), index, self.origin, device=self.device)

    def turned(self, denoise: Denoise) -> Denoise:
        """The denoiser, averaged over turned pictures where the preset says so."""
        count = self.choice.symmetries
        blocks = int(getattr(self.model.denoiser.network, "multiple", 1))
        return denoise if count == 1 else Symmetrised(denoise, count, blocks)

    def padded(self, denoise: Denoise) -> Denoise:
        """The denoiser, continued beyond the borders where the wishes say so."""
        modes = self.wishes.pad_modes()
        return Padded(denoise, modes, self.model.denoiser.network) if modes else denoise

    def _padded_size(self, size: Sequence[int]) -> list[int]:
        modes = self.wishes.pad_modes()
        if modes is None:
            return list(size)
        sizes = Padded(self.model.denoiser, modes, self.model.denoiser.network).sizes(size)
        return [side + below + above for side, (below, above) in zip(size, sizes, strict=True)]

    def _key(self) -> tuple[str, str]:
        return self.model.sha256, self.device

    def _note_tile(self, denoise: Tiled, size: Sequence[int]) -> None:
        given = self.wishes.tile_sizes()
        self.tile = "off" if given == "off" else list(denoise.sizes(size))
        if given == "auto" and denoise.halved:
            _FITTING[self._key()] = max(denoise.tile)

    def record(self) -> dict[str, object]:
        """Everything about the sampling that is needed to repeat it."""
        import undrift

        return {
            "undrift": undrift.__version__,
            "torch": torch.__version__,
            "model": self.model.id,
            "weights": self.model.sha256,
            "preset": self.wishes.preset_name,
            "solver": self.choice.solver,
            "grid": self.choice.grid,
            "steps": self.choice.steps,
            "samples": self.choice.samples,
            "symmetries": self.choice.symmetries,
            "nfe": self.calls,
            "seed": self.wishes.seed,
            "item": self.wishes.item,
            "tile": self.tile,
            **({"pad": ",".join(modes)} if (modes := self.wishes.pad_modes()) else {}),
            "device": self.device,
            "dtype": str(self.dtype).removeprefix("torch."),
        }

    def planned_calls(self) -> int:
        """Network calls for one item."""
        return calls(self.plan()) * self.choice.samples * self.choice.symmetries

    def about(self) -> str:
        """A line that says what will be used."""
        dtype = str(self.dtype).removeprefix("torch.")
        how = f"{self.choice.solver}, {self.planned_calls()} calls an item"
        return f"{self.model.id}, {self.device}, {dtype}, {how}"


def make_sampler(model: str, task: str, wishes: Wishes) -> Sampler:
    """Loads a model for a task and resolves all wishes.

    Raises UsageError for unknown names and bad numbers, InputError for an unknown model or one
    made for another task, MissingExtraError for missing weights.
    """
    device = resolve_device(wishes.device)
    dtype = resolve_dtype(wishes.dtype, device)
    wishes.check()
    loaded = load_model(model, device, task)
    return Sampler(loaded, choose(loaded, wishes), wishes, device, dtype)
