"""What enhances: a model with its sampler, or a classical filter; and fresh stages for a signal.

Noise is a function of the seed, the item, the sample and the absolute frame: not of the channel, so
that a channel of a stereo recording is enhanced as it is alone, nor of blocks, files or workers.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from undrift.common.devices import resolve_device, resolve_dtype
from undrift.common.errors import InputError, UsageError
from undrift.common.networks.turned import TURNS, Turned
from undrift.common.noise import Noise
from undrift.common.processes.process import start
from undrift.common.sampling import AUTOMATIC, Sampler
from undrift.common.solvers.auto import settled
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.plan import Step, calls
from undrift.common.weights.files import read_settings
from undrift.common.weights.model import find_weights, load_model
from undrift.common.wishes import Wishes, choose
from undrift.speech.asked import Asked
from undrift.speech.blockwise import Blockwise
from undrift.speech.by_checkpoint import ByCheckpoint
from undrift.speech.chunks import Chunked
from undrift.speech.classical import Classical
from undrift.speech.placed import Placed
from undrift.speech.signal import Signal, read_signal
from undrift.speech.spectrogram import SPECTROGRAM_16K, Spectrogram
from undrift.speech.stages import Stage
from undrift.speech.storm import has_two_stages, two_stages

DEFAULT = "speech-regenerate"


class Method(Protocol):
    """A way to enhance; `stage` makes a fresh one for a signal and a sample."""

    @property
    def id(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def spectrogram(self) -> Spectrogram: ...
    @property
    def signal(self) -> Signal: ...
    @property
    def samples(self) -> int: ...
    @property
    def calls(self) -> int | None: ...
    @property
    def carried(self) -> bool: ...
    @property
    def delay(self) -> int: ...
    def stage(self, item: str, sample: int) -> Stage: ...
    def record(self) -> dict[str, object]: ...
    def about(self) -> str: ...


@dataclass(frozen=True)
class ByFilter:
    """A classical filter, at 16 kHz."""

    carried = True

    name: str
    wishes: Wishes
    signal: Signal

    @property
    def id(self) -> str:
        """The name of the method."""
        return self.name

    @property
    def sha256(self) -> str:
        """There are no weights."""
        return ""

    @property
    def spectrogram(self) -> Spectrogram:
        """That of the networks at 16 kHz."""
        return SPECTROGRAM_16K

    @property
    def samples(self) -> int:
        """Nothing is drawn."""
        return 1

    @property
    def calls(self) -> int:
        """There is no network."""
        return 0

    @property
    def delay(self) -> int:
        """Frames that a stage waits for: none."""
        return 0

    def stage(self, item: str, sample: int) -> Stage:
        """A filter that has heard nothing yet."""
        return Classical(self.name, self.spectrogram)

    def record(self) -> dict[str, object]:
        """What is needed to repeat it."""
        import undrift

        return {
            "undrift": undrift.__version__, "torch": torch.__version__, "model": None,
            "weights": None, "method": self.name, "samples": 1, "seed": self.wishes.seed,
        }  # fmt: skip

    def about(self) -> str:
        """A line that says what will be used."""
        return f"{self.name}, without a network"


class ByModel:
    """A model with all choices made; chunk, overlap: frames, for networks without a state."""

    def __init__(self, sampler: Sampler, signal: Signal, chunk: int, overlap: int):
        self.sampler, self.signal = sampler, signal
        self.chunk, self.overlap = chunk, overlap
        self.steps = self._plan()

    @property
    def id(self) -> str:
        """The name of the model."""
        return self.sampler.model.id

    @property
    def sha256(self) -> str:
        """Of the weights."""
        return self.sampler.model.sha256

    @property
    def spectrogram(self) -> Spectrogram:
        """What the network was trained on."""
        return self.signal.spectrogram

    @property
    def samples(self) -> int:
        """How many are drawn."""
        return self.sampler.choice.samples

    @property
    def calls(self) -> int:
        """Network calls that every frame needs, for all samples."""
        first = has_two_stages(self.sampler.model.denoiser)
        return (calls(self.steps) + first) * self.samples * self._turns

    @property
    def _turns(self) -> int:
        """Turns of the complex signal that the preset averages over: 1, 2 (both signs) or 4."""
        wanted = self.sampler.choice.symmetries if self.carried else 1
        return max(turns for turns in TURNS if turns <= wanted)

    @property
    def delay(self) -> int:
        """Frames that a stage waits for, of a network with a state."""
        network = self.sampler.model.denoiser.network
        return calls(self.steps) * int(getattr(network, "ahead", 0))  # type: ignore[arg-type]

    @property
    def carried(self) -> bool:
        """Whether the network carries a state, so that blocks cannot change the result."""
        return hasattr(self.sampler.model.denoiser.network, "ahead")

    def stage(self, item: str, sample: int) -> Stage:
        """The sampler for one signal and sample."""
        noise = Noise(self.sampler.wishes.seed, item, sample)
        denoiser, process = self.sampler.model.denoiser, self.sampler.process
        device = self.sampler.device
        if self._turns > 1:
            denoiser = denoiser.with_network(Turned(denoiser.network, self._turns))

        def draw(shape: tuple[int, ...], number: int, first: int) -> Tensor:
            one = noise((1, *shape[1:]), number, (0, first), device=device)
            return one.expand(shape)

        def begin(y: Tensor, z: Tensor) -> Tensor:
            return start(process, y, z, self.steps[0].t)

        def whole(y: Tensor, first: int) -> Tensor:
            shape, asked = tuple(y.shape), denoiser
            if has_two_stages(denoiser):  # the path ends at the estimate of the first
                network = two_stages(denoiser)
                asked, y = denoiser.with_network(network.given(y)), network.first(y)
            x = begin(y, draw(shape, 0, first))
            return run_plan(
                asked, x, self.steps, y=y, draw=lambda number: draw(shape, number, first)
            )

        inner = (
            Blockwise(denoiser, self.steps, draw, begin)
            if self.carried
            else Chunked(whole, self.chunk, self.overlap)
        )
        return Placed(inner, device, self.sampler.dtype)

    def record(self) -> dict[str, object]:
        """What is needed to repeat it."""
        kept = self.sampler.record()
        for name in ("tile", "nfe", "item"):
            kept.pop(name)
        return {**kept, "symmetries": self._turns, "method": "model"}

    def about(self) -> str:
        """A line that says what will be used."""
        sampler = self.sampler
        dtype = str(sampler.dtype).removeprefix("torch.")
        many = f"{self.calls} call{'s' * (self.calls != 1)} a frame"
        return f"{self.id}, {sampler.device}, {dtype}, {sampler.choice.solver}, {many}"

    def _plan(self) -> list[Step]:
        times = self.sampler.choice.times
        steps = self.sampler.plan() if times is None else self.sampler.plan(times[0])
        if self.sampler.choice.solver in AUTOMATIC:
            steps = settled(steps, self.sampler.process)
        process = self.sampler.process
        pinned = float(process.s(torch.tensor(1.0, dtype=torch.float64))) == 0
        if self.samples > 1 and pinned and not any(step.sigma > 0 for step in steps):
            raise UsageError(
                f"solver {self.sampler.choice.solver!r} draws no noise, so all samples would be "
                "the same; use --steps 2 or more, or 1 sample"
            )
        return steps


def method_for(asked: Asked, model: str | None, wishes: Wishes) -> Method:
    """The method that is asked for, its weights loaded.

    Raises UsageError for names and numbers that cannot be, InputError for a model that is not of
    this domain or task, MissingExtraError for missing weights.
    """
    wishes.check()
    if asked.method != "model":
        return _filter_for(asked, model, wishes)
    path = find_weights(model or DEFAULT)
    settings = read_settings(path)
    if settings.domain != "speech":
        raise InputError(f"{settings.id} is a model for {settings.domain}, not for speech")
    _check_task(asked.task, settings.id, settings.task)
    if settings.sampler is not None and wishes.preset is None and wishes.solver is None:
        return ByCheckpoint(path, asked, wishes)  # with those it runs by the package's solvers
    device = resolve_device(wishes.device)
    dtype = resolve_dtype(wishes.dtype, device)
    loaded = load_model(path, device)
    signal = read_signal(loaded.settings.signal)
    sampler = Sampler(loaded, choose(loaded, wishes), wishes, device, dtype)
    a_second = signal.spectrogram.rate / signal.spectrogram.hop
    frames = [math.ceil(seconds * a_second) for seconds in (asked.piece, asked.overlap)]
    return ByModel(sampler, signal, *frames)


def _filter_for(asked: Asked, model: str | None, wishes: Wishes) -> ByFilter:
    name = asked.method
    if model is not None:
        raise UsageError(f"a model is for networks, which {name} has not; leave it out")
    if asked.task not in (None, "denoise"):
        raise UsageError(f"{name} removes noise; the task {asked.task!r} needs a model")
    for wish in ("steps", "solver", "preset"):
        if getattr(wishes, wish) is not None:
            raise UsageError(f"{wish} belongs to a network, which {name} has not; leave it out")
    if (wishes.samples or 1) > 1:
        raise UsageError(f"{name} draws nothing: its samples would be equal; ask for one")
    return ByFilter(name, wishes, read_signal({"level": None}))


def _check_task(task: str | None, name: str, made_for: Any) -> None:
    """A model of the task "enhance" or "both" takes away noise and echoes."""
    known = {"enhance": ("denoise", "dereverb", "both"), "both": ("denoise", "dereverb", "both")}
    if task is not None and task not in known.get(made_for, (made_for,)):
        raise InputError(f"{name} is a model for {made_for}, not for {task}; name another model")
