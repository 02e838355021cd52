"""What a model of series is asked for while it learns: gratings, points, gaps like real ones.

A grating hides every other stripe of time (ImDiffusion, Chen et al. 2023, section 4.2): with its
complement all values are told by their neighbours once, which is how anomalies are found.
"""

import torch
from torch import Tensor


def grating(length: int, width: int, phase: int = 0) -> Tensor:
    """(length,) bool: stripes of `width` steps that are hidden, from `phase` on."""
    return ((torch.arange(length) + phase) // width) % 2 == 1


def random_hidden(valid: Tensor, width: int, generator: torch.Generator) -> Tensor:
    """(b, sensors, length) bool: what to hide, by one of three kinds for each item.

    valid: (b, sensors, length) bool, where there are values. Gratings of 1 to 2 `width` steps, of
    all sensors at once or of one by one; single points; the gaps of another item of the batch.
    """
    items, sensors, length = valid.shape
    hidden = torch.zeros_like(valid)
    for item in range(items):
        kind = int(torch.randint(4, (1,), generator=generator))
        if kind == 0:
            share = torch.rand(1, generator=generator)
            hidden[item] = torch.rand(sensors, length, generator=generator) < share
        elif kind == 1 and not (other := valid[(item + 1) % items]).all():
            hidden[item] = ~other
        else:
            wide = phase = 1
            for sensor in range(sensors):
                if sensor == 0 or kind == 2:  # else the grating of the first one
                    wide = 1 + int(torch.randint(2 * width, (1,), generator=generator))
                    phase = int(torch.randint(2 * wide, (1,), generator=generator))
                hidden[item, sensor] = grating(length, wide, phase)
    return hidden
