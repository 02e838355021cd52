"""Cached networks: the plain one at interval 1, less work between, and never another's features."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from oracles import EVERY
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from undrift.common.denoisers import Denoiser, Estimate, Scaling
from undrift.common.errors import InputError, UsageError
from undrift.common.grids import build_grid
from undrift.common.networks import build_network
from undrift.common.networks.caching import deep_cached, encoder_cached
from undrift.common.networks.feature_cache import FeatureCache, Stepping
from undrift.common.networks.replaced import replaced
from undrift.common.solvers import Step, build_solver
from undrift.common.solvers.loop import run_plan
from undrift.common.symmetry import Symmetrised
from undrift.common.tiling import Tiled

PROCESS = EVERY["VP"]
NAFNET: dict = {"unshuffle": 1, "widths": [4, 6, 8], "depths": [1, 1, 2], "features": 8}
UNET: dict = {
    "block_out_channels": [8, 8, 16],
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "attention_head_dim": 4,
}
MAKERS = {
    "deep 1": lambda network, cache: deep_cached(network, cache, 1),
    "deep 2": lambda network, cache: deep_cached(network, cache, 2),
    "encoder": encoder_cached,
}


def network(name: str) -> Any:
    torch.manual_seed(0)
    made = build_network(name, NAFNET if name == "local-nafnet" else UNET).double()
    for value in made.parameters():
        if value.ndim > 1:
            nn.init.uniform_(value, -0.3, 0.3)
    return made.requires_grad_(False).eval()


def plan(count: int) -> list[Step]:
    return build_solver("ddim").plan(PROCESS, build_grid("auto", PROCESS, count, 0.25))


def times(count: int) -> list[float]:
    return [step.t for step in plan(count)]


def denoiser(made: nn.Module) -> Denoiser:
    return Denoiser(made, PROCESS, "balanced", Scaling(0.25, centre=0.5))


def state(seed: int = 0, side: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, side, side, generator=generator).double()


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("name", ["local-nafnet", "diffusers-unet"])
def test_interval_one_is_the_plain_network(name: str, maker) -> None:
    made, steps = network(name), plan(5)
    cache = FeatureCache(steps, 1)
    twin = maker(made, cache)
    assert {id(p) for p in twin.parameters()} == {id(p) for p in made.parameters()}
    plain = run_plan(denoiser(made).forward, state(), steps)
    assert torch.equal(run_plan(Stepping(denoiser(twin), cache), state(), steps), plain)
    assert cache.reused == 0


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("name", ["local-nafnet", "diffusers-unet"])
def test_first_and_last_steps_are_whole_and_others_cost_less(name: str, maker) -> None:
    """Floating-point operations of each step, of 8 with interval 3: whole at 0, 3, 6 and 7."""
    made, steps = network(name), plan(8)
    cache = FeatureCache(steps, 3)
    stepping = Stepping(denoiser(maker(made, cache)), cache)
    costs, x = [], state()

    def denoise(*given):
        told = []
        costs.append(flops(lambda: told.append(stepping(*given))))
        return told[0]

    cached = run_plan(denoise, x, steps)
    whole = flops(lambda: denoiser(made)(x, 0.5))
    assert [cost == whole for cost in costs] == [k in (0, 3, 6, 7) for k in range(8)]
    assert len({costs[k] for k in (1, 2, 4, 5)}) == 1 and costs[1] < whole
    assert cache.reused == 4
    plain = run_plan(denoiser(made), x, steps)
    assert 0 < float((cached - plain).abs().max()) < float(plain.abs().max())


def flops(run: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


@pytest.mark.parametrize("outer", [1, 2])
def test_what_is_saved_is_the_work_of_the_deep_part(outer: int) -> None:
    made = network("local-nafnet")
    cache = FeatureCache(plan(4), 2)
    twin, x, psi = deep_cached(made, cache, outer), state(), torch.tensor([0.6]).double()
    features, h = made.embed(psi, None), x
    for index in range(outer):
        h = made.descend(index, h, features)
    deep = flops(lambda: made.below(outer, h, features))
    cache.next_step(times(4)[0])
    whole = flops(lambda: twin(x, psi))
    cache.next_step(times(4)[1])
    assert flops(lambda: twin(x, psi)) == whole - deep < whole


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("name", ["local-nafnet", "diffusers-unet"])
def test_where_nothing_changes_the_kept_features_are_exact(name: str, maker) -> None:
    """The same input at the same angle: reuse must give the whole network's answer to the bit."""
    made = network(name)
    cache = FeatureCache(plan(4), 2)
    twin, x, psi = maker(made, cache), state(), torch.tensor([0.6]).double()
    for t in times(4)[:3]:
        cache.next_step(t)
        assert torch.equal(twin(x, psi), made(x, psi))
    assert cache.reused == 1


def test_deep_features_come_from_the_last_whole_step_and_the_angle_from_now() -> None:
    """With a deep feature replaced by hand the answer follows it; a new angle changes the rest."""
    made = network("local-nafnet")
    cache = FeatureCache(plan(4), 2)
    twin, x = deep_cached(made, cache), state()
    first, second = torch.tensor([0.6]).double(), torch.tensor([0.2]).double()
    cache.next_step(times(4)[0])
    twin(x, first)
    deep = made.below(1, made.descend(0, x, made.embed(first, None)), made.embed(first, None))
    cache.next_step(times(4)[1])
    found = twin(2 * x, second)
    features = made.embed(second, None)
    skip = made.descend(0, 2 * x, features)
    h = torch.nn.functional.pixel_shuffle(made.ups[0](deep), 2) + skip
    for block in made.up_blocks[0]:
        h = block(h, features)
    torch.testing.assert_close(found, made.leave(h), rtol=0, atol=1e-12)


def test_tiles_symmetries_and_samples_have_features_of_their_own() -> None:
    """Tiles of a network of bounded reach equal the whole picture, cached or not."""
    made, steps = network("local-nafnet"), plan(6)
    results = []
    for tile in (48, 16):
        cache = FeatureCache(steps, 2)
        quick = denoiser(deep_cached(made, cache))
        denoise = Stepping(Symmetrised(Tiled(quick, tile), 2), cache)
        results.append([run_plan(denoise, state(seed, 48), steps) for seed in (0, 1, 0)])
        assert cache.reused == 3 * 2 * 2 * (1 if tile == 48 else 9)
    for whole, tiled in zip(*results, strict=True):
        torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-11)
    for first, second, again in results:
        assert not torch.allclose(first, second) and torch.equal(first, again)


def test_a_layout_that_changes_ends_the_reuse() -> None:
    """As when memory runs out in the middle of a run and tiles are halved."""
    made = network("local-nafnet")
    cache = FeatureCache(plan(8), 4)
    twin, psi = deep_cached(made, cache), torch.tensor([0.6]).double()
    layouts = [[16, 16], [16, 16], [16, 8, 8], [8, 8, 8], [16, 16], [8, 8], [8, 8], [8, 8]]
    for t, layout in zip(times(8), layouts, strict=True):
        cache.next_step(t)
        for seed, side in enumerate(layout):
            x = state(seed, side)
            out = twin(x, psi)
            if layout is not layouts[0]:
                assert torch.allclose(out, made(x, psi), rtol=0, atol=1e-12)
    assert cache.reused == 2 + 1
    for t in times(8)[:2]:  # a new run reuses again
        cache.next_step(t)
        twin(state(), psi)
    assert cache.reused == 4


def test_a_run_that_was_broken_off_leaves_nothing_behind() -> None:
    made, steps = network("local-nafnet"), plan(6)
    cache = FeatureCache(steps, 3)
    denoise = Stepping(denoiser(deep_cached(made, cache)), cache)
    fresh = run_plan(denoise, state(), steps)
    with pytest.raises(KeyboardInterrupt):
        run_plan(denoise, state(1), steps, watch=interrupt)
    assert torch.equal(run_plan(denoise, state(), steps), fresh)
    with pytest.raises(UsageError, match="make the cache for the plan that runs"):
        run_plan(denoise, state(), plan(5))


def interrupt(number: int, x: Tensor, estimate: Estimate) -> None:
    if number == 1:
        raise KeyboardInterrupt


def test_what_cannot_be_cached_is_told() -> None:
    steps = plan(3)
    cache = FeatureCache(steps, 2)
    flat = build_network("local-nafnet", {"widths": [4], "depths": [2]})
    for maker in MAKERS.values():
        with pytest.raises(UsageError, match="one level only"):
            maker(flat, cache)
        with pytest.raises(UsageError, match="Identity is no U-shaped network known here"):
            maker(nn.Identity(), cache)
    with pytest.raises(UsageError, match="outer 3: this network can keep 2"):
        deep_cached(network("local-nafnet"), cache, 3)
    with pytest.raises(UsageError, match="outside of a step; wrap it in Stepping"):
        deep_cached(network("local-nafnet"), cache)(state(), torch.tensor([0.5]).double())
    with pytest.raises(UsageError, match="interval 0"):
        FeatureCache(steps, 0)
    skipping = {
        **UNET,
        "down_block_types": ["SkipDownBlock2D"] * 3,
        "up_block_types": ["SkipUpBlock2D"] * 3,
    }
    with pytest.raises(UsageError, match="skip_conv"):
        deep_cached(build_network("diffusers-unet", skipping), cache)


def test_replaced_modules_must_be_there() -> None:
    made = network("local-nafnet")
    with pytest.raises(InputError, match="no module 'entr'; did you mean 'enter'"):
        replaced(made, {"entr": nn.Identity()})
