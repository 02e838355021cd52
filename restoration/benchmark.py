"""Degrade, restore and score the photographs of a data card, with models and baselines alike.

Methods are named as on the command line: a baseline of `baselines.py` ("tv", "bicubic"),
`model:NAME` for a model of this suite, or `model` for the model of the options or of the task.
Every method gets the same degraded picture (`protocols.py`). A method that fails on a picture is
recorded with its reason and the rest goes on.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import undrift
from undrift.common.errors import MissingExtraError, UndriftError, UsageError, nearest
from undrift.common.metrics.score_table import ItemScore, Table
from undrift.restoration.baselines import Method, all_baselines, baseline, baselines_of
from undrift.restoration.metrics import score
from undrift.restoration.photos import centre_crop
from undrift.restoration.protocols import Case, conditions

Photos = Iterable[tuple[str, np.ndarray]]
Watch = Callable[[ItemScore, np.ndarray, np.ndarray, np.ndarray | None], None]

SIGMAS = (15.0, 25.0, 50.0)
DEFAULTS = {
    "denoise": ("model", "identity", "tv", "tv-oracle", "wavelet", "nlm"),
    "sr": ("model", "bicubic", "lanczos"),
    "deblur": ("model", "blurred", "wiener", "richardson-lucy-oracle", "tv-deconvolution",
               "tv-deconvolution-oracle"),
    "inpaint": ("model", "nearest", "biharmonic"),
}  # fmt: skip


def benchmark(
    card: str | Photos,
    task: str,
    *,
    methods: Sequence[str | Method] | None = None,
    scale: float = 4,
    sigmas: Sequence[float] = SIGMAS,
    psfs: Sequence[str] | None = None,
    masks: Sequence[str] | None = None,
    noises: Sequence[float] | None = None,
    crop: int | None = None,
    items: Sequence[str] | None = None,
    split: str | None = None,
    root: str | Path | None = None,
    view: str | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
) -> Table:
    """Scores `methods` on every photograph of `card` under every condition.

    Args:
        card: id of a data card with photographs, or pairs (name, (c, h, w) float32 in [0, 1]).
        task: "denoise" (uses `sigmas`, on the 0..255 scale), "sr" (uses `scale`), "deblur" (uses
            `psfs`, `noises`) or "inpaint" (uses `masks`, `noises`); noises on the 0..255 scale.
        crop: the central pixels of each side that are used; None takes whole pictures.
        methods: names or `Method` objects; the task's default ones if None.
        items, split: names of photographs, and the split of the card, to keep; None keeps all.
        root, view: where a data set lies on disc, and the view of its card (`datasets.measured`).
        seed: of the noise and of the models.
        options: passed to the models: model, preset, steps, solver, tile.
        watch: called after each picture with (entry, clean, degraded, restored or None).

    Raises:
        UsageError: an unknown task, method, split or parameter. InputError: an unknown card or
            item, or a damaged file. MissingExtraError: a method lacks its package or weights.
    """
    plan = conditions(
        task, scale=scale, sigmas=tuple(sigmas), psfs=psfs, masks=masks, noises=noises
    )
    if crop is not None and crop < 16:
        raise UsageError(f"crop {crop}: expected 16 pixels or more")
    chosen = _methods(methods or DEFAULTS[task], task, dict(options or {}), seed)
    name, photos = ("given pictures", card) if not isinstance(card, str) else (card, None)
    if root is not None or view is not None:
        photos, plan = _on_disc(card, root, split, view, items, plan, crop)
    table = Table(
        title=f"{name}: {task}, seed {seed}",
        settings={
            "undrift": undrift.__version__, "card": name, "split": split, "items": items,
            "task": task, "conditions": [condition.name for condition in plan], "seed": seed,
            "methods": {m.name: m.about for m in chosen}, "options": dict(options or {}),
            "crop": crop, "psfs": psfs, "masks": masks, "noises": noises, "view": view,
        },
        metrics=plan[0].metrics,
        methods={method.name: method.kind for method in chosen},
    )  # fmt: skip
    for item, whole in photos if photos is not None else _photos(name, items, split):
        picture = whole if crop is None else centre_crop(whole, crop)
        for condition in plan:
            table.scores.extend(score_one(item, picture, condition, chosen, seed, watch))
    return table


def _methods(
    names: Sequence[str | Method], task: str, options: Mapping[str, Any], seed: int
) -> list[Method]:
    chosen = [
        name if isinstance(name, Method) else find_method(name, task, options, seed)
        for name in names
    ]
    labels = [method.name for method in chosen]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise UsageError(f"named more than once: {', '.join(twice)}; name each method once")
    return chosen


def find_method(name: str, task: str, options: Mapping[str, Any], seed: int) -> Method:
    """The method called `name` for `task`: "tv", "model", "model:leaves-sr".

    Raises:
        UsageError: no such baseline. InputError: no such model.
    """
    kind, _, model = name.partition(":")
    if kind == "model":
        return _model(task, model, options, seed)
    if name not in all_baselines() and name not in baselines_of(task):
        known = baselines_of(task)
        raise UsageError(
            f"no method '{name}'{nearest(name, [*known, 'model'])} "
            f"(for {task} there are: model, model:NAME, {', '.join(known)})"
        )
    return baseline(name, task)


def _model(task: str, name: str, options: Mapping[str, Any], seed: int) -> Method:
    from undrift.common.weights.model import find_weights
    from undrift.restoration.verbs import VERBS

    verb = VERBS[CALLED.get(task, task)]
    settings = {key: value for key, value in options.items() if value is not None}
    settings["model"] = name or settings.get("model") or _usual_model(task) or verb.model
    find_weights(settings["model"])  # a wrong name should not wait for the first picture

    def restore(y: np.ndarray, value: Any, *, item: str) -> np.ndarray:
        image = y[0] if y.shape[0] == 1 else y.transpose(1, 2, 0)
        told = TOLD[task](value)
        result = verb.function(image, seed=seed, item=item, **told, **settings)
        restored = np.asarray(result.value)
        return restored[None] if restored.ndim == 2 else restored.transpose(2, 0, 1)

    about = ", ".join(f"{key} {value}" for key, value in settings.items())
    return Method(str(settings["model"]), task, restore, about, "model")


def _usual_model(task: str) -> str | None:
    """The default model of a task, where its verb has several."""
    from undrift.restoration.mending import MODELS
    from undrift.restoration.real_sr import ENLARGER

    return {"jpeg": MODELS["jpeg"], "blind-sr": ENLARGER}.get(task)


TOLD: dict[str, Callable[[Any], dict[str, Any]]] = {
    "denoise": lambda sigma: {"sigma": 255 * sigma},
    "sr": lambda scale: {"scale": int(scale) if scale == int(scale) else scale},
    "deblur": lambda known: {"psf": known.kernel, "noise": 255 * known.sigma},
    "inpaint": lambda known: {"mask": known.missing, "noise": 255 * known.sigma},
    "jpeg": lambda nothing: {"task": "jpeg"},
    "blind-sr": lambda scale: {"scale": scale, "degradation": "real"},
    "camera": lambda known: {
        "noise": "poisson-gaussian", "gain": 255 * known.gain, "read_noise": 255 * known.read,
    },
}  # fmt: skip  # what a method is told, as the keywords of the task
CALLED = {"jpeg": "restore", "blind-sr": "sr", "camera": "denoise"}  # verbs of other names


def load_pictures(
    card: str | Photos, items: Sequence[str] | None = None, split: str | None = None
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Name -> picture of those chosen, and name -> number of channels of all of the card.

    Raises InputError and UsageError as `benchmark`.
    """
    if not isinstance(card, str):
        given = dict(card)
        return given, {name: len(picture) for name, picture in given.items()}
    from undrift.common.cards import find_card
    from undrift.restoration.photos import pick

    shapes = {file.item: file.shape for file in pick(find_card(card), None)}
    return dict(_photos(card, items, split)), {n: s[0] if s else 3 for n, s in shapes.items()}


def _on_disc(
    card: str | Photos,
    root: str | Path | None,
    split: str | None,
    view: str | None,
    items: Sequence[str] | None,
    plan: Sequence[Case],
    crop: int | None,
) -> tuple[Photos, list[Case]]:
    """The pictures of a data set below `root`, and the plan, with its own degraded ones in it."""
    from undrift.restoration.datasets.measured import Given, Measured

    if root is None or not isinstance(card, str):
        raise UsageError("a view belongs to a data set on disc; give the id of its card and root")
    opened = Measured(card, root, split, view, items)
    cases = [opened.case(case) for case in plan]
    if crop is not None and any(isinstance(case, Given) for case in cases):
        raise UsageError("crop cuts clean pictures; it does not fit the data set's own small ones")
    return opened, cases


def _photos(card: str, items: Sequence[str] | None, split: str | None) -> Photos:
    from undrift.restoration.photos import load_photos, pick

    if split is None:
        return load_photos(card, items)
    from undrift.common.cards import find_card

    found = find_card(card)
    splits = [entry.name for entry in found.front.undrift.splits]
    if split not in splits:
        raise UsageError(
            f"{card} has no split '{split}'{nearest(split, splits)} (there are: {splits})"
        )
    names = [file.item for file in pick(found, items) if file.split in (None, split)]
    if not names:
        raise UsageError(f"none of the chosen items of {card} belongs to its split '{split}'")
    return load_photos(card, names)


def score_one(
    item: str,
    picture: np.ndarray,
    condition: Case,
    methods: Sequence[Method],
    seed: int,
    watch: Watch | None = None,
) -> Iterator[ItemScore]:
    """Degrades one picture (c, h, w) and scores every method on it.

    Raises:
        UsageError, MissingExtraError: as `benchmark`; other errors are recorded.
    """
    clean, degraded = condition.pair(picture, seed=seed, item=item)
    size = (degraded.shape[1], degraded.shape[2])
    known = condition.known(size, seed=seed, item=item)
    for method in methods:
        started = time.perf_counter()
        restored: np.ndarray | None = None
        try:
            restored = method(
                degraded,
                sigma=known if condition.task == "denoise" else None,
                scale=known if condition.task == "sr" else None,
                known=known,
                reference=clean if method.kind == "oracle" else None,
                item=item,
            )[:, : clean.shape[1], : clean.shape[2]]
            seconds = time.perf_counter() - started
            scores = score(np.clip(restored, 0, 1), clean, condition.metrics, condition.crop_border)
            entry = ItemScore(item, condition.name, method.name, scores, seconds)
        except (MissingExtraError, UsageError):
            raise
        except Exception as error:
            reason = str(error) if isinstance(error, UndriftError) else repr(error)
            entry = ItemScore(item, condition.name, method.name, {}, None, reason)
        if watch is not None:
            watch(entry, clean, degraded, restored)
        yield entry
