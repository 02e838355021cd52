"""The data of CorrDiff over Taiwan: one Zarr store with ERA5 and the regional model on one grid.

    cwb (time, cwb_channel, south_north, west_east)     fine fields: cwb_variable says which
    era5 (time, era5_channel, south_north, west_east)   coarse fields, interpolated to the grid
    cwb_center, cwb_scale, era5_center, era5_scale      means and deviations of channels
    cwb_valid (time), era5_valid (time, era5_channel)   times that count
    XLAT, XLONG (south_north, west_east)                degrees; time

Numbers of a network are (value - center) / scale. The year 2021 is the test, all others train. The
published runs take 448 of 450 points along both sides, twelve channels of ERA5 and four of 20 of
the regional model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, require

if TYPE_CHECKING:
    from xarray import Dataset

Single = npt.NDArray[np.float32]
TEST_YEAR = 2021
ERA5_CHANNELS = (0, 1, 2, 3, 4, 9, 10, 11, 12, 17, 18, 19)
CWB_CHANNELS = (0, 17, 18, 19)
SIDE = 448
_NEEDED = {
    "cwb": 4, "era5": 4, "cwb_center": 1, "cwb_scale": 1, "cwb_valid": 1, "cwb_variable": 1,
    "era5_center": 1, "era5_scale": 1, "era5_valid": 2, "era5_variable": 1,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Cwa:
    """Pairs of one split: `self[k]` is (fine, coarse), float32 (c, rows, columns), scaled.

    data: the store, nothing of it read. times: its indices that count. fine, coarse: channels.
    side: rows and columns from the first on.
    """

    data: "Dataset"
    times: npt.NDArray[np.int64]
    fine: tuple[int, ...]
    coarse: tuple[int, ...]
    side: int

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, k: int) -> tuple[Single, Single]:
        return self._scaled("cwb", self.fine, k), self._scaled("era5", self.coarse, k)

    @property
    def names(self) -> list[str]:
        """Of the fine channels."""
        return [str(name) for name in self.data["cwb_variable"].values[list(self.fine)]]

    def physical(self, fine: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """(..., c, rows, columns) of a network in the units of the store."""
        centre, scale = self._law("cwb", self.fine)
        return fine * scale + centre

    def _scaled(self, kind: str, channels: tuple[int, ...], k: int) -> Single:
        fields: Any = self.data[kind][int(self.times[k])]
        box = fields.values[list(channels), : self.side, : self.side]
        centre, scale = self._law(kind, channels)
        return ((box - centre) / scale).astype(np.float32)

    def _law(self, kind: str, channels: tuple[int, ...]) -> tuple[Single, Single]:
        centre, scale = (
            self.data[f"{kind}_{name}"].values[list(channels), None, None]
            for name in ("center", "scale")
        )
        return centre, scale


def open_cwa(
    path: Path | str, split: Literal["train", "test"],
    fine: Sequence[int] = CWB_CHANNELS, coarse: Sequence[int] = ERA5_CHANNELS, side: int = SIDE,
) -> Cwa:  # fmt: skip
    """Raises InputError for another store, channels that it has not, and a split without times."""
    xarray = require("xarray")
    try:
        data = xarray.open_zarr(str(path), consolidated=None)
    except Exception as error:  # zarr and xarray raise all kinds for what is no store
        raise InputError(f"{path}: cannot be opened as a Zarr store ({error})") from error
    wrong = [name for name, axes in _NEEDED.items() if name not in data or data[name].ndim != axes]
    if wrong:
        raise InputError(f"{path}: {', '.join(wrong)} missing, or of other axes; see the card cwa")
    for kind, channels in (("cwb", fine), ("era5", coarse)):
        if max(channels) >= data.sizes[f"{kind}_channel"]:
            raise InputError(
                f"{path}: {data.sizes[f'{kind}_channel']} channels of {kind}; {max(channels)} is "
                "not one of them (counted from 0)"
            )
    valid = (data["cwb_valid"].values != 0) & (data["era5_valid"].values != 0).all(1)
    tested = data["time"].dt.year.values == TEST_YEAR
    times = np.flatnonzero(valid & (tested if split == "test" else ~tested))
    if not len(times):
        raise InputError(f"{path}: no valid time of the split {split} (the test is {TEST_YEAR})")
    return Cwa(data, times, tuple(fine), tuple(coarse), side)
