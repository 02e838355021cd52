"""The adapter of the ASTRA toolbox, where that is installed (extra `ct`)."""

import numpy as np
import pytest
import torch
from operator_cases import values

from undrift.common.errors import InputError
from undrift.common.operators import Astra, FanBeam, Radon, check_adjoint

astra = pytest.importorskip("astra")
ANGLES = np.array([0.0, 13.0, 45.0, 60.0, 90.0, 133.0, 170.0])


def parallel() -> Astra:
    geometry = astra.create_proj_geom("parallel", 1.0, 26, np.deg2rad(ANGLES))
    return Astra(geometry, astra.create_vol_geom(15, 20), channels=2, projector="linear")


def test_linear_is_our_projector() -> None:
    x = values(2, 2, 15, 20)
    ours = Radon(torch.from_numpy(ANGLES), (2, 15, 20), cells=26)
    torch.testing.assert_close(parallel()(x), ours(x), rtol=0, atol=1e-4)
    y = ours(x)
    torch.testing.assert_close(parallel().adjoint(y), ours.adjoint(y), rtol=0, atol=1e-3)


def test_adjoint_and_derivative() -> None:
    assert check_adjoint(parallel(), torch.float32, tolerance=1e-5).ok
    x, v = values(1, 2, 15, 20).requires_grad_(), values(1, 2, 7, 26, seed=1)
    (got,) = torch.autograd.grad((parallel()(x) * v).sum(), x)
    torch.testing.assert_close(got, parallel().adjoint(v))


def test_fan_beams_have_the_same_geometry() -> None:
    """Their fan projector takes pixels as squares, ours interpolates: both near the integral."""
    place = torch.arange(48, dtype=torch.float64) - 23.5
    image = torch.exp(-((place - 5) ** 2 + (place[:, None] + 3) ** 2) / 50)[None, None]
    geometry = astra.create_proj_geom("fanflat", 1.5, 80, np.deg2rad(ANGLES), 120.0, 60.0)
    theirs = Astra(geometry, astra.create_vol_geom(48, 48), projector="line_fanflat")(image)
    fan = FanBeam(torch.from_numpy(ANGLES), (1, 48, 48), 120.0, 60.0, cells=80, spacing=1.5)
    assert float((theirs - fan(image)).abs().max() / theirs.max()) < 0.02
    assert float((theirs - fan(image)).abs().mean() / theirs.mean()) < 0.005


def test_geometries_that_do_not_belong_together() -> None:
    geometry = astra.create_proj_geom("parallel", 1.0, 26, np.deg2rad(ANGLES))
    with pytest.raises(InputError, match="cannot build its projector"):
        Astra(geometry, astra.create_vol_geom(15, 20), projector="line_fanflat")
