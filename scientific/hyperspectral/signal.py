"""What a model of cubes must know of them; the section `signal` of recipes and weight files.

signal: {space: subspace, channels: 12, least: 8, turns: 4}
"""

from typing import Literal

from pydantic import Field

from undrift.common.config import Strict, load


class Signal(Strict):
    """space: what the network sees, coefficients of the cube's own subspace or its voxels, both in
    units of the noise.

    guess: the prior of pictures that makes a first guess of each coefficient, where one is made.
    channels: coefficients at most. least: kept even where noise hides them. turns: in which faults
    and signal are told apart; see `low_rank`.
    """

    space: Literal["subspace", "voxels"]
    channels: int = Field(12, ge=1)
    least: int = Field(8, ge=1)
    turns: int = Field(4, ge=1)
    guess: str = "photos-prior"


def read_signal(settings: dict[str, object]) -> Signal:
    """Raises InputError with all problems of the section."""
    return load(Signal, settings, "signal")
