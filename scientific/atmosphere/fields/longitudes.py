"""Longitudes as a piece of a circle: ascending inside, in the user's convention outside.

Users count from 0 to 360 or from -180 to 180, begin where they like, and regions may cross either
end. The largest gap between neighbours on the circle is where a region ends; a grid whose gaps are
all alike goes round and begins at -180.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Values = npt.NDArray[Any]
_ALIKE = 1e-3  # of a step, by which the steps of a regular grid may differ (float32 in files)


@dataclass(frozen=True, eq=False)
class Circle:
    """user: the longitudes as they came. order: indices of `user` in the order inside. inside:
    ascending, without a jump. around: whether the grid goes once round."""

    user: Values
    order: npt.NDArray[np.int64]
    inside: Values
    around: bool

    @classmethod
    def of(cls, user: Values) -> "Circle":
        """Raises InputError for longitudes beyond [-360, 540] and those that repeat."""
        if user.ndim != 1 or not np.isfinite(user).all() or np.abs(user - 90).max() > 450:
            raise InputError(f"longitudes of shape {user.shape}; expected (n,) degrees east")
        place = (user.astype(np.float64) + 180) % 360 - 180
        order = np.argsort(place, kind="stable")
        ordered = place[order]
        gaps = np.diff(ordered, append=ordered[0] + 360)
        if len(user) > 1 and gaps.min() < 1e-6:
            raise InputError(
                "longitudes repeat on the circle (such as 0 and 360); leave one of the two out"
            )
        widest = int(gaps.argmax())
        around = len(user) > 2 and gaps.max() - np.median(gaps) < max(
            _ALIKE * float(np.median(gaps)), 1e-4
        )
        if not around:
            order = np.roll(order, -(widest + 1))
            ordered = place[order]
            ordered[ordered < ordered[0]] += 360
        exact = user[order].astype(np.float64)
        values = exact + 360 * np.rint((ordered - exact) / 360)
        return cls(user, order, values.astype(user.dtype), around)

    def outside(self, inside: Values) -> tuple[npt.NDArray[np.int64], Values]:
        """The order of longitudes (n,) inside that the user would have, and their values so.

        The user's own are given back to the bit; those of another grid follow the convention.
        """
        if inside.shape == self.inside.shape and (inside == self.inside).all():
            return np.argsort(self.order), self.user
        values = np.asarray(inside, np.float64)
        start = self._start()
        values = (values - start) % 360 + start
        order = np.arange(len(values))
        if self.around:
            order = np.argsort(values, kind="stable")
        if len(self.user) > 1 and self._descending():
            order = order[::-1]
        return order, values[order].astype(self.user.dtype)

    def _start(self) -> float:
        """Where the user's convention begins: 0 or -180, or his own first value."""
        low, high = float(self.user.min()), float(self.user.max())
        if low >= 0 and 180 < high < 360:
            return 0.0
        return -180.0 if low >= -180 and high <= 180 else low

    def _descending(self) -> bool:
        return int((np.diff(self.user) < 0).sum()) > len(self.user) // 2
