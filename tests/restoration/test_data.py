"""Training samples: pure functions of (seed, n), and honest about bad folders."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from undrift.common.errors import InputError, UsageError
from undrift.common.resize import bicubic
from undrift.restoration.data import CHAINS, Crops, Scales
from undrift.restoration.degrade import quantise
from undrift.restoration.leaves import make_bank


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bank(6, 128, 3, tmp_path_factory.mktemp("bank"))


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(path)


def photo(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("task", ["denoise", "sr"])
def test_items_do_not_depend_on_order_process_or_history(bank: Path, task: str) -> None:
    first, other = Crops(bank, task, 32, seed=5), Crops(bank, task, 32, seed=5)
    forward = {n: first[n] for n in (0, 1, 7, 10**9)}
    for n in (10**9, 7, 1, 0, 7):
        assert same(other[n], forward[n])
    assert same(pickle.loads(pickle.dumps(first))[7], forward[7])
    assert not same(Crops(bank, task, 32, seed=6)[7], forward[7])
    loader = torch.utils.data.DataLoader(first, batch_sampler=[[7, 1]], num_workers=0)
    assert torch.equal(next(iter(loader))["x0"][0], forward[7]["x0"])


def test_shapes_types_and_ranges(bank: Path) -> None:
    for task, level in (("denoise", 0), ("sr", 1)):
        items = [Crops(bank, task, 40)[n] for n in range(30)]
        assert all(i["x0"].shape == i["noise"].shape == (3, 40, 40) for i in items)
        assert all(v.dtype == torch.float32 for i in items for v in i.values())
        assert all(i["u"].shape == () and 0 <= i["u"] < 1 for i in items)
        assert all(i["level"].shape == (level,) for i in items)
        assert all(i["x0"].min() >= 0 and i["x0"].max() <= 1 for i in items)
        assert all(("y" in i) == (task == "sr") for i in items)


def test_noise_and_u_have_their_distribution(bank: Path) -> None:
    items = [Crops(bank, "denoise", 32, grey=0)[n] for n in range(200)]
    noise = torch.stack([i["noise"] for i in items])
    assert float(noise.mean()) == pytest.approx(0, abs=0.005)
    assert float(noise.std()) == pytest.approx(1, abs=0.005)
    u = torch.stack([i["u"] for i in items])
    assert float(u.mean()) == pytest.approx(0.5, abs=0.08)
    assert float(u.std()) == pytest.approx(12**-0.5, abs=0.05)


def test_grey_items_are_grey_in_picture_and_noise(bank: Path) -> None:
    def is_grey(x: torch.Tensor) -> bool:
        return torch.equal(x[0], x[1]) and torch.equal(x[0], x[2])

    items = [Crops(bank, "sr", 32, grey=0.25)[n] for n in range(200)]
    share = np.mean([is_grey(i["noise"]) for i in items])
    assert share == pytest.approx(0.25, abs=0.1)
    for item in items:
        if is_grey(item["noise"]):
            assert is_grey(item["x0"])
            assert is_grey(item["y"])
    assert all(is_grey(Crops(bank, "denoise", 32, grey=1)[n]["x0"]) for n in range(5))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_sr_pairs_are_those_of_the_whole_picture(tmp_path: Path, scale: int) -> None:
    # A picture just as large as the window: degrading all of it must give the same crop of y.
    scales = Scales(whole=(scale,), real=(2.0, 2.0), real_probability=0)
    side, before = scales.window(36)
    pixels = photo(1, side, side, 3)
    save(tmp_path / "a.png", pixels)
    data = Crops(tmp_path, "sr", 36, grey=0, scales=scales)
    clean = torch.from_numpy(np.rint(pixels * 255).transpose(2, 0, 1) / 255)
    inside = (slice(None), slice(before, before + 36), slice(before, before + 36))
    found = 0
    for n in range(24):
        item = data[n]
        assert float(item["level"]) == pytest.approx(np.log2(scale) / 2)
        for turn in range(8):
            x = torch.rot90(clean[inside], turn % 4, (1, 2))
            x = x.flip(2) if turn >= 4 else x
            if not torch.allclose(x.float(), item["x0"], atol=1e-6):
                continue
            low = quantise(bicubic(clean, (side // scale, side // scale)))
            y = torch.rot90(bicubic(low, (side, side))[inside], turn % 4, (1, 2))
            y = y.flip(2) if turn >= 4 else y
            rounded = (y.float() - item["y"]).abs().max()  # one level where float32 rounds over
            assert rounded < 2 / 255
            found += 1
    assert found > 6  # half of the items keep their tones


@pytest.mark.parametrize("task", CHAINS)
def test_degraded_items_are_spoilt_and_repeat(bank: Path, task: str) -> None:
    data = Crops(bank, task, 32, seed=5)
    items = [data[n] for n in range(12)]
    assert all(i["y"].shape == i["x0"].shape and i["level"].shape == (0,) for i in items)
    assert np.mean([float((i["y"] - i["x0"]).abs().mean()) > 1e-3 for i in items]) > 0.7
    assert same(pickle.loads(pickle.dumps(data))[7], items[7])


def test_a_recipe_of_ones_own_degrades_the_items(bank: Path) -> None:
    half = {"steps": [{"darkened": {"alpha": 1, "beta": 0.5, "gamma": 1}}]}
    item = Crops(bank, "lowlight", 32, degradation=half)[3]
    torch.testing.assert_close(item["y"], 0.5 * item["x0"])
    small = {"steps": [{"resize": {"factor": 0.5}}]}
    with pytest.raises(InputError, match=r"makes 40 x 40 of 80 x 80 .*to: original"):
        Crops(bank, "derain", 32, degradation=small)[0]
    with pytest.raises(InputError, match="did you mean 'rain'"):
        Crops(bank, "derain", degradation="rian")
    with pytest.raises(UsageError, match="the task sr takes no degradation"):
        Crops(bank, "sr", degradation="rain")


def test_scales_are_whole_or_real_and_crops_free_of_borders(bank: Path) -> None:
    levels = [float(Crops(bank, "sr", 32)[n]["level"]) for n in range(150)]
    scales = np.exp2(2 * np.array(levels))
    whole = np.isclose(scales[:, None], [2, 3, 4], atol=1e-4).any(1).mean()
    assert 0.4 < whole < 0.75
    assert scales.min() >= 1.97
    assert scales.max() <= 4.06
    side, before = Scales().window(64)
    assert side % 12 == before % 12 == 0
    assert before >= 16
    assert side - before - 64 >= 16


def test_folders_of_grey_and_colour_pictures(tmp_path: Path) -> None:
    save(tmp_path / "one.png", photo(0, 50, 60))
    save(tmp_path / "sub" / "two.tif", photo(1, 70, 45, 3))
    data = Crops(tmp_path, "denoise", 32, grey=0)
    items = [data[n] for n in range(20)]
    grey = [torch.equal(i["x0"][0], i["x0"][1]) for i in items]
    assert 0 < sum(grey) < 20
    with pytest.raises(InputError, match=r"(one\.png is 50 x 60|two\.tif is 70 x 45) pixels"):
        Crops(tmp_path, "denoise", 65)[0]


def test_pictures_without_a_common_range_are_refused(tmp_path: Path) -> None:
    Image.fromarray(300 * photo(0, 40, 40).astype(np.float32)).save(tmp_path / "counts.tif")
    with pytest.raises(InputError, match=r"counts\.tif holds float32 values"):
        Crops(tmp_path, "denoise", 16)[0]


@pytest.mark.parametrize("scale", [1, 2])
def test_pairs_keep_both_sides_together(tmp_path: Path, scale: int) -> None:
    ramp = np.add.outer(np.arange(80) / 300, np.arange(96) / 300)
    clean = np.repeat(np.repeat(ramp, scale, 0), scale, 1)
    save(tmp_path / "clean" / "a.png", clean)
    save(tmp_path / "degraded" / "a.tif", 0.5 * ramp)
    data = Crops(tmp_path, "paired", 24)
    for n in range(16):
        item = data[n]
        assert float(item["level"]) == pytest.approx(np.log2(scale) / 2)
        torch.testing.assert_close(0.5 * item["x0"], item["y"], rtol=0, atol=1.5 / 255)


def test_pair_mistakes_name_the_files(tmp_path: Path) -> None:
    save(tmp_path / "clean" / "a.png", photo(0, 40, 40, 3))
    save(tmp_path / "clean" / "b.png", photo(1, 40, 40, 3))
    save(tmp_path / "degraded" / "a.png", photo(2, 30, 40, 3))
    with pytest.raises(InputError, match=r"1 picture.*clean.b\.png"):
        Crops(tmp_path, "paired", 16)
    (tmp_path / "clean" / "b.png").unlink()
    with pytest.raises(InputError, match=r"a\.png is 40 x 40 but .*a\.png is 30 x 40"):
        Crops(tmp_path, "paired", 16)[0]
    with pytest.raises(InputError, match="use task='paired'"):
        Crops(tmp_path, "sr", 16)


def test_wrong_sources_and_tasks(tmp_path: Path, bank: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'denoise'"):
        Crops(bank, "denoize")
    with pytest.raises(InputError, match="does not exist"):
        Crops(tmp_path / "none")
    with pytest.raises(InputError, match="no pictures"):
        Crops(tmp_path)
    with pytest.raises(InputError, match="needs both"):
        Crops(tmp_path, "paired")
    np.save(tmp_path / "wrong.npy", np.zeros((3, 8, 8)))
    with pytest.raises(InputError, match=r"shape \(3, 8, 8\)"):
        Crops(tmp_path / "wrong.npy")
    with pytest.raises(IndexError):
        Crops(bank, length=5)[5]
