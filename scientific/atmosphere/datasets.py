"""A data set of fields or soundings on disc, read by the views of its card: items one by one.

    for item in AtmosphereData("weatherbench2", "~/data"):
        with item.open() as fields:  # nothing is read before
            fields.data, fields.layout

NetCDF, GRIB and Zarr become `Fields`, text of IGRA a list of soundings. What a file holds has to be
what the card says: a grid of latitudes and longitudes, or of x and y with places on the Earth.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from undrift.common.card_files import FileCheck
from undrift.common.cards import DataCard
from undrift.common.errors import InputError, UndriftError
from undrift.common.open_views import ViewData
from undrift.common.open_views import check_views as check
from undrift.scientific.atmosphere.fields.files import Fields, open_fields
from undrift.scientific.atmosphere.fields.grid import Grid
from undrift.scientific.atmosphere.soundings import Sounding, read_igra


@dataclass(frozen=True)
class Item:
    """One file or store; group: the station, the run, where the card has one."""

    name: str
    path: Path
    group: str | None
    axes: tuple[str, ...]

    def open(self) -> Fields:
        """The fields. Raises InputError where the file cannot be read or has another grid."""
        fields = open_fields(self.path)
        try:
            missing = [axis for axis in self.axes if axis not in fields.data.dims]
            if missing:
                have = ", ".join(map(str, fields.data.dims))
                raise InputError(f"{self.path}: has no {', '.join(missing)}; it has {have}")
            if not fields.layout.regular:
                Grid.of(fields.data)
        except InputError as error:
            fields.data.close()
            text = str(error)
            raise InputError(text if str(self.path) in text else f"{self.path}: {text}") from error
        return fields

    def soundings(self) -> list[Sounding]:
        """The ascents of a station. Raises InputError as `read_igra`."""
        return read_igra(self.path)


class AtmosphereData(ViewData[Item]):
    """The items of one view of a card below `root`; see the module. Raises as `ViewData`."""

    def __getitem__(self, k: int) -> Item:
        entry = self.entries[k]
        axes = tuple(self.card.front.undrift.signal.axes.split())
        return Item(entry.name, entry.files["clean"], entry.group, axes)

    @property
    def of_stations(self) -> bool:
        """Whether the items are soundings."""
        return "longitude" not in self[0].axes and "x" not in self[0].axes


def check_views(card: DataCard, root: Path) -> list[FileCheck]:
    """See `undrift.common.open_views.check_views`. Opens every file, and reads all of soundings."""
    return check(card, root, AtmosphereData, _problems)


def _problems(data: AtmosphereData) -> Iterator[str]:
    for item in data:
        try:
            if data.of_stations:
                item.soundings()
            else:
                item.open().data.close()
        except UndriftError as error:
            yield str(error)
