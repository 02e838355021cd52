"""Debian packages are read by the standard library alone, and every broken one is named."""

from pathlib import Path
from subprocess import CompletedProcess

import pytest
from debs import packed

from undrift.common import debian
from undrift.common.card_schema import Debian, File
from undrift.common.debian import download_deb, find_deb, read_members
from undrift.common.errors import InputError

CONTENT = {"usr/share/a.jpg": b"first picture", "usr/share/deep/b.jpg": b"second"}
FILE = File(
    name="toy_1.0-1_all.deb",
    url="https://example.org/toy_1.0-1_all.deb",
    bytes=None,
    sha256=None,
    encoding="application/vnd.debian.binary-package",
    debian=Debian(package="toy", version="2:1.0-1", architecture="all"),
)


@pytest.mark.parametrize("mode", ["xz", "gz", "bz2"])
def test_files_come_out_as_they_went_in(tmp_path: Path, mode: str) -> None:
    deb = tmp_path / FILE.name
    deb.write_bytes(packed(CONTENT, mode))
    assert dict(read_members(deb, CONTENT)) == CONTENT
    assert dict(read_members(deb, ["usr/share/a.jpg"])) == {"usr/share/a.jpg": b"first picture"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04", "is no Debian package"),
        (packed(CONTENT)[:200], "cut short"),
        (packed(CONTENT)[:150], "cut short"),
        (packed(CONTENT).replace(b"\xfd7zXZ", b"\xfd7zXY"), "is damaged"),
    ],
)
def test_a_broken_package_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    deb = tmp_path / FILE.name
    deb.write_bytes(content)
    with pytest.raises(InputError, match=rf"toy_1\.0-1_all\.deb .*{said}"):
        list(read_members(deb, CONTENT))


def test_a_file_that_is_not_inside_is_named(tmp_path: Path) -> None:
    deb = tmp_path / FILE.name
    deb.write_bytes(packed(CONTENT))
    with pytest.raises(InputError, match=r"holds no usr/share/c\.jpg; it is another version"):
        list(read_members(deb, ["usr/share/a.jpg", "usr/share/c.jpg"]))


def test_a_package_is_found_by_the_names_of_the_archive_and_of_apt(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no files toy_\*\.deb.*https://example\.org"):
        find_deb(FILE, tmp_path)
    other = tmp_path / "toy_3.0_all.deb"
    other.touch()
    assert find_deb(FILE, tmp_path) == other
    apt = tmp_path / "toy_2%3a1.0-1_all.deb"
    apt.touch()
    assert find_deb(FILE, tmp_path) == apt
    (tmp_path / FILE.name).touch()
    assert find_deb(FILE, tmp_path) == tmp_path / FILE.name


def test_two_wrong_versions_are_no_choice(tmp_path: Path) -> None:
    for version in ("3.0", "4.0"):
        (tmp_path / f"toy_{version}_all.deb").touch()
    with pytest.raises(InputError, match=r"holds 2 files toy_\*\.deb; expected toy_1\.0-1_all"):
        find_deb(FILE, tmp_path)


def test_without_apt_or_network_the_address_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=r"no apt-get.*get https://example\.org.*--archives DIR"):
        download_deb(FILE, tmp_path)
    monkeypatch.setattr(debian.shutil, "which", lambda name: "/usr/bin/apt-get")
    asked = []

    def run(command: list[str], **options: object) -> CompletedProcess[str]:
        asked.append(command[-1])
        return CompletedProcess(command, 100, "", "W: unsandboxed\nE: Could not resolve host")

    monkeypatch.setattr(debian.subprocess, "run", run)
    with pytest.raises(InputError, match="failed: E: Could not resolve host; is this Debian 12"):
        download_deb(FILE, tmp_path)
    assert asked == ["toy=2:1.0-1"]
