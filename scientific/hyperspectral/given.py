"""What a call may be given (a path, a cube, xarray, an array) and the same kind back."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes.axes import order_of, permuted
from undrift.scientific.hyperspectral.cubes.cube import Cube, Values
from undrift.scientific.hyperspectral.cubes.files import open_cube


@dataclass(frozen=True, eq=False)
class Given:
    """The cube of an argument; source: its path, if it had one; axes: of an array."""

    cube: Cube
    signal: Any
    source: Path | None = None
    axes: str = "bhw"

    @property
    def name(self) -> str:
        """For messages."""
        return str(self.source or "the cube")

    def back(self, values: Values) -> Any:
        """Values (bands, rows, columns) as the kind of thing that was given."""
        if isinstance(self.signal, np.ndarray):
            return permuted(values.astype(self.signal.dtype), "bhw", self.axes)
        if _is_tensor(self.signal):
            import torch

            turned = torch.from_numpy(permuted(values, "bhw", self.axes))
            return turned.to(self.signal.device, self.signal.dtype)
        result = self.cube.with_array(values)
        if self.source is not None or isinstance(self.signal, Cube):
            return result
        from undrift.scientific.hyperspectral.cubes.xarrays import to_xarray

        return to_xarray(result)


def given(
    signal: Any,
    key: str | None = None,
    axes: str | None = None,
    wavelengths: npt.ArrayLike | None = None,
) -> Given:
    """The cube of a path, `Cube`, xarray.DataArray, array or tensor.

    key, axes, wavelengths: see `open_cube`; arrays and tensors are (bands, rows, columns) by
    default, of floating point. Raises InputError and UsageError for what cannot be a cube.
    """
    if isinstance(signal, np.ndarray) or _is_tensor(signal):
        order = order_of(axes or "bhw")
        array = signal if isinstance(signal, np.ndarray) else signal.detach().cpu().numpy()
        if array.ndim != 3 or array.dtype.kind not in "f":
            raise InputError(
                f"expected real numbers with three axes ({axes or 'bands, rows, columns'}), got "
                f"{array.dtype} {array.shape}; convert numbers of a sensor to reflectance first"
            )
        kind = array.dtype if array.dtype.itemsize >= 4 else np.dtype(np.float32)
        cube = open_cube(Cube(permuted(array.astype(kind), order, "bhw")), wavelengths=wavelengths)
        return Given(cube, signal, axes=order)
    cube = open_cube(signal, key=key, axes=axes, wavelengths=wavelengths)
    return Given(cube, signal, Path(signal) if isinstance(signal, str | Path) else None)


def marked(cube: Cube, mask: Any) -> Cube:
    """The same without a value where the mask is True: (rows, columns), or for each band.

    Raises InputError for another shape or kind, and where nothing is left.
    """
    if mask is None:
        return cube
    out = np.asarray(mask)
    shapes = (cube.array.shape, cube.array.shape[1:])
    if out.dtype != np.bool_ or out.shape not in shapes:
        raise InputError(
            f"mask {out.dtype} {out.shape}; expected bool {shapes[1]} or {shapes[0]}, True where "
            "values are not to be used"
        )
    array = np.where(out, np.nan, cube.array).astype(cube.array.dtype)
    if np.isnan(array).all():
        raise InputError("the mask leaves no value")
    return replace(cube, array=array)


def _is_tensor(signal: Any) -> bool:
    return type(signal).__module__.partition(".")[0] == "torch" and hasattr(signal, "detach")
