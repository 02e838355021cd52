"""Is a scan one that the prior of its reconstruction was made for?

There is no volume yet to look at, but the grid of the image is known before it is made: pixels and
field of view come from the head of the raw data or from the geometry of the scan, and the weights
of a prior state the ranges it was trained on. Slices that are reconstructed alone have no third
axis to compare.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from undrift.medical.honesty.guards import range_warnings
from undrift.medical.signal import Signal, read_signal


def unlike_training(prior: Any, counts: Sequence[int], spacing: Sequence[float]) -> list[str]:
    """What of an image's grid lies beyond the training of a prior, one sentence each.

    prior: a model id or weight file, as the reconstructions take it; other objects state no ranges,
    and nothing is compared. counts: pixels along each axis that the prior sees; spacing: mm.
    Raises InputError for unknown models and broken files.
    """
    signal = prior_signal(prior)
    return [] if signal is None else range_warnings(spacing, counts, signal)


def is_flat(prior: Any) -> bool:
    """Whether the network of a `Prior` takes pictures only: its convolutions have two axes."""
    from torch import nn

    if prior.network is None or hasattr(prior.denoise, "slices"):  # stacks make a volume of them
        return False
    kinds = {type(part) for part in prior.network.modules()}
    return any(issubclass(kind, nn.Conv2d) for kind in kinds) and not any(
        issubclass(kind, nn.Conv3d) for kind in kinds
    )


def prior_signal(prior: Any) -> Signal | None:
    """The section `signal` of a prior's weights; None where nothing is stated."""
    if not isinstance(prior, str | Path) or Path(prior).is_dir():
        return None
    from undrift.common.weights.files import read_settings
    from undrift.common.weights.model import find_weights

    settings = read_settings(find_weights(prior))
    return read_signal(dict(settings.signal)) if settings.signal else None
