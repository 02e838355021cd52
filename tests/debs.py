"""Small Debian packages for tests."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def packed(files: Mapping[str, bytes], mode: str = "xz") -> bytes:
    """A package file, written by the format's description: three members, each header 60 bytes."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode=f"w:{mode}") as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    whole = b"!<arch>\n"
    members = {"debian-binary": b"2.0\n", "control.tar.gz": b"odd"}
    members[f"data.tar.{mode}"] = tar.getvalue()
    for name, content in members.items():
        whole += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        whole += content + b"\n" * (len(content) % 2)
    return whole


def toy_package(folder: Path, card: str, inside: Mapping[str, bytes]) -> Path:
    """Writes the text of a card `toy` into `folder`/cards and its package into `folder`/debs."""
    (folder / "cards").mkdir()
    (folder / "cards" / "toy.md").write_text(card, encoding="utf-8")
    (folder / "debs").mkdir()
    (folder / "debs" / "toy_1.0-1_all.deb").write_bytes(packed(inside))
    return folder / "debs"
