"""A data set of volumes on disc, read by the views of its card: items one by one.

    data = MedicalData("brats", "~/data/BraTS2021", view="t1-t2")
    for item in data:
        item.name, item.group, item.degraded, item.clean, item.mask  # volumes, or k-space

NIfTI, MetaImage and folders of DICOM become a `Volume`, .h5 of fastMRI a `Measured`. The volumes of
an item have to lie on one grid, since what learns from a pair believes that its voxels belong
together; sets that are not registered are read a contrast at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from undrift.common.card_files import FileCheck, locate
from undrift.common.cards import DataCard, find_card
from undrift.common.errors import InputError, UndriftError, require
from undrift.common.open_views import ViewData
from undrift.common.open_views import check_views as check
from undrift.common.view_files import Entry
from undrift.medical.volumes.fastmri import Measured, read_fastmri
from undrift.medical.volumes.files import read_volume
from undrift.medical.volumes.geometry import same_grid
from undrift.medical.volumes.volume import Volume

Signal = Volume | Measured
_GRID = 0.01  # mm by which voxels of one item may lie apart: headers are rounded


@dataclass(frozen=True)
class Item:
    """One item; None where the data set has no such side. group: the subject, where known."""

    name: str
    clean: Signal | None
    degraded: Signal | None
    mask: Signal | None
    group: str | None


class MedicalData(ViewData[Item]):
    """The items of one view of a card below `root`; see the module.

    Raises as `ViewData`, and MissingExtraError for folders of DICOM without pydicom.
    """

    def __init__(
        self,
        card: str | DataCard,
        root: str | Path,
        split: str | None = None,
        view: str | None = None,
    ) -> None:
        super().__init__(card, root, split, view)
        self.entries = [entry for entry in self.entries if self._wanted(entry)]
        if not self.entries:
            raise InputError(f"{self.card.id}: none of the series below {root} is CT")

    def __getitem__(self, k: int) -> Item:
        """Item k. Raises InputError where its files cannot be read or do not belong together."""
        signals, problems = self._read(k)
        if problems:
            raise InputError("\n  ".join(problems))
        clean, degraded, mask = (signals.get(side) for side in ("clean", "degraded", "mask"))
        return Item(self.entries[k].name, clean, degraded, mask, self.entries[k].group)

    def problems(self, k: int) -> list[str]:
        """What is wrong with the files of item k, one line each; reads all of them."""
        return self._read(k)[1]

    def _read(self, k: int) -> tuple[dict[str, Signal], list[str]]:
        entry = self.entries[k]
        signals: dict[str, Signal] = {}
        problems: list[str] = []
        for side, path in entry.files.items():
            try:
                signals[side] = self._open(path, side)
            except UndriftError as error:
                problems.append(str(error))
        volumes = {side: v for side, v in signals.items() if isinstance(v, Volume)}
        first = next(iter(volumes), "")
        for side, volume in list(volumes.items())[1:]:
            if not same_grid(volumes[first], volume, _GRID):
                problems.append(
                    f"{entry.files[side]} lies on another grid than {entry.files[first]} "
                    f"({_told(volume)}, {_told(volumes[first])}); register and resample it, or "
                    "read the contrasts apart"
                )
        return signals, problems

    def _open(self, path: Path, side: str) -> Signal:
        if path.suffix.lower() in (".h5", ".hdf5"):
            return read_fastmri(path)
        unit = self.card.front.undrift.signal.unit
        counted = unit == "HU" and side != "mask" and not path.name.lower().startswith("mr")
        return read_volume(path, units="HU" if counted else "unknown")

    def _wanted(self, entry: Entry) -> bool:
        """Studies of CT hold radiographs too; of folders, only those of CT count."""
        folders = [path for path in entry.files.values() if path.is_dir()]
        if self.card.front.undrift.signal.unit != "HU" or not folders:
            return True
        return all(_modality(path) in ("CT", "") for path in folders)


def _told(volume: Volume) -> str:
    x, y, z = volume.spacing
    return f"{' x '.join(map(str, volume.grid))} voxels of {x:.3g} x {y:.3g} x {z:.3g} mm"


def _modality(folder: Path) -> str:
    """Of the first image of a folder; "" where no file says so, which reading it will tell."""
    pydicom = require("pydicom")
    for path in sorted(folder.iterdir()):
        try:
            found = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Modality"])
        except (pydicom.errors.InvalidDicomError, OSError):
            continue
        return str(found.get("Modality", ""))
    return ""


def packaged(card: str | DataCard) -> dict[str, Volume]:
    """Name -> volume, of the files of a card that an installed package brings.

    Raises InputError for a card without such files, MissingExtraError without the package.
    """
    found = find_card(card) if isinstance(card, str) else card
    files = [file for file in found.front.undrift.files if file.package]
    if not files:
        raise InputError(f"{found.id} comes with no package; its data lie on disc: MedicalData")
    return {file.item.removesuffix(".nii"): read_volume(locate(file)) for file in files}


def check_views(card: DataCard, root: Path) -> list[FileCheck]:
    """See `undrift.common.open_views.check_views`. Reads every volume."""
    return check(card, root, MedicalData, _problems)


def _problems(data: MedicalData) -> Iterator[str]:
    return (problem for k in range(len(data)) for problem in data.problems(k))
