"""Ranges from which chains are drawn: published recipes, and ours for pictures of unknown history.

`REAL_ESRGAN` is the training recipe of Wang et al. 2021 (options/train_realesrgan_x4plus.yml and
realesrgan_dataset.py). `RESSHIFT_TEST` is the much milder one that made the test set of ResShift
(Yue et al. 2023, configs/degradation_testing_realesrgan.yaml); published tables on "ImageNet-Test"
are with that. `UNKNOWN` is ours, a mixture of histories: one JPEG and nothing else, an unknown blur
with mild noise, noise of several kinds below a JPEG, a small picture enlarged again, and a share
that is nearly clean, which a restorer has to leave alone. Its pictures keep their size.
`UNKNOWN_WIDE` mixes it with the two published ones, enlarged again. `UNKNOWN_SMALL` is of small
pictures alone.
"""

from dataclasses import dataclass, field, replace

from undrift.restoration.chains.kernels import Shape
from undrift.restoration.chains.steps import Mode

Range = tuple[float, float]
SIX: tuple[Shape, ...] = (
    "gaussian", "gaussian", "generalised", "generalised", "plateau", "plateau",
)  # fmt: skip


@dataclass(frozen=True)
class Blurs:
    """One blur. chance: of having it; sinc: of it being a sinc; shares: iso and anisotropic in turn
    of gaussian, generalised, plateau; sizes: smallest and largest odd side; sigma in pixels.

    words: of the blurs that are no sinc, the shares of straight motions, shakes and discs; travel:
    length or extent of a motion, radius: of a disc, in pixels.
    """

    chance: float = 1.0
    sinc: float = 0.1
    shares: tuple[float, ...] = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03)
    sizes: tuple[int, int] = (7, 21)
    sigma: Range = (0.2, 3.0)
    generalised: Range = (0.5, 4.0)
    plateau: Range = (1.0, 2.0)
    words: tuple[float, float, float] = (0.0, 0.0, 0.0)
    travel: Range = (3.0, 21.0)
    radius: Range = (0.7, 4.0)


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
    """chance of a JPEG, its quality, and the chance that its colours keep all their pixels."""

    chance: float = 1.0
    quality: Range = (30, 95)
    full_colour: float = 0.0


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
    modes: by which pictures are resized, each as likely.
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
    modes: tuple[Mode, ...] = ("area", "bilinear", "bicubic")


@dataclass(frozen=True)
class Part:
    """One kind of history in a mixture: its name, its share, and the scale it shrinks by."""

    name: str
    share: float
    settings: ChainSettings
    scale: Range = (1.0, 1.0)


@dataclass(frozen=True)
class Mixture:
    """Chains of which each is drawn from one of the parts."""

    parts: tuple[Part, ...]
    back: bool = True


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
_NO_BLUR, _NO_NOISE, _NO_JPEG = Blurs(chance=0.0), Noises(chance=0.0), Compressions(chance=0.0)
_KEEP = Resizes((0, 0, 1))


def _kept(
    blur: Blurs = _NO_BLUR, noise: Noises = _NO_NOISE, jpeg: Compressions = _NO_JPEG
) -> ChainSettings:
    """One stage that keeps the size."""
    nothing = Stage(_NO_BLUR, _KEEP, _NO_NOISE, _NO_JPEG)
    return ChainSettings(Stage(blur, _KEEP, noise, jpeg), nothing, 0.0, 0.0, back=True)


_ENLARGED = ChainSettings(
    first=Stage(
        Blurs(chance=0.6, sinc=0.05, sigma=(0.2, 1.6), words=(0.1, 0.05, 0.1), travel=(2.0, 9.0),
              radius=(0.7, 2.0)),
        Resizes((0.0, 0.3, 0.7), shrink=(0.5, 1.0)),
        Noises(chance=0.35, sigma=(1.0, 15.0), scale=(0.05, 0.8), grey=0.25),
        Compressions(chance=0.4, quality=(40, 95)),
    ),
    second=Stage(
        Blurs(chance=0.3, sigma=(0.2, 0.8)), Resizes((0.2, 0.3, 0.5), (1.0, 1.2), (0.5, 1.0)),
        Noises(chance=0.4, sigma=(1.0, 12.0), scale=(0.05, 0.6), grey=0.25),
        Compressions(chance=0.55, quality=(35, 95), full_colour=0.2),
    ),
    again=0.5, final_sinc=0.1, back=True, modes=("matlab", "matlab", "area", "bicubic"),
)  # fmt: skip
UNKNOWN = Mixture((
    Part("jpeg", 0.35, _kept(jpeg=Compressions(1.0, (5, 95), full_colour=0.2))),
    Part("blurred", 0.2, _kept(
        Blurs(sinc=0.05, sigma=(0.4, 3.0), words=(0.2, 0.2, 0.2)),
        Noises(0.75, 0.7, (0.5, 10.0), (0.05, 0.5), 0.25),
        Compressions(0.5, (30, 95), full_colour=0.2),
    )),
    Part("noisy", 0.14, _kept(
        Blurs(chance=0.2, sigma=(0.2, 0.8)),
        Noises(1.0, 0.6, (2.0, 40.0), (0.1, 2.0), 0.25),
        Compressions(0.6, (20, 95), full_colour=0.2),
    )),
    Part("enlarged", 0.25, _ENLARGED, (2.0, 4.0)),
    Part("nearly-clean", 0.06, _kept(
        Blurs(chance=0.2, sigma=(0.2, 0.4)),
        Noises(0.4, 0.7, (0.2, 2.0), (0.01, 0.08), 0.25),
        Compressions(0.4, (92, 100), full_colour=0.5),
    )),
))  # fmt: skip
_SHARES = {"jpeg": 0.4, "blurred": 0.12, "noisy": 0.08, "enlarged": 0.12, "nearly-clean": 0.03}
UNKNOWN_WIDE = Mixture((
    *(replace(part, share=_SHARES[part.name]) for part in UNKNOWN.parts),
    Part("first-order", 0.07, replace(RESSHIFT_TEST, back=True), (2.0, 4.0)),
    Part("second-order", 0.18, replace(REAL_ESRGAN, back=True), (2.0, 4.0)),
))  # fmt: skip
UNKNOWN_SMALL = Mixture((
    Part("reduced", 0.1, ChainSettings(
        Stage(_NO_BLUR, _KEEP, _NO_NOISE, Compressions(chance=0.5, quality=(85, 100))),
        Stage(_NO_BLUR, _KEEP, _NO_NOISE, _NO_JPEG), 0.0, 0.0, back=True,
    ), (2.0, 4.0)),
    Part("enlarged", 0.15, _ENLARGED, (2.0, 4.0)),
    Part("first-order", 0.35, replace(RESSHIFT_TEST, back=True), (2.0, 4.0)),
    Part("second-order", 0.4, replace(REAL_ESRGAN, back=True), (2.0, 4.0)),
))  # fmt: skip
SETTINGS = {
    "real-esrgan": REAL_ESRGAN, "resshift-test": RESSHIFT_TEST, "unknown": UNKNOWN,
    "unknown-wide": UNKNOWN_WIDE, "unknown-small": UNKNOWN_SMALL,
}  # fmt: skip
