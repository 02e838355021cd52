"""The Zarr store that a series is worked into: laid out empty, filled in pieces, then named."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from undrift.common.files import temporary_beside
from undrift.scientific.atmosphere.fields.layout import Layout, restore
from undrift.scientific.atmosphere.fields.write import encode, with_history

if TYPE_CHECKING:
    from xarray import DataArray, Dataset


def lay_out(
    part: Path,
    made: "Dataset",
    along: "DataArray",
    layout: Layout,
    *,
    times: int,
    tiles: int | None,
    history: str,
) -> None:
    """The empty target: `made`, the first time's result, repeated without values along all times.

    along: all times. times, tiles: of a chunk; see `chunks.Series`. history: a line to add.
    """
    import dask.array

    first = restore(made, replace(layout, editions=None))
    name = layout.names["time"]
    most = dict.fromkeys((layout.names[axis] for axis in layout.horizontal), tiles) | {name: times}
    whole = first.isel({name: 0}, drop=True)
    for variable in map(str, first.data_vars):
        one = first[variable]
        if name not in one.dims:
            continue
        shape = [len(along) if dim == name else one.sizes[dim] for dim in one.dims]
        chunks = [
            min(most.get(str(dim), 1) or n, n) for dim, n in zip(one.dims, shape, strict=True)
        ]
        empty = dask.array.full(shape, np.nan, dtype=one.dtype, chunks=tuple(chunks))
        whole[variable] = (one.dims, empty, one.attrs)
    whole = whole.assign_coords({name: (name, along.values, first[name].attrs)})
    whole[name].encoding = first[name].encoding
    encodings, _ = encode(whole.drop_vars([v for v in whole.data_vars if whole[v].chunks]))
    whole.attrs["history"] = with_history(layout.attributes.get("history"), history)
    whole.attrs.setdefault("Conventions", "CF-1.10")
    whole.to_zarr(
        part, mode="w", compute=False, encoding=encodings, zarr_format=2, consolidated=False
    )


def fill(part: Path, made: "Dataset", layout: Layout, span: tuple[int, int]) -> None:
    """Writes the times from the first of `span` up to its second, which are those of `made`."""
    name = layout.names["time"]
    piece = restore(made, replace(layout, editions=None))
    moving = [v for v in piece.data_vars if name in piece[v].dims]
    piece = piece[moving].drop_vars(list(piece.coords))
    for variable in moving:
        piece[variable].attrs, piece[variable].encoding = {}, {}
    piece.to_zarr(
        part, region={name: slice(*span)}, zarr_format=2, consolidated=False, safe_chunks=False
    )


def give_name(part: Path, target: Path) -> None:
    """Gives the finished folder its name; what lay there goes afterwards."""
    old = temporary_beside(target) if target.exists() else None
    if old is not None:
        os.replace(target, old)
    os.replace(part, target)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
