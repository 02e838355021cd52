"""Metal in a CT scan: X-rays of many energies, of which metal leaves the hard ones only.

    p = -log sum_E w_E exp(-mu_water(E) L_water - mu_metal(E) L_metal)

Tissue counts as water of another density: L_water is its attenuation at the reference energy over
that of water. Scanners undo the hardening by water (the inverse of p for L_metal = 0), after which
tissue alone is measured as if by one energy; what remains behind metal, too few photons and too
little attenuation, makes the streaks. Coefficients are NIST's (Hubbell & Seltzer 1995), the
spectrum one of 120 kVp in five lines.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, nearest
from undrift.medical.ct.geometry import Geometry
from undrift.medical.ct.units import MU_WATER, hu_to_mu
from undrift.medical.simulate.ct import CtPhantom, ct_phantom
from undrift.medical.simulate.ct_law import LABELS, TRAIN, CtLaw
from undrift.medical.simulate.ct_scan import FINER, Scan, average, project

Values = npt.NDArray[np.float32]
ENERGIES = (40, 50, 60, 80, 100)  # keV
SHARES = np.array([0.14, 0.22, 0.27, 0.24, 0.13])  # of the photons that a detector counts
_WATER = np.array([0.2683, 0.2269, 0.2059, 0.1837, 0.1707]) * 0.1  # per mm, 1 g/cm^3
METALS = {
    "titanium": np.array([2.214, 1.213, 0.7661, 0.4052, 0.2721]) * 0.454,  # 4.54 g/cm^3
    "iron": np.array([3.629, 1.958, 1.205, 0.5952, 0.3717]) * 0.7874,  # 7.874 g/cm^3
}
METAL_HU = 4000.0  # what an image shows of it at most
_LONGEST = 800.0  # mm of water


@dataclass(frozen=True)
class Rod:
    """A round rod along z: centre (x, y) and radius in mm."""

    x: float
    y: float
    radius: float


def polychromatic(
    water: npt.ArrayLike, metal: npt.ArrayLike, name: str = "titanium"
) -> npt.NDArray[np.float64]:
    """p of rays through `water` and `metal` mm. Raises InputError for an unknown metal."""
    if name not in METALS:
        raise InputError(f"metal {name!r} is not one of {', '.join(METALS)}{nearest(name, METALS)}")
    lengths = [np.asarray(v, dtype=np.float64)[..., None] for v in (water, metal)]
    depth = lengths[0] * _WATER + lengths[1] * METALS[name]
    least = depth.min(-1)
    return least - np.log((SHARES * np.exp(least[..., None] - depth)).sum(-1))


def water_corrected(p: npt.ArrayLike, water: float = MU_WATER) -> Values:
    """p as one energy would have given it, had the ray met water only: water * L, p(L) = p."""
    length = np.linspace(0, _LONGEST, 4001)
    given = np.asarray(p, dtype=np.float64)
    found = np.interp(given, polychromatic(length, 0 * length), water * length)
    return found.astype(np.float32)


def rods_of(seed: int, reach: float) -> tuple[Rod, ...]:
    """One or two rods of a seed, within `reach` mm of the centre."""
    rng = np.random.default_rng([seed, 4])
    found = []
    for _ in range(int(rng.integers(1, 3))):
        angle, far = rng.uniform(0, 2 * np.pi), reach * np.sqrt(rng.uniform(0.05, 1))
        place = (float(far * np.cos(angle)), float(far * np.sin(angle)))
        found.append(Rod(*place, float(rng.uniform(2.5, 6.0))))
    return tuple(found)


def share_of(rods: tuple[Rod, ...], grid: tuple[int, int, int], pixel: float) -> Values:
    """The shares of voxels that rods fill, (x, y, z)."""
    x, y = ((np.arange(n) - (n - 1) / 2) * pixel for n in grid[:2])
    share = np.zeros(grid[:2])
    for rod in rods:
        far = np.hypot(x[:, None] - rod.x, y - rod.y)
        share = np.maximum(share, np.clip(0.5 - (far - rod.radius) / pixel, 0, 1))
    return np.repeat(share[..., None], grid[2], -1).astype(np.float32)


def scan_with_metal(
    seed: int,
    geometry: Geometry,
    rods: tuple[Rod, ...] | None = None,
    name: str = "titanium",
    grid: tuple[int, int, int] = (96, 96, 32),
    region: str | None = None,
    law: CtLaw = TRAIN,
    finer: int = FINER,
) -> Scan:
    """A patient with rods of metal and its water-corrected line integrals, without noise.

    rods: by default one or two of the seed. The truth shows metal at 4000 HU, with its label.
    """
    coarse = ct_phantom(seed, grid, None, region, law)
    x, y, z = coarse.spacing
    many = (finer * grid[0], finer * grid[1], grid[2])
    fine = ct_phantom(seed, many, (x / finer, y / finer, z), coarse.region, law)
    if rods is None:
        rods = rods_of(seed, 0.15 * x * grid[0])
    share = share_of(rods, many, x / finer)
    geometry = geometry.for_image(grid[:2], (x, y))
    tissue = project(hu_to_mu(fine.hu) * (1 - share), geometry, x / finer) / np.float32(MU_WATER)
    metal = project(share, geometry, x / finer)
    integrals = water_corrected(polychromatic(tissue, metal, name))
    hu = fine.hu * (1 - share) + np.float32(METAL_HU) * share
    truth = average(np.asarray(hu, np.float32), finer)
    label = np.where(average(share, finer) > 0.5, LABELS["metal"], coarse.label).astype(np.uint8)
    shown: CtPhantom = replace(coarse, hu=truth, label=label)
    return Scan(integrals, truth, shown, geometry)
