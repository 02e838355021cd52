"""The command `evaluate`: which domain scores a file is told by its suffix."""

import importlib
from collections import Counter
from pathlib import Path
from typing import Any

import click

from undrift.common.errors import UsageError
from undrift.common.metrics.score_options import scoring_options, tell_scores
from undrift.common.option_types import Names

# Modules with `KIND` (noun and suffixes), `evaluate` and `OPTIONS`, the flags of its own. By name:
# `common` imports no domain.
DOMAINS = {
    "restoration": "undrift.restoration.evaluate",
    "speech": "undrift.speech.metrics.files",
    "scientific": "undrift.scientific.atmosphere.verification.files",
}


def domain_of(place: Path) -> Any:
    """The module for the files at `place`, by their most frequent kind; none are pictures."""
    modules = [importlib.import_module(name) for name in DOMAINS.values()]
    alone = place.is_file() or place.suffix.lower() == ".zarr"
    files = [place] if alone else place.rglob("*")
    suffixes = Counter(path.suffix.lower() for path in files)
    return max(modules, key=lambda module: sum(suffixes[s] for s in set(module.KIND.suffixes)))


@click.command()
@click.argument("restored", metavar="PRED", type=click.Path(path_type=Path))
@click.option("--ref", "reference", required=True, type=click.Path(path_type=Path), help="Truth.")
@click.option("--metrics", type=Names(), help="By commas. Pictures: psnr,ssim; others: all.")
@click.option(
    "--crop-border", type=click.IntRange(0), default=0, help="Pixels left out (pictures)."
)
@scoring_options
def evaluate(
    restored: Path,
    reference: Path,
    metrics: tuple[str, ...] | None,
    crop_border: int,
    **shown: Any,
) -> None:
    """Score restored pictures, sound or fields PRED (a file or a folder) against references.

    \b
    undrift evaluate out --ref truth
    undrift evaluate out --ref truth --metrics psnr_y,ssim_y --crop-border 4 --json
    undrift evaluate out --ref truth --by folder --bootstrap 10000
    undrift evaluate enhanced --ref clean --metrics si_sdr,estoi --csv scores.csv
    undrift evaluate fine.nc --ref truth.nc --metrics crps,ssr,rank,spectrum,fss
    """
    own = {"crop_border": crop_border}
    domain = domain_of(restored)
    settings: dict[str, Any] = {name: own[name] for name in domain.OPTIONS}
    if strangers := [name for name, value in own.items() if value and name not in settings]:
        flags = ", ".join("--" + name.replace("_", "-") for name in strangers)
        raise UsageError(f"{flags} does not fit a {domain.KIND.noun}; leave it out")
    if metrics is not None:
        settings["metrics"] = metrics

    def scored(resamples: int) -> Any:
        return domain.evaluate(restored, reference, resamples=resamples, **settings)

    tell_scores(scored, domain.KIND.noun, **shown)
