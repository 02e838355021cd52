"""Volumes in tiles against volumes at once, with networks of bounded and of unbounded reach."""

import itertools
import math
import tempfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError, OutOfMemoryError, UsageError
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.networks.local_nafnet3d import LocalNAFNet3d
from undrift.common.noise import Noise
from undrift.common.processes import build_process
from undrift.common.processes.process import start
from undrift.common.solvers import build_solver
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.plan import Step
from undrift.common.wishes import Wishes
from undrift.medical.slice_stacks import SliceStacks
from undrift.medical.stores import Kept, Room, slabs
from undrift.medical.tile_memory import Needs, arranged, layout_of
from undrift.medical.tile_plan import Tiles, cut, fitting
from undrift.medical.tiles import Tiled3D

SIZE = (37, 30, 41)
NOISE = Noise(3, "head", 1)
FOLDER = Path(tempfile.gettempdir())


def randomised(network: nn.Module, seed: int = 0, spread: float = 0.3) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.parameters():
            fans = max(1, value[0].numel()) if value.ndim > 1 else 1
            value += spread * torch.randn(value.shape, generator=generator) / fans**0.5
    return network.eval()


def tiny(process: str = "brownian-bridge", **params: object) -> Denoiser:
    """A conditional denoiser with random weights and a reach of 10 voxels, so on a grid of 2."""
    network = LocalNAFNet3d(inputs=2, unshuffle=2, widths=(4,), depths=(1,), features=4)
    made = build_process(process, dict(params))
    return Denoiser(randomised(network), made, "balanced", Scaling(sigma_d=0.5, mean=0, std=0.5))


class Attentive(nn.Module):
    """Sees the mean of everything: unbounded reach."""

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        return x[:, :1] * 0.3 + 0.5 * x.mean((1, 2, 3, 4), keepdim=True)


def kept(values: Tensor) -> Kept:
    return Kept(values[0].numpy().copy())


def degraded() -> Tensor:
    return torch.randn((1, 1, *SIZE), generator=torch.Generator().manual_seed(5)) * 0.5


def plan(denoiser: Denoiser, solver: str, steps: int) -> list[Step]:
    times = torch.linspace(1, 0, steps + 1).tolist()
    return build_solver(solver, denoiser.scaling.sigma_d).plan(denoiser.process, times)


def at_once(denoiser: Denoiser | SliceStacks, steps: list[Step], y: Tensor) -> Tensor:
    """The reference: the package's plain loop over whole tensors."""
    shape = tuple(y.shape)
    x = start(denoiser.process, y, NOISE(shape, 0), steps[0].t)
    with torch.inference_mode():
        return run_plan(denoiser, x, steps, y=y, draw=lambda k: NOISE(shape, k))


def in_tiles(
    denoiser: Denoiser | SliceStacks,
    steps: list[Step],
    y: Tensor,
    tile: tuple[int, int, int],
    room: Room | None = None,
    batch: int = 1,
) -> Tensor:
    tiles = cut(SIZE, tile, *layout_of(denoiser))
    run = Tiled3D(denoiser, tiles, room or Room(), batch=batch)
    return run.run(steps, NOISE, kept(y)).read()


@pytest.mark.parametrize(
    ("process", "solver", "steps"),
    [
        ("brownian-bridge", "ddim", 2),
        ("brownian-bridge", "auto-sde", 3),
        ("residual-shift", "multistep-2", 3),
        ("selfrdb", "auto-sde", 2),
    ],
)
def test_tiles_equal_the_whole(process: str, solver: str, steps: int) -> None:
    denoiser, y = tiny(process), degraded()
    whole = at_once(denoiser, plan(denoiser, solver, steps), y)
    assert whole.std() > 0.1
    tiles = in_tiles(denoiser, plan(denoiser, solver, steps), y, (12, 30, 16))
    assert (tiles - whole).abs().max() < 1e-5
    assert (tiles - y).abs().max() > 0.1


def test_tiles_batches_and_the_disk_change_nothing(tmp_path: Path) -> None:
    denoiser, y = tiny(), degraded()
    steps = plan(denoiser, "auto-sde", 2)
    first = in_tiles(denoiser, steps, y, (20, 20, 20))
    for tile, room, batch in [((8, 16, 41), Room(), 3), ((20, 20, 20), Room(tmp_path), 2)]:
        other = in_tiles(denoiser, steps, y, tile, room, batch)
        assert (other - first).abs().max() < 1e-5
    assert not list(tmp_path.iterdir())  # scratch has no name


def test_the_same_bytes_on_the_disk_and_in_memory(tmp_path: Path) -> None:
    denoiser, y = tiny(), degraded()
    steps = plan(denoiser, "ddim", 2)
    one, other = (in_tiles(denoiser, steps, y, (16, 16, 16), r) for r in (Room(), Room(tmp_path)))
    assert torch.equal(one, other)


def test_unbounded_reach_is_blended_and_constant_estimates_stay_so() -> None:
    """Weights that are divided by their sum leave a constant alone, wherever tiles lie."""

    class Flat(nn.Module):
        def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
            return torch.zeros_like(x[:, :1])

    scaling = Scaling(sigma_d=0.5, mean=0, std=0.5, centre=0.25)
    denoiser = Denoiser(Flat(), build_process("variance-preserving", {}), "x0", scaling)
    tiles = cut((90, 20, 20), (20, 20, 20), *layout_of(denoiser))
    assert tiles.count == 5
    assert tiles.fused
    steps = [Step(1.0, (0.0,), (1.0,), 0.0)]
    state = Kept(torch.randn(1, 90, 20, 20).numpy())
    found = Tiled3D(denoiser, tiles, Room()).run(steps, NOISE, state=state).read()
    torch.testing.assert_close(found, torch.full_like(found, 0.25))


def test_weights_of_unbounded_networks_are_gaussian_products() -> None:
    tiles = cut((90, 20, 20), (20, 20, 20), (1, 1, 1), (None, None, None))
    window = tiles.axes[0][2]
    weight, length = tiles.weight(0, window), window.stop - window.start
    assert length == 82
    middle = (length - 1) / 2
    wanted = [max(1e-3, 2.718281828459045 ** (-0.5 * ((i - middle) / (length / 8)) ** 2))
              for i in range(length)]  # fmt: skip
    torch.testing.assert_close(weight, torch.tensor(wanted), rtol=1e-5, atol=0)
    assert torch.equal(tiles.weight(1, tiles.axes[1][0]), torch.ones(20))


def test_a_network_that_sees_everything_depends_on_tiles() -> None:
    denoiser = Denoiser(
        Attentive(), build_process("brownian-bridge", {}), "balanced", Scaling(0.5, 0, 0.5)
    )
    steps, y = plan(denoiser, "ddim", 1), degraded()
    y[..., :20, :, :] += 1
    whole = at_once(denoiser, steps, y)
    assert (in_tiles(denoiser, steps, y, (64, 64, 64)) - whole).abs().max() < 1e-5
    tiles = cut(SIZE, (4, 30, 41), *layout_of(denoiser))
    run = Tiled3D(denoiser, tiles, Room())
    assert (run.run(steps, NOISE, kept(y)).read() - whole).abs().max() > 1e-3
    assert run.disagreement is not None
    assert run.disagreement > 1e-3
    one = Tiled3D(denoiser, cut(SIZE, SIZE, *layout_of(denoiser)), Room())
    one.run(steps, NOISE, kept(y))
    assert one.disagreement is None


def test_disagreement_is_that_of_two_tiles_that_say_different_things() -> None:
    """Tiles that say 1 and 3 with equal weight differ from their blend by 1; halves see one."""

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = -1

        def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
            self.calls += 2
            return torch.full_like(x, self.calls)

    scaling = Scaling(sigma_d=1.0, mean=0, std=1.0, centre=0.0)
    denoiser = Denoiser(Counting(), build_process("variance-preserving", {}), "x0", scaling)
    tiles = cut((20, 2, 2), (10, 2, 2), *layout_of(denoiser))
    run = Tiled3D(denoiser, tiles, Room())
    found = run.run(
        [Step(1.0, (0.0,), (1.0,), 0.0)], NOISE, state=Kept(torch.zeros(1, 20, 2, 2).numpy())
    )
    assert run.disagreement == pytest.approx(1.0)
    torch.testing.assert_close(found.read(), torch.full((1, 1, 20, 2, 2), 2.0))


def flat(slices: int) -> Denoiser:
    network = LocalNAFNet(
        inputs=2 * slices, outputs=slices, unshuffle=2, widths=(8,), depths=(1,), features=4
    )
    process = build_process("brownian-bridge", {})
    return Denoiser(randomised(network, 2), process, "balanced", Scaling(0.5, 0, 0.5))


def test_slices_in_step_average_what_all_stacks_say() -> None:
    """Against a plain loop over slices: of each, the mean of what its stacks estimate."""
    inner, y = flat(3), degraded()
    x = degraded().flip(2)
    found = SliceStacks(inner, 3)(x, 0.5, y).x0
    depth = SIZE[2]
    estimates: list[list[Tensor]] = [[] for _ in range(depth)]
    for middle in range(depth):
        members = [min(max(middle + k, 0), depth - 1) for k in (-1, 0, 1)]
        stack = inner(x[0, 0, ..., members].movedim(-1, 0)[None], 0.5,
                      y[0, 0, ..., members].movedim(-1, 0)[None]).x0[0]  # fmt: skip
        for k in (-1, 0, 1):
            if 0 <= middle + k < depth:
                estimates[middle + k].append(stack[k + 1])
    wanted = torch.stack([torch.stack(e).mean(0) for e in estimates], -1)
    torch.testing.assert_close(found[0, 0], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 2])
def test_slices_in_step_in_tiles(axis: int) -> None:
    stacks, y = SliceStacks(flat(3), 3, axis), degraded()
    steps = plan(stacks.denoiser, "auto-sde", 2)
    whole = at_once(stacks, steps, y)
    assert (in_tiles(stacks, steps, y, (16, 16, 12)) - whole).abs().max() < 1e-5


def test_even_stacks_are_refused() -> None:
    with pytest.raises(InputError, match="odd"):
        SliceStacks(flat(3), 4)


class Small:
    """A denoiser that has memory for so many voxels."""

    def __init__(self, inner: Denoiser, most: int):
        self.inner, self.most, self.network = inner, most, inner.network
        self.process, self.scaling = inner.process, inner.scaling
        self.sizes: list[int] = []

    def __call__(self, x: Tensor, *others: object) -> object:
        self.sizes.append(x[0, 0].numel())
        if self.sizes[-1] > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return self.inner(x, *others)


def test_out_of_memory_halves_and_gives_the_same() -> None:
    denoiser, y = tiny(), degraded()
    steps = plan(denoiser, "ddim", 2)
    small = Small(denoiser, 30_000)
    tiles = cut(SIZE, SIZE, *layout_of(denoiser))
    run = Tiled3D(small, tiles, Room())
    found = run.run(steps, NOISE, kept(y)).read()
    assert (found - at_once(denoiser, steps, y)).abs().max() < 1e-5
    assert small.sizes[0] == 38 * 30 * 42
    assert run.tiles.seen <= 30_000


def test_out_of_memory_at_the_smallest() -> None:
    denoiser = tiny()
    run = Tiled3D(Small(denoiser, 10), cut(SIZE, SIZE, *layout_of(denoiser)), Room())
    with pytest.raises(OutOfMemoryError, match="the smallest") as error:
        run.run(plan(denoiser, "ddim", 1), NOISE, kept(degraded()))
    assert error.value.exit_code == 6
    fixed = Tiled3D(Small(denoiser, 10), cut(SIZE, SIZE, *layout_of(denoiser)), Room(), fixed=True)
    with pytest.raises(OutOfMemoryError, match="tile auto"):
        fixed.run(plan(denoiser, "ddim", 1), NOISE, kept(degraded()))


def test_fitting_tiles_are_the_cheapest_that_fit() -> None:
    """Against a search over every kept size; margins make thin tiles wasteful."""
    size, multiple, reach, voxels = (64, 96, 40), (8, 8, 8), (16, 16, 16), 64 * 96 * 40 // 2
    tiles = fitting(size, multiple, reach, voxels)

    def work(found: Tiles) -> int:
        return math.prod(sum(w.stop - w.start for w in axis) for axis in found.axes)

    sides = [range(16, n + 8, 8) for n in size]
    all_of = (cut(size, kept_, multiple, reach) for kept_ in itertools.product(*sides))
    assert work(tiles) == min(work(one) for one in all_of if one.seen <= voxels)
    with pytest.raises(OutOfMemoryError, match="max-memory"):
        fitting(size, multiple, reach, 1000)


def test_memory_decides_between_memory_and_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undrift.medical.tile_memory.resident", lambda: 4 * 10**8)
    denoiser, needs = tiny(), Needs((256, 256, 256))
    tiles, room = arranged(denoiser, needs, Wishes(max_memory=10**9), "cpu", FOLDER)
    assert room.folder is not None
    assert tiles.count > 1
    tiles, room = arranged(denoiser, needs, Wishes(max_memory=10**10), "cpu", FOLDER)
    assert room.folder is None
    assert tiles.count == 1
    told = r"max-memory 0\.5 GB is less than .* 256 x 256 x 256 voxels take, at least 0\.74 GB"
    with pytest.raises(OutOfMemoryError, match=told):
        arranged(denoiser, needs, Wishes(max_memory=5 * 10**8), "cpu", FOLDER)
    tiles, _ = arranged(
        denoiser, needs, Wishes(tile=(64, 32, 128), max_memory=10**10), "cpu", FOLDER
    )
    assert tiles.kept == [64, 32, 128]
    with pytest.raises(UsageError, match="3 axes"):
        arranged(denoiser, needs, Wishes(tile=(64, 32)), "cpu", FOLDER)


def test_slabs_cover_everything_once() -> None:
    found = slabs((10, 7, 3), most=50)
    rows = [row for (part,) in found for row in range(part.start, part.stop)]
    assert rows == list(range(10))
    assert len(found) == 5


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("undrift.medical.volumes.on_disk.shutil.disk_usage", lambda _: usage)
    with pytest.raises(OutOfMemoryError, match="TMPDIR"):
        Room(tmp_path).take((1, 100, 100, 100))
