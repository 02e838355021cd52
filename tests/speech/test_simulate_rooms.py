"""Rooms: the direct path, images by mirroring, the energy of the tail, the measured decay."""

import dataclasses
import math

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.speech.metrics.rooms import t60
from undrift.speech.simulate.random_rooms import Rooms, random_room, room_of, room_record
from undrift.speech.simulate.rooms import SPEED, Room, _images, _Parts, impulse_response

RATE = 16000
PLACED = Room((5.0, 4.0, 2.7), (1.2, 2.9, 1.5), (3.1, 1.1, 1.3), 0.4)


def test_direct_path_at_a_whole_sample_is_one_number() -> None:
    r = SPEED * 100 / RATE  # 2.14375 m
    room = Room((6, 4, 3), (1, 2, 1.5), (1 + r, 2, 1.5), 0.3)
    made = impulse_response(room, RATE)
    assert made.delay == pytest.approx(100)
    assert made.direct[100] == pytest.approx(1 / (4 * math.pi * r), rel=1e-12)
    assert np.abs(np.delete(made.direct, 100)).max() < 1e-12
    assert np.abs(made.h[:100]).max() < 1e-12  # nothing comes before it


def test_direct_path_between_samples_has_its_time_and_amplitude() -> None:
    made = impulse_response(PLACED, RATE)
    r = math.dist(PLACED.source, PLACED.microphone)
    hz = np.array([200.0, 1000.0, 3000.0, 6000.0])
    n = np.arange(len(made.direct))
    found = np.exp(-2j * np.pi * hz[:, None] / RATE * n) @ made.direct
    expected = np.exp(-2j * np.pi * hz * r / SPEED) / (4 * np.pi * r)
    np.testing.assert_allclose(found, expected, atol=1e-4 * abs(expected[0]))


def test_images_are_those_of_mirrors() -> None:
    room, reach = PLACED, 14.0
    found = {tuple(np.round(room.source, 9)): 0}
    ring = list(found)
    for order in range(1, 9):  # mirror at the six walls, again and again
        fresh = []
        for point in ring:
            for axis in range(3):
                for wall in (0.0, room.size[axis]):
                    image = tuple(
                        round(2 * wall - p, 9) if k == axis else p for k, p in enumerate(point)
                    )
                    if image not in found:
                        found[image] = order
                        fresh.append(image)
        ring = fresh
    expected = sorted(
        (round(math.dist(point, room.microphone), 6), order)
        for point, order in found.items()
        if math.dist(point, room.microphone) <= reach
    )
    radius, orders = _images(room, reach)
    assert max(order for _, order in expected) < 8  # all orders that reach so far were made
    got = sorted((round(float(r), 6), int(n)) for r, n in zip(radius, orders, strict=True))
    assert got == expected


def test_tail_has_the_energy_of_the_images_it_replaces() -> None:
    factor, room = 0.9, dataclasses.replace(PLACED, t60=0.5)
    radius, orders = _images(room, SPEED * 0.16)
    times, energies = radius / SPEED, factor ** (2 * orders) / (4 * np.pi * radius) ** 2
    parts = _Parts(room, RATE, False)
    left = np.exp(2 * np.log(factor) * parts.hits[:, None] * parts.t).mean(0)
    density = SPEED / (4 * np.pi * room.volume * RATE) * left
    for start in (0.06, 0.1, 0.13):
        images = energies[(times >= start) & (times < start + 0.03)].sum()
        tail = density[round(start * RATE) : round((start + 0.03) * RATE)].sum()
        assert tail == pytest.approx(images, rel=0.04)


@pytest.mark.parametrize("asked", [0.2, 0.3, 0.5, 0.8, 1.2])
@pytest.mark.parametrize("size", [(3.0, 4.0, 2.5), (9.0, 6.5, 3.2)])
def test_reverberation_time_is_the_asked_one(asked: float, size: tuple) -> None:
    room = Room(size, (0.8, 1.0, 1.6), (size[0] - 0.9, size[1] - 1.1, 1.2), asked, seed=3)
    made = impulse_response(room, RATE)
    reflections = (made.h - made.direct)[round(made.delay) :]
    assert t60(reflections, RATE, limits=(-5, -35)) == pytest.approx(asked, rel=0.03)
    assert t60(made.h[round(made.delay) - 2 :], RATE, limits=(-5, -35)) == pytest.approx(
        asked, rel=0.05
    )


def test_aligned_response_starts_with_one() -> None:
    made = impulse_response(PLACED, RATE, aligned=True)
    assert made.h[0] == pytest.approx(1, abs=0.02)  # the reflections' filter adds nothing yet
    assert made.direct[0] == pytest.approx(1, rel=1e-12) and made.delay == 0
    assert np.abs(made.direct[1:]).max() < 1e-12
    plain = impulse_response(dataclasses.replace(made.room), RATE)
    energies = [float(((m.h - m.direct) ** 2).sum() / (m.direct**2).sum()) for m in (made, plain)]
    assert energies[0] == pytest.approx(energies[1], rel=0.1)


def test_record_makes_the_same_bits_and_an_anechoic_room_has_the_direct_path_alone() -> None:
    made = impulse_response(PLACED, RATE)
    again = impulse_response(room_of(room_record(made.room)), RATE)
    np.testing.assert_array_equal(made.h, again.h)
    dead = impulse_response(dataclasses.replace(PLACED, t60=0.0), RATE)
    np.testing.assert_array_equal(dead.h, dead.direct)
    with pytest.raises(InputError, match="no record of a room"):
        room_of({"size": [1, 2, 3]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": (6.0, 1.0, 1.0)}, "the source .* is not inside"),
        ({"microphone": (0.0, 1.0, 1.0)}, "the microphone .* is not inside"),
        ({"microphone": (1.2, 2.9, 1.505)}, "in one place"),
        ({"t60": -1.0}, "expected 0 .anechoic. to 10"),
    ],
)
def test_impossible_rooms_are_refused(change: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        dataclasses.replace(PLACED, **change)


def test_no_walls_swallow_sound_at_once() -> None:
    hall = Room((30, 20, 10), (5, 5, 2), (20, 15, 2), 0.002)
    with pytest.raises(InputError, match="ask for another t60"):
        impulse_response(hall, RATE)


def test_random_rooms_keep_their_ranges() -> None:
    law = Rooms((0.3, 0.6), (3, 3, 2.4), (5, 4, 3), wall=0.5, distance=(0.5, 1.5))
    for seed in range(30):
        room = random_room(np.random.default_rng(seed), law)
        assert all(a <= s <= b for a, s, b in zip(law.low, room.size, law.high, strict=True))
        for point in (room.source, room.microphone):
            assert all(0.498 <= p <= s - 0.498 for p, s in zip(point, room.size, strict=True))
        assert 0.49 < room.distance < 1.51 and 0.3 <= room.t60 <= 0.6
