"""All links by the names that records and recipes use."""

from undrift.restoration.chains.damage import Damaged
from undrift.restoration.chains.light import Darkened, Shadow, Underexposed
from undrift.restoration.chains.link import Link
from undrift.restoration.chains.noise_patterns import (
    Banding,
    CorrelatedNoise,
    MosaicNoise,
    SaltAndPepper,
    Speckle,
)
from undrift.restoration.chains.noises import ChannelNoise, SensorNoise, ShotNoise, WhiteNoise
from undrift.restoration.chains.steps import Blurred, Compressed, Filtered, Resized, Rounded
from undrift.restoration.chains.weather import Haze, Rain

LINKS: dict[str, type[Link]] = {
    link.name: link
    for link in (
        Filtered, Blurred, Resized, Compressed, Rounded,
        WhiteNoise, ShotNoise, SensorNoise, Speckle, SaltAndPepper, ChannelNoise, MosaicNoise,
        CorrelatedNoise, Banding, Rain, Haze, Darkened, Underexposed, Shadow, Damaged,
    )
}  # fmt: skip
