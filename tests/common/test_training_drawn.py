"""Items that are drawn depend on the seed and their number, and on nothing else."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from undrift.common.training.drawn import Drawn


@dataclass
class Normal(Drawn):
    seed: int = 0
    length: int = 5

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        return {"x0": torch.from_numpy(rng.standard_normal(3))}


def test_an_item_is_numpys_philox_of_its_key_in_any_order() -> None:
    items = Normal(seed=2**63 + 1)  # a key of 64 bits, beyond those of signed numbers
    last, first = items[4]["x0"], items[0]["x0"]
    for n, made in ((0, first), (4, last)):
        stream = np.random.Philox(key=np.array([2**63 + 1, n], np.uint64))
        assert np.array_equal(made, np.random.Generator(stream).standard_normal(3))
    assert torch.equal(items[4]["x0"], last) and not torch.equal(first, last)
    assert not torch.equal(Normal(seed=2**63)[0]["x0"], first)


def test_there_are_as_many_as_it_says() -> None:
    assert len(Normal()) == 5
    for n in (-1, 5):
        with pytest.raises(IndexError, match=f"item {n} of 5"):
            Normal()[n]
