"""What a dose does to line integrals: photons are counted, electronics add their own noise.

    y ~ Poisson(I exp(-p)) + N(0, s_e^2),  I = photons * dose,    q = -log(max(y, 1) / I)

p is the line integral of the attenuation, q what is reconstructed from. To first order q has the
mean p + (I e^-p + s_e^2) / (2 I^2 e^-2p) and the variance

    Var q = e^p / I + s_e^2 e^2p / I^2 .

A quarter of the dose has a quarter of the photons and the same electronics, hence more than twice
the noise behind thick bodies.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Values = npt.NDArray[np.float32]
LEAST = 1.0  # counts below this are taken for it


@dataclass(frozen=True)
class Exposure:
    """photons: that reach a detector cell without a patient, at full dose. dose: the share of them
    that is used. electronic: deviation of the reading, in photons. Raises InputError.
    """

    photons: float = 1e5
    dose: float = 1.0
    electronic: float = 5.0

    def __post_init__(self) -> None:
        good = self.photons > 0 and self.dose > 0 and self.electronic >= 0
        if not good or not np.isfinite([self.photons, self.dose, self.electronic]).all():
            raise InputError(f"{self} needs photons > 0, dose > 0 and electronic >= 0")

    @property
    def unattenuated(self) -> float:
        """Photons that reach a cell through air, at this dose."""
        return self.photons * self.dose

    def counts(self, p: Values, rng: np.random.Generator) -> Values:
        """Readings for line integrals of any shape; below 0 where electronics made them so."""
        mean = self.unattenuated * np.exp(-p.astype(np.float64))
        photons = rng.poisson(mean).astype(np.float64)
        return (photons + self.electronic * rng.standard_normal(p.shape)).astype(np.float32)

    def integrals(self, counts: Values) -> Values:
        """q: line integrals of readings, of which those below 1 count as 1."""
        return -np.log(np.maximum(counts, LEAST) / np.float32(self.unattenuated))

    def variance(self, p: Values) -> Values:
        """Of q where the line integral is p: the closed form of the module."""
        thinned = np.exp(np.minimum(p.astype(np.float64), 50)) / self.unattenuated
        return (thinned + (self.electronic * thinned) ** 2).astype(np.float32)

    def measured_variance(self, counts: Values) -> Values:
        """Of q, from what was counted: (y + s_e^2) / y^2, readings below 1 taken as 1."""
        seen = np.maximum(counts.astype(np.float64), LEAST)
        return ((seen + self.electronic**2) / seen**2).astype(np.float32)

    def bias(self, p: Values) -> Values:
        """Mean of q - p, to second order."""
        return (self.variance(p) / 2).astype(np.float32)

    def noisy(self, p: Values, seed: int) -> tuple[Values, Values]:
        """q and its measured variance for integrals (slices, angles, cells).

        Slice k draws from a generator of (seed, k), so that slices do not depend on one another.
        """
        counts = np.stack(
            [self.counts(one, np.random.default_rng([seed, k])) for k, one in enumerate(p)]
        )
        return self.integrals(counts), self.measured_variance(counts)
