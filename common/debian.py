"""Debian packages as carriers of data: finding a .deb file, and reading files out of it.

A .deb file is a Unix archive ("ar") of three members: debian-binary, control.tar.* and
data.tar.*, the last one holding the files as they lie below the root of a file system (deb(5)).
The standard library unpacks gz, bz2, xz and plain tar; a data.tar.zst needs the package zstandard.
Nothing is installed and no script of the package is run.
"""

import io
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from undrift.common.card_schema import File
from undrift.common.errors import InputError, require

_MAGIC = b"!<arch>\n"
_HEADER = 60  # bytes: name 16, time 12, owner 6, group 6, mode 8, size 10, "`\n"


def read_members(deb: Path, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yields (name, content) of the files `names` of the package file `deb`, in its own order.

    names: such as "usr/share/backgrounds/a.jpg", without a leading "./".
    Raises InputError where `deb` is no package file, is cut short, or lacks one of the names.
    """
    wanted = set(names)
    for name, content in read_where(deb, lambda name: name in wanted):
        wanted.discard(name)
        yield name, content
    if wanted:
        raise InputError(
            f"{deb} holds no {', '.join(sorted(wanted))}; it is another version of the package"
        )


def read_where(
    deb: Path, wanted: Callable[[str], bool], zips: Collection[str] = ()
) -> Iterator[tuple[str, bytes]]:
    """The same for all files of whose name `wanted` is true; there may be none.

    zips: names of ZIP files in there; what they hold is called by the ZIP's name and its own.
    """
    try:
        with tarfile.open(fileobj=_data_tar(deb), mode="r:*") as tar:
            for entry in tar:
                name = entry.name.removeprefix("./")
                file = tar.extractfile(entry) if entry.isfile() else None
                if file is not None and name in zips:
                    yield from _zipped(file, name, wanted)
                elif file is not None and wanted(name):
                    yield name, file.read()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(f"{deb} is damaged ({error}); get it again") from error


def _zipped(
    file: IO[bytes], name: str, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryFile() as scratch:  # a compressed tar cannot be read at random
        shutil.copyfileobj(file, scratch)
        with zipfile.ZipFile(scratch) as archive:
            for inside in archive.namelist():
                if wanted(f"{name}/{inside}"):
                    yield f"{name}/{inside}", archive.read(inside)


def _data_tar(deb: Path) -> io.BytesIO:
    """The member data.tar.* of `deb`; decompressed only if the standard library cannot do it."""
    with deb.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise InputError(f"{deb} is no Debian package: it does not begin with '!<arch>'")
        while len(header := file.read(_HEADER)) == _HEADER:
            name, size = header[:16].decode("ascii", "replace").strip().rstrip("/"), header[48:58]
            if not size.strip().isdigit():
                break
            content = file.read(int(size))
            if name.startswith("data.tar"):
                if len(content) < int(size):
                    break
                return io.BytesIO(_unzstd(content) if name.endswith(".zst") else content)
            file.read(int(size) % 2)  # members begin at even places
    raise InputError(f"{deb} holds no whole data.tar; it is cut short, get it again")


def _unzstd(content: bytes) -> bytes:
    return require("zstandard").ZstdDecompressor().stream_reader(io.BytesIO(content)).read()


@contextmanager
def deb_at_hand(file: File, archives: Path | None) -> Iterator[Path]:
    """The package file of the card's entry `file`: from the folder `archives`, or downloaded for
    as long as the `with` block lasts. Raises InputError as `find_deb` and `download_deb`."""
    if archives is not None:
        yield find_deb(file, archives)
        return
    with tempfile.TemporaryDirectory(prefix="undrift-") as scratch:
        yield download_deb(file, Path(scratch))


def archives_folder(options: Mapping[str, Any]) -> Path | None:
    """The option `archives` of `undrift data make`; InputError where it is no folder."""
    archives = options.get("archives")
    if archives is None:
        return None
    if not Path(archives).is_dir():
        raise InputError(f"{archives} is not a folder; expected one that holds the archives")
    return Path(archives)


def find_deb(file: File, folder: Path) -> Path:
    """The package file that the card's entry `file` means in `folder`: by name, or any version.

    apt writes the ":" of a version as %3a; the archive's own names leave the epoch out.
    Raises InputError where there is none or more than one of other versions.
    """
    about = file.debian
    if about is None:
        raise InputError(f"{file.name} has no entry `debian` in its card; complete the card")
    full = f"{about.package}_{about.version.replace(':', '%3a')}_{about.architecture}.deb"
    for name in (file.name, full):
        if (folder / name).is_file():
            return folder / name
    others = sorted(folder.glob(f"{about.package}_*.deb"))
    if len(others) == 1:
        return others[0]
    raise InputError(
        f"{folder} holds {len(others) or 'no'} files {about.package}_*.deb; expected {file.name}: "
        f"get it from {file.url}"
    )


def download_deb(file: File, folder: Path) -> Path:
    """Fetches the package of `file` into `folder` by `apt-get download`, without installing it.

    Raises InputError, which says where else to get it, where there is no apt or apt fails.
    """
    about = file.debian
    if about is None:
        raise InputError(f"{file.name} has no entry `debian` in its card; complete the card")
    elsewhere = f"get {file.url} and name its folder: --archives DIR"
    if shutil.which("apt-get") is None:
        raise InputError(f"there is no apt-get here to fetch {file.name}; {elsewhere}")
    named = f"{about.package}={about.version}"
    command = ["apt-get", "download", "-q", named]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        raise InputError(
            f"`apt-get download {named}` failed: {' '.join(said) or done.stderr.strip()}; "
            f"is this Debian 12 with a network? Or {elsewhere}"
        )
    return find_deb(file, folder)
