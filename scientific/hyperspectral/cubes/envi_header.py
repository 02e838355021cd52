"""ENVI headers, kept word for word: what is not understood comes back as it was, in its place.

A header begins with the line ENVI; then come `key = value`, where a value in braces may go on over
lines. Keys are told apart without case and with single blanks.
"""

from dataclasses import dataclass

from undrift.common.errors import InputError


@dataclass(frozen=True)
class EnviHeader:
    """entries: (key as written, value as written, with its braces), in order."""

    entries: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str, name: str = "header") -> "EnviHeader":
        """Reads a header. Raises InputError for a text that is none, naming the line."""
        lines = text.replace("\r\n", "\n").split("\n")
        if lines[0].lstrip("\ufeff").strip() != "ENVI":
            raise InputError(f"{name}: expected 'ENVI' in the first line, got {lines[0][:40]!r}")
        entries: list[tuple[str, str]] = []
        at = 1
        while at < len(lines):
            line = lines[at]
            if not line.strip() or line.lstrip().startswith(";"):  # a comment
                at += 1
                continue
            key, equals, value = line.partition("=")
            if not equals:
                raise InputError(
                    f"{name}: line {at + 1}: expected 'key = value', got {line[:40]!r}"
                )
            first, value = at, value.strip()
            while value.startswith("{") and not value.rstrip().endswith("}"):
                at += 1
                if at == len(lines):
                    raise InputError(
                        f"{name}: line {first + 1}: '{key.strip()}' has no closing brace"
                    )
                value += "\n" + lines[at]
            entries.append((key.strip(), value))
            at += 1
        return cls(tuple(entries))

    def text(self) -> str:
        """The header as a file."""
        return "ENVI\n" + "".join(f"{key} = {value}\n" for key, value in self.entries)

    def get(self, key: str) -> str | None:
        """The value of a key, without braces and line ends; the last one where it comes twice."""
        found = [value for name, value in self.entries if _plain(name) == _plain(key)]
        if not found:
            return None
        value = found[-1].strip()
        if value.startswith("{") and value.endswith("}"):
            value = value[1:-1]
        return " ".join(value.split())

    def items(self, key: str) -> list[str] | None:
        """The parts of a list in braces, None where the key is missing."""
        value = self.get(key)
        return None if value is None else [part.strip() for part in value.split(",")]

    def whole(self, key: str, default: int | None = None, name: str = "header") -> int:
        """An integer. Raises InputError where it is missing or none."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        try:
            return int(value or "")
        except ValueError:
            raise InputError(f"{name}: '{key}' is {value!r}; expected an integer") from None

    def numbers(self, key: str, count: int, name: str = "header") -> list[float] | None:
        """A list of `count` numbers, None where the key is missing. Raises InputError."""
        parts = self.items(key)
        if parts is None:
            return None
        try:
            found = [float(part) for part in parts if part]
        except ValueError as error:
            raise InputError(f"{name}: '{key}': {error}") from None
        if len(found) != count:
            raise InputError(f"{name}: '{key}' has {len(found)} numbers for {count} bands")
        return found

    def with_values(self, **changes: str) -> "EnviHeader":
        """Other values of keys (with _ for a blank), in their places or at the end."""
        entries = list(self.entries)
        for key, value in changes.items():
            wanted = key.replace("_", " ")
            at = [i for i, (name, _) in enumerate(entries) if _plain(name) == _plain(wanted)]
            if at:
                entries[at[-1]] = (entries[at[-1]][0], value)
            else:
                entries.append((wanted, value))
        return EnviHeader(tuple(entries))


def _plain(key: str) -> str:
    return " ".join(key.lower().split())
