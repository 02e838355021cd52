"""The names of operators, noise models and kernels in YAML files: one explicit table each.

The parameters of a name are those of its class or function.
"""

from collections.abc import Callable

from torch import Tensor

from undrift.common.operators.blocks import BlockSample
from undrift.common.operators.blur import Blur
from undrift.common.operators.channels import Grey, SpectralResponse
from undrift.common.operators.coarse import Average, CoarseGrain, areas
from undrift.common.operators.decimated import BlurDownsample
from undrift.common.operators.diagonal import Diagonal, Identity, Mask, Sample
from undrift.common.operators.fields import FromChannels, FromReal
from undrift.common.operators.fourier import CoilFourier, Fourier
from undrift.common.operators.hadamard import Hadamard
from undrift.common.operators.jpeg import JPEG
from undrift.common.operators.kernels import gaussian_kernel, motion_kernel, shake_kernel
from undrift.common.operators.matrix import Matrix, RandomGaussian
from undrift.common.operators.noise_models import Gaussian, NoiseModel, PoissonGaussian
from undrift.common.operators.nonuniform import NonUniformFourier
from undrift.common.operators.operator import Operator
from undrift.common.operators.phase import Magnitude, ZeroPad, phase_retrieval
from undrift.common.operators.points import PointSample
from undrift.common.operators.radon import FanBeam, Radon
from undrift.common.operators.room import RoomResponse
from undrift.common.operators.separable import Bicubic, GaussianBlur, GaussianDownsample
from undrift.common.operators.stft import STFT
from undrift.common.operators.tone import Affine, Clip, Gamma, Saturation
from undrift.common.operators.varying_blur import VaryingBlur

OPERATORS: dict[str, Callable[..., Operator]] = {
    "identity": Identity,
    "mask": Mask,
    "sample": Sample,
    "weights": Diagonal,
    "average": Average,
    "coarse-grain": CoarseGrain,
    "bicubic": Bicubic,
    "gaussian-downsample": GaussianDownsample,
    "blur-downsample": BlurDownsample,
    "gaussian-blur": GaussianBlur,
    "blur": Blur,
    "varying-blur": VaryingBlur,
    "grey": Grey,
    "spectral-response": SpectralResponse,
    "matrix": Matrix,
    "random-gaussian": RandomGaussian,
    "hadamard": Hadamard,
    "block-sample": BlockSample,
    "fourier": Fourier,
    "coil-fourier": CoilFourier,
    "nonuniform-fourier": NonUniformFourier,
    "from-real": FromReal,
    "from-channels": FromChannels,
    "radon": Radon,
    "fan-beam": FanBeam,
    "points": PointSample,
    "stft": STFT,
    "room": RoomResponse,
    "zero-pad": ZeroPad,
    "magnitude": Magnitude,
    "phase-retrieval": phase_retrieval,
    "clip": Clip,
    "gamma": Gamma,
    "affine": Affine,
    "saturation": Saturation,
    "jpeg": JPEG,
}
NOISES: dict[str, Callable[..., NoiseModel]] = {
    "gaussian": Gaussian,
    "poisson-gaussian": PoissonGaussian,
}
TENSORS: dict[str, Callable[..., Tensor]] = {
    "gaussian": gaussian_kernel,
    "motion": motion_kernel,
    "shake": shake_kernel,
    "areas": areas,
}
