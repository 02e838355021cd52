"""Ranges from which chains are drawn: published recipes, and ours for pictures of unknown history.

`REAL_ESRGAN` is the training recipe of Wang et al. 2021 (options/train_realesrgan_x4plus.yml and
realesrgan_dataset.py). `RESSHIFT_TEST` is the much milder one that made the test set of ResShift
(Yue et al. 2023, configs/degradation_testing_realesrgan.yaml); published tables on "ImageNet-Test"
are with that. `UNKNOWN` is ours: every link may be missing, so that a restorer also sees what is
only a little damaged, and the picture comes back at its own size.
"""

from dataclasses import dataclass, field

from undrift.restoration.chains.kernels import Shape

Range = tuple[float, float]
SIX: tuple[Shape, ...] = (
    "gaussian", "gaussian", "generalised", "generalised", "plateau", "plateau",
)  # fmt: skip


@dataclass(frozen=True)
class Blurs:
    """One blur. chance: of having it; sinc: of it being a sinc; shares: iso and anisotropic in turn
    of gaussian, generalised, plateau; sizes: smallest and largest odd side; sigma in pixels."""

    chance: float = 1.0
    sinc: float = 0.1
    shares: tuple[float, ...] = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03)
    sizes: tuple[int, int] = (7, 21)
    sigma: Range = (0.2, 3.0)
    generalised: Range = (0.5, 4.0)
    plateau: Range = (1.0, 2.0)


@dataclass(frozen=True)
class Noises:
    """One noise. chance: of having it; gaussian: of that kind, else Poisson; grey: of one field."""

    chance: float = 1.0
    gaussian: float = 0.5
    sigma: Range = (1.0, 30.0)
    scale: Range = (0.05, 3.0)
    grey: float = 0.4


@dataclass(frozen=True)
class Resizes:
    """Chances to grow, shrink, keep; and the ranges of the factors."""

    chances: tuple[float, float, float] = (0.2, 0.7, 0.1)
    grow: Range = (1.0, 1.5)
    shrink: Range = (0.15, 1.0)


@dataclass(frozen=True)
class Compressions:
    """chance of a JPEG, and its quality."""

    chance: float = 1.0
    quality: Range = (30, 95)


@dataclass(frozen=True)
class Stage:
    """Blur, resize, noise and JPEG, in this order."""

    blur: Blurs = field(default_factory=Blurs)
    resize: Resizes = field(default_factory=Resizes)
    noise: Noises = field(default_factory=Noises)
    jpeg: Compressions = field(default_factory=Compressions)


@dataclass(frozen=True)
class ChainSettings:
    """Two stages; the second, with its JPEG last or before the final sinc, has chance `again`.

    final_sinc: chance of the last low pass. back: whether the picture returns to its own size.
    jpeg_only: share of chains that are one JPEG and nothing else.
    """

    first: Stage = field(default_factory=Stage)
    second: Stage = field(
        default_factory=lambda: Stage(
            Blurs(chance=0.8, sigma=(0.2, 1.5)),
            Resizes((0.3, 0.4, 0.3), (1.0, 1.2), (0.3, 1.0)),
            Noises(sigma=(1.0, 25.0), scale=(0.05, 2.5)),
        )
    )
    again: float = 1.0
    final_sinc: float = 0.8
    back: bool = False
    jpeg_only: float = 0.0


REAL_ESRGAN = ChainSettings()
_MILD = Blurs(shares=(0.6, 0.4, 0, 0, 0, 0), sizes=(7, 13), sigma=(0.2, 0.8))
RESSHIFT_TEST = ChainSettings(
    first=Stage(
        _MILD, Resizes((0.2, 0.7, 0.1), (1.0, 1.5), (0.5, 1.0)),
        Noises(sigma=(1.0, 15.0), scale=(0.05, 0.3)), Compressions(quality=(70, 95)),
    ),
    second=Stage(
        Blurs(chance=0.0), Resizes((0, 0, 1)), Noises(chance=0.0), Compressions(quality=(80, 100))
    ),
    again=0.0, final_sinc=0.2,
)  # fmt: skip
UNKNOWN = ChainSettings(
    first=Stage(
        Blurs(chance=0.6, sigma=(0.2, 2.5)), Resizes((0.0, 0.35, 0.65), shrink=(0.25, 1.0)),
        Noises(chance=0.65, sigma=(1.0, 40.0), scale=(0.05, 2.5), grey=0.25),
        Compressions(chance=0.6, quality=(8, 95)),
    ),
    second=Stage(
        Blurs(chance=0.2, sigma=(0.2, 1.0)), Resizes((0.1, 0.2, 0.7), (1.0, 1.2), (0.6, 1.0)),
        Noises(chance=0.4, sigma=(1.0, 15.0), scale=(0.05, 1.0), grey=0.25),
        Compressions(chance=0.7, quality=(20, 95)),
    ),
    again=0.25, final_sinc=0.1, back=True, jpeg_only=0.35,
)  # fmt: skip
SETTINGS = {"real-esrgan": REAL_ESRGAN, "resshift-test": RESSHIFT_TEST, "unknown": UNKNOWN}
