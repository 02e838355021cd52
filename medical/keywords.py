"""The own keywords of a call as a frozen dataclass, or an error that names the nearest."""

from dataclasses import fields
from typing import Any, TypeVar

from undrift.common.errors import UsageError, nearest

Asked = TypeVar("Asked")


def keywords(cls: type[Asked], given: dict[str, Any]) -> Asked:
    """`cls(**given)`; raises UsageError for a name that is no field of the dataclass."""
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise UsageError(
                f"unknown keyword {name!r}; there are {', '.join(known)}{nearest(name, known)}"
            )
    return cls(**given)
