"""Operators from YAML: what is built, and that every problem is said at once."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from operator_cases import values
from pages import DOCS

from undrift.common.errors import InputError
from undrift.common.operators import (
    OPERATORS,
    Average,
    Blur,
    Gaussian,
    PoissonGaussian,
    Stacked,
    build_operator,
    dense_matrix,
    gaussian_kernel,
    read_forward_model,
)

SHAPE = [3, 8, 8]
NORTH = [70, 50, 30, 10, -10, -30, -50, -70]
SMALLEST: dict[str, dict[str, object]] = {
    "identity": {},
    "mask": {"mask": [[1.0] * 7 + [0.0]]},
    "sample": {"mask": [[1.0] * 7 + [0.0]]},
    "weights": {"weight": 2.0},
    "average": {"factor": 2},
    "coarse-grain": {"factor": [2, 4], "weight": {"areas": {"latitudes": NORTH}}},
    "bicubic": {"factor": 2},
    "gaussian-downsample": {"factor": 2, "size": 5},
    "blur-downsample": {"factor": 2, "kernel": {"gaussian": {"std": 0.5}}},
    "gaussian-blur": {"std": 0.8, "size": 5},
    "blur": {"kernel": {"motion": {"length": 3, "angle": 45}}, "border": "reflect"},
    "varying-blur": {"kernels": [[[1.0]], [[2.0]]]},
    "grey": {"weights": "mean"},
    "spectral-response": {"response": [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]},
    "matrix": {"matrix": [[1.0] * 192]},
    "random-gaussian": {"measurements": 5},
    "hadamard": {"measurements": 5, "seed": 1},
    "block-sample": {"rate": 0.25, "block": 4},
    "fourier": {},
    "coil-fourier": {"shape": [1, 2], "coils": torch.ones(3, 2, dtype=torch.complex128)},
    "nonuniform-fourier": {"frequencies": [[0.0, 1.0]]},
    "from-real": {},
    "from-channels": {"shape": [2, 4]},
    "radon": {"angles": [0, 45, 90]},
    "fan-beam": {"angles": [0, 45], "source": 20, "detector": 10},
    "points": {"points": [[0.5, 1.5]], "periodic": [False, True]},
    "stft": {"shape": [1, 100], "n_fft": 16, "hop": 4},
    "room": {"shape": [1, 100], "response": [1.0, 0.5]},
    "zero-pad": {"before": 1, "after": 2},
    "magnitude": {"power": 2},
    "phase-retrieval": {},
    "clip": {"scale": 2},
    "gamma": {"gamma": 2.2},
    "affine": {"factor": 0.5, "offset": [[0.1]]},
    "saturation": {},
    "jpeg": {"quality": 40},
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_is_built_from_plain_values(name: str) -> None:
    operator = build_operator(name, {"shape": SHAPE, **SMALLEST[name]})
    x = torch.rand(1, *operator.shape_in, dtype=torch.float64)
    if operator.field_in == "complex":
        x = x.to(torch.complex128)
    assert operator(x).shape == (1, *operator.shape_out)


@pytest.mark.parametrize("name", OPERATORS)
def test_parameters_have_types_that_yaml_can_write(name: str) -> None:
    assert all(p.annotation is not inspect.Parameter.empty
               for p in inspect.signature(OPERATORS[name]).parameters.values())  # fmt: skip
    with pytest.raises(InputError, match="nonsense: unknown key"):
        build_operator(name, {"shape": SHAPE, **SMALLEST[name], "nonsense": 1})


def test_the_page_lists_every_name_and_class() -> None:
    text = (DOCS / "operators.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([\w-]+)` \| `(\w+)` \|", text, re.MULTILINE))
    assert listed == {name: made.__name__ for name, made in OPERATORS.items()}


def test_a_chain_passes_its_shapes_on(tmp_path: Path) -> None:
    np.save(tmp_path / "psf.npy", gaussian_kernel(1.0, 5).numpy().astype(np.float32))
    (tmp_path / "op.yaml").write_text(
        "shape: [3, 16, 16]\n"
        "chain:\n"
        "  - {operator: blur, kernel: psf.npy, border: reflect}\n"
        "  - {operator: average, factor: 4}\n"
        "noise: {gaussian: {sigma: 0.05}}\n"
    )
    model = read_forward_model(tmp_path / "op.yaml")
    x = values(1, 3, 16, 16)
    blur = Blur(gaussian_kernel(1.0, 5).float(), (3, 16, 16), "reflect")
    torch.testing.assert_close(model.operator(x), Average((3, 16, 16), 4)(blur(x)))
    assert isinstance(model.noise, Gaussian)
    assert model.noise.sigma == 0.05
    assert model.operator.shape_out == (3, 4, 4)


def test_the_shape_may_come_from_the_data() -> None:
    described = {"operator": "average", "factor": 2, "noise": 0.1}
    assert read_forward_model(described, (1, 8, 8)).operator.shape_out == (1, 4, 4)
    with pytest.raises(InputError, match="shape: missing"):
        read_forward_model(described)
    own = {**described, "shape": [1, 4, 4]}
    assert read_forward_model(own, (1, 8, 8)).operator.shape_in == (1, 4, 4)


def test_a_stack_has_a_noise_for_each() -> None:
    described = {
        "shape": [2, 8, 8],
        "stack": [
            {"operator": "average", "factor": 4, "noise": 0.05},
            {"operator": "points", "points": [[1.5, 2.0]],
             "noise": {"poisson-gaussian": {"gain": 0.1, "sigma": [[0.1], [0.2]]}}},
        ],
    }  # fmt: skip
    model = read_forward_model(described)
    assert isinstance(model.noise, Stacked)
    first, second = model.noise.noises
    assert isinstance(first, Gaussian)
    assert isinstance(second, PoissonGaussian)
    signal = model.operator(torch.ones(1, 2, 8, 8))
    want = [0.05**2] * 8 + [0.1 + 0.01, 0.1 + 0.04]
    torch.testing.assert_close(model.noise.variance(signal)[0], torch.tensor(want))


def test_all_problems_are_said_at_once() -> None:
    described = {
        "chain": [
            {"operator": "blurr", "kernel": {"gaussian": {"std": 1.5}}},
            {"operator": "average", "factr": 4, "noise": 3},
            {"operator": "blur", "kernel": {"gaussian": {"stdd": 1.5}}, "border": "reflct"},
            ["average"],
        ],
        "noise": {"gausian": {}},
        "stak": 3,
    }
    with pytest.raises(InputError) as told:
        read_forward_model(described, (3, 8, 8))
    lines = [line.strip() for line in str(told.value).splitlines()]
    assert lines[0] == "9 problems"
    for said in (
        "noise: noise 'gausian' is not one of gaussian, poisson-gaussian; did you mean 'gaussian'?",
        "stak: unknown key",
        "did you mean 'blur'?",
        "chain.1.factor: missing",
        "chain.1.factr: unknown key; did you mean 'factor'?",
        "chain.1.noise: only the whole chain has noise; move it up",
        "chain.2.kernel: gaussian: 2 problems; std: missing; stdd: unknown key; did you mean",
        "did you mean 'reflect'?",
        "chain.3.: expected keys and values",
    ):
        assert any(said in line for line in lines[1:]), said


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"shape": SHAPE}, "with one of operator, chain and stack"),
        ({"operator": "identity", "chain": []}, "with one of operator, chain and stack"),
        ({"shape": SHAPE, "chain": []}, "expected a list of operators"),
        ({"shape": SHAPE, "operator": "blur", "kernel": "psf.npy"}, "No such file"),
        ({"shape": SHAPE, "operator": "blur", "kernel": "psf.tif"}, "expected a file of .npy"),
        ({"shape": SHAPE, "operator": "blur", "kernel": ["a"]}, "expected numbers"),
        ({"shape": SHAPE, "operator": "identity", "noise": "much"}, "expected a number, the sigma"),
        ({"shape": SHAPE, "operator": "identity", "noise": -1}, "negative or NaN sigma"),
        (
            {"shape": SHAPE, "stack": [{"operator": "identity", "noise": 1}, {"operator": "clip"}]},
            "a noise for every measurement, or for none",
        ),
        ({"shape": SHAPE, "operator": "average", "factor": 3}, "which it does not divide"),
    ],
)  # fmt: skip
def test_what_cannot_be_built(described: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_forward_model(described)


def test_arrays_come_from_files(tmp_path: Path) -> None:
    kernel = gaussian_kernel(0.7, 3)
    np.savez(tmp_path / "one.npz", kernel=kernel.numpy())
    np.savetxt(tmp_path / "one.csv", kernel.numpy(), delimiter=",")
    np.savez(tmp_path / "two.npz", a=np.ones(3), b=np.ones(3))
    want = dense_matrix(Blur(kernel, (1, 4, 4)))
    for name in ("one.npz", "one.csv"):
        path = tmp_path / "op.yaml"
        path.write_text(f"shape: [1, 4, 4]\noperator: blur\nkernel: {name}\n")
        torch.testing.assert_close(dense_matrix(read_forward_model(path).operator), want)
    with pytest.raises(InputError, match=r"two\.npz: expected one array, got a, b"):
        build_operator("blur", {"shape": [1, 4, 4], "kernel": str(tmp_path / "two.npz")})
