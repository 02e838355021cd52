"""Data cards as Croissant 1.1 (MLCommons, 2026-01-29): JSON-LD that data-set search engines read.

Only the level of the data set and of its files is exported, with the responsible-AI properties
that our prose answers; records and fields are left out, since our items are whole files.
"""

import re
from typing import Any

from undrift.common.card_members import Members
from undrift.common.cards import DataCard

REQUIRED = (
    "@context",
    "@type",
    "conformsTo",
    "description",
    "license",
    "name",
    "url",
    "creator",
    "datePublished",
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "isLiveDataset": "cr:isLiveDataset",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}
# The Hub writes licences in lower case, SPDX does not; where only the case differs, upper() does.
_SPDX = {"apache-2.0": "Apache-2.0", "bsd-3-clause": "BSD-3-Clause", "odbl": "ODbL-1.0"}

_TYPES = {".ogg": "audio/ogg", ".wav": "audio/wav"}


def to_croissant(card: DataCard) -> dict[str, Any]:
    """Returns the JSON-LD of `card`; keys the card knows nothing about are left out."""
    front, block = card.front, card.front.undrift
    whole: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": block.id,
        "alternateName": front.pretty_name,
        "description": card.prose["Motivation"].strip(),
        "license": _licence(card),
        "url": _home(card),
        "creator": [{"@type": "sc:Organization", "name": name} for name in block.creators],
        "datePublished": block.released.isoformat() if block.released else _year(block.citation),
        "version": block.version,
        "citeAs": block.citation.strip(),
        "keywords": front.tags,
        "isLiveDataset": False,
        "distribution": _distribution(card),
        "rai:dataCollection": card.prose["Collection"].strip(),
        "rai:dataUseCases": card.prose["Uses"].strip(),
        "rai:dataReleaseMaintenancePlan": card.prose["Maintenance"].strip(),
        "rai:personalSensitiveInformation": (
            "persons can be recognised" if block.people.present else "none"
        ),
    }
    return {key: value for key, value in whole.items() if value is not None}


def _year(citation: str) -> str | None:
    """The first year of the citation: where the day is not known, the year of the paper is."""
    found = re.search(r"year *= *[{\"]?(\d{4})", citation)
    return found[1] if found else None


def _home(card: DataCard) -> str | None:
    return card.front.undrift.homepage or card.front.undrift.paper


def _licence(card: DataCard) -> str:
    front = card.front
    if front.license_link:
        return front.license_link
    if front.license in ("unknown", "other"):
        return "unknown"
    return f"https://spdx.org/licenses/{_SPDX.get(front.license, front.license.upper())}"


def _distribution(card: DataCard) -> list[dict[str, Any]]:
    files = []
    for file in card.front.undrift.files:
        entry = {
            "@type": "cr:FileObject",
            "@id": file.name,
            "name": file.name,
            "contentUrl": file.member or file.url or _home(card),
            "containedIn": None if file.archive is None else {"@id": file.archive},
            "contentSize": None if file.bytes is None else f"{file.bytes} B",
            "encodingFormat": file.encoding,
            "sha256": file.sha256,
        }
        files.append({key: value for key, value in entry.items() if value is not None})
    return files + [_file_set(group) for group in card.front.undrift.members]


def _file_set(group: Members) -> dict[str, Any]:
    chosen = "".join(
        f", {word} {', '.join(globs)}"
        for word, globs in (("only", group.only), ("without", group.leave_out))
        if globs
    )
    return {
        "@type": "cr:FileSet",
        "@id": group.name,
        "name": group.name,
        "description": f"{group.items} files{chosen}",
        "containedIn": {"@id": group.archive},
        "encodingFormat": _TYPES.get(group.suffix, "application/octet-stream"),
        "includes": f"{group.folder}/**/*{group.suffix}",
    }
