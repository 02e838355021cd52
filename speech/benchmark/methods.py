"""What is compared: our models, and what a user would otherwise pick.

noisy                    nothing is done
wiener, spectral-subtraction   the two filters of this package (`speech.classical`)
noisereduce              spectral gating with a noise that may change (Sainburg), its default
noisereduce-stationary   the same with one noise spectrum for the whole file
rnnoise                  the network of Valin (2018, its model of 2024) by the package `pyrnnoise`

RNNoise works at 48 kHz: the signal goes there and back by `scipy.signal.resample_poly`, in frames
of 10 ms as 16-bit integers. Its output is 20 ms late (960 samples at 48 kHz, the peak of the cross-
correlation with the input on clean speech); it is moved back by that before it is scored.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from undrift.common.errors import UsageError, nearest, require

Run = Callable[[np.ndarray, int, str], np.ndarray]  # (noisy (n,), rate, item) -> (n,)

PRESETS = ("fast", "balanced", "best")
RNNOISE_RATE, RNNOISE_FRAME, RNNOISE_DELAY = 48_000, 480, 960


@dataclass(frozen=True)
class Method:
    """`name` as tables show it; `identity` holds all its results depend on beside the input."""

    name: str
    kind: Literal["model", "baseline"]
    run: Run
    about: str = ""
    identity: Mapping[str, Any] = field(default_factory=dict)


def noisereduce(noisy: np.ndarray, rate: int, stationary: bool) -> np.ndarray:
    """Spectral gating. Raises MissingExtraError without `noisereduce`."""
    package = require("noisereduce")
    return np.asarray(package.reduce_noise(y=noisy, sr=rate, stationary=stationary))


def rnnoise(noisy: np.ndarray, rate: int) -> np.ndarray:
    """RNNoise, delay compensated: (n,) of full scale 1 to the same length.

    Raises MissingExtraError without `pyrnnoise`.
    """
    from fractions import Fraction

    from scipy.signal import resample_poly

    library = require("pyrnnoise.rnnoise")
    ratio = Fraction(RNNOISE_RATE, rate)
    up = resample_poly(noisy.astype(np.float64), ratio.numerator, ratio.denominator)
    padded = np.pad(up, (0, RNNOISE_DELAY + -(len(up) + RNNOISE_DELAY) % RNNOISE_FRAME))
    integers = np.round(np.clip(padded * 32768, -32768, 32767)).astype(np.int16)
    state = library.create()
    try:
        frames = [
            library.process_mono_frame(state, frame)[0]
            for frame in integers.reshape(-1, RNNOISE_FRAME)
        ]
    finally:
        library.destroy(state)
    out = np.concatenate(frames).astype(np.float64)[RNNOISE_DELAY:] / 32768
    return resample_poly(out, ratio.denominator, ratio.numerator)[: len(noisy)]


def _classical(name: str) -> Run:
    def run(noisy: np.ndarray, rate: int, item: str) -> np.ndarray:
        return _enhanced(noisy, rate, item, method=name)

    return run


PEERS: dict[str, Run] = {
    "noisy": lambda noisy, rate, item: noisy,
    "wiener": _classical("wiener"),
    "spectral-subtraction": _classical("spectral-subtraction"),
    "noisereduce": lambda noisy, rate, item: noisereduce(noisy, rate, stationary=False),
    "noisereduce-stationary": lambda noisy, rate, item: noisereduce(noisy, rate, stationary=True),
    "rnnoise": lambda noisy, rate, item: rnnoise(noisy, rate),
}
PACKAGES = {
    "noisereduce": "noisereduce",
    "noisereduce-stationary": "noisereduce",
    "rnnoise": "pyrnnoise",
}


def find_method(name: str, *, model: str | None = None, seed: int = 0) -> Method:
    """The method called `name`: a peer, a preset of `model`, or `model:NAME` with `@PRESET`.

    model: name or path; None means the default. Raises UsageError for an unknown name,
    MissingExtraError for a package that is not installed, InputError for an unknown model.
    """
    if name in PEERS:
        identity = {}
        if name in PACKAGES:
            require(PACKAGES[name])
            from importlib.metadata import version

            identity = {"version": version(PACKAGES[name])}
        return Method(name, "baseline", PEERS[name], identity=identity)
    word, _, rest = name.partition(":")
    wanted, _, preset = rest.partition("@")
    if word == "model":
        return _model(name, wanted or model, preset or "balanced", seed)
    if name in PRESETS:
        return _model(name, model, name, seed)
    known = (*PEERS, *PRESETS)
    raise UsageError(
        f"no method '{name}'{nearest(name, known)} "
        f"(there are: {', '.join(known)}, model:NAME, model:NAME@PRESET)"
    )


def _model(name: str, model: str | None, preset: str, seed: int) -> Method:
    from undrift.common.files import sha256_of
    from undrift.common.weights.model import find_weights

    if preset not in PRESETS:
        raise UsageError(f"no preset '{preset}'{nearest(preset, PRESETS)} ({', '.join(PRESETS)})")
    wanted = model or usual_model()
    identity = {"weights": sha256_of(find_weights(wanted)), "preset": preset}

    def run(noisy: np.ndarray, rate: int, item: str) -> np.ndarray:
        return _enhanced(noisy, rate, item, model=wanted, preset=preset, seed=seed)

    return Method(name, "model", run, f"{wanted}, preset {preset}", identity)


def usual_model() -> str:
    """The model of `undrift speech enhance` where none is named."""
    from undrift.speech.method import DEFAULT

    return DEFAULT


def _enhanced(noisy: np.ndarray, rate: int, item: str, **options: Any) -> np.ndarray:
    from undrift.speech.tasks import enhance

    return np.asarray(enhance(noisy, rate=rate, item=item, **options).value)


def describe(methods: Sequence[Method]) -> dict[str, str]:
    """Name -> what it is, for the record of a run."""
    return {
        method.name: ", ".join(
            [*([method.about] if method.about else []),
             *(f"{key} {value}" for key, value in method.identity.items())]
        )
        for method in methods
    }  # fmt: skip
