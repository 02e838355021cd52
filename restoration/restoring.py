"""`restore`: one entry for the tasks that have no verb of their own."""

import inspect
from collections.abc import Callable
from typing import Any

from undrift.common.errors import UsageError, nearest
from undrift.common.results import Restored
from undrift.restoration.linear_tasks import colourise, sense
from undrift.restoration.lowlight import lighten
from undrift.restoration.phase import retrieve

RESTORING: dict[str, Callable[..., Restored]] = {
    "lowlight": lighten,
    "colourise": colourise,
    "compressed-sensing": sense,
    "phase": retrieve,
}


def restore(image: Any, *, task: str, **settings: Any) -> Restored:
    """Restores by task: "lowlight", "colourise", "compressed-sensing", "phase".

    image: a picture, or the measurements of the last two; settings: those of the functions
    `lighten`, `colourise`, `sense` and `retrieve`. Raises UsageError for an unknown task, besides
    their errors.
    """
    if task not in RESTORING:
        check_restore(None, task=task)
    return RESTORING[task](image, **settings)


def check_restore(sampler: Any, *, task: str, **settings: Any) -> None:
    """Raises UsageError for an unknown task, and for settings that are not its own."""
    if task not in RESTORING:
        raise UsageError(
            f"no task {task!r}{nearest(task, RESTORING)} (there are: {', '.join(RESTORING)})"
        )
    known = inspect.signature(RESTORING[task]).parameters
    for name in settings:
        if name not in known:
            own = ", ".join(key for key in known if key not in ("image", "model", "wishes"))
            raise UsageError(f"{name} does not belong to the task {task}; it has {own}")
