"""What an operator says to input that does not fit it."""

import pytest
import torch
from operator_cases import PLANE, complex_values, kernel, values

from undrift.common.errors import InputError
from undrift.common.operators import (
    JPEG,
    STFT,
    Affine,
    Average,
    Bicubic,
    Blur,
    BlurDownsample,
    Clip,
    CoarseGrain,
    CoilFourier,
    FanBeam,
    Fourier,
    FromChannels,
    FromFunctions,
    Gamma,
    Gaussian,
    GaussianBlur,
    Grey,
    Hadamard,
    Identity,
    Magnitude,
    Mask,
    Matrix,
    Measurement,
    NonUniformFourier,
    PointSample,
    Radon,
    RandomGaussian,
    RoomResponse,
    Sample,
    SpectralResponse,
    VaryingBlur,
    areas,
    check_adjoint,
    gaussian_kernel,
    motion_kernel,
    phase_retrieval,
    shake_kernel,
    stack,
)

DOUBLE = torch.float64


def test_shapes_that_do_not_fit_are_named() -> None:
    average = Average((3, 64, 64), 4)
    with pytest.raises(InputError, match=r"Average got a signal of shape \(1, 4, 64, 64\)") as told:
        average(torch.zeros(1, 4, 64, 64))
    assert "expected (*batch, 3, 64, 64)" in str(told.value)
    with pytest.raises(InputError, match=r"a measurement of shape \(3, 64, 64\); expected \(\*ba"):
        average.adjoint(torch.zeros(3, 64, 64))
    for call in (average.solve, average.normal):
        with pytest.raises(InputError, match="expected"):
            call(torch.zeros(3, 16, 16))
    for call in (average.pinv, average.gain):
        with pytest.raises(InputError, match="expected"):
            call(torch.zeros(3, 64))


def test_number_types_that_do_not_fit_are_named() -> None:
    with pytest.raises(InputError, match="uint8; expected floats; convert"):
        Identity(PLANE)(torch.zeros(PLANE, dtype=torch.uint8))
    with pytest.raises(InputError, match=r"expected complex values; .*FromReal"):
        Fourier(PLANE)(torch.zeros(PLANE))
    with pytest.raises(InputError, match="expected real values"):
        FromChannels(PLANE)(torch.zeros(PLANE, dtype=torch.complex64))
    with pytest.raises(InputError, match="expected complex values"):
        FromChannels(PLANE).adjoint(torch.zeros(1, 6, 8))


def test_nan_is_found_at_the_door() -> None:
    y = torch.zeros(1, 2, 3, 4)
    y[0, 1, 2, 3] = float("nan")
    with pytest.raises(InputError, match="1 of 24 values that are NaN or infinite"):
        Average(PLANE, 2).check_measurement(y)
    with pytest.raises(InputError, match="a measurement of Average has 1 of 24"):
        Measurement(y, Average(PLANE, 2), Gaussian(0.1))
    with pytest.raises(InputError, match="batch axes; expected one"):
        Measurement(torch.zeros(2, 3, 4), Average(PLANE, 2), Gaussian(0.1))
    bad = values(3, 3)
    bad[0, 0] = float("inf")
    for build in (
        lambda: Blur(bad, PLANE),
        lambda: Mask(bad, (1, 3, 3)),
        lambda: Matrix(bad, (3,)),
        lambda: SpectralResponse(bad, (3, 2)),
    ):
        with pytest.raises(InputError, match="NaN or infinite"):
            build()


def test_a_mask_that_measures_nothing_or_is_no_mask() -> None:
    zero = torch.zeros(6, 8)
    for build in (lambda: Mask(zero, PLANE), lambda: Sample(zero, PLANE),
                  lambda: Fourier(PLANE, zero)):  # fmt: skip
        with pytest.raises(InputError, match="0 everywhere, so nothing is measured"):
            build()
    with pytest.raises(InputError, match=r"values from 0 to 0\.5; expected 0"):
        Mask(torch.tensor([0.0, 0.5]), (1, 2))
    with pytest.raises(InputError, match=r"mask of shape \(5, 8\) for signals of \(2, 6, 8\)"):
        Mask(torch.ones(5, 8), PLANE)


@pytest.mark.parametrize("border", ["circular", "valid", "reflect", "zero"])
def test_a_kernel_larger_than_the_image(border: str) -> None:
    with pytest.raises(InputError, match=r"kernel of \(9, 3\) for a signal of \(6, 8\)"):
        Blur(kernel(9, 3), PLANE, border)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="larger than the signal"):
        GaussianBlur(PLANE, 3.0)
    with pytest.raises(InputError, match="larger"):
        BlurDownsample(kernel(9, 3), PLANE, 2)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Blur(torch.zeros(3, 3), PLANE), "0 everywhere"),
        (lambda: Blur(values(3), PLANE), "expected 2 axes"),
        (lambda: Blur(kernel(3, 3), PLANE, "mirror"), "expected one of circular"),  # pyright: ignore
        (lambda: Average(PLANE, 4), r"crop the signal to \(4, 8\)"),
        (lambda: Average(PLANE, (2, 2, 2)), "expected one whole number"),
        (lambda: Average((0, 4), 2), "without empty axes"),
        (lambda: Bicubic(PLANE, 0.5), "expected 1 or more"),
        (lambda: CoarseGrain(PLANE, 2, -torch.ones(6, 8)), "areas >= 0"),
        (lambda: areas(torch.tensor([0.0, 100.0])), "not in order or not in"),
        (lambda: VaryingBlur(values(2, 3, 3), PLANE, torch.ones(3, 6, 8)), "as many maps"),
        (lambda: Grey(PLANE), r"expected \(bands, 2\)"),
        (lambda: Grey((3, 2, 2), "luma"), "expected one of mean, rec601"),
        (lambda: Matrix(values(4, 5), (2, 3)), r"expected \(4, 6\)"),
        (lambda: RandomGaussian(PLANE, 0), "expected 1 or more"),
        (lambda: Hadamard(PLANE, 5), "power of two; crop or pad to 32 or 64"),
        (lambda: Hadamard((1, 8)), "measurements=m or keep=indices"),
        (lambda: Hadamard((1, 8), keep=torch.tensor([1, 1])), "different indices"),
        (lambda: Hadamard((1, 4), 2, order=torch.tensor([0, 1, 1, 2])), "no permutation"),
        (lambda: CoilFourier(values(2, 6, 8), (1, 6, 8)), "expected complex"),
        (lambda: NonUniformFourier(values(3, 2) * 9, PLANE), "multiply cycles per pixel"),
        (lambda: NonUniformFourier(values(3, 3), PLANE), r"expected \(points, 2\)"),
        (lambda: PointSample(torch.tensor([[0.0, 7.5]]), PLANE), r"axis 1; expected .*\[0, 7\]"),
        (lambda: PointSample(torch.zeros(3, 3), PLANE), r"expected \(points, 2\)"),
        (lambda: STFT((1, 8), 16, 4), "more than n_fft / 2 samples"),
        (lambda: STFT((1, 50), 16, 4, window=torch.ones(8)), r"expected \(16,\)"),
        (lambda: RoomResponse(torch.zeros(4), (1, 9)), "0 everywhere"),
        (lambda: RoomResponse(values(3, 4), (2, 9)), r"expected \(taps,\)"),
        (lambda: Radon(torch.zeros(0), (1, 4, 4)), r"expected \(k,\) in degrees"),
        (lambda: Radon(torch.zeros(2), (1, 4, 4, 4)), r"expected \(c, h, w\)"),
        (lambda: Radon(torch.zeros(2), (1, 4, 4), spacing=0.0), "spacing=0; expected more than 0"),
        (lambda: FanBeam(torch.zeros(2), (1, 4, 4), 2.0, 2.0), "a source outside"),
        (lambda: Clip((1, 2), low=1, high=0), "low < high"),
        (lambda: Gamma((1, 2), gamma=0), "gamma=0; expected more than 0"),
        (lambda: JPEG((2, 8, 8), 50), "expected .1 or 3"),
        (lambda: JPEG((3, 8, 8), 0), "quality in 1"),
        (lambda: Magnitude((1, 2), 3), "expected 1"),
        (lambda: phase_retrieval((1, 4, 5)), "expected equal axes"),
        (lambda: gaussian_kernel(0.0), "more than 0"),
        (lambda: motion_kernel(9.0, size=5), "needs a kernel of 11|needs a kernel of 9"),
        (lambda: shake_kernel(9, strength=2.0), "0 < strength <= 1"),
        (lambda: stack(), "expected one or more"),
        (lambda: stack(Identity(PLANE), Identity((1, 4))), "for the same signal"),
        (lambda: stack(Fourier(PLANE), FromChannels(PLANE)), "for real and for complex"),
        (lambda: Fourier((2, 3, 4)) @ Average(PLANE, (2, 1)), "build the outer one"),
        (lambda: Affine(PLANE, values(6, 7), values(1)), "factor of shape"),
        (lambda: Fourier(PLANE) @ Clip(PLANE), "gives real values but the outer one takes complex"),
    ],
)  # fmt: skip
def test_parameters_that_make_no_operator(build, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build()


def test_check_adjoint_finds_what_is_no_adjoint() -> None:
    """The published ones: nearest upsampling for a mean's transpose, the identity for a blur's."""
    mean, blur = Average((1, 8, 8), 2), Blur(kernel(3, 3), (1, 8, 8))

    def nearest(v: torch.Tensor) -> torch.Tensor:
        return v.repeat_interleave(2, -1).repeat_interleave(2, -2)

    made = FromFunctions(mean, nearest, (1, 8, 8), (1, 4, 4), check=False)
    report = check_adjoint(made)
    assert not report.ok
    assert "is NOT its adjoint" in str(report)
    assert "off by a constant factor only: multiply it by 0.25" in str(report)
    with pytest.raises(InputError, match="transpose of every step"):
        FromFunctions(blur, lambda v: v, (1, 8, 8), (1, 8, 8))
    with pytest.raises(InputError, match="relative error inf"):
        FromFunctions(blur, lambda v: v * float("nan"), (1, 8, 8), (1, 8, 8))
    with pytest.raises(InputError, match="forward function gave"):
        FromFunctions(mean, nearest, (1, 8, 8), (1, 8, 8))


def test_check_adjoint_is_content_with_one() -> None:
    blur = Blur(kernel(3, 3), (1, 8, 8))
    made = FromFunctions(blur, blur.adjoint, (1, 8, 8), (1, 8, 8))
    report = check_adjoint(made)
    assert report.ok
    assert "is its adjoint" in str(report)
    torch.testing.assert_close(made.pinv(made(values(1, 8, 8)), tol=1e-13), values(1, 8, 8))


def test_conjugate_is_missed_only_by_real_probes() -> None:
    """A transpose without the conjugate passes on real vectors and fails on complex ones."""
    weight = complex_values(5)
    with pytest.raises(InputError, match="is NOT its adjoint"):
        FromFunctions(lambda x: weight * x, lambda v: weight * v, (5,), (5,), "complex")


def test_numbers_for_each_item_need_one_batch_axis() -> None:
    with pytest.raises(InputError, match="expected one batch axis"):
        Average(PLANE, 2).solve(torch.zeros(2, 3, *PLANE), torch.ones(2, 1, 1, 1))
    with pytest.raises(InputError, match="expected a number, or one an item"):
        Average(PLANE, 2).solve(torch.zeros(2, *PLANE), torch.ones(2, 1, 6, 1))
