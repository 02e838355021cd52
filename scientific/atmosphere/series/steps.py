"""Times of a series must be evenly spaced: a model that counts in steps would not see a jump."""

import numpy as np

from undrift.common.errors import InputError


def even_steps(times: np.ndarray, name: str) -> None:
    """Raises InputError where times do not rise by one and the same step."""
    gaps = np.diff(times)
    step = float(np.median(gaps)) if len(gaps) else 1.0
    wrong = np.flatnonzero(~(abs(gaps - step) <= 0.01 * abs(step)) | (gaps <= 0))
    if len(wrong):
        raise InputError(
            f"{name}: the step of time changes after row {wrong[0] + 1}; put in rows "
            f"without values where some are missing, so that all steps are alike"
        )
