"""What `undrift.solve` takes when no method is named: splitting for one value of some operators."""

from typing import Any

import pytest
import tiny

from undrift.common.noise import Noise
from undrift.common.operators import Blur, Gamma, Identity, Mask, PoissonGaussian, gaussian_kernel
from undrift.common.solve import solve

SHAPE = (3, 8, 8)
BLUR = Blur(gaussian_kernel(0.8, 3), SHAPE)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.write_model(tmp_path_factory.mktemp("w") / "g.safetensors", tiny.DENOISE, last=0.0)


@pytest.mark.parametrize(
    ("operator", "asked", "method"),
    [
        (BLUR, {"noise": 0.1}, "half-quadratic"),
        (Blur(gaussian_kernel(0.8, 3), SHAPE, "reflect"), {"noise": 0.1}, "half-quadratic"),
        (BLUR, {"noise": 0.1, "samples": 2}, "stationary"),
        (BLUR, {"noise": 0.1, "solver": "ancestral"}, "stationary"),
        (BLUR, {"noise": 0.1, "options": {"tol": 1e-3}}, "stationary"),
        (BLUR, {"noise": 0.0}, "stationary"),
        (BLUR, {"noise": PoissonGaussian(0.01, 0.1)}, "stationary"),
        (Gamma(SHAPE, 2.2), {"noise": 0.1}, "half-quadratic"),
        (Gamma(SHAPE, 2.2), {"noise": 0.1, "samples": 2}, "stationary"),
        (Identity(SHAPE), {"noise": 0.1}, "stationary"),
        (Mask(Noise(1)((1, 1, 8, 8))[0] > 0, SHAPE), {"noise": 0.1}, "stationary"),
    ],
)
def test_one_value_of_a_blur_is_split_and_the_rest_is_drawn(
    model: str, operator: Any, asked: dict[str, Any], method: str
) -> None:
    y = operator(0.5 + 0.1 * Noise(3)((1, *SHAPE)))[0]
    info = solve(y, operator, model, steps=2, **asked).info
    assert (info["method"], info["nfe"]) == (method, 2 * asked.get("samples", 1))
    cooled = method == "stationary" and not {"samples", "solver"} & {*asked}
    assert (info["temperature"] < 1) == cooled
