"""Small Debian packages for tests."""

import io
import tarfile
from collections.abc import Mapping


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
