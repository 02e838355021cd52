"""The loss of a recipe of the task self-supervised, as the general training loop asks for it."""

from torch import Tensor

from undrift.common.config import load
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective
from undrift.restoration.self_supervised.data import NoisySettings
from undrift.restoration.self_supervised.losses import c_bsn_loss, sdap_loss

SELF_SUPERVISED = "self-supervised"


def blind_spot_objective(recipe: Recipe) -> Objective:
    """C-BSN or SDAP, as the recipe's data say; raises InputError for another network."""
    settings = load(NoisySettings, recipe.data, "data")
    alone = recipe.scaling.centre is not None
    if recipe.network.name != "blind-spot" or recipe.prediction != "x0" or not alone:
        raise InputError(
            f"task {SELF_SUPERVISED} trains the network blind-spot, prediction x0 and a scaling "
            f"with a centre, not {recipe.network.name} with {recipe.prediction}; begin with "
            "extends: own-noisy-folder"
        )
    centre, spread = recipe.scaling.centre or 0.0, recipe.scaling.sigma_d
    channels = recipe.network.params.get("inputs", 3)

    def objective(
        denoiser: Denoiser, batch: dict[str, Tensor], recipe: Recipe, iteration: int
    ) -> Tensor:
        x = batch["x0"]
        if x.shape[1] != channels:
            raise InputError(
                f"the pictures have {x.shape[1]} channels, the network {channels}; "
                f"add -s network.params.inputs={x.shape[1]} -s network.params.outputs={x.shape[1]}"
            )
        x = (x - centre) / spread
        if settings.method == "sdap":
            return sdap_loss(denoiser.network, x, batch["order"])
        ramp = min(iteration / settings.ramp, 1.0) if settings.ramp else 1.0
        return c_bsn_loss(denoiser.network, x, batch["pick"], settings.stride, ramp)

    return objective
