"""Model cards: `<domain>/weights/<id>.md`, beside the weights `<id>.safetensors` they describe.

Valid Hub model cards plus a block `undrift:` that holds what one needs to run the model, to judge
it and to repeat its training.  A generative restorer invents detail, so a card without a section
"Hallucination and misuse" is refused, and a medical one has to say "Not for diagnosis".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import undrift
from undrift.common.card_schema import DOMAINS
from undrift.common.errors import InputError, nearest
from undrift.common.front_matter import licence_problems, read_card
from undrift.common.model_card_schema import ModelFront

SECTIONS = (
    "Details",
    "Uses",
    "Hallucination and misuse",
    "Training data and procedure",
    "Evaluation",
    "How to start",
)


@dataclass(frozen=True)
class ModelCard:
    """A checked card: `front` is its head, `prose` the text under each heading, `path` its file."""

    front: ModelFront
    prose: dict[str, str]
    path: Path

    @property
    def id(self) -> str:
        """The name a user types after `--model`."""
        return self.front.undrift.id

    @property
    def domain(self) -> str:
        """The domain in whose folder the card lies."""
        return self.path.resolve().parents[1].name

    @property
    def weights(self) -> Path:
        """The file the card describes."""
        return self.path.parent / self.front.undrift.files[0].name


def load_model_card(path: Path) -> ModelCard:
    """Reads and checks one card; raises `InputError` with every problem it found."""
    path = Path(path)
    medical = path.resolve().parents[1].name == "medical"

    def rules(head: dict[str, Any], prose: dict[str, str]) -> list[str]:
        problems = licence_problems(head)
        if medical and "not for diagnosis" not in " ".join(prose.values()).lower():
            problems.append("a medical model's card has to say 'Not for diagnosis'")
        return problems

    front, prose = read_card(path, ModelFront, SECTIONS, rules)
    return ModelCard(front, prose, path)


def model_card_paths() -> dict[str, Path]:
    """Returns id -> file of every model card in the domains' weights folders, sorted by id."""
    found: dict[str, Path] = {}
    for root in undrift.__path__:
        for domain in DOMAINS:
            for path in (Path(root) / domain / "weights").glob("*.md"):
                if not path.name.startswith("_"):
                    found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find_model_card(name: str) -> ModelCard:
    """Loads the model card `name`; an unknown name raises `InputError` with the nearest one."""
    paths = model_card_paths()
    if name not in paths:
        raise InputError(
            f"no model {name!r}{nearest(name, list(paths))}; `undrift models list` shows all"
        )
    return load_model_card(paths[name])
