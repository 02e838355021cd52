"""Names of what lies beyond the borders of an array, one for all axes or one each."""

from collections.abc import Sequence

from undrift.common.errors import UsageError, nearest

MODES = ("none", "wrap", "reflect")


def pad_modes(given: str | Sequence[str], axes: int = 2) -> tuple[str, ...]:
    """One mode an axis of "wrap", "reflect,wrap" (the last axis last), or a sequence of them.

    Raises UsageError for unknown modes and another number of axes.
    """
    modes = tuple(given.split(",") if isinstance(given, str) else given)
    modes = tuple(str(mode).strip() for mode in modes)
    for mode in modes:
        if mode not in MODES:
            raise UsageError(
                f"pad {mode!r}{nearest(mode, MODES)} (there are: {', '.join(MODES)}; one for all "
                "axes, or one each as reflect,wrap for rows and columns)"
            )
    if len(modes) not in (1, axes):
        raise UsageError(f"pad {','.join(modes)}: {len(modes)} modes for {axes} axes")
    return modes * axes if len(modes) == 1 else modes
