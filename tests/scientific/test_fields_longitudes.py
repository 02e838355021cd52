"""Longitudes in one piece inside, and in the user's convention outside."""

import numpy as np
import pytest

from undrift.scientific.atmosphere.fields.longitudes import Circle


@pytest.mark.parametrize(
    ("user", "inside", "around"),
    [
        ([0, 90, 180, 270], [-180, -90, 0, 90], True),
        ([350, 355, 0, 5], [-10, -5, 0, 5], False),  # a region across Greenwich
        ([170, 175, 180, 185], [170, 175, 180, 185], False),  # across the date line
        ([175, -180, -175], [175, 180, 185], False),
        ([30, 20, 10], [10, 20, 30], False),
        ([200.0], [-160], False),
    ],
)
def test_longitudes_ascend_in_one_piece(user: list, inside: list, around: bool) -> None:
    given = np.array(user, np.float32)
    circle = Circle.of(given)
    np.testing.assert_array_equal(circle.inside, np.array(inside, np.float32))
    assert circle.around == around
    order, back = circle.outside(circle.inside)
    np.testing.assert_array_equal(back, given)
    np.testing.assert_array_equal(given[circle.order][order], given)


@pytest.mark.parametrize(
    ("user", "finer", "wanted"),
    [
        ([0, 90, 180, 270], [-202.5, -157.5, -22.5, 22.5], [22.5, 157.5, 202.5, 337.5]),
        ([350, 355, 0, 5], [-11.25, -10, 3.75, 5], [348.75, 350, 3.75, 5]),
        ([170, 175, 180, 185], [168.75, 181.25], [168.75, 181.25]),
        ([-180, -90, 0, 90], [-202.5, -157.5, 112.5], [-157.5, 112.5, 157.5]),
        ([2, 4, 6], [-0.25, 0.25], [-0.25, 0.25]),
    ],
)
def test_finer_longitudes_follow_the_convention(user: list, finer: list, wanted: list) -> None:
    circle = Circle.of(np.array(user, np.float64))
    order, found = circle.outside(np.array(finer))
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    np.testing.assert_allclose((np.array(finer)[order] - found) % 360 % 360, 0, atol=1e-9)


def test_odd_longitudes_to_the_last_bit() -> None:
    user = (np.arange(3600, dtype=np.float32) * np.float32(0.1)).astype(np.float32)
    circle = Circle.of(user)
    assert circle.around and (np.diff(circle.inside) > 0).all()
    np.testing.assert_array_equal(circle.outside(circle.inside)[1], user)
