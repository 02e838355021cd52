"""The options of a training run, as a file tells them, a name implies them or a user adds them.

What is asked for and not there is collected, so that one message names all of it; what has one
default in all versions of the program may be left out and is written down as assumed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from undrift.common.errors import InputError, UsageError


@dataclass
class Options:
    """told: by name. missing, assumed: filled by the questions."""

    path: Path
    told: Mapping[str, object]
    missing: list[str] = field(default_factory=list)
    assumed: dict[str, object] = field(default_factory=dict)

    def number(self, name: str, default: float | None = None) -> float:
        """A number; raises InputError for another value."""
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{self.path}: option {name} is {value!r}; expected a number")
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number; raises InputError for another value."""
        value = self.number(name, default)
        if value != int(value):
            raise InputError(f"{self.path}: option {name} is {value}; expected a whole number")
        return int(value)

    def word(self, name: str, known: Sequence[str], default: str | None = None) -> str:
        """One of `known`; raises InputError for another value."""
        value = self._value(name, default)
        if name in self.missing:
            return known[0]
        if value not in known:
            raise InputError(
                f"{self.path}: option {name} is {value!r}; expected one of {', '.join(known)}"
            )
        return str(value)

    def complete(self) -> None:
        """Raises InputError if something was asked for that is not there."""
        if self.missing:
            raise InputError(
                f"{self.path} does not say {', '.join(self.missing)}: name the checkpoint by "
                f"--like NAME, or tell them: {' '.join(f'--set {k}=...' for k in self.missing)}"
            )

    def _value(self, name: str, default: object) -> object:
        if self.told.get(name) is not None:
            return self.told[name]
        if default is None:
            self.missing.append(name)
            return 1
        if name not in self.told:  # None is an answer
            self.assumed[name] = default
        return default


def read_settings(pairs: Sequence[str]) -> dict[str, object]:
    """Options from words such as "theta=1.5"; values as in YAML. Raises UsageError for others."""
    found: dict[str, object] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {pair}: expected NAME=VALUE, such as --set sde=ouve")
        try:
            found[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(f"--set {pair}: its value cannot be read: {error}") from error
    return found
