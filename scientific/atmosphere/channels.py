"""Physical channels of the two-layer flow, in K and m/s, with their CF names.

With p1 = 250 hPa above p2 = 750 hPa, f0 = 1e-4 / s and R = 287 J / (kg K):

    u_i = -d psi_i / dy + U_i,   v_i = d psi_i / dx,   vorticity_i = lap psi_i,
    height_i = f0 psi_i / g,     T = f0 (psi_1 - psi_2) / (R ln(p2 / p1)),

the hydrostatic temperature anomaly of the air between both levels (Holton, "Introduction to Dynamic
Meteorology", Ch. 3 and 6). So its gradient is the shear, the thermal wind:
u_1 - u_2 = U_1 - U_2 - R ln(p2 / p1) / f0 dT/dy. The background gradient of T, which the mean shear
implies, is not periodic and is left out; `background` gives it.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest
from undrift.scientific.atmosphere.flows.models import TwoLayer
from undrift.scientific.atmosphere.flows.square import Square

PRESSURE = (250.0, 750.0)  # hPa, of the upper and the lower level
CORIOLIS, GAS, GRAVITY = 1e-4, 287.0, 9.80665
THERMAL = GAS * math.log(PRESSURE[1] / PRESSURE[0]) / CORIOLIS  # of the thermal wind, m^2/(s^2 K f)


@dataclass(frozen=True)
class Channel:
    """name: that of CF. level: hPa; None for the air between both. unit: of the values."""

    name: str
    level: float | None
    unit: str


TEMPERATURE = Channel("air_temperature", None, "K")
EASTWARD = Channel("eastward_wind", PRESSURE[0], "m s-1")
NORTHWARD = Channel("northward_wind", PRESSURE[0], "m s-1")
CHANNELS: dict[str, Channel] = {
    "t": TEMPERATURE,
    "u250": EASTWARD,
    "v250": NORTHWARD,
    "u750": Channel("eastward_wind", PRESSURE[1], "m s-1"),
    "v750": Channel("northward_wind", PRESSURE[1], "m s-1"),
    "z250": Channel("geopotential_height", PRESSURE[0], "m"),
    "z750": Channel("geopotential_height", PRESSURE[1], "m"),
    "vo250": Channel("atmosphere_relative_vorticity", PRESSURE[0], "s-1"),
    "vo750": Channel("atmosphere_relative_vorticity", PRESSURE[1], "s-1"),
}
DEFAULT = ("t", "u250", "v250")


def atmosphere(n: int = 64) -> TwoLayer:
    """The flow of mid-latitudes: 10 000 km a side, winds of some 20 m/s aloft, storms of days."""
    day = 86400.0
    return TwoLayer(Square(n, 1e7), 450e3, (5.0, -5.0), beta=1.6e-11, drag=1 / (3 * day))


def fields(flow: TwoLayer, spectrum: Tensor, names: tuple[str, ...] = DEFAULT) -> Tensor:
    """Channels (members, names, n, n) of vorticity as a spectrum (members, 2, n, n // 2 + 1).

    Lengths of the flow are in metres and times in seconds. Raises InputError for an unknown name.
    """
    for name in names:
        if name not in CHANNELS:
            raise InputError(
                f"no channel {name!r}{nearest(name, CHANNELS)}; there are {', '.join(CHANNELS)}"
            )
    stream = flow.stream(spectrum)
    wind = flow.mean_wind.to(spectrum.real.dtype)
    return torch.stack([_channel(flow, stream, wind, name) for name in names], 1)


def _channel(flow: TwoLayer, stream: Tensor, wind: Tensor, name: str) -> Tensor:
    square = flow.square
    kx, ky, k2 = (k.to(stream.real.dtype) for k in (square.kx, square.ky, square.k2))
    if name == "t":
        return square.field(stream[:, 0] - stream[:, 1]) / THERMAL
    layer = 0 if name.endswith("250") else 1
    psi = stream[:, layer]
    kind = name.removesuffix("250").removesuffix("750")
    if kind == "u":
        return square.field(-1j * ky * psi) + wind[layer, 0, 0]
    if kind == "v":
        return square.field(1j * kx * psi)
    return square.field(psi) * (CORIOLIS / GRAVITY) if kind == "z" else square.field(-k2 * psi)


def background(flow: TwoLayer) -> Tensor:
    """(n, 1) K: the temperature that the mean shear implies, 0 in the middle; warm in the south."""
    square = flow.square
    y = (torch.arange(square.n, dtype=torch.float64) - (square.n - 1) / 2) * square.step
    return -(flow.wind[0] - flow.wind[1]) / THERMAL * y[:, None]
