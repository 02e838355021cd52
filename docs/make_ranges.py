"""Measures what the inputs of a training look like, for weights whose header does not say so yet.

    python docs/make_ranges.py medical/weights/*.safetensors     # a minute or two each
    python docs/make_cards.py                                    # the hashes are others then

The recipe in the header of the weights says which phantoms they were trained on. Only the header is
written anew; tensors keep their bytes. `undrift train` does the same at its end.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from undrift.common.config import load  # noqa: E402
from undrift.common.training.recipe import Recipe  # noqa: E402
from undrift.common.weights.files import read_settings, replace_settings  # noqa: E402
from undrift.medical.honesty.training_ranges import finisher  # noqa: E402


def measure(path: Path) -> bool:
    """Writes the ranges of one weight file; True if they changed."""
    settings = read_settings(path)
    recipe = load(Recipe, settings.record["recipe"], path)
    finished = finisher(recipe)(settings)
    if finished == settings:
        return False
    replace_settings(path, finished)
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", type=Path)
    for path in parser.parse_args().weights:
        print(f"{path}: {'written' if measure(path) else 'unchanged'}", flush=True)
