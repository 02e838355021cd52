"""Runs the benchmark of speech: clip by clip, method by method, going on where it stopped."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

import undrift
from undrift.common.benchmark.loop import Watch, scored
from undrift.common.benchmark.plan import check_any
from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.common.files import fingerprint
from undrift.common.metrics.score_store import Store
from undrift.common.metrics.score_table import ItemScore, Table
from undrift.speech.benchmark.clips import RATE, Clip, load_clips, source_of, voices_of
from undrift.speech.benchmark.methods import PEERS, PRESETS, Method, describe, find_method
from undrift.speech.benchmark.mixtures import (
    NOISY,
    Condition,
    Mixture,
    conditions_named,
    mixture,
)
from undrift.speech.metrics.scores import known_metrics, score, usual_metrics

ALL_NOISE = "all snr"


@dataclass(frozen=True)
class Plan:
    """What is run: clips, conditions, methods and metrics; `missing` says what cannot run here.

    clips: all of the split, since a clip's noise may be made of others. items: those that count.
    """

    split: str
    clips: Sequence[Clip]
    items: frozenset[str]
    conditions: Sequence[Condition]
    methods: Sequence[Method]
    metrics: tuple[str, ...]
    seed: int = 0
    missing: Mapping[str, str] = field(default_factory=dict)


def plan(
    *,
    split: str = "test",
    root: Path | None = None,
    methods: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    items: Sequence[str] | None = None,
    model: str | None = None,
    seed: int = 0,
) -> Plan:
    """Reads the clips and finds the methods.

    Args:
        split, root: of the speech, see `load_clips`.
        methods, conditions, metrics, items: names; None takes all that run here.
        model: what the presets mean. seed: of mixtures and models.

    Raises:
        UsageError: an unknown name. InputError: no speech, or no such item or model.
    """
    chosen = conditions_named(conditions)
    measured = usual_metrics() if metrics is None else known_metrics(metrics)
    clips = load_clips(split, root)
    if items is not None:
        names = {clip.name for clip in clips}
        if strangers := [item for item in items if item not in names]:
            raise InputError(f"no item {', '.join(strangers)} (there are: {', '.join(names)})")
    found, missing = [], {}
    for name in methods or (*PEERS, *PRESETS):
        try:
            found.append(find_method(name, model=model, seed=seed))
        except MissingExtraError as error:
            missing[name] = str(error)
        except InputError as error:
            if methods is not None or model is not None:
                raise
            missing[name] = str(error)
    check_any(found, missing)
    kept = frozenset(clip.name for clip in clips) if items is None else frozenset(items)
    return Plan(split, clips, kept, chosen, found, measured, seed, missing)


def run_suite(
    asked: Plan, *, save: Path | None = None, fresh: bool = False, watch: Watch = lambda e: None
) -> Table:
    """Scores every method on every clip under every condition, and keeps what is done in `save`.

    save: folder whose `scores.jsonl` is read and appended to; None keeps nothing. fresh: measure
    again what is there. watch: called after each new score.
    """
    store = Store(save, fresh=fresh)
    table = Table(
        title=f"{source_of(asked.split).card}: speech enhancement, {asked.split}, "
        f"seed {asked.seed}",
        settings={
            "undrift": undrift.__version__, "card": source_of(asked.split).card, "task": "enhance",
            "split": asked.split, "seed": asked.seed, "rate": RATE,
            "conditions": [condition.name for condition in asked.conditions],
            "methods": describe(asked.methods), "not installed": dict(asked.missing),
        },
        metrics=asked.metrics,
        methods={method.name: method.kind for method in asked.methods},
    )  # fmt: skip
    voices = voices_of(asked.clips)
    for condition in asked.conditions:
        for place, clip in enumerate(asked.clips):
            if clip.name in asked.items:
                made = mixture(
                    condition, clip, place, seed=asked.seed, split=asked.split, voices=voices
                )
                table.scores.extend(_scored(asked, condition, clip, made, store, watch))
    return table


def _scored(
    asked: Plan, condition: Condition, clip: Clip, made: Mixture, store: Store, watch: Watch
) -> Iterator[ItemScore]:
    content = hashlib.blake2b(made.clean.tobytes() + made.noisy.tobytes(), digest_size=8)
    for method in asked.methods:
        key = fingerprint(
            {"content": content.hexdigest(), "method": method.name, "metrics": asked.metrics,
             "seed": asked.seed, "identity": dict(method.identity)}
        )  # fmt: skip
        entry = store.get(key)
        if entry is None:
            entry = score_one(method, made, condition.name, clip.name, asked.metrics)
            record = {"family": made.record.get("family"), "duration": len(made.clean) / RATE}
            store.add(key, entry, **record)
            watch(entry)
        yield entry


def score_one(
    method: Method, made: Mixture, setting: str, item: str, metrics: Sequence[str]
) -> ItemScore:
    """One method on one mixture; what stops it is recorded, but for usage and missing packages."""
    return scored(
        item, setting, method.name, lambda: np.asarray(method.run(made.noisy, RATE, item)),
        lambda out: score(made.clean, out, RATE, metrics), through=(MissingExtraError, UsageError),
    )  # fmt: skip


def with_means(table: Table) -> Table:
    """The table with one condition more: for each clip the mean over the noisy ones.

    Only clips that a method restored in all of them count, so that methods stay comparable.
    """
    scores: dict[tuple[str, str], list[Mapping[str, float]]] = {}
    for entry in table.scores:
        if entry.setting in NOISY and entry.error is None:
            scores.setdefault((entry.method, entry.item), []).append(entry.scores)
    met = sum(name in NOISY for name in table.conditions)
    means = [
        ItemScore(
            item, ALL_NOISE, method,
            {name: float(np.mean([s[name] for s in found])) for name in table.metrics},
        )
        for (method, item), found in scores.items()
        if len(found) == met > 1
    ]  # fmt: skip
    return replace(table, scores=[*means, *table.scores])
