"""Official trajectories, state by state; `table.py` prints the errors."""

import pytest
from parity import bridge_cases, solver_cases
from parity.case import Case

CASES = [*bridge_cases.cases(), *solver_cases.cases()]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_official_code_is_met(case: Case) -> None:
    assert case.error() < case.tolerance
