"""How the images of a cube's subspace are denoised: by name, to objects with `mean` and `draw`.

model             a model of cubes, `learned`, whose loop all of them share
low-rank          a prior of pictures, each image by itself: HIR-Diff without its gradients
non-local-means   classical, without samples; so is total-variation
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from undrift.common.devices import resolve_device
from undrift.common.errors import UsageError, nearest
from undrift.common.noise import Noise
from undrift.common.posterior.priors import Prior, read_prior
from undrift.common.symmetry import Symmetrised
from undrift.common.wishes import Wishes
from undrift.scientific.hyperspectral import eigen_images
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.learned import (
    MODEL,
    CubeModel,
    Denoised,
    denoise_cube,
    open_cube_model,
)
from undrift.scientific.hyperspectral.low_rank import MOST
from undrift.scientific.hyperspectral.signal import Signal

Array = npt.NDArray[np.float64]
METHODS = ("auto", "model", "low-rank", "non-local-means", "total-variation")
PRIOR = "photos-prior"
STEPS = {"fast": 4, "balanced": 6, "best": 12}
SYMMETRIES = {"fast": 1, "balanced": 8, "best": 8}  # of the last turn: .1 to .2 dB
TURNS = 5
SIGNAL = Signal(space="subspace", channels=MOST, least=1, turns=TURNS)
_MEMORY = 2 * 10**9  # bytes of activations from which images are done in tiles


@dataclass
class ByPrior:
    """A prior of pictures. calls: of the network, of the last cube.

    symmetries: turned and mirrored images whose means are averaged in the last turn."""

    prior: Prior
    wishes: Wishes
    steps: int
    symmetries: int = 1
    signal: Signal = SIGNAL
    calls: int = 0

    @property
    def id(self) -> str:
        """The name of the prior."""
        return self.prior.name

    @property
    def sha256(self) -> str:
        """Of the weights."""
        return self.prior.sha256

    def denoise(self, cube: Cube, samples: bool = False, fill: bool = False) -> Denoised:
        """See `learned.denoise_cube`."""
        self.calls = 0
        return denoise_cube(cube, cast(CubeModel, self), samples, fill)

    def guesses(self, images: Array) -> Array:
        """(k, rows, columns) coefficients with noise of deviation 1 -> their mean, in one call."""
        self.calls += len(images)
        return eigen_images.by_prior(self._placed(images), images)

    def mean(self, images: Array) -> Array:
        """The same of the last turn, over symmetries."""
        self.calls += self.symmetries * len(images)
        prior = self._placed(images)
        turned = Symmetrised(prior.denoise, self.symmetries, prior.multiple)
        return eigen_images.by_prior(replace(prior, denoise=turned), images)

    def draw(self, images: Array) -> Array:
        """(samples, k, rows, columns) of the posterior of coefficients."""
        count = self.wishes.samples or 1
        prior = self._placed(images)
        self.calls += count * self.steps * len(images)
        noises = (Noise(self.wishes.seed, self.wishes.item, n) for n in range(count))
        return np.stack([eigen_images.sampled(prior, images, self.steps, n) for n in noises])

    def record(self) -> dict[str, Any]:
        """What is needed to repeat it."""
        return {
            "method": "low-rank", "model": self.id, "weights": self.sha256, "steps": self.steps,
            "symmetries": self.symmetries, "nfe": self.calls,
        }  # fmt: skip

    def _placed(self, images: Array) -> Prior:
        """In tiles, as wished or where the activations of an image would take too much."""
        from undrift.common.denoisers import Denoiser
        from undrift.common.tiling import Tiled

        tile = self.wishes.tile_sizes()
        if tile == "off" or not isinstance(self.prior.denoise, Denoiser):
            return self.prior
        if isinstance(tile, tuple):
            tiled = Tiled(self.prior.denoise, tile, self.wishes.batch_size())
            return replace(self.prior, denoise=tiled)
        return self.prior.tiled((1, *images.shape[1:]), self.wishes.max_memory or _MEMORY)


@dataclass
class Classical:
    """A denoiser of pictures without a network."""

    id: str
    eigen: Callable[[Array], Array]
    signal: Signal = SIGNAL
    sha256: str = ""

    def denoise(self, cube: Cube, samples: bool = False, fill: bool = False) -> Denoised:
        """See `learned.denoise_cube`."""
        return denoise_cube(cube, cast(CubeModel, self), samples, fill)

    def mean(self, images: Array) -> Array:
        """As `ByPrior.mean`."""
        return self.eigen(images)

    guesses = mean

    def draw(self, images: Array) -> Array:
        """Raises UsageError: there are no samples."""
        raise UsageError(f"{self.id} draws no samples; take method model or low-rank")

    def record(self) -> dict[str, Any]:
        """What is needed to repeat it."""
        return {"method": self.id, "model": "", "weights": "", "steps": None, "nfe": 0}


@dataclass
class Learned:
    """A model of cubes with its record."""

    model: CubeModel

    def denoise(self, cube: Cube, samples: bool = False, fill: bool = False) -> Denoised:
        """See `learned.denoise_cube`."""
        return denoise_cube(cube, self.model, samples, fill)

    @property
    def id(self) -> str:
        """The name of the model."""
        return self.model.chain.model.id

    @property
    def sha256(self) -> str:
        """Of the weights."""
        return self.model.chain.model.sha256

    def record(self) -> dict[str, Any]:
        """What is needed to repeat it."""
        return {**self.model.chain.record(), "method": "model", "weights": self.sha256}


Method = ByPrior | Classical | Learned


def method_for(name: str, model: str | None, wishes: Wishes) -> Method:
    """The method of a name. auto: model, which validation scenes prefer; or what `model` is for.

    Raises UsageError for an unknown name and wishes that the method cannot fulfil, InputError for
    an unknown model or one of another kind.
    """
    if name not in METHODS:
        raise UsageError(f"no method '{name}'{nearest(name, METHODS)} ({', '.join(METHODS)})")
    wishes.check()
    if wishes.pad_modes() is not None:
        raise UsageError("pad means nothing to cubes; leave it out")
    if name == "auto":
        name = _automatic(model)
    if name == "model":
        return Learned(open_cube_model(model or MODEL, wishes))
    if name == "low-rank":
        if wishes.solver is not None:
            raise UsageError("low-rank has a chain of its own; leave solver out")
        prior = read_prior(model or PRIOR, resolve_device(wishes.device))
        preset = _preset(wishes)
        return ByPrior(prior, wishes, wishes.steps or STEPS[preset], SYMMETRIES[preset])
    if model is not None or (wishes.samples or 1) > 1:
        raise UsageError(f"{name} has no model and draws no samples; leave both out")
    eigen = {
        "non-local-means": eigen_images.non_local_means,
        "total-variation": eigen_images.total_variation,
    }[name]
    return Classical(name, eigen)


def _preset(wishes: Wishes) -> str:
    if wishes.preset_name not in STEPS:
        raise UsageError(f"preset {wishes.preset_name!r}: expected {', '.join(STEPS)}")
    return wishes.preset_name


def _automatic(model: str | None) -> str:
    """By what a model is for."""
    from undrift.common.weights.files import read_settings
    from undrift.common.weights.model import find_weights

    if model is None:
        return "model"
    settings = read_settings(find_weights(model))
    return "model" if settings.domain == "scientific" else "low-rank"
