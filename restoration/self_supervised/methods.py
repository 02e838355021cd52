"""`blind-spot` and `score-vi` as methods of `denoise` (see `restoration.denoise_methods`)."""

from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.weights.files import read_settings
from undrift.common.weights.model import find_weights
from undrift.common.wishes import Wishes
from undrift.restoration.denoise_methods import Found
from undrift.restoration.noise_models import KnownNoise
from undrift.restoration.self_supervised.denoiser import ITERATIONS, BlindSpotDenoiser
from undrift.restoration.self_supervised.objective import SELF_SUPERVISED
from undrift.restoration.self_supervised.score_vi import MODEL, STEPS, fit_score_vi


def blind_spot(
    pixels: Tensor, known: KnownNoise, wishes: Wishes, model: str | None = None
) -> Found:
    """One pass of a network trained on noisy pictures; what is known of the noise is not used.

    model: its weights, of `undrift train own-noisy-folder` or `BlindSpotDenoiser.save`. Without
    them it is trained here, on this picture alone, for `steps` iterations (400).
    Raises UsageError for a model of another kind and for wishes that mean nothing to it.
    """
    _check("blind-spot", wishes)
    if model is None:
        iterations = wishes.steps or ITERATIONS
        denoiser = BlindSpotDenoiser.fit(
            [pixels[0].numpy()], iterations=iterations, seed=wishes.seed, device=wishes.device
        )
        info: dict[str, object] = {"iterations": iterations}
    else:
        check_blind_spot_model(model)
        denoiser = BlindSpotDenoiser.load(model, wishes.device)
        info = {"model": denoiser.settings.id, "weights": str(model)}
    tile = wishes.tile if isinstance(wishes.tile, int) else None
    return Found(denoiser(pixels, tile), {**info, "nfe": 1})


def score_vi(pixels: Tensor, known: KnownNoise, wishes: Wishes, model: str | None = None) -> Found:
    """ScoreDVI of one picture: the picture, and the standard deviation of its noise in each pixel.

    steps: of the optimisation (400). model: the denoiser whose score is the prior.
    """
    _check("score-vi", wishes)
    fitted = fit_score_vi(
        pixels,
        steps=wishes.steps or STEPS,
        model=model or MODEL,
        seed=wishes.seed,
        item=wishes.item,
        device=wishes.device,
    )
    info = {"model": model or MODEL, "steps": len(fitted.losses), "nfe": fitted.calls}
    return Found(fitted.estimate, info, fitted.noise)


def check_blind_spot_model(model: str) -> None:
    """Raises UsageError unless it is the weight file of a blind-spot network."""
    settings = read_settings(find_weights(model))
    if settings.task != SELF_SUPERVISED:
        raise UsageError(
            f"{model} is a model for {settings.task}; --method blind-spot takes one that was "
            "trained by undrift train own-noisy-folder, or none, and trains on the pictures"
        )


def _check(name: str, wishes: Wishes) -> None:
    if (wishes.samples or 1) > 1:
        raise UsageError(f"{name} draws nothing: its samples would be equal; ask for one")
    for wish in ("solver", "preset"):
        if getattr(wishes, wish) is not None:
            raise UsageError(f"{wish} belongs to sampling, which {name} does not do; leave it out")
