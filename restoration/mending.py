"""Tasks of `restore` done by one network that is shown the degraded picture and returns it whole.

JPEG, rain, shadow, unknown blur and unknown damage have networks of their own that ship with the
package; haze and darkness have recipes (`undrift train leaves-dehaze`) besides methods without one.
Every task takes any network trained on pairs (`undrift train own-pairs`) by its file.
"""

import time
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.common.results import Restored
from undrift.common.sampling import Sampler, make_sampler
from undrift.common.wishes import Wishes
from undrift.restoration.asked import check_fidelity, wishes_for
from undrift.restoration.channels import GreyAsColour, prepared
from undrift.restoration.images import to_pixels
from undrift.restoration.masks import read_mask
from undrift.restoration.outcome import Measured, outcome

RESTORER = "photos-restore"
MODELS = {
    "jpeg": "photos-jpeg", "blind": RESTORER, "derain": "photos-derain", "dehaze": "leaves-dehaze",
    "shadow": "photos-shadow", "lowlight": "leaves-lowlight", "deblur": "photos-deblur",
}  # fmt: skip
_BY_BLIND = ("jpeg", "blind", "deblur")  # the training of `blind` holds these


def mend(
    image: Any,
    *,
    task: str,
    fidelity: float = 1.0,
    mask: Any = None,
    model: str | None = None,
    **wishes: Any,
) -> Restored:
    """Restores by a network made for the task.

    task: one of `MODELS`. fidelity: 1 or more; the change the network makes is divided by it, so
    that 2 keeps half of what came. mask: as for `inpaint`; outside it every pixel stays as it came
    (for shadows: the shadow and its edge). model: a weight file or id for the task; the task's own
    by default. `samples=K` draws several and returns mean and standard deviation.
    Raises InputError for bad pictures and models of other tasks, UsageError for bad numbers,
    MissingExtraError if the weights are not there.
    """
    began = time.monotonic()
    picture, back = to_pixels(image)
    pixels = prepared(picture)
    sampler = restorer(task, model, wishes_for(image, wishes))
    check_mend(sampler, fidelity=fidelity)
    samples = mended(sampler, pixels, fidelity)
    extra: dict[str, Any] = {"task": task, "fidelity": float(fidelity)}
    if mask is not None:
        inside = read_mask(mask, (picture.height, picture.width), sampler.wishes.item)
        samples = torch.where(torch.from_numpy(inside), samples, pixels)
        extra["changed"] = round(float(inside.mean()), 6)
    measured = Measured(pixels - samples.mean(0, keepdim=True), None)
    return outcome(picture, back, samples, measured, sampler, extra, began)


def mended(sampler: Sampler, pixels: Tensor, fidelity: float) -> Tensor:
    """Samples (k, c, h, w) for pixels (1, c, h, w)."""
    sampler.model = GreyAsColour.around(sampler.model, pixels)
    names = sampler.model.settings.levels
    level = torch.zeros(1, len(names)) if names else None  # of a scale: 1
    samples = sampler.draw_samples(pixels.shape, y=pixels, level=level).cpu()
    return pixels + (samples - pixels) / fidelity


def restorer(task: str, model: str | None, wishes: Wishes, usual: str | None = None) -> Sampler:
    """The sampler of a task, of the weights `usual` or the task's own; raises as `mend`."""
    from undrift.common.weights.files import read_settings
    from undrift.common.weights.model import find_weights

    path = find_weights(restorer_weights(task, model, usual))
    settings = read_settings(path)
    known = [task, "paired", *(["blind"] if task in _BY_BLIND else [])]
    if settings.task not in known:
        raise InputError(
            f"{settings.id} is a model for {settings.task}, not for {task}; this needs one for "
            f"{' or '.join(known)}"
        )
    return make_sampler(str(path), settings.task, wishes)


def restorer_weights(task: str, model: str | None = None, usual: str | None = None) -> str:
    """The path of the weights; raises MissingExtraError that says how to make those not there."""
    from undrift.common.model_cards import model_card_paths
    from undrift.common.weights.model import find_weights

    name = model or usual or MODELS[task]
    if model is None and name not in model_card_paths():
        raise MissingExtraError(
            f"the task {task} needs the weights of {name}, which are not in this installation; "
            f"make them with `undrift train {name} -o runs/{name}` and pass --model "
            f"runs/{name}/{name}.safetensors, or any model trained on pairs of your own "
            "(`undrift train own-pairs`)"
        )
    return str(find_weights(name))


def check_mend(sampler: Any, *, fidelity: float = 1.0, mask: Any = None, **_: Any) -> None:
    """Raises UsageError for a fidelity below 1, and numbers that cannot be."""
    check_fidelity(fidelity)
    if float(fidelity) < 1:
        raise UsageError(
            f"fidelity {fidelity:g}: expected 1 or more here; a network made for a task has no "
            "measurement that it could trust less; restore the result once more instead"
        )
