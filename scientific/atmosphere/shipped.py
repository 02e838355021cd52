"""Models of fields from their weights: the prior, with the scale of its channels."""

from typing import TYPE_CHECKING, Any

from undrift.common.devices import resolve_device
from undrift.common.errors import InputError
from undrift.common.posterior.priors import read_prior
from undrift.scientific.atmosphere.signal import read_signal
from undrift.scientific.atmosphere.spectral import Spectral

if TYPE_CHECKING:
    from undrift.scientific.atmosphere.tasks import FieldPrior


def open_prior(model: Any, device: str = "auto") -> "FieldPrior":
    """The prior of a model id or a file of weights.

    Raises InputError for weights of another task, and for a prior that is told a degraded field.
    """
    from undrift.common.weights.model import load_model
    from undrift.scientific.atmosphere.tasks import FieldPrior

    found = load_model(model, resolve_device(device))
    if found.settings.task != "atmos-prior":
        raise InputError(
            f"{found.id} is a model for {found.settings.task}; expected a prior of fields, "
            "atmos-prior"
        )
    signal = read_signal(found.settings.signal)
    around = (signal.periodic, signal.periodic)
    prior = read_prior(model, resolve_device(device))
    spectra = getattr(prior.network, "covariance", None)

    def climatology(shape: tuple[int, int]) -> Spectral:
        return Spectral.floored(spectra(*shape), shape[1])  # type: ignore[misc]

    known = climatology if spectra is not None else None
    return FieldPrior(prior, signal.scale, around, known)
