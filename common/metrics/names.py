"""Names of metrics, as a user types them."""

from collections.abc import Collection, Sequence

from undrift.common.errors import UsageError, nearest


def checked_names(names: Sequence[str], known: Collection[str], noun: str) -> tuple[str, ...]:
    """The names without repetition; raises UsageError for none, and for one not in `known`.

    noun: what is scored, such as "pictures", for the error.
    """
    for name in names:
        if name not in known:
            raise UsageError(
                f"no metric '{name}'{nearest(name, known)} (for {noun} there are: "
                f"{', '.join(known)})"
            )
    if not names:
        raise UsageError(f"no metric given; choose among {', '.join(known)}")
    return tuple(dict.fromkeys(names))
