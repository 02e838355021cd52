"""Reflectances of made-up materials, from the positions of known features.

Each family is a smooth continuum times absorptions: leaves have the green peak at 550 nm, the red
edge at 712 to 725 nm and water at 970, 1190, 1450 and 1940 nm; dry plants cellulose at 2100 nm;
soils iron at 900 and clay at 2205 nm; carbonates 2335 nm (Clark 1999, "Spectroscopy of rocks and
minerals"). Depths and widths are drawn anew for each material, so that two soils are two soils.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Axis = npt.NDArray[np.float64]
Draw = Callable[[float, float], float]


def _dip(w: Axis, centre: float, width: float, depth: float) -> Axis:
    return 1 - depth * np.exp(-0.5 * ((w - centre) / width) ** 2)


def _rise(w: Axis, centre: float, width: float) -> Axis:
    return 1 / (1 + np.exp(-(w - centre) / width))


def _leaf_water(w: Axis, u: Draw) -> Axis:
    dips = (
        (1450, 60, 0.3, 0.7),
        (1940, 80, 0.4, 0.85),
        (970, 25, 0.05, 0.15),
        (1190, 35, 0.1, 0.2),
    )
    out = np.ones_like(w)
    for centre, width, low, high in dips:
        out = out * _dip(w, centre, width, u(low, high))
    return out


def _vegetation(w: Axis, u: Draw) -> Axis:
    green = 0.03 + u(0.04, 0.10) * (1 - _dip(w, 550, 35, 1))
    far = np.exp(-np.maximum(w - 1300, 0) / u(900, 1400))
    return (green + u(0.38, 0.55) * _rise(w, u(712, 725), u(9, 14)) * far) * _leaf_water(w, u)


def _dry_plants(w: Axis, u: Draw) -> Axis:
    base = u(0.12, 0.2) + u(0.25, 0.4) * _rise(w, 620, 130)
    base = base * _dip(w, 2100, 45, u(0.05, 0.12)) * _dip(w, 2300, 40, u(0.04, 0.1))
    return base * _dip(w, 1940, 60, u(0.1, 0.25))


def _soil(w: Axis, u: Draw) -> Axis:
    base = u(0.06, 0.12) + u(0.25, 0.45) * (1 - np.exp(-np.maximum(w - 350, 0) / u(450, 800)))
    base = base * _dip(w, 2205, 30, u(0.05, 0.25)) * _dip(w, 900, 80, u(0.05, 0.3))
    return base * _dip(w, 1930, 70, u(0.1, 0.4))


def _clay(w: Axis, u: Draw) -> Axis:
    base = u(0.3, 0.5) + u(0.1, 0.2) * _rise(w, 600, 80)
    base = base * _dip(w, 2208, 18, u(0.2, 0.5)) * _dip(w, 2165, 15, u(0.05, 0.2))
    return base * _dip(w, 1413, 20, u(0.1, 0.4))


def _carbonate(w: Axis, u: Draw) -> Axis:
    return (u(0.45, 0.7) + 0.05 * _rise(w, 500, 60)) * _dip(w, 2335, 25, u(0.15, 0.4))


def _water(w: Axis, u: Draw) -> Axis:
    return u(0.02, 0.08) * np.exp(-np.maximum(w - 500, 0) / u(80, 160)) + 0.003


def _asphalt(w: Axis, u: Draw) -> Axis:
    return u(0.05, 0.10) + u(0.02, 0.08) * (w - 350) / 2100


def _roof(w: Axis, u: Draw) -> Axis:
    base = u(0.08, 0.15) + u(0.25, 0.45) * _rise(w, u(560, 600), u(15, 30))
    return base * _dip(w, 870, 70, u(0.02, 0.15))


def _paint(w: Axis, u: Draw) -> Axis:
    """One or two broad colours: what people put on things."""
    out = np.full_like(w, u(0.05, 0.15))
    for _ in range(2):
        out = out + u(0.0, 0.35) * np.exp(-0.5 * ((w - u(420, 900)) / u(30, 90)) ** 2)
    return out + u(0.0, 0.3) * _rise(w, u(650, 1000), u(20, 80))


FAMILIES: dict[str, Callable[[Axis, Draw], Axis]] = {
    "vegetation": _vegetation,
    "dry-plants": _dry_plants,
    "soil": _soil,
    "clay": _clay,
    "carbonate": _carbonate,
    "water": _water,
    "asphalt": _asphalt,
    "roof": _roof,
    "paint": _paint,
}


def material(family: str, wavelengths: npt.ArrayLike, rng: np.random.Generator) -> Axis:
    """A reflectance (n,) in [.001, .95] of a family of `FAMILIES` at wavelengths in nm."""

    def uniform(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    drawn = FAMILIES[family](np.asarray(wavelengths, np.float64), uniform)
    return drawn.clip(0.001, 0.95)
