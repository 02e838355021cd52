"""What a scanner does to a picture: shading, phase, coils, noise, motion, thick slices.

    x(p)  = picture(p) bias(p) exp(i phase(p))
    k_c   = F(S_c x) + n,   n complex normal of deviation sigma, sigma / sqrt 2 a component

with F orthonormal, so that the noise of an image has the deviation of that of its samples. The
magnitude of one coil is then Rician: with A the picture and s = sigma / sqrt 2 its second moment is
A^2 + 2 s^2 (Gudbjartsson and Patz, Magn. Reson. Med. 34, 1995). SNR is the mean signal of white
matter over s. Noise is a function of seed and voxel.
"""

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.medical.simulate.fields import Array, random_field
from undrift.medical.volumes.geometry import Affine, spacing
from undrift.medical.volumes.volume import Volume

Complex = npt.NDArray[np.complex64]
PROFILES = ("box", "gaussian")


def _places(grid: tuple[int, ...], affine: Affine) -> tuple[Array, Array, Array]:
    """Millimetres along each axis of a grid, as the phantom's fields count them."""
    x, y, z = (
        (np.arange(n) * step + start).astype(np.float32)
        for n, step, start in zip(grid, spacing(affine), affine[:3, 3], strict=True)
    )
    return x, y, z


def bias_field(
    grid: tuple[int, int, int], affine: Affine, seed: int, amount: float = 0.2, knot: float = 60.0
) -> Array:
    """(x, y, z) between 1 - amount and 1 + amount, changing over about `knot` mm."""
    smooth = random_field(seed, "bias", knot).on(_places(grid, affine))
    return 1 + np.float32(amount) * np.tanh(smooth)


def phase_map(
    grid: tuple[int, int, int], affine: Affine, seed: int, amount: float = 0.8, knot: float = 50.0
) -> Array:
    """(x, y, z) radians of deviation `amount`, changing over about `knot` mm."""
    return np.float32(amount) * random_field(seed, "phase", knot).on(_places(grid, affine))


def complex_noise(shape: tuple[int, int, int], seed: int, sigma: float, item: str = "") -> Complex:
    """Complex normal noise (x, y, z) of deviation `sigma`, sigma / sqrt 2 in each component."""
    drawn = Noise(seed, f"mr noise {item}")((1, 2, *shape))[0].numpy()
    return ((drawn[0] + 1j * drawn[1]) * np.float32(sigma / np.sqrt(2))).astype(np.complex64)


def rician(volume: Volume, sigma: float, seed: int, item: str = "") -> Volume:
    """The magnitude of the volume plus complex noise of `sigma` in EACH component.

    Raises InputError for a negative sigma and for 4D.
    """
    if sigma < 0 or volume.array.ndim != 3:
        raise InputError(f"sigma {sigma} for {volume.array.shape}: expected 0 or more, and 3D")
    noise = complex_noise(volume.grid, seed, sigma * np.sqrt(2), item)
    return volume.with_array(np.abs(volume.array + noise).astype(np.float32))


def low_field_sigma(sigma: float, tesla: float, of: float = 1.5) -> float:
    """The noise at another field, relative to the signal: SNR grows in proportion to the field."""
    if not tesla > 0:
        raise InputError(f"a field of {tesla} T, expected one above 0")
    return sigma * of / tesla


def kspace(image: np.ndarray, axes: tuple[int, ...] = (-3, -2, -1)) -> np.ndarray:
    """F: the centred orthonormal Fourier transform over `axes`."""
    moved = np.fft.ifftshift(image, axes=axes)
    return np.fft.fftshift(np.fft.fftn(moved, axes=axes, norm="ortho"), axes=axes)


def image_of(samples: np.ndarray, axes: tuple[int, ...] = (-3, -2, -1)) -> np.ndarray:
    """The inverse of `kspace`, which is its adjoint."""
    moved = np.fft.ifftshift(samples, axes=axes)
    return np.fft.fftshift(np.fft.ifftn(moved, axes=axes, norm="ortho"), axes=axes)


def acquire(
    image: np.ndarray, maps: np.ndarray, sigma: float, seed: int, item: str = ""
) -> Complex:
    """k_c = F(S_c x) + n: (coils, x, y, z) complex64 of an image (x, y, z) and maps like it."""
    if maps.shape[1:] != image.shape or image.ndim != 3:
        raise InputError(
            f"maps {maps.shape} for an image {image.shape}: expected (coils, x, y, z) and (x, y, z)"
        )
    samples = kspace(maps * image).astype(np.complex64)
    for coil in range(len(samples)):
        samples[coil] += complex_noise(image.shape, seed, sigma, f"{item} coil {coil}")
    return samples


def moved(
    image: np.ndarray, seed: int, millimetres: float, voxel: float = 1.0, shots: int = 16,
    axis: int = 1,
) -> Complex:  # fmt: skip
    """An image (x, y, z) whose lines along `axis` were taken while the head shifted about.

    A shift by d turns the phase of k-space by exp(-2 pi i k d). Each of `shots` groups of
    neighbouring lines has its own shift, normal of deviation `millimetres` along the three axes.
    """
    shifts = Noise(seed, "motion")((1, 3, shots))[0].numpy() * np.float32(millimetres / voxel)
    return shifted_shots(image, shifts, axis)


def shifted_shots(image: np.ndarray, shifts: np.ndarray, axis: int = 1) -> Complex:
    """The image from k-space lines that, in groups along `axis`, saw it moved.

    shifts: (3, shots) voxels.
    """
    count = shifts.shape[1]
    group = np.minimum(np.arange(image.shape[axis]) * count // image.shape[axis], count - 1)
    turn = np.zeros(image.shape)
    for direction, n in enumerate(image.shape):
        k = np.fft.fftshift(np.fft.fftfreq(n))
        shape = [1, 1, 1]
        shape[direction] = n
        lines = [1, 1, 1]
        lines[axis] = image.shape[axis]
        turn = turn + k.reshape(shape) * shifts[direction][group].reshape(lines)
    return image_of(kspace(image) * np.exp(-2j * np.pi * turn)).astype(np.complex64)


def slice_weights(count: int, factor: int, profile: str = "box") -> Array:
    """(count // factor, count): the weights with which thin slices make thick ones; rows sum to 1.

    profile: "box", the mean of `factor` slices, or "gaussian", as wide as they are at half height
    and reaching into the neighbours, as real slices do.

    Raises InputError for another profile, and for fewer slices than one thick one has.
    """
    if profile not in PROFILES or factor < 1 or count < factor:
        raise InputError(
            f"slices {factor} times as thick, profile {profile!r}, of {count}: expected a factor "
            f"from 1 to {count} and one of {', '.join(PROFILES)}"
        )
    rows = count // factor
    centres = (np.arange(rows) * factor + (factor - 1) / 2)[:, None]
    away = np.abs(np.arange(count)[None] - centres)
    if profile == "box":
        weights = (away < factor / 2).astype(np.float64)
    else:
        weights = np.exp(-4 * np.log(2) * (away / factor) ** 2) * (away < 1.5 * factor)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def thick_slices(volume: Volume, factor: int, axis: int = 2, profile: str = "box") -> Volume:
    """The volume with slices `factor` times as thick along `axis`, and the affine of their centres.

    Slices at the end that make no whole thick one are left out. Raises InputError as above.
    """
    weights = slice_weights(volume.grid[axis], factor, profile)
    thick = np.moveaxis(np.tensordot(weights, volume.array, ((1,), (axis,))), 0, axis)
    change = np.eye(4)
    change[axis, axis], change[axis, 3] = factor, (factor - 1) / 2
    return volume.on_grid(np.ascontiguousarray(thick, np.float32), volume.affine @ change)
