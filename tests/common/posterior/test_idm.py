"""Unrolled sampling with reversible steps: gradients, memory, and a small training run."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.grids import by_angle
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.networks.reversible import Coupled, run_plainly, run_reversible
from undrift.common.noise import Noise
from undrift.common.operators import Identity, check_adjoint
from undrift.common.operators.blocks import BlockSample
from undrift.common.posterior.idm import Unrolled, matched_times, train_unrolled
from undrift.common.processes import Flow, VariancePreserving

VP = VariancePreserving()


class Small(nn.Module):
    """Two convolutions that know the angle."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        return self.two(torch.tanh(self.one(x) + psi[:, None, None, None]))


def unrolled(steps: int, dtype: torch.dtype = torch.float64) -> Unrolled:
    torch.manual_seed(0)
    denoiser = Denoiser(Small(), VP, "balanced", Scaling(0.25, centre=0.5)).to(dtype)
    return Unrolled(denoiser, BlockSample((1, 8, 8), 0.25, 4), by_angle(VP, steps, 0.25))


def gradients(model: Unrolled, reversible: bool) -> list[Tensor]:
    m = 0.3 * Noise(1)((1, 2, 16, 4), dtype=torch.float64).reshape(2, 1, 4, 4, 4)[:, :, :4, :2, :2]
    m = m.contiguous().requires_grad_(False)
    model.zero_grad()
    model(m, reversible).square().sum().backward()
    return [torch.zeros(()) if p.grad is None else p.grad.clone() for p in model.parameters()]


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_gradients_equal_those_with_everything_stored(steps: int) -> None:
    model = unrolled(steps)
    found, truth = gradients(model, True), gradients(model, False)
    assert len(found) == 4 + steps - 1  # two convolutions and the shares
    for one, other in zip(found, truth, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    assert all(float(value.abs().max()) > 0 for value in truth)


def test_a_chain_is_inverted_and_its_start_gets_a_gradient() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(5, 5).double()
    chain = [Coupled(lambda x: torch.sin(layer(x)), share) for share in (0.5, 0.8, 0.3)]
    u, x = (torch.randn(2, 5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    pair = run_plainly(chain, u, x)
    for step in reversed(chain):
        pair = step.inverse(*pair)
    torch.testing.assert_close(pair, (u, x), rtol=0, atol=1e-14)

    def total(run: Callable[..., tuple[Tensor, Tensor]], *more: object) -> tuple[Tensor, ...]:
        last = run(chain, u, x, *more)
        return torch.autograd.grad((last[0] * last[1].exp()).sum(), (u, x, layer.weight))

    found, truth = total(run_reversible, list(layer.parameters())), total(run_plainly)
    torch.testing.assert_close(found, truth, rtol=1e-12, atol=1e-12)


class Meter:
    """Bytes that autograd keeps, now and at most; parameters count as kept by the model."""

    def __init__(self, model: nn.Module):
        self.own = {p.data_ptr() for p in model.parameters()}
        self.now = self.most = 0

    def pack(self, value: Tensor) -> object:
        return _Kept(self, value)

    def unpack(self, kept: "_Kept") -> Tensor:
        return kept.value


class _Kept:
    def __init__(self, meter: Meter, value: Tensor):
        self.meter, self.value = meter, value
        self.size = 0 if value.data_ptr() in meter.own else value.numel() * value.element_size()
        meter.now += self.size
        meter.most = max(meter.most, meter.now)

    def __del__(self) -> None:
        self.meter.now -= self.size


def kept_bytes(steps: int, reversible: bool) -> int:
    """The most that is kept for the backward pass at any time of a training step."""
    model = unrolled(steps)
    meter = Meter(model)
    with torch.autograd.graph.saved_tensors_hooks(meter.pack, meter.unpack):
        gradients(model, reversible)
    return meter.most


def test_memory_does_not_grow_with_the_number_of_steps() -> None:
    short, long = kept_bytes(2, True), kept_bytes(12, True)
    assert long == short
    assert kept_bytes(12, False) > 5 * kept_bytes(2, False) > 5 * short


def test_block_sampling_is_a_projection_with_its_adjoint() -> None:
    operator = BlockSample((2, 8, 12), 0.3, 4, seed=1)
    report = check_adjoint(operator, torch.float64)
    assert report.ok, str(report)
    y = Noise(0)((1, 2, 5, 6), dtype=torch.float64).reshape(1, 2, 5, 2, 3)
    torch.testing.assert_close(operator(operator.adjoint(y)), y, rtol=0, atol=1e-13)
    torch.testing.assert_close(operator.pinv(y), operator.adjoint(y), rtol=0, atol=1e-13)
    x = operator.adjoint(y)
    torch.testing.assert_close(x[..., :4, :4].flatten(2) @ operator.matrix.T, y[..., 0, 0])
    with pytest.raises(InputError, match="multiples of the block"):
        BlockSample((1, 9, 8), 0.3, 4)


def test_times_begin_where_the_start_still_holds_the_measurement() -> None:
    for process in (VP, Flow()):
        times = matched_times(process, 3, 0.25)
        first = torch.tensor(times[0], dtype=torch.float64)
        assert float(process.s(first) / process.a(first)) == pytest.approx(0.25)
        assert len(times) == 4
        assert times[-1] == 0


def test_the_estimate_keeps_the_measurement() -> None:
    model = unrolled(3)
    m = model.operator(0.5 + 0.2 * Noise(0)((1, 1, 8, 8), dtype=torch.float64))
    torch.testing.assert_close(model.operator(model(m)), m, rtol=0, atol=1e-12)


def test_what_cannot_be_unrolled_is_refused() -> None:
    denoiser = unrolled(1).denoiser
    with pytest.raises(InputError, match="descending ones, last 0"):
        Unrolled(denoiser, Identity((1, 4, 4)), [1.0, 0.5])
    with pytest.raises(InputError, match="share 1"):
        Coupled(torch.clone, 1.0)
    with pytest.raises(InputError, match="expected"):
        unrolled(1)(torch.zeros(1, 1, 3, 2, 2, dtype=torch.float64))


SIZE = 16


def photographs(names: tuple[str, ...]) -> list[Tensor]:
    """Grey pictures in [0, 1] at half their size."""
    from skimage import color, data, transform

    found = []
    for name in names:
        picture = getattr(data, name)()
        grey = color.rgb2gray(picture[..., :3]) if picture.ndim == 3 else picture / 255.0
        small = transform.resize(grey, [n // 2 for n in grey.shape], anti_aliasing=True)
        found.append(torch.from_numpy(small).float())
    return found


def crops(pictures: list[Tensor], count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        picture = pictures[int(torch.randint(len(pictures), (), generator=generator))]
        top, left = (
            int(torch.randint(n - SIZE + 1, (), generator=generator)) for n in picture.shape
        )
        found.append(picture[top : top + SIZE, left : left + SIZE])
    return torch.stack(found)[:, None]


def total_variation(operator: BlockSample, m: Tensor, weight: float) -> Tensor:
    """min |A x - m|^2 / 2 + weight TV(x), by accelerated proximal steps."""
    from skimage.restoration import denoise_tv_chambolle

    x = ahead = operator.adjoint(m)
    speed = 1.0
    for _ in range(100):
        moved = ahead - operator.adjoint(operator(ahead) - m)
        new = torch.stack([
            torch.from_numpy(denoise_tv_chambolle(v[0].numpy(), weight, max_num_iter=30))[None]
            for v in moved
        ])  # fmt: skip
        faster = (1 + (1 + 4 * speed**2) ** 0.5) / 2
        ahead = new + (speed - 1) / faster * (new - x)
        x, speed = new, faster
    return x


def psnr(found: Tensor, truth: Tensor) -> float:
    """Mean over the items, peak 1."""
    return float(-10 * (found.clamp(0, 1) - truth).square().flatten(1).mean(1).log10().mean())


@pytest.mark.slow
def test_a_short_training_from_nothing_beats_the_adjoint_by_far() -> None:
    """A tenth of the values of blocks of 16, photographs that the training has not seen. 250 steps
    from random weights are not enough to reach total variation everywhere: it is printed beside."""
    operator = BlockSample((1, SIZE, SIZE), 0.1, SIZE)
    torch.manual_seed(0)
    network = LocalNAFNet(1, 1, 2, (32, 64), (2, 3))
    denoiser = Denoiser(network, VP, "balanced", Scaling(0.25, centre=0.5))
    model = Unrolled(denoiser, operator, matched_times(VP, 3, 0.25))
    seen = photographs(("astronaut", "coffee", "chelsea", "rocket", "brick", "grass"))

    def batches() -> Iterator[Tensor]:
        number = 0
        while True:
            yield crops(seen, 16, number)
            number += 1

    losses = train_unrolled(model, batches(), 250, rate=2e-3)
    print("loss", losses[0], sum(losses[-20:]) / 20)
    for name in ("camera", "coins", "moon"):
        truth = crops(photographs((name,)), 24, 10**6)
        m = operator(truth)
        with torch.no_grad():
            found = model(m)
        rivals = {w: psnr(total_variation(operator, m, w), truth) for w in (0.003, 0.01, 0.03)}
        print(name, "unrolled", psnr(found, truth), "total variation", rivals)
        torch.testing.assert_close(operator(found), m, rtol=0, atol=1e-4)
        assert psnr(found, truth) > psnr(operator.adjoint(m), truth) + 8
