"""The verbs of the image domain by name: function, check, default model, imported when called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from undrift.common.results import Restored
from undrift.common.sampling import Sampler, make_sampler
from undrift.common.weights.model import find_weights
from undrift.common.wishes import Wishes
from undrift.restoration.denoise_methods import MODEL, WITH_MODEL, denoise_method
from undrift.restoration.inverse_problem import PRIOR, prior_for
from undrift.restoration.unlearned import Unlearned, check_no_model

DENOISER = "photos-prior"


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

    def weights(self, model: str | None, own: Mapping[str, Any]) -> str | None:
        """The weight file to use, None where there is none; raises if it is not here."""
        if without_network(self.name, own.get("method", "auto")):
            return model
        return str(
            find_weights(model or (PRIOR if own.get("method") == "operator" else self.model))
        )

    def sampler(
        self, model: str | None, task: str, wishes: Wishes, own: Mapping[str, Any]
    ) -> Sampler | Unlearned:
        """The sampler the function will use; raises for names and numbers that cannot be."""
        method = own.get("method", "auto")
        if without_network(task, method):
            if method not in WITH_MODEL:
                check_no_model(str(method), model)
            wishes.check()
            return Unlearned(str(method), wishes)
        model = model or self.model
        if self.prior or method == "operator":
            return prior_for(model, wishes, "auto" if method == "operator" else method)
        return make_sampler(model, task, wishes)


@dataclass(frozen=True)
class Restoring(Verb):
    """`restore`, whose model depends on the task: see `restoring`."""

    def weights(self, model: str | None, own: Mapping[str, Any]) -> str | None:
        """The weight file to use, None where there is none; raises if it is not here."""
        from undrift.restoration.restoring import weights_for

        return weights_for(own["task"], model)

    def sampler(
        self, model: str | None, task: str, wishes: Wishes, own: Mapping[str, Any]
    ) -> Sampler | Unlearned:
        """The sampler the function will use; raises for names and numbers that cannot be."""
        from undrift.restoration.restoring import sampler_for

        return sampler_for(own["task"], model, wishes)


@dataclass(frozen=True)
class Enlarging(Verb):
    """`sr`, which takes the restorer of unknown damage for pictures that are not bicubic."""

    def weights(self, model: str | None, own: Mapping[str, Any]) -> str | None:
        """The weight file to use, None where there is none; raises if it is not here."""
        if own.get("degradation") != "real":
            return super().weights(model, own)
        from undrift.restoration.mending import restorer_weights
        from undrift.restoration.real_sr import ENLARGER

        return restorer_weights("blind", model, ENLARGER)

    def sampler(
        self, model: str | None, task: str, wishes: Wishes, own: Mapping[str, Any]
    ) -> Sampler | Unlearned:
        """The sampler the function will use; raises for names and numbers that cannot be."""
        if own.get("degradation") != "real":
            return super().sampler(model, task, wishes, own)
        from undrift.restoration.mending import restorer
        from undrift.restoration.real_sr import ENLARGER

        return restorer("blind", model, wishes, ENLARGER)


def without_network(task: str, method: object) -> bool:
    """Whether the method of a task needs no shipped network; raises UsageError if unknown."""
    if task != "denoise":
        from undrift.restoration.classical import CLASSICAL

        return method in CLASSICAL.get(task, {})
    if method in ("auto", MODEL):
        return False
    denoise_method(str(method))
    return True


VERBS = {
    "sr": Enlarging("tasks", "sr", "photos-sr"),
    "denoise": Verb("denoising", "denoise", DENOISER),
    "deblur": Verb("deblurring", "deblur", PRIOR, True),
    "inpaint": Verb("inpainting", "inpaint", PRIOR, True),
    "colourise": Verb("linear_tasks", "colourise", PRIOR, True),
    "restore": Restoring("restoring", "restore", PRIOR, True),
}
