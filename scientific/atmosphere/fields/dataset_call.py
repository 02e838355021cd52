"""Downscaling of an xarray data set: one in, one out, as files are done by `downscaling`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undrift.common.errors import InputError
from undrift.common.results import Restored
from undrift.scientific.atmosphere.fields.chunks import joined, time_key
from undrift.scientific.atmosphere.fields.downscaling import Downscale
from undrift.scientific.atmosphere.fields.layout import normalise, restore
from undrift.scientific.atmosphere.fields.observations import parse
from undrift.scientific.atmosphere.fields.units import changes
from undrift.scientific.atmosphere.fields.write import save_raw

if TYPE_CHECKING:
    from xarray import Dataset


def downscale_dataset(
    data: "Dataset",
    observations: Sequence[str] = (),
    *,
    units: Mapping[str, str] | None = None,
    **settings: Any,
) -> Restored:
    """An ensemble of fine fields of coarse ones, in the user's order, names, units and calendar.

    data: as xarray opens it, with the channels of the model, see `channels_of`. observations: as
    on the command line, "stations:FILE.csv,std.t=0.5". units: of variables that say none. settings:
    factor, members, seed, model, coarse_std, method, steps, options, device, item, as `downscale`.

    Returns a `Restored`: value, the mean of the members, std, and samples, all data sets; info has
    the settings and chi by source. Raises InputError for what does not fit, UsageError for
    observations that are asked for wrongly.
    """
    from undrift.scientific.atmosphere.tasks import DEFAULT_MODEL

    asked = tuple(parse(text) for text in observations)
    chosen = {"model": DEFAULT_MODEL, **settings}
    chosen["options"] = tuple(sorted(dict(chosen.get("options") or {}).items()))
    step = Downscale(observations=asked, **chosen)
    inside, layout = normalise(data, changes(data, units))
    if "time" in inside.dims:
        times = (inside.isel(time=[k]).load() for k in range(inside.sizes["time"]))
        made = joined([step(one, time_key(one["time"])) for one in times])
    else:
        made = step(inside.load(), "")
    chi = made["chi"].mean([dim for dim in made["chi"].dims if dim != "source"])
    fields = made.drop_vars(["chi", "source"])
    std = fields.std("member", ddof=1, keep_attrs=True) if step.members > 1 else None
    widths = replace(layout, changes={name: (way[0], 0.0) for name, way in layout.changes.items()})
    told = dict(zip(chi["source"].values.tolist(), chi.values.tolist(), strict=True))
    return Restored(
        restore(fields.mean("member", keep_attrs=True), layout),
        None if std is None else restore(std, widths),
        tuple(restore(fields.isel(member=k), layout) for k in range(step.members)),
        info={**settings, "observations": tuple(observations), "chi": told},
        writer=_save,
    )


def _save(path: Path, value: Any, info: Mapping[str, Any]) -> None:
    if path.suffix.lower() not in (".nc", ".nc4", ".zarr"):
        raise InputError(f"{path}: expected a name with .nc or .zarr")
    told = ", ".join(f"{key}={info[key]}" for key in ("factor", "members", "seed") if key in info)
    save_raw(path, value, f"undrift downscale: mean of the members; {told}")
