"""Converted checkpoints give what the authors' network gives, and load as priors."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from guided import Guided
from tiny_pipelines import diffusers, unet
from torch import Tensor

import undrift
from undrift.cli import main
from undrift.common.diffusers_bridge.pipeline import load_pipeline_denoiser
from undrift.common.errors import InputError, UsageError
from undrift.common.model_cards import load_model_card
from undrift.common.networks.guided_unet import SCHEDULES, GuidedUNet
from undrift.common.operators.coarse import Average
from undrift.common.posterior.priors import read_prior
from undrift.common.weights.adm import Heads, read_structure, renamed, unet_options
from undrift.common.weights.convert import read_source, write_folder, write_weights
from undrift.common.weights.model import load_model
from undrift.common.weights.published import PUBLISHED

PLAIN = Guided(head_width=16)
CASES = {
    "resnet, heads of 16": PLAIN,
    "new order": replace(PLAIN, new_order=True, depth=2, attends=(0, 1)),
    "four heads of any width": Guided(heads=4, factors=(1, 2, 3), attends=(1, 2)),
    "one head": Guided(heads=1, attends=()),
    "convolutions, shift": Guided(
        heads=4, depth=2, scale_shift=False, resampling="conv", outputs=3
    ),
    "convolutions, scale": Guided(head_width=32, resampling="conv", attends=(0,)),
    "plain resampling": Guided(heads=2, depth=2, scale_shift=False, resampling="plain"),
    "plain resampling, scale": Guided(heads=4, factors=(1, 2, 2), resampling="plain"),
    "classes": replace(PLAIN, classes=10, factors=(1, 1, 2), attends=(2,)),
    "half the width first": replace(PLAIN, features=64, factors=(0.5, 1), head_width=32),
    "grey, one resolution": Guided(
        heads=2, factors=(1,), attends=(0,), depth=2, inputs=1, outputs=1, resampling="plain"
    ),
}


def saved(net: Guided, folder: Path, dtype: torch.dtype = torch.float64) -> Path:
    """The checkpoint of a random network."""
    state = {key: value.to(dtype) for key, value in net.random().items()}
    torch.save(state, folder / "net.pt")
    return folder / "net.pt"


def heads(net: Guided) -> Heads:
    return Heads(net.heads, net.head_width, net.new_order)


def pictures(net: Guided, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(2, net.inputs, 16, 16, generator=generator, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize("name", CASES)
def test_the_output_is_that_of_the_architecture(
    name: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    net = CASES[name]
    source = read_source(saved(net, tmp_path), heads=heads(net))
    write_weights(source, tmp_path / "net.safetensors")
    model = load_model(tmp_path / "net.safetensors")
    network: Any = model.denoiser.network.to(dtype)
    x, steps = pictures(net, dtype), torch.tensor([500, 3])
    label = torch.tensor([1, 7]) if net.classes else None
    state = {key: value.float().to(dtype) for key, value in net.random().items()}
    expected = net(state, x, steps, label)
    with torch.no_grad():
        found = network.unet(x, steps, class_labels=label).sample
    assert float(expected.abs().max()) > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 if dtype.itemsize == 8 else 1e-5)


def test_the_wrong_order_of_the_attention_would_be_seen(tmp_path: Path) -> None:
    net = CASES["new order"]
    source = read_source(saved(net, tmp_path), heads=Heads(width=16))
    write_weights(source, tmp_path / "net.safetensors")
    network: Any = load_model(tmp_path / "net.safetensors").denoiser.network.double()
    x, steps = pictures(net), torch.tensor([500, 3])
    with torch.no_grad():
        found = network.unet(x, steps).sample
    assert float((found - net(net.random(), x, steps)).abs().max()) > 1e-3


# Tensors and parameters of the authors' own classes, built with the flags of their README.
SIZES = {
    "64x64_diffusion": (541, 295_904_454),
    "128x128_diffusion": (493, 421_529_606),
    "256x256_diffusion": (567, 553_838_086),
    "256x256_diffusion_uncond": (566, 552_814_086),
    "512x512_diffusion": (645, 558_997_638),
    "ffhq_10m": (362, 93_563_910),
}


@pytest.mark.parametrize("name", SIZES)
def test_published_networks_have_their_size_and_fit(name: str) -> None:
    known = PUBLISHED[name]
    told = known.structure()
    net = Guided(
        features=told.features,
        factors=known.factors,
        depth=told.depth,
        attends=tuple(level for level, there in enumerate(told.attention) if there),
        heads=known.heads.count,
        head_width=known.heads.width,
        classes=told.classes,
    )
    state = {key: torch.empty(shape, device="meta") for key, shape in net.shapes().items()}
    assert (len(state), sum(value.numel() for value in state.values())) == SIZES[name]
    assert read_structure(state) == told
    with torch.device("meta"):
        options = unet_options(told, known.heads)
        network = GuidedUNet(schedule=known.schedule, classes=told.classes, **options)  # type: ignore[arg-type]
    shapes = {key: value.shape for key, value in network.unet.state_dict().items()}
    converted = renamed(state, told, known.heads)
    assert {key: value.shape for key, value in converted.items()} == shapes


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_times_of_the_file_are_steps_of_the_schedule(schedule: str, tmp_path: Path) -> None:
    """X = 2 x0 - 1 there: the state is theirs, halved, at every whole step and between."""
    source = read_source(saved(PLAIN, tmp_path), heads=heads(PLAIN), schedule=schedule)
    write_weights(source, tmp_path / "net.safetensors")
    denoiser = load_model(tmp_path / "net.safetensors").denoiser
    i = torch.arange(1, 1001, dtype=torch.float64)
    if schedule == "linear":
        abar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    else:
        bend = torch.cos((torch.arange(1001).double() / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2
        abar = torch.cumprod(1 - (1 - bend[1:] / bend[:-1]).clamp(max=0.999), 0)
    ratio = denoiser.process.s(i / 1000) / denoiser.process.a(i / 1000)
    torch.testing.assert_close(2 * ratio, torch.sqrt((1 - abar) / abar), rtol=1e-9, atol=0)
    psi = torch.atan2(denoiser.process.s(i / 1000), 0.25 * denoiser.process.a(i / 1000)).float()
    network: Any = denoiser.network
    assert torch.equal(network.steps(psi), i.float() - 1)
    between = network.steps((psi[1:] + psi[:-1]) / 2)
    assert bool((between > i[:-1] - 1).all())
    assert bool((between < i[1:] - 1).all())
    ends = network.steps(torch.tensor([0.0, math.pi / 2]))
    assert ends.tolist() == [0, 999]


def test_estimate_and_variance_are_those_of_the_folder(tmp_path: Path) -> None:
    """The same checkpoint as a folder of diffusers, whose bridge has its own formulas."""
    source = read_source(saved(PLAIN, tmp_path), heads=heads(PLAIN))
    write_weights(source, tmp_path / "net.safetensors")
    write_folder(source, tmp_path / "folder")
    ours = load_model(tmp_path / "net.safetensors").denoiser.double()
    theirs = load_pipeline_denoiser(tmp_path / "folder", dtype=torch.float64)
    x = pictures(PLAIN)
    for i in (2, 40, 500, 1000):
        time = torch.tensor(i / 1000, dtype=torch.float64)
        abar = float(theirs.process.a(time)) ** 2
        signal, noise = float(ours.process.a(time)), float(ours.process.s(time))
        assert 2 * noise / signal == pytest.approx(math.sqrt((1 - abar) / abar))
        # their state X_t, in our units: a (X_t / a_theirs + 1)/2
        expected = theirs(x, i / 1000)
        found = ours(signal * (x / math.sqrt(abar) + 1) / 2, i / 1000)
        size = float(expected.x0.abs().max())
        torch.testing.assert_close(2 * found.x0 - 1, expected.x0, rtol=0, atol=1e-5 * size)
        assert expected.var is not None and found.var is not None
        kept = expected.var > 1e-6 * expected.var.max()
        assert bool(kept.any())
        torch.testing.assert_close(4 * found.var[kept], expected.var[kept], rtol=1e-3, atol=0)


def test_fractions_of_the_file(tmp_path: Path) -> None:
    """Half precision, a wrapper and a prefix are undone."""
    state = {f"module.{key}": value.half() for key, value in PLAIN.random().items()}
    torch.save({"state_dict": state}, tmp_path / "net.pt")
    source = read_source(tmp_path / "net.pt", heads=heads(PLAIN))
    assert source.structure == read_structure(PLAIN.random())
    assert {value.dtype for value in source.state.values()} == {torch.float32}


def test_the_command_writes_weights_and_a_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, target = saved(PLAIN, tmp_path), tmp_path / "prior.safetensors"
    call = ["models", "convert", str(given), str(target), "--head-width", "16"]
    assert main(call) == 0
    told = capsys.readouterr().out
    assert "1000, linear; variance learned range" in told
    card = load_model_card(tmp_path / "prior.md")
    assert card.id == "prior"
    assert card.weights.stat().st_size == card.front.undrift.files[0].bytes
    record = load_model(target).settings.record
    assert record["converted_from"] == "net.pt"
    assert record["heads"] == "of 16 channels"
    assert record["order"] == "head by head"
    assert main(call) == 2  # it is there
    folder = [*call[:3], str(tmp_path / "folder"), *call[4:]]
    assert main(folder) == 0
    assert (tmp_path / "folder/unet/diffusion_pytorch_model.safetensors").is_file()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


class Trap:
    """A pickle that would run code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("ran",))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"weight": torch.zeros(3)}, "it lacks time_embed"),
        ({"step": 3}, "nothing but tensors"),
        (Trap(), "no file of bare tensors"),
    ],
)
def test_other_files_are_refused(
    state: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(InputError, match=said):
        read_source(tmp_path / "net.pt", heads=Heads(count=1))
    assert "ran" not in capsys.readouterr().out


def test_what_the_file_does_not_say_is_asked(tmp_path: Path) -> None:
    given = saved(PLAIN, tmp_path)
    with pytest.raises(UsageError, match="--heads or --head-width"):
        read_source(given)
    with pytest.raises(UsageError, match="--heads or --head-width"):
        read_source(given, heads=Heads(2, 16))
    with pytest.raises(UsageError, match="leave them out"):
        read_source(given, like="ffhq_10m", schedule="cosine")
    with pytest.raises(UsageError, match="did you mean 'ffhq_10m'"):
        read_source(given, like="ffhq-10m")
    with pytest.raises(InputError, match=r"not ffhq_10m: its features are 32, expected 128"):
        read_source(given, like="ffhq_10m")
    with pytest.raises(InputError, match="do not divide"):
        write_weights(read_source(given, heads=Heads(count=5)), tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="upsamplers"):
        read_structure(replace(PLAIN, inputs=6).random())
    cut = {key: value for key, value in PLAIN.random().items() if "output_blocks.1" not in key}
    torch.save(cut, tmp_path / "cut.pt")
    with pytest.raises(InputError, match="Missing key"):
        write_weights(
            read_source(tmp_path / "cut.pt", heads=heads(PLAIN)), tmp_path / "cut.safetensors"
        )
    assert not (tmp_path / "cut.safetensors").exists()
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(InputError, match="no file of bare tensors"):
        read_source(tmp_path / "text.pt", heads=heads(PLAIN))
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(InputError, match="not a safetensors file"):
        read_source(tmp_path / "text.safetensors", heads=heads(PLAIN))


def test_a_folder_is_refused_where_diffusers_has_no_option(tmp_path: Path) -> None:
    net = CASES["four heads of any width"]
    source = read_source(saved(net, tmp_path), heads=heads(net))
    with pytest.raises(UsageError, match="no option for heads"):
        write_folder(source, tmp_path / "folder")


def test_classes_are_told_by_the_level(tmp_path: Path) -> None:
    net = CASES["classes"]
    write_weights(read_source(saved(net, tmp_path), heads=heads(net)), tmp_path / "net.safetensors")
    model = load_model(tmp_path / "net.safetensors")
    assert model.settings.levels == ["class"]
    x = pictures(net, torch.float32)
    one, other = (model.denoiser(x, 0.5, level=torch.full((2, 1), k)).x0 for k in (1.0, 7.0))
    assert float((one - other).abs().max()) > 1e-3
    with pytest.raises(ValueError, match="takes 1 levels, 0 came"):
        model.denoiser(x, 0.5)


@pytest.fixture
def priors(tmp_path: Path) -> dict[str, Path]:
    """One network as a weight file and as a folder of diffusers, and another tiny folder."""
    source = read_source(saved(PLAIN, tmp_path), heads=heads(PLAIN))
    write_weights(source, tmp_path / "net.safetensors")
    write_folder(source, tmp_path / "folder")
    pipeline = diffusers.DDPMPipeline(unet(), diffusers.DDPMScheduler(clip_sample=False))
    pipeline.save_pretrained(tmp_path / "other")
    return {"file": tmp_path / "net.safetensors", "folder": tmp_path / "folder",
            "other": tmp_path / "other"}  # fmt: skip


def test_file_and_folder_are_one_prior(priors: dict[str, Path]) -> None:
    """`undrift.solve` draws the same pictures with the checkpoint in either form."""
    truth = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1))
    operator = Average((3, 16, 16), 2)
    y = operator(truth[None])[0]
    ours, theirs = (
        read_prior(str(priors[name])).for_signals((3, 16, 16)) for name in ("file", "folder")
    )
    assert ours.channels == theirs.channels == 3
    whole = torch.arange(1000, 0, -100, dtype=torch.float64) / 1000
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for t in whole.tolist():
        # one picture and one noise in both: the paths differ by a factor
        ends = [(float(p.process.a(torch.tensor(t).double())),
                 float(p.process.s(torch.tensor(t).double()))) for p in (ours, theirs)]  # fmt: skip
        (a, s), (other, noise) = ends
        assert s / a == pytest.approx(noise / other, rel=1e-9)
        state = (truth[None].double() + s / a * x).float()
        found, expected = ours.denoise(a * state, t, None, None), theirs.denoise(
            other * state, t, None, None
        )  # fmt: skip
        gap = (found.x0 - expected.x0).abs().max()
        assert float(gap) < 1e-4 * float(expected.x0.abs().max())
    found = {
        name: undrift.solve(y, operator, str(path), noise=0.05, steps=3, method="sda").value
        for name, path in priors.items()
    }
    assert found["other"].shape == (3, 16, 16)
    assert bool(torch.isfinite(found["other"]).all())
    gap = (found["file"] - found["folder"]).abs().max()
    assert float(gap) < 1e-4 * float(found["folder"].abs().max())


def test_tasks_take_the_file_and_the_folder(priors: dict[str, Path]) -> None:
    """`--model` of the tasks with an operator: a converted checkpoint in either form, grey too."""
    scene = torch.rand(24, 20, 3, generator=torch.Generator().manual_seed(1)).numpy()
    for picture in (scene, scene[..., 0]):
        found = {
            name: undrift.deblur(
                picture, psf="gaussian:0.5", noise=5.0, model=str(priors[name]), steps=3
            )
            for name in ("file", "folder")
        }
        gap = abs(found["file"].value - found["folder"].value).max()
        assert gap < 1e-3
        assert found["folder"].info["weights"].startswith("sha256:")
    whole = undrift.denoise(scene, sigma=25, model=str(priors["folder"]))
    assert whole.value.shape == scene.shape
    with pytest.raises(InputError, match="a model for denoise, not for sr"):
        undrift.sr(scene, scale=2, model=str(priors["folder"]))
