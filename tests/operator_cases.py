"""One small instance of every linear operator, and more where borders, axes or fields differ."""

import torch
from torch import Tensor

from undrift.common.operators import (
    STFT,
    Average,
    Bicubic,
    BlockSample,
    Blur,
    BlurDownsample,
    CoarseGrain,
    CoilFourier,
    Diagonal,
    FanBeam,
    Fourier,
    FromChannels,
    FromReal,
    GaussianBlur,
    GaussianDownsample,
    Grey,
    Hadamard,
    Identity,
    LinearOperator,
    Mask,
    Matrix,
    NonUniformFourier,
    PointSample,
    Radon,
    RandomGaussian,
    RoomResponse,
    Sample,
    SpectralResponse,
    VaryingBlur,
    ZeroPad,
    areas,
    gaussian_kernel,
    motion_kernel,
    shake_kernel,
    stack,
)
from undrift.common.operators.borders import Border

PLANE = (2, 6, 8)


def values(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def kernel(*shape: int) -> Tensor:
    """A random kernel under a strong centre, so that iterative solves are well posed."""
    found = 0.1 * values(*shape)
    found[tuple(n // 2 for n in shape)] += 1
    return found


def complex_values(*shape: int, seed: int = 0) -> Tensor:
    return torch.complex(values(*shape, seed=seed), values(*shape, seed=seed + 100))


def holes(*shape: int, seed: int = 3) -> Tensor:
    """About half ones."""
    return (values(*shape, seed=seed) > 0).double()


def inside(points: int, *space: int) -> Tensor:
    """Random grid indices within the grid."""
    return values(points, len(space)).abs().remainder(1) * (torch.tensor(space) - 1)


def blurs() -> dict[str, LinearOperator]:
    borders: tuple[Border, ...] = (
        "circular",
        "valid",
        "reflect",
        "symmetric",
        "replicate",
        "zero",
    )
    found: dict[str, LinearOperator] = {}
    for border in borders:
        found[f"blur {border}"] = Blur(kernel(4, 5), PLANE, border)
        found[f"blur {border} 1-D"] = Blur(
            torch.stack([kernel(4), values(4)[:1] * kernel(4)]), (2, 11), border
        )
        found[f"blur {border} 3-D"] = Blur(kernel(3, 2, 3), (1, 4, 5, 6), border)
    found["blur motion"] = Blur(motion_kernel(3.0, 30), (1, 9, 8))
    found["blur shake"] = Blur(shake_kernel(5, 0.9, seed=2), (1, 6, 7))
    found["blur-downsample"] = BlurDownsample(values(3, 4), PLANE, 2)
    found["blur-downsample uneven"] = BlurDownsample(values(2, 3, 3), PLANE, (3, 2))
    found["blur-downsample 1-D"] = BlurDownsample(values(5), (2, 12), 3)
    found["varying-blur"] = VaryingBlur(
        torch.stack([(1 + k) * kernel(3, 3) for k in range(4)]), PLANE, layout=(2, 2)
    )
    found["varying-blur valid"] = VaryingBlur(
        torch.stack([kernel(3), 2 * kernel(3)]), (1, 12), border="valid"
    )
    found["gaussian-blur"] = GaussianBlur(PLANE, 0.8, size=5)
    found["gaussian-blur circular 1-D"] = GaussianBlur((1, 13), 1.2, "circular")
    return found


def grids() -> dict[str, LinearOperator]:
    return {
        "average": Average(PLANE, 2),
        "average 1-D": Average((3, 12), 4),
        "average 3-D": Average((1, 4, 6, 2), (2, 3, 1)),
        "coarse-grain": CoarseGrain(PLANE, (3, 2), areas(torch.linspace(62, -20, 6))),
        "coarse-grain holes": CoarseGrain((1, 4, 4), 2, holes(4, 4, seed=5)),
        "bicubic": Bicubic((2, 8, 12), 2),
        "bicubic indivisible": Bicubic((1, 7, 9), 2.5),
        "bicubic 3-D": Bicubic((1, 6, 5, 4), 2),
        "gaussian-downsample": GaussianDownsample(PLANE, 2, size=5),
        "points": PointSample(inside(5, 6, 8), PLANE),
        "points periodic": PointSample(inside(5, 6, 11), PLANE, (False, True)),
        "points 1-D": PointSample(inside(4, 9), (2, 9)),
        "points 3-D": PointSample(inside(6, 3, 4, 5), (1, 3, 4, 5)),
        "zero-pad": ZeroPad(PLANE, 2, 1),
    }


def tables() -> dict[str, LinearOperator]:
    return {
        "identity": Identity(PLANE),
        "mask": Mask(holes(6, 8), PLANE),
        "mask one an item": Mask(holes(1, 2, 6, 8), PLANE),
        "sample": Sample(holes(6, 8), PLANE),
        "weights": Diagonal(values(6, 8), PLANE),
        "weights complex": Diagonal(complex_values(2, 1, 8), PLANE),
        "grey": Grey((3, 4, 5), "mean"),
        "spectral-response": SpectralResponse(values(3, 5), (5, 4, 3)),
        "spectral-response tall": SpectralResponse(values(4, 2), (2, 7)),
        "spectral-response complex": SpectralResponse(complex_values(2, 3), (3, 4, 3)),
        "matrix": Matrix(values(5, 12), (3, 4)),
        "matrix tall complex": Matrix(complex_values(14, 6), (2, 3), (2, 7)),
        "random-gaussian": RandomGaussian((1, 4, 5), 8, seed=1),
        "hadamard": Hadamard((2, 4, 8), 9),
        "block-sample": BlockSample((2, 4, 6), 0.5, 2),
        "hadamard shuffled": Hadamard((3, 4, 4), keep=torch.tensor([3, 0, 11]), seed=4),
    }


def waves() -> dict[str, LinearOperator]:
    angles = torch.arange(0.0, 180.0, 25.0)
    return {
        "fourier": Fourier(PLANE, holes(6, 8)),
        "fourier 3-D": Fourier((1, 3, 4, 5), holes(1, 4, 5)),
        "fourier one an item": Fourier(PLANE, holes(1, 2, 6, 8)),
        "coil-fourier": CoilFourier(complex_values(3, 6, 7), (1, 6, 7), holes(6, 7)),
        "coil-fourier of slices": CoilFourier(
            complex_values(2, 3, 4, 3), (1, 3, 4, 3), holes(4, 3), axes=2
        ),
        "fourier of slices": Fourier((2, 3, 4, 5), holes(4, 5), axes=2),
        "coil-fourier 3-D": CoilFourier(complex_values(2, 3, 4, 3), (1, 3, 4, 3), holes(4, 3)),
        "from-real": FromReal(PLANE),
        "from-channels": FromChannels(PLANE),
        "nonuniform-fourier": NonUniformFourier(values(13, 2).clamp(-3, 3), PLANE),
        "nonuniform-fourier coils": NonUniformFourier(
            values(60, 2).clamp(-3, 3), (1, 6, 8), complex_values(3, 6, 8)
        ),
        "nonuniform-fourier 1-D": NonUniformFourier(values(5, 1).clamp(-3, 3), (2, 9)),
        "nonuniform-fourier 3-D": NonUniformFourier(values(9, 3).clamp(-3, 3), (1, 3, 4, 5)),
        "radon": Radon(angles, (1, 7, 9)),
        "radon fine": Radon(angles + 3, (2, 6, 6), cells=19, spacing=0.35, pixel=0.7),
        "fan-beam": FanBeam(2 * angles, (1, 7, 9), source=9.0, detector=5.0),
        "stft": STFT((2, 50), 16, 5, holes(9, 1)),
        "stft odd end": STFT((1, 41), 8, 8, window=torch.ones(8, dtype=torch.float64)),
        "room": RoomResponse(kernel(6), (2, 15)),
        "room microphones": RoomResponse(values(3, 20), (1, 15)),
        "room with its tail": RoomResponse(values(2, 4), (2, 15), tail=True),
    }


def joined() -> dict[str, LinearOperator]:
    plane = Mask(holes(6, 8), PLANE)
    real_to_complex = Fourier(PLANE, holes(6, 8)) @ FromReal(PLANE)
    found = {
        "chain": Average(PLANE, 2) @ Blur(gaussian_kernel(1.0, 3), PLANE),
        "chain of three": Fourier(PLANE) @ FromReal(PLANE) @ plane,
        "chain from channels": Fourier((1, 6, 8), holes(6, 8)) @ FromChannels(PLANE),
        "weighted average": Diagonal(values(2, 3, 4).abs(), (2, 3, 4)) @ Average(PLANE, 2),
        "weighted bands": Diagonal(values(2, 1, 1).abs(), PLANE) @ Blur(values(3, 3), PLANE),
        "weighted sample": Diagonal(values(1).abs(), (5,)) @ Matrix(values(5, 12), (3, 4)),
        "scaled": 0.3 * Average(PLANE, 2),
        "stack": stack(Average(PLANE, 2), plane),
        "stack of real and complex": stack(Average(PLANE, 2), real_to_complex),
    }
    assert all(isinstance(operator, LinearOperator) for operator in found.values())
    return found  # pyright: ignore[reportReturnType]


CASES: dict[str, LinearOperator] = {**blurs(), **grids(), **tables(), **waves(), **joined()}
