"""Physical channels of the flows, in K and m/s, with their CF names.

The surface flow is that of 850 hPa, where the free atmosphere begins. Its state is buoyancy over
the frequency N = .01 / s, a speed q; with theta0 = 290 K

    u = -d psi / dy,   v = d psi / dx,   |k| psi^ = q^,   T = theta0 N q / g

(Held et al. 1995, "Surface quasi-geostrophic dynamics"): temperature and wind have one spectrum,
sum u^2 + v^2 = sum q^2, and each tells the other. For the two layers, with
p1 = 250 hPa above p2 = 750 hPa, f0 = 1e-4 / s and R = 287 J / (kg K):

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
from undrift.scientific.atmosphere.flows.models import SurfaceQG, TwoLayer
from undrift.scientific.atmosphere.flows.square import Square

PRESSURE = (250.0, 750.0)  # hPa, of the upper and the lower level
CORIOLIS, GAS, GRAVITY = 1e-4, 287.0, 9.80665
SURFACE = 850.0  # hPa, of the surface flow
KELVIN = 290.0 * 0.01 / GRAVITY  # of temperature in a buoyancy over N of 1 m/s
THERMAL = GAS * math.log(PRESSURE[1] / PRESSURE[0]) / CORIOLIS  # of the thermal wind, m^2/(s^2 K f)


@dataclass(frozen=True)
class Channel:
    """name: that of CF. level: hPa; None for the air between both. unit: of the values."""

    name: str
    level: float | None
    unit: str


CHANNELS: dict[str, Channel] = {
    "t850": Channel("air_temperature", SURFACE, "K"),
    "u850": Channel("eastward_wind", SURFACE, "m s-1"),
    "v850": Channel("northward_wind", SURFACE, "m s-1"),
    "t": Channel("air_temperature", None, "K"),
    "u250": Channel("eastward_wind", PRESSURE[0], "m s-1"),
    "v250": Channel("northward_wind", PRESSURE[0], "m s-1"),
    "u750": Channel("eastward_wind", PRESSURE[1], "m s-1"),
    "v750": Channel("northward_wind", PRESSURE[1], "m s-1"),
    "z250": Channel("geopotential_height", PRESSURE[0], "m"),
    "z750": Channel("geopotential_height", PRESSURE[1], "m"),
    "vo250": Channel("atmosphere_relative_vorticity", PRESSURE[0], "s-1"),
    "vo750": Channel("atmosphere_relative_vorticity", PRESSURE[1], "s-1"),
}
SURFACE_CHANNELS = ("t850", "u850", "v850")
LAYER_CHANNELS = ("t", "u250", "v250")
_DAY = 86400.0


def surface_flow(n: int = 64) -> SurfaceQG:
    """Buoyancy over N at 850 hPa on 4 000 km a side; it needs `flows.forcing` of buoyancy."""
    return SurfaceQG(Square(n, 4e6), drag=1 / (5 * _DAY))


def layered_flow(n: int = 64) -> TwoLayer:
    """Mid-latitudes on 10 000 km a side: winds of some 15 m/s aloft, storms of days, jets."""
    return TwoLayer(Square(n, 1e7), 450e3, (5.0, -5.0), beta=1.6e-11, drag=1 / (3 * _DAY))


def fields(flow: TwoLayer | SurfaceQG, spectrum: Tensor, names: tuple[str, ...]) -> Tensor:
    """Channels (members, names, n, n) of a state as a spectrum (members, levels, n, n // 2 + 1).

    Lengths of the flow are in metres and times in seconds. Raises InputError for a name that is
    not one of the flow's.
    """
    surface = isinstance(flow, SurfaceQG)
    known = [n for n in CHANNELS if (n in SURFACE_CHANNELS) == surface]
    for name in names:
        if name not in known:
            raise InputError(
                f"no channel {name!r}{nearest(name, known)} in this flow; it has {', '.join(known)}"
            )
    stream = flow.stream(spectrum)
    wind = flow.mean_wind.to(spectrum.real.dtype)
    return torch.stack([_channel(flow, spectrum, stream, wind, name) for name in names], 1)


def _channel(
    flow: TwoLayer | SurfaceQG, state: Tensor, stream: Tensor, wind: Tensor, name: str
) -> Tensor:
    square, kind = flow.square, name.rstrip("0123456789")
    kx, ky, k2 = (k.to(stream.real.dtype) for k in (square.kx, square.ky, square.k2))
    if name == "t850":
        return square.field(state[:, 0]) * KELVIN
    if name == "t":
        return square.field(stream[:, 0] - stream[:, 1]) / THERMAL
    layer = 1 if name.endswith("750") else 0
    psi = stream[:, layer]
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
