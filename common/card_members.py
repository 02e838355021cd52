"""Files that a card names together: all of a folder inside an archive, such as one speaker's.

A set of thousands of small files would make a card of thousands of entries.  A group of members
says instead where they lie, how many they are, which are left out, and one hash over all:

    sha256 of the lines "<item> <sha256 of its content>\\n", sorted by item

An item is called by its path below `folder`, with "-" for "/" and without `suffix`. The folder may
lie in a ZIP file of the archive: "usr/share/sounds.zip/birds".
"""

import hashlib
from collections.abc import Mapping
from fnmatch import fnmatchcase

from pydantic import Field

from undrift.common.front_matter import (
    Count,
    Exact,
    FolderName,
    Positive,
    Sha256,
    Text,
    Words,
)


class Members(Exact):
    """See the module. name: the folder that `undrift data make` writes the items into."""

    name: FolderName
    archive: Words  # the name of the entry of `files` that they lie in
    folder: Words  # in there, such as "usr/share/sounds"
    suffix: Words
    split: Words
    items: Count  # without those left out
    sha256: Sha256  # over the members as they lie in the archive
    decoded: Sha256 | None  # over what they decode to; null where decoders may differ in a bit
    seconds: float | None = None  # of sound, all together
    only: list[Words] = Field(default_factory=list)  # items, or globs of them; empty: all
    leave_out: list[Words] = Field(default_factory=list)  # the same, of which none is taken
    sample_rate_hz: Positive | None = None  # of files without header
    creator: Text | None  # as the source states it
    license: Text | None  # the same

    def item(self, member: str) -> str | None:
        """The name of the item that the path `member` is, None if it is none of this group."""
        if not member.startswith(f"{self.folder}/") or not member.endswith(self.suffix):
            return None
        name = member[len(self.folder) + 1 : -len(self.suffix)].replace("/", "-")
        if self.only and not any(fnmatchcase(name, glob) for glob in self.only):
            return None
        return None if any(fnmatchcase(name, glob) for glob in self.leave_out) else name


def digest(hashes: Mapping[str, str]) -> str:
    """The hash over all items; hashes: item -> 64 hex digits."""
    lines = "".join(f"{name} {hashes[name]}\n" for name in sorted(hashes))
    return hashlib.sha256(lines.encode()).hexdigest()
