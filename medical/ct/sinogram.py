"""A measured sinogram: values, geometry, the image that is wanted, and how noisy each ray is.

Values are line integrals p of attenuation, or counts y of photons. What a ray is worth follows from
the photons that were counted (Thibault et al., Med. Phys. 34, 2007): the variance of p is
(y + s_e^2) / y^2, or e^p / I + s_e^2 e^2p / I^2 where counts are not at hand. On top comes what the
model itself cannot say: an edge that crosses a pixel makes an error of a share of mu_w times the
pixel in every ray through the body (`MODEL_SHARE`, measured on phantoms drawn four times finer).
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, UsageError, nearest
from undrift.medical.ct.geometry import Fan, Geometry
from undrift.medical.ct.units import MU_WATER
from undrift.medical.simulate.ct_noise import Exposure

Values = npt.NDArray[np.float32]
QUANTITIES = ("integrals", "counts")
MODEL_SHARE = 0.2  # of mu_w times the pixel: .12 to .3 on phantoms of 2.4 to 3.9 mm
_THROUGH = 0.05  # line integrals below this meet hardly anything, and the model is right there


@dataclass(frozen=True, eq=False)
class Sinogram:
    """values: (slices, angles, cells) float32, of a `quantity`. geometry: of the scan; with its
    image, where that is settled. photons: that reach a cell through air, at the dose used;
    electronic: deviation of a reading, in photons; sigma: deviation of line integrals, in place of
    photons. thickness: mm between slices. water: attenuation per mm.

    Raises InputError for values that are not finite, or do not fit geometry and quantity.
    """

    values: Values
    geometry: Geometry
    quantity: str = "integrals"
    photons: float | None = None
    electronic: float = 0.0
    sigma: float | None = None
    thickness: float = 1.0
    water: float = MU_WATER

    def __post_init__(self) -> None:
        wanted = (len(self.geometry.angles), self.geometry.cells or self.values.shape[-1])
        if self.values.ndim != 3 or self.values.shape[1:] != wanted or not self.values.size:
            raise InputError(
                f"a sinogram of {self.values.shape}; expected (slices, angles, cells) with "
                f"{wanted[0]} angles and {wanted[1]} cells, as the geometry says"
            )
        bad = int((~np.isfinite(self.values)).sum())
        if bad:
            raise InputError(
                f"{bad} of {self.values.size} values of the sinogram are NaN or infinite; leave "
                "out views that failed, from the angles too"
            )
        self._check_numbers()

    def _check_numbers(self) -> None:
        if self.quantity not in QUANTITIES:
            known = " or ".join(QUANTITIES)
            raise UsageError(
                f"quantity {self.quantity!r} is not {known}{nearest(self.quantity, QUANTITIES)}"
            )
        if self.quantity == "counts" and self.photons is None:
            raise UsageError("counts need photons=, the count of a cell through air")
        for name in ("photons", "sigma", "thickness", "water"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and np.isfinite(value)):
                raise UsageError(f"{name} is {value:g}; expected a finite number above 0")
        if not self.electronic >= 0:
            raise UsageError(f"electronic is {self.electronic:g}; expected 0 or more")
        if self.quantity == "integrals" and float(np.abs(self.values).max()) > 60:
            raise InputError(
                f"line integrals up to {float(np.abs(self.values).max()):g}, but e^-60 lets no "
                "photon through; are these counts (quantity='counts'), or lengths in other units?"
            )
        if self.quantity == "counts" and float(self.values.max()) > 3 * float(self.photons or 1):
            raise InputError(
                f"counts up to {float(self.values.max()):g} with photons={self.photons:g}; "
                "expected no more than air lets through; give the count at the dose that was used"
            )

    def for_image(self, plane: tuple[int, int] | None = None, pixel: float | None = None) -> Self:
        """The same for images of plane = (x, y) voxels of `pixel` mm.

        By default what the geometry says already, else the pitch of the detector as seen in the
        centre and as many pixels as there are cells.
        """
        geometry = self.geometry
        if plane is None and pixel is None and geometry.pixel > 0:
            return self
        cells = self.values.shape[2]
        shrunk = 1.0
        if isinstance(geometry, Fan):
            shrunk = geometry.source / (geometry.source + geometry.detector)
        step = pixel or geometry.pixel or (geometry.pitch or 1.0) * shrunk
        width = round(cells * (geometry.pitch or step) * shrunk / step)
        if plane is None and isinstance(geometry, Fan):
            width = round(width / np.hypot(1, 0.5 * width * step / geometry.source))
        known = replace(geometry, cells=cells)
        return replace(self, geometry=known.for_image(plane or (width, width), (step, step)))

    @property
    def integrals(self) -> Values:
        """Line integrals of the attenuation."""
        if self.quantity == "integrals":
            return self.values
        return self._exposure().integrals(self.values)

    def variance(self, model_share: float = MODEL_SHARE) -> Values:
        """Of each line integral, noise and model. Raises UsageError where no noise is known."""
        if self.photons is None and self.sigma is None:
            raise UsageError(
                "how noisy the sinogram is, is not known; give photons=, the count of a cell "
                "through air, or sigma=, the deviation of line integrals"
            )
        if self.sigma is not None:
            noise = np.full(self.values.shape, self.sigma**2, np.float32)
        elif self.quantity == "counts":
            noise = self._exposure().measured_variance(self.values)
        else:
            noise = self._exposure().variance(self.values)
        met = np.clip(np.abs(self.integrals) / _THROUGH, 0, 1)
        model = model_share * self.water * self.geometry.pixel * met
        return (noise + model**2).astype(np.float32)

    def _exposure(self) -> Exposure:
        return Exposure(float(self.photons or 1.0), 1.0, self.electronic)

    def record(self) -> dict[str, Any]:
        """For JSON; `files` reads it."""
        told = {
            "quantity": self.quantity, "photons": self.photons, "electronic": self.electronic,
            "sigma": self.sigma, "thickness": self.thickness, "water": self.water,
        }  # fmt: skip
        geometry = self.geometry
        if geometry.pixel > 0:
            told["image"] = {"plane": list(geometry.image[::-1]), "pixel": geometry.pixel}
        kept = {key: value for key, value in told.items() if value is not None}
        return {**geometry.record(), **kept}
