"""What every task returns: the restored signal, its uncertainty, and how it came to be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from undrift.common.errors import UsageError


@dataclass(frozen=True, eq=False)
class Restored:
    """The result of a task call; its length never depends on flags.

    value: the same kind as the input (path -> the domain's own object), metadata kept.
    std: standard deviation over the samples, per element, or None for one sample.
    samples: the samples themselves, kind as `value`, or ().
    residual: measurement minus the restoration measured again, in units of the value range.
    info: everything needed to repeat the call, and chi, the root mean square of the residual in
    units of the noise: near 1 the restoration explains the data, well above 1 it contradicts them.
    """

    value: Any
    std: Any = None
    samples: tuple[Any, ...] = ()
    residual: Any = None
    info: Mapping[str, Any] = field(default_factory=dict)
    writer: Callable[[Path, Any, Mapping[str, Any]], None] | None = field(default=None, repr=False)
    drawer: Callable[["Restored"], Any] | None = field(default=None, repr=False)

    def save(self, path: str | Path) -> None:
        """Writes `value` in the format of the suffix, whole or not at all, with its provenance.

        Raises UsageError if the task has no file format, and InputError for an unfit suffix.
        """
        if self.writer is None:
            raise UsageError("this result cannot be saved by itself; save its .value")
        self.writer(Path(path), self.value, self.info)

    def plot(self) -> Any:
        """Shows value, std and residual side by side; returns the matplotlib figure.

        Sounds are shown as spectrograms. Raises MissingExtraError without matplotlib.
        """
        if self.drawer is not None:
            return self.drawer(self)
        from undrift.common.plots import panels

        shown = {"restored": self.value, "standard deviation": self.std, "residual": self.residual}
        return panels({name: value for name, value in shown.items() if value is not None})
