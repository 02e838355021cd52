"""Classical answers where little is told, and where the noise grows with the light.

JPEG files and small pictures of unknown history: removal of white noise at the level that
`sigma.estimate_sigma` finds (at least half a grey level), small pictures are then enlarged by the
bicubic kernel. Traces of JPEG are no white noise and the estimate takes them for little;
`tv-oracle` looks at the truth to choose among eight strengths: an upper bound, not a method. The
noise of a camera: the same removers behind the generalised Anscombe transform, after which it has
the standard deviation 1 (Makitalo and Foi 2013), and back without bias.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from undrift.restoration.baselines import BASELINES, TV_ORACLE_FACTORS, tv
from undrift.restoration.method import Method

LEAST = 0.5 / 255
ORACLE_SIGMAS = tuple(level / 255 for level in (0.5, 1, 2, 4, 7, 11, 16, 25))
REMOVERS = ("tv", "wavelet", "nlm", "bm3d")
Remover = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class KnownCamera:
    """What a method is told: var(y | x) = gain x + read^2, in the unit of the picture."""

    gain: float
    read: float


def guessed_sigma(y: np.ndarray) -> float:
    """White noise of (c, h, w) as `estimate_sigma` finds it, half a level or more."""
    import torch

    from undrift.restoration.sigma import estimate_sigma

    return max(LEAST, estimate_sigma(torch.from_numpy(np.ascontiguousarray(y))[None]))


def _cleaned(y: np.ndarray, known: object, *, remover: Remover) -> np.ndarray:
    return remover(y, guessed_sigma(y))


def _tv_oracle(y: np.ndarray, known: object, *, reference: np.ndarray) -> np.ndarray:
    return _nearest([tv(y, sigma) for sigma in ORACLE_SIGMAS], reference)


def _enlarged(y: np.ndarray, scale: float, *, remover: Remover) -> np.ndarray:
    return _bicubic(remover(y, guessed_sigma(y)), scale)


def _enlarged_oracle(y: np.ndarray, scale: float, *, reference: np.ndarray) -> np.ndarray:
    tried = [y, *(tv(y, sigma) for sigma in ORACLE_SIGMAS)]
    return _nearest([_bicubic(x, scale) for x in tried], reference)


def behind_anscombe(y: np.ndarray, known: KnownCamera, *, remover: Remover) -> np.ndarray:
    """Even noise, `remover` told its level, and back by the exact unbiased inverse.

    The picture is brought to [0, 1] between the values of black and white meanwhile.
    """
    even = _evened(y, known)
    return even.back(remover(even.y, even.sigma))


def _anscombe_oracle(y: np.ndarray, known: KnownCamera, *, reference: np.ndarray) -> np.ndarray:
    even = _evened(y, known)
    results = [tv(even.y, even.sigma, factor=factor) for factor in TV_ORACLE_FACTORS]
    return _nearest([even.back(x) for x in results], reference)


@dataclass(frozen=True, eq=False)
class _Even:
    """y (c, h, w) with noise of standard deviation `sigma`, and the way back."""

    y: np.ndarray
    sigma: float
    back: Callable[[np.ndarray], np.ndarray]


def _evened(y: np.ndarray, known: KnownCamera) -> _Even:
    import torch

    from undrift.common.anscombe import stabilised, unbiased_inverse

    def forward(x: np.ndarray) -> np.ndarray:
        values = torch.from_numpy(np.ascontiguousarray(x))
        return stabilised(values, known.gain, known.read).numpy()

    black, white = forward(np.array([0.0, 1.0]))
    span = float(white - black)

    def back(x: np.ndarray) -> np.ndarray:
        values = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float64)) * span + black
        return unbiased_inverse(values, known.gain, known.read).numpy()

    return _Even(((forward(y) - black) / span).astype(np.float32), 1 / span, back)


def _bicubic(y: np.ndarray, scale: float) -> np.ndarray:
    return BASELINES["bicubic"].restore(np.asarray(y, dtype=np.float32), scale)


def _nearest(found: list[np.ndarray], reference: np.ndarray) -> np.ndarray:
    return min(found, key=lambda x: float(np.square(np.clip(x, 0, 1) - reference).mean()))


def _as_given(y: np.ndarray, known: object) -> np.ndarray:
    return y


def _removers(
    task: str, call: Callable[..., np.ndarray], about: str, oracle: Callable[..., np.ndarray]
) -> dict[str, Method]:
    found = {
        name: Method(name, task, partial(call, remover=BASELINES[name].restore),
                     f"{BASELINES[name].about.split(',')[0]}, {about}")
        for name in REMOVERS
    }  # fmt: skip
    strongest = f"total variation, best of several strengths, {about}"
    return {**found, "tv-oracle": Method("tv-oracle", task, oracle, strongest, "oracle")}


BLIND_BASELINES: dict[str, dict[str, Method]] = {
    "jpeg": {
        "identity": Method("identity", "jpeg", _as_given, "the picture of the file"),
        **_removers("jpeg", _cleaned, "estimated sigma", _tv_oracle),
    },
    "blind-sr": {
        "bicubic": Method("bicubic", "blind-sr", _bicubic, "bicubic interpolation"),
        "lanczos": Method("lanczos", "blind-sr", BASELINES["lanczos"].restore, "Lanczos"),
        **_removers("blind-sr", _enlarged, "estimated sigma, then bicubic", _enlarged_oracle),
    },
    "camera": {
        "identity": Method("identity", "camera", _as_given, "the noisy input"),
        **_removers("camera", behind_anscombe, "behind Anscombe's transform", _anscombe_oracle),
    },
}
