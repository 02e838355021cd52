"""The real scene `indian-pines` of its card, out of the package that carries it, into an ENVI file.

tensorly holds the version that most papers use: 145 x 145 pixels of some 20 m, 200 of the 220 bands
of AVIRIS, taken on June 12, 1992. Its source archive or wheel is read where `pip download` put it,
or the installed package; nothing of them is run, and nothing comes with undrift. What counts is the
sha256 of the array, so any version that holds the same one serves.

Stored numbers are 500 times the radiance in microwatt / (cm2 nm sr), plus 1000. `CENTRES` are
nominal, the calibration of that year. Papers leave out the bands 104 to 108, 150 to 163 and 220,
which water vapour blackens; that the others lie where this says is seen by carbon dioxide, whose
bands at 2009 and 2061 nm are the darkest here at 2008 and 2058. The list that tensorly gives is one
band further. The published table says 2260.22 and 2270.15 nm for bands 191 and 192, out of its
steps of 9.9; here they follow their neighbours.
"""

import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.card_files import difference, locate
from undrift.common.card_schema import File
from undrift.common.cards import DataCard
from undrift.common.debian import archives_folder
from undrift.common.errors import InputError, MissingExtraError, UsageError, nearest
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.cubes.files import save_cube
from undrift.scientific.hyperspectral.cubes.packing import decoded

CARD = "indian-pines"
OPTIONS = ("archives",)
GAIN, SHIFT = 500, 1000
REMOVED = (*range(104, 109), *range(150, 164), 220)  # of 1 to 220
# nm; the four spectrometers of AVIRIS overlap at the bands 32, 95 and 158
CENTRES = (
    400.02, 409.82, 419.62, 429.43, 439.25, 449.07, 458.90, 468.73, 478.57, 488.41, 498.26, 508.12,
    517.98, 527.85, 537.72, 547.60, 557.49, 567.38, 577.28, 587.18, 597.09, 607.01, 616.93, 626.85,
    636.78, 646.72, 656.67, 666.61, 676.57, 686.53, 696.50, 686.91, 696.55, 706.19, 715.83, 725.47,
    735.11, 744.74, 754.38, 764.01, 773.64, 783.27, 792.91, 802.53, 812.21, 821.79, 831.41, 841.04,
    850.66, 860.28, 869.91, 879.53, 889.14, 898.76, 908.38, 917.99, 927.61, 937.22, 946.83, 956.45,
    966.06, 975.66, 985.27, 994.88, 1004.48, 1014.09, 1023.69, 1033.29, 1042.89, 1052.49, 1062.09,
    1071.69, 1081.29, 1090.88, 1100.48, 1110.07, 1119.66, 1129.25, 1138.84, 1148.43, 1158.02,
    1167.61, 1177.19, 1186.77, 1196.36, 1205.94, 1215.52, 1225.10, 1234.68, 1244.26, 1253.83,
    1263.41, 1272.98, 1282.55, 1273.00, 1282.96, 1292.93, 1302.89, 1312.85, 1322.81, 1332.77,
    1342.73, 1352.68, 1362.64, 1372.59, 1382.54, 1392.49, 1402.44, 1412.39, 1422.34, 1432.28,
    1442.23, 1452.17, 1462.11, 1472.05, 1481.99, 1491.92, 1501.86, 1511.79, 1521.73, 1531.66,
    1541.59, 1551.52, 1561.44, 1571.37, 1581.30, 1591.22, 1601.14, 1611.06, 1620.98, 1630.90,
    1640.81, 1650.73, 1660.64, 1670.56, 1680.47, 1690.38, 1700.28, 1710.19, 1720.10, 1730.00,
    1739.90, 1749.81, 1759.71, 1769.60, 1779.50, 1789.40, 1799.29, 1809.19, 1819.08, 1828.97,
    1838.86, 1848.75, 1858.63, 1868.52, 1878.40, 1888.28, 1883.24, 1893.25, 1903.26, 1913.26,
    1923.27, 1933.27, 1943.27, 1953.26, 1963.25, 1973.24, 1983.23, 1993.22, 2003.20, 2013.18,
    2023.16, 2033.13, 2043.10, 2053.07, 2063.04, 2073.00, 2082.97, 2092.92, 2102.88, 2112.83,
    2122.78, 2132.73, 2142.68, 2152.62, 2162.56, 2172.50, 2182.43, 2192.37, 2202.30, 2212.22,
    2222.15, 2232.07, 2241.99, 2251.90, 2261.82, 2271.73, 2281.64, 2291.54, 2301.45, 2311.35,
    2321.25, 2331.14, 2341.03, 2350.92, 2360.81, 2370.70, 2380.58, 2390.46, 2400.33, 2410.21,
    2420.08, 2429.95, 2439.81, 2449.68, 2459.54, 2469.40, 2479.25, 2489.11, 2498.96,
)  # fmt: skip
WAVELENGTHS = tuple(nm for band, nm in enumerate(CENTRES, 1) if band not in REMOVED)


def make(
    card: DataCard, folder: Path, options: Mapping[str, Any], overwrite: bool = False
) -> dict[Path, str]:
    """Writes `folder`/indian-pines.hdr and .img: {header: "written" or "skipped"}.

    options: `archives`, a folder that holds tensorly-*.tar.gz or tensorly-*.whl; without it, the
    installed package.

    Raises:
        UsageError: another option.
        InputError: no such archive, a damaged one, or one with another array than the card's.
        MissingExtraError: neither archives nor the package.
    """
    for name in options:
        if name not in OPTIONS:
            raise UsageError(f"{card.id} takes no {name!r}{nearest(name, OPTIONS)}; only {OPTIONS}")
    target = Path(folder) / f"{card.id}.hdr"
    if target.exists() and not overwrite:
        return {target: "skipped"}
    file = next(f for f in card.front.undrift.files if f.package)
    with _at_hand(file, card, archives_folder(options)) as path:
        cube = read_array(file, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    save_cube(cube, target, history=f"{card.id}: {Path(file.name).name} of {file.package}")
    return {target: "written"}


def read_array(file: File, path: Path) -> Cube:
    """The cube of an array as the card's entry `file` describes it: radiance, with wavelengths.

    Raises InputError for another one.
    """
    if problem := difference(file, path):
        raise InputError(f"{path.name} {problem}; get the version of {file.package} that it names")
    numbers = np.load(path, allow_pickle=False)
    expected = tuple(file.shape or ())
    if numbers.ndim != 3 or numbers.transpose(2, 0, 1).shape != expected:
        raise InputError(
            f"{path.name} is {numbers.dtype} {numbers.shape}; expected rows, columns and bands of "
            f"{expected} (bands first)"
        )
    return as_radiance(np.ascontiguousarray(numbers.transpose(2, 0, 1)))


def as_radiance(numbers: npt.NDArray[np.uint16]) -> Cube:
    """Stored numbers (200, rows, columns) as a cube, which is written as it was stored."""
    stored = Stored(dtype="int16", scale=1 / GAIN, offset=-SHIFT / GAIN)  # 955 to 9604
    return Cube(decoded(numbers, stored), np.array(WAVELENGTHS), stored=stored)


@contextmanager
def _at_hand(file: File, card: DataCard, archives: Path | None) -> Iterator[Path]:
    """The array as a file, for as long as the `with` block lasts."""
    if archives is None:
        try:
            yield locate(file)
        except MissingExtraError as error:
            how = card.prose["How to get it"].strip()
            raise MissingExtraError(f"{error}\nor, without installing it:\n{how}") from None
        return
    with tempfile.TemporaryDirectory(prefix="undrift-") as scratch:
        path = Path(scratch) / Path(file.name).name
        path.write_bytes(_member(_archive(file, archives), file.name))
        yield path


def _archive(file: File, folder: Path) -> Path:
    """The source archive or wheel of the entry's package; the last by name where it has several."""
    found = sorted(
        path for kind in ("tar.gz", "whl") for path in folder.glob(f"{file.package}-*.{kind}")
    )
    if not found:
        raise InputError(
            f"{folder} holds no {file.package}-*.tar.gz or .whl; get one there: "
            f"pip download --no-deps {file.package} -d {folder}"
        )
    return found[-1]


def _member(archive: Path, name: str) -> bytes:
    """The content of `name`, which in a source archive lies below a folder of its version."""
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                if name in wheel.namelist():
                    return wheel.read(name)
        else:
            with tarfile.open(archive) as tar:
                for entry in tar:
                    if entry.isfile() and entry.name.partition("/")[2] == name:
                        content = tar.extractfile(entry)
                        return b"" if content is None else content.read()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(f"{archive} is damaged ({error}); get it again") from error
    raise InputError(f"{archive} holds no {name}; it is another version of the package")
