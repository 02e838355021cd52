"""A cube denoised by a diffusion model, whatever its number of bands.

Three stages, after the outline of HSI-Diffusion (Li et al. 2024), of which the paper gives no more:

    1 an autoencoder      2 a diffusion model of its codes under generic noise      3 fine-tuning
                                                                                 to one sensor
What is ours: the autoencoder is linear and belongs to the cube, whitening and the directions of its
signal (`subspace`), so that any number of bands gives at most twelve images whose noise has
deviation 1; the model (`hsi-subspace`) is a bridge to the true images, all of them at once, from
what a prior of pictures makes of each, trained on simulated scenes; stage 3 learns from the user's
scene alone (`own_scene`). Faults of columns and impulses are told apart (`low_rank`) by the prior
of pictures; the last turn asks the model, for its mean, and the bridge draws samples.
`hsi-bridge` works on voxels instead, told the wavelength of each band: from the projected cube
(`first_guess`) to the true one.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from undrift.common.errors import InputError
from undrift.common.posterior.priors import Prior, read_prior
from undrift.common.sampling import Sampler, make_sampler
from undrift.common.wishes import Wishes
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.eigen_images import by_prior
from undrift.scientific.hyperspectral.first_guess import first_guess
from undrift.scientific.hyperspectral.low_rank import MOST, Found, separate
from undrift.scientific.hyperspectral.samples import scales
from undrift.scientific.hyperspectral.signal import Signal, read_signal

Array = npt.NDArray[np.float64]
TASK = "hsi-denoise"
MODEL = "hsi-subspace"
_PLAIN = Wishes()
_TURNED = ((1, 1, 1), (-1, 1, -1), (1, -1, -1), (-1, -1, 1))  # signs, rows, columns


@dataclass(frozen=True, eq=False)
class Denoised:
    """estimate: (bands, rows, columns) mean, float32. samples: (n, bands, rows, columns) float32, n
    from 0. found: stripes, outliers and sigma of the bands in `used`. Both arrays are NaN where the
    cube was, unless filling was asked for; bands without any value stay NaN in any case.

    used: (bands,) bool, those that hold something.
    """

    estimate: npt.NDArray[np.float32]
    samples: npt.NDArray[np.float32]
    found: Found
    used: npt.NDArray[np.bool_]

    @property
    def deviation(self) -> npt.NDArray[np.float32]:
        """Standard deviation over samples; needs two or more."""
        return self.samples.std(0, ddof=1)


@dataclass
class CubeModel:
    """A model of coefficients and how it is asked. Make it with `open_cube_model`.

    once: asked for the mean, in one call. chain: asked for samples. prior: of pictures, for the
    guesses; None for a model of voxels. turned: mirrorings that the mean is averaged over, 1 to 4.
    """

    once: Sampler
    chain: Sampler
    signal: Signal
    prior: Prior | None = None
    turned: int = 1

    def mean(self, images: Array) -> Array:
        """(k, rows, columns) coefficients with noise of deviation 1 -> their mean.

        Faint ones beyond the channels of the network are left to the prior.
        """
        known, rest = np.split(images, [self.signal.channels])
        y, total = self.stacked(known), np.zeros_like(known)
        for sign, rows, columns in _TURNED[: self.turned]:
            turn = np.s_[:, ::rows, ::columns]
            total += sign * self._ask(self.once, sign * y[turn], len(known))[0][turn]
        return np.concatenate([total / self.turned, self.guesses(rest)])

    def guesses(self, images: Array) -> Array:
        """What the prior of pictures makes of each by itself."""
        if self.prior is None:
            raise InputError(f"{self.chain.model.id} is a model of voxels, not of coefficients")
        return by_prior(self.prior, images)

    def draw(self, images: Array) -> Array:
        """(samples, k, rows, columns) of the posterior of coefficients.

        Those beyond the channels of the network do not vary.
        """
        known, rest = np.split(images, [self.signal.channels])
        drawn = self._ask(self.chain, self.stacked(known), len(known))
        fixed = np.broadcast_to(self.guesses(rest), (len(drawn), *rest.shape))
        return np.concatenate([drawn, fixed], 1)

    def stacked(self, images: Array) -> Array:
        """(2 channels, rows, columns): guesses, then the images; 0 where there are fewer."""
        y = np.zeros((2, self.signal.channels, *images.shape[1:]))
        y[:, : len(images)] = self.guesses(images), images
        return y.reshape(-1, *images.shape[1:])

    def _ask(self, sampler: Sampler, y: Array, count: int) -> Array:
        given = torch.from_numpy(np.ascontiguousarray(y, np.float32))[None]
        level = torch.from_numpy(scales(y[self.signal.channels :]))[None]
        drawn = sampler.draw_samples(tuple(given.shape), y=given, level=level)
        return drawn[:, :count].double().cpu().numpy()


def open_cube_model(model: str = MODEL, wishes: Wishes = _PLAIN, turned: int = 4) -> CubeModel:
    """A model by id or weight file; see `CubeModel`.

    Raises InputError for an unknown model or one of another task, UsageError for a wrong wish.
    """
    chain = make_sampler(model, TASK, wishes)
    once = make_sampler(model, TASK, replace(wishes, steps=1, samples=1, solver="ddim"))
    signal = read_signal(chain.model.settings.signal)
    prior = None if signal.space == "voxels" else read_prior(signal.guess, chain.device)
    return CubeModel(once, chain, signal, prior, turned)


def denoise_cube(
    cube: Cube, model: CubeModel, samples: bool = False, fill: bool = False
) -> Denoised:
    """The mean of a cube's posterior, and with `samples` as many samples as the wishes asked for.

    fill: missing values come out as the estimate has them, not as NaN. The scatter of samples is
    that within the subspace alone. Raises InputError for fewer than three bands with values.
    """
    used = np.asarray(np.isfinite(cube.array).any((1, 2)))
    if used.sum() < 3:
        raise InputError(
            f"{int(used.sum())} of {cube.bands} bands hold values; noise is told from signal by "
            "comparing bands, which needs three or more"
        )
    wave = None if cube.wavelengths is None else cube.wavelengths[used]
    given = Cube(cube.array if used.all() else cube.array[used], wave)
    ask = _by_voxels if model.signal.space == "voxels" else _by_coefficients
    estimate, drawn, found = ask(given, model, samples)
    hidden = np.zeros(given.array.shape, bool) if fill else np.isnan(given.array)

    def whole(values: Array) -> npt.NDArray[np.float32]:
        out = np.full(cube.array.shape, np.nan, np.float32)
        out[used] = np.where(hidden, np.nan, values)
        return out

    empty = np.empty((0, *cube.array.shape), np.float32)
    each = np.stack([whole(one) for one in drawn]) if drawn else empty
    return Denoised(whole(estimate), each, found, used)


def _by_coefficients(
    cube: Cube, model: CubeModel, samples: bool
) -> tuple[Array, list[Array], Found]:
    signal = model.signal
    found = separate(cube, model.guesses, signal.turns, MOST, signal.least, last=model.mean)
    space = found.subspace
    if not samples:
        return found.estimate, [], found
    mean = space.cube(model.mean(found.noisy))
    moved = [space.cube(one) - mean for one in model.draw(found.noisy)]
    return found.estimate, [found.estimate + off for off in moved], found


def _by_voxels(cube: Cube, model: CubeModel, samples: bool) -> tuple[Array, list[Array], Found]:
    signal = model.signal
    guess = first_guess(cube, signal.turns, signal.channels, signal.least)
    y = torch.from_numpy(guess.voxels)[None]

    def asked(sampler: Sampler) -> list[Array]:
        drawn = sampler.draw_samples(tuple(y.shape), y=y)[:, 0].double().cpu().numpy()
        return [guess.cube(one) for one in drawn]

    return asked(model.once)[0], asked(model.chain) if samples else [], guess.found
