"""Recipes of degradations: YAML files of steps whose parameters are drawn, and published settings.

    about: Streaks of rain with a veil.
    steps:
      - rain: {coverage: [0.03, 0.2], length: [10, 45], angle: [70, 110]}
      - gaussian-noise: {sigma: [0, 5], chance: 0.5}
      - any:
          - {share: 2, steps: [{jpeg: {quality: [30, 95]}}]}
          - {share: 1, steps: []}

A step is a link of `catalogue` with its parameters. A parameter is a number or a word; `[low,
high]`, drawn uniformly, whole numbers where the link takes them; `{log: [low, high]}`, uniform in
the logarithm; `{any: [...]}`, one of several; or `{word: motion, of: [[5, 21], [0, 180]]}`, which
reads motion:12.3,45. `chance` is that of the step. `seed` is drawn unless it is given; `sy` of a
filter is its `sx` unless given. `resize` takes `factor`, of the size that comes, or `to: original`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import Field

from undrift.common.config import Strict, load
from undrift.common.errors import InputError, nearest
from undrift.restoration.chains.chain import Chain
from undrift.restoration.chains.draw import draw_chain
from undrift.restoration.chains.ranges import checked_steps, drawn_steps
from undrift.restoration.chains.settings import SETTINGS, ChainSettings, Mixture

_NAMED = Path(__file__).parent / "named"
_PUBLISHED = {
    "real-esrgan": "Training pictures of Real-ESRGAN (Wang et al. 2021), 4 times smaller.",
    "resshift-test": "The milder test pictures of ResShift (Yue et al. 2023), 4 times smaller.",
    "unknown": "Pictures of unknown history: JPEG, blur, noise, enlargement, or nearly clean.",
    "unknown-wide": "The same, with the two published histories of small pictures, enlarged.",
    "unknown-small": "Small pictures of unknown history, enlarged; most are the published ones.",
}


class History(Protocol):
    """What draws chains."""

    @property
    def about(self) -> str:
        """What it makes of a picture, in one line."""
        ...

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Chain:
        """A chain for pictures of (h, w)."""
        ...


@dataclass(frozen=True)
class Published:
    """Chains of `settings`; pictures become `scale` times smaller unless they come back."""

    about: str
    settings: ChainSettings | Mixture
    scale: float = 1.0

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Chain:
        """A chain for pictures of (h, w)."""
        return draw_chain(self.settings, size, self.scale, rng)


class Steps(Strict):
    """The file of a recipe."""

    about: str = ""
    steps: list[dict[str, Any]] = Field(min_length=1)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Chain:
        """A chain for pictures of (h, w)."""
        return Chain(tuple(drawn_steps(self.steps, size, rng)))


def recipe_names() -> dict[str, str]:
    """Name -> what it makes, in one line, of all recipes that come with the package."""
    own = {path.stem: read_recipe(path).about for path in sorted(_NAMED.glob("*.yaml"))}
    return {**own, **_PUBLISHED}


def find_recipe(name: str | Path) -> History:
    """The recipe of a name or of a YAML file.

    Raises InputError for an unknown name, with the nearest, and for a file with a mistake, with
    its place.
    """
    text = str(name)
    if text in SETTINGS:
        settings = SETTINGS[text]
        return Published(_PUBLISHED[text], settings, 1.0 if settings.back else 4.0)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        return read_recipe(Path(text).expanduser())
    if not (_NAMED / f"{text}.yaml").is_file():
        known = recipe_names()
        raise InputError(
            f"no degradation {text!r}{nearest(text, known)} (there are: {', '.join(known)}; or "
            "name a .yaml file)"
        )
    return read_recipe(_NAMED / f"{text}.yaml")


def inline_recipe(given: Mapping[str, Any] | str) -> History:
    """The recipe of a name, a path, or a mapping like that of a file. Raises InputError."""
    if isinstance(given, str):
        return find_recipe(given)
    recipe = load(Steps, given, "degradation")
    checked_steps(recipe.steps, "degradation: steps")
    return recipe


def read_recipe(path: Path) -> Steps:
    """The recipe of a file. Raises InputError."""
    return _read(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=32)
def _read(path: Path, changed: int) -> Steps:
    recipe = load(Steps, path)
    checked_steps(recipe.steps, f"{path}: steps")
    return recipe
