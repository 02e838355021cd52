"""Runs the rows of the suite: picture by picture, method by method, going on where it stopped."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import undrift
from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.common.files import fingerprint, sha256_of
from undrift.common.metrics.score_store import Store
from undrift.common.metrics.score_table import Table
from undrift.restoration.benchmark import Watch, find_method, load_pictures, score_one
from undrift.restoration.method import Method
from undrift.restoration.photos import centre_crop
from undrift.restoration.suite import METRICS, Row, rows_named, taking_part

MODEL, ALL = "model", "baselines"


def run_suite(
    card: str | Sequence[tuple[str, np.ndarray]],
    *,
    rows: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    crop: int | None = None,
    items: Sequence[str] | None = None,
    split: str | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    save: Path | None = None,
    fresh: bool = False,
    watch: Watch | None = None,
    note: Callable[[str], object] = lambda text: None,
) -> Table:
    """Scores every method on every picture in every row, and keeps what is done in `save`.

    Args:
        card: id of a data card with photographs, or pairs (name, (c, h, w) float32 in [0, 1]).
        rows: names in `ROWS`; None takes all.
        methods: "model", "model:NAME", "baselines" for all a row has, or their names; a row takes
            those it knows. None takes the model of the task and all baselines.
        crop, items, split, seed, options: as in `benchmark`.
        save: folder whose `scores.jsonl` is read and appended to; None keeps nothing.
        fresh: measure again what is there.
        watch: called after each new score, as in `benchmark`. note: called with lines for people.

    Raises:
        UsageError: an unknown row, method or split. InputError: an unknown card, item or model.
    """
    plan, name = rows_named(rows), card if isinstance(card, str) else "given pictures"
    if crop is not None and crop < 16:
        raise UsageError(f"crop {crop}: expected 16 pixels or more")
    _check(methods, plan)
    pictures, channels = load_pictures(card, items, split)
    if crop is not None:
        pictures = {item: centre_crop(whole, crop) for item, whole in pictures.items()}
    store = Store(save, fresh=fresh)
    table = Table(
        title=f"{name}: all rows, seed {seed}",
        settings={
            "undrift": undrift.__version__, "card": name, "split": split, "items": items,
            "task": "all", "rows": None if rows is None else [row.name for row in plan],
            "methods": methods, "crop": crop, "seed": seed, "options": dict(options or {}),
        },
        metrics=METRICS,
        methods={},
    )  # fmt: skip
    kinds: dict[str, str] = {}
    said: set[str] = set()
    for row in plan:
        chosen = _methods(row, methods, dict(options or {}), seed, said, note)
        kinds |= {method.name: method.kind for method in chosen}
        run = _Run(row, chosen, seed, store, watch)
        for item in taking_part(row, channels):
            if item in pictures:
                table.scores.extend(run(item, pictures[item]))
    return Table(table.title, table.settings, METRICS, kinds, table.scores)


class _Run:
    """One row with its methods; call it with a picture."""

    def __init__(
        self, row: Row, methods: Sequence[Method], seed: int, store: Store, watch: Watch | None
    ) -> None:
        self.row, self.methods, self.seed = row, methods, seed
        self.store, self.watch = store, watch
        self.weights = {m.name: weights_hash(m.name) for m in methods if m.kind == "model"}

    def __call__(self, item: str, picture: np.ndarray) -> Iterator[Any]:
        more = self._recorded(item, picture)
        keys = {method.name: self._key(method, item, picture, more) for method in self.methods}
        done = {name: self.store.get(key) for name, key in keys.items()}
        missing = [method for method in self.methods if done[method.name] is None]
        if missing:
            for method in missing:  # one at a time: each is on the disk when the next begins
                for entry in score_one(item, picture, self.row, [method], self.seed, self.watch):
                    self.store.add(keys[method.name], entry, **more)
                    done[method.name] = entry
        yield from (entry for entry in done.values() if entry is not None)

    def _key(
        self, method: Method, item: str, picture: np.ndarray, recorded: Mapping[str, Any]
    ) -> str:
        import hashlib

        pixels = hashlib.blake2b(np.ascontiguousarray(picture).tobytes(), digest_size=8).hexdigest()
        settings = {
            "row": self.row.record(), "item": item, "seed": self.seed, "method": method.name,
            "pixels": [list(picture.shape), pixels], **recorded,
        }  # fmt: skip
        if method.kind == "model":
            settings |= {"about": method.about, "weights": self.weights[method.name]}
        return fingerprint(settings)

    def _recorded(self, item: str, picture: np.ndarray) -> dict[str, Any]:
        """The drawn chain, where the row draws one."""
        chain = getattr(self.row.case, "chain", None)
        if chain is None:
            return {}
        clean, _ = self.row.pair(picture, seed=self.seed, item=item)
        return {"chain": chain(clean.shape[1:], seed=self.seed, item=item).record()}


def weights_hash(model: str) -> str:
    """ "sha256:..." of the weights behind the name of a model."""
    from undrift.common.weights.model import find_weights, load_model

    path = find_weights(model)
    return load_model(model).sha256 if path.is_dir() else sha256_of(path)


def _check(methods: Sequence[str] | None, plan: Sequence[Row]) -> None:
    """Every named method must answer a row."""
    known = {name for row in plan for name in row.baselines}
    for name in methods or ():
        if name not in known and name != ALL and name.partition(":")[0] != MODEL:
            raise UsageError(
                f"no row asked for has the method '{name}' "
                f"(they have: model, model:NAME, baselines, {', '.join(sorted(known))})"
            )


def _methods(
    row: Row,
    wanted: Sequence[str] | None,
    options: Mapping[str, Any],
    seed: int,
    said: set[str],
    note: Callable[[str], object],
) -> list[Method]:
    """The methods of a row that can run here; `note` says once why another cannot."""
    models = [MODEL] if wanted is None else [n for n in wanted if n.partition(":")[0] == MODEL]
    every = wanted is None or ALL in wanted
    names = [name for name in row.baselines if every or name in (wanted or ())]
    found = []
    for name in (*models, *names):
        try:
            if name == "bm3d" and importlib.util.find_spec("bm3d") is None:
                raise MissingExtraError("bm3d is not installed: pip install 'undrift[baselines]'")
            found.append(find_method(name, row.task, options, seed))
        except (InputError, MissingExtraError) as error:
            if name.startswith(f"{MODEL}:"):  # a wrong name, not one that is not here yet
                raise
            text = f"left out {name}: {error}"
            if text not in said:
                said.add(text)
                note(text)
    return found
