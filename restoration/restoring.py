"""`restore`: one entry for the tasks that have no verb of their own."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from undrift.common.errors import UsageError, nearest
from undrift.common.results import Restored
from undrift.common.sampling import Sampler
from undrift.common.wishes import Wishes
from undrift.restoration import dehazing, mending
from undrift.restoration.inverse_problem import PRIOR, prior_for
from undrift.restoration.linear_tasks import colourise, sense
from undrift.restoration.lowlight import lighten
from undrift.restoration.mending import check_mend, mend
from undrift.restoration.phase import retrieve
from undrift.restoration.unlearned import Unlearned

RESTORING: dict[str, Callable[..., Restored]] = {
    **{task: partial(mend, task=task) for task in mending.MODELS},
    "dehaze": dehazing.dehaze,
    "lowlight": lighten,
    "colourise": colourise,
    "compressed-sensing": sense,
    "phase": retrieve,
}
_BY_PRIOR = ("lowlight", "colourise", "compressed-sensing", "phase")


def restore(image: Any, *, task: str, model: str | None = None, **settings: Any) -> Restored:
    """Restores by task.

    "jpeg", "blind" (unknown damage), "derain", "shadow", "deblur" (unknown blur): by a network,
    see `mend`; "dehaze": by the dark channel prior, or a network that is named; "lowlight",
    "colourise", "compressed-sensing", "phase": by the prior, or for low light a network made for it
    that is named.

    image: a picture, or the measurements of the last two; settings: those of the functions `mend`,
    `dehaze`, `lighten`, `colourise`, `sense` and `retrieve`. Raises UsageError for an unknown task,
    besides their errors.
    """
    _check_name(task)
    named = {} if model is None else {"model": model}
    return _function(task, model)(image, **named, **settings)


def check_restore(sampler: Any, *, task: str, **settings: Any) -> None:
    """Raises UsageError for an unknown task, and for settings that are not its own."""
    _check_name(task)
    model = None if isinstance(sampler, Unlearned) or sampler is None else str(sampler.model.path)
    known = inspect.signature(_function(task, model)).parameters
    for name in settings:
        if name not in known:
            own = ", ".join(key for key in known if key not in ("image", "task", "model", "wishes"))
            raise UsageError(f"{name} does not belong to the task {task}; it has {own}")
    if isinstance(sampler, Unlearned):
        dehazing.check_dehaze(sampler, **settings)
    elif sampler is not None and is_mending(task, model):
        check_mend(sampler, **settings)


def weights_for(task: str, model: str | None) -> str | None:
    """The weight file for a task; None for one without a network. Raises if it is not here."""
    _check_name(task)
    if task == "dehaze" and model is None:
        return None
    if task in _BY_PRIOR:
        from undrift.common.weights.model import find_weights

        return str(find_weights(model or PRIOR))
    return mending.restorer_weights(task, model)


def sampler_for(task: str, model: str | None, wishes: Wishes) -> Sampler | Unlearned:
    """What draws the samples of a task; raises for names and numbers that cannot be."""
    _check_name(task)
    if is_mending(task, model):
        return mending.restorer(task, model, wishes)
    if task == "dehaze":
        return Unlearned(dehazing.METHOD, wishes)
    return prior_for(model or PRIOR, wishes)


def _function(task: str, model: str | None) -> Callable[..., Restored]:
    return partial(mend, task=task) if is_mending(task, model) else RESTORING[task]


def is_mending(task: str, model: str | None) -> bool:
    """Whether a network made for the task does it: priors are models for denoise."""
    if task == "dehaze":
        return model is not None
    if task != "lowlight" or model is None:
        return task not in _BY_PRIOR
    from undrift.common.weights.files import read_settings
    from undrift.common.weights.model import find_weights

    return read_settings(find_weights(model)).task in ("lowlight", "paired")


def _check_name(task: str) -> None:
    if task not in RESTORING:
        raise UsageError(
            f"no task {task!r}{nearest(task, RESTORING)} (there are: {', '.join(RESTORING)})"
        )
