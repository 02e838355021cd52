"""The verbs of the image domain by name: function, check, default model, imported when called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from undrift.common.results import Restored
from undrift.common.sampling import Sampler, make_sampler
from undrift.common.wishes import Wishes
from undrift.restoration.inverse_problem import PRIOR, prior_for


@dataclass(frozen=True)
class Verb:
    """module: where the task call `name` and its `check_NAME` are. model: the default one.

    prior: whether the model is the prior of an inverse problem.
    """

    module: str
    name: str
    model: str
    prior: bool = False

    @property
    def function(self) -> Callable[..., Restored]:
        """The task call."""
        return getattr(import_module(f"undrift.restoration.{self.module}"), self.name)

    @property
    def check(self) -> Callable[..., None]:
        """Called with a sampler and the own keywords: raises if they cannot be."""
        return getattr(import_module(f"undrift.restoration.{self.module}"), f"check_{self.name}")

    def sampler(self, model: str, task: str, wishes: Wishes, own: Mapping[str, Any]) -> Sampler:
        """The sampler the function will use; raises for names and numbers that cannot be."""
        method = own.get("method", "auto")
        if self.prior or method == "operator":
            return prior_for(model, wishes, "auto" if method == "operator" else method)
        return make_sampler(model, task, wishes)


VERBS = {
    "sr": Verb("tasks", "sr", "leaves-sr"),
    "denoise": Verb("tasks", "denoise", "leaves-denoise"),
    "deblur": Verb("deblurring", "deblur", PRIOR, True),
    "inpaint": Verb("inpainting", "inpaint", PRIOR, True),
    "colourise": Verb("linear_tasks", "colourise", PRIOR, True),
    "restore": Verb("restoring", "restore", PRIOR, True),
}
