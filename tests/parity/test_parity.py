"""Official trajectories, state by state; `table.py` prints the errors."""

import functools
from fnmatch import fnmatchcase

import numpy as np
import pytest
from parity.case import READ, REFERENCE, Case, every_case, unread

CASES = every_case()


@functools.cache
def measured(case: Case) -> float:
    return case.error()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_official_code_is_met(case: Case) -> None:
    assert measured(case) < case.tolerance


def test_every_array_of_every_reference_file_is_used() -> None:
    """What no case reads must be named in a table `UNREAD`, with the reason."""
    for case in CASES:
        measured(case)
    excused, left, idle = unread(), [], []
    for path in sorted(REFERENCE.glob("*.npz")):
        patterns = excused.get(path.stem, {})
        with np.load(path) as data:
            missing = [key for key in data.files if (path.stem, key) not in READ]
        left += [
            f"{path.stem}: {key}"
            for key in missing
            if not any(fnmatchcase(key, pattern) for pattern in patterns)
        ]
        idle += [
            f"{path.stem}: {pattern}"
            for pattern in patterns
            if not any(fnmatchcase(key, pattern) for key in missing)
        ]
    assert not left, "read by no case and not excused in UNREAD"
    assert not idle, "UNREAD excuses what is read, or is not there"


def test_names_of_cases_differ() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
