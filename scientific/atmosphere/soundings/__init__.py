"""Radiosonde soundings: IGRA files in, profiles at model levels out."""

from undrift.scientific.atmosphere.soundings.igra import read_igra
from undrift.scientific.atmosphere.soundings.sounding import Sounding

__all__ = ["Sounding", "read_igra"]
