"""Pairs for learning to denoise low-dose CT: the same scan with few photons and with none missing.

A phantom is projected from a finer grid (`scan_phantom`), its integrals get the noise of an
exposure, and both are reconstructed by filtered back projection, slice by slice. So the noise of
an image is correlated as that of a scanner is, grows towards the middle of the body and makes
streaks behind bone. `clean` is the reconstruction without noise, `truth` the phantom itself.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.medical.ct.fbp import filtered_back_projection
from undrift.medical.ct.geometry import Geometry, Parallel, evenly
from undrift.medical.ct.units import mu_to_hu
from undrift.medical.simulate.ct import CtPhantom
from undrift.medical.simulate.ct_law import TEST, TRAIN, CtLaw
from undrift.medical.simulate.ct_noise import Exposure
from undrift.medical.simulate.ct_scan import from_rows, scan_phantom

Values = npt.NDArray[np.float32]
VIEWS = 240
DOSES = (0.05, 0.5)  # share of the full dose, drawn evenly in its logarithm
PHOTONS = {"head": 1e5, "chest": 2e5, "abdomen": 4e5}  # a cell, at full dose: the tube follows


@dataclass(frozen=True, eq=False)
class LowDosePair:
    """low, clean, truth: (x, y, z) float32 in HU. See the module."""

    low: Values
    clean: Values
    truth: Values
    phantom: CtPhantom
    exposure: Exposure


def low_dose_pair(
    seed: int,
    grid: tuple[int, int, int] = (96, 96, 32),
    spacing: tuple[float, float, float] | None = None,
    region: str | None = None,
    law: CtLaw | None = None,
    dose: float | None = None,
    geometry: Geometry | None = None,
) -> LowDosePair:
    """A pair, a function of the seed and the arguments.

    spacing, region: as in `ct_phantom`. law: by default that of the seed, `TEST` from 200000 on.
    dose: share of the full dose, by default drawn from `DOSES`. geometry: by default 240 parallel
    views over 180 degrees.
    """
    law = law or (TEST if seed >= 200000 else TRAIN)
    geometry = geometry or Parallel(evenly(VIEWS))
    scan = scan_phantom(seed, geometry, grid, spacing, region, law)
    if dose is None:
        low, high = np.log(DOSES)
        dose = float(np.exp(np.random.default_rng([seed, 77]).uniform(low, high)))
    exposure = Exposure(PHOTONS[scan.phantom.region], dose)
    noisy, _ = exposure.noisy(scan.integrals, seed)
    images = [
        from_rows(mu_to_hu(filtered_back_projection(p, scan.geometry)))
        for p in (noisy, scan.integrals)
    ]
    return LowDosePair(images[0], images[1], scan.truth, scan.phantom, exposure)
