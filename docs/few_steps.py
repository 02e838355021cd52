"""Prints the tables of docs/few_steps.md: `python docs/few_steps.py` (minutes), or `--smoke`.

The machinery is `undrift.common.papers.few_steps`, the same that `undrift reproduce` calls.
"""

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from undrift.common.papers.few_steps import main

warnings.simplefilter("ignore")  # of numpy, from inside diffusers
main()
