"""Public sets of speech are read by their cards, under the names that the real ones use."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from undrift.common.cards import card_paths, find_card
from undrift.common.data_cli import data
from undrift.common.errors import InputError, UsageError
from undrift.common.training.recipes import read_recipe
from undrift.speech.datasets.dataset import SpeechData
from undrift.speech.pairs import card_pairs, read_pair

LEVELS = {"clean": 0.5, "degraded": -0.25}
EARS = ["p001/00000", "p002/00001"]
DNS = ["clnsp1_train_69005_1_snr15_tl-21_fileid_2", "clnsp9_bus_1_snr-5_tl-30_fileid_158"]
LIBRI = ["4077-13754-0001_5142-33396-0065", "6930-76324-0027_5683-32879-0011"]
# card, split, view, rate, names, groups, and the files of two items as the real set names them
REAL = [
    ("voicebank-demand", "train", None, 48000, ["p226_001", "p287_042"], ["p226", "p287"],
     [{"clean": f"clean_trainset_28spk_wav/{n}.wav",
       "degraded": f"noisy_trainset_28spk_wav/{n}.wav"} for n in ("p226_001", "p287_042")]),
    ("voicebank-demand", "test", None, 48000, ["p232_001", "p257_434"], ["p232", "p257"],
     [{"clean": f"clean_testset_wav/{n}.wav", "degraded": f"noisy_testset_wav/{n}.wav"}
      for n in ("p232_001", "p257_434")]),
    ("voicebank-demand", "valid-16k", None, 16000, ["p226_001", "p287_002"], ["p226", "p287"],
     [{"clean": f"valid/clean/{n}.wav", "degraded": f"valid/noisy/{n}.wav"}
      for n in ("p226_001", "p287_002")]),
    ("wsj0-chime3", "train", None, 16000, ["011c0201", "40po031e"], [None, None],
     [{"clean": f"train/clean/{n}.wav", "degraded": f"train/noisy/{n}.wav"}
      for n in ("011c0201", "40po031e")]),
    ("wsj0-reverb", "test", None, 16000, ["440c0201_0_0.61_-3.2", "440c0202_1_0.85_-7.0"],
     [None, None],
     [{"clean": f"audio/test/anechoic/{n}.wav", "degraded": f"audio/test/reverb/{n}.wav"}
      for n in ("440c0201_0_0.61_-3.2", "440c0202_1_0.85_-7.0")]),
    ("ears-wham", "train", None, 48000, EARS, ["p001", "p002"],
     [{"clean": f"train/clean/{n}.wav", "degraded": f"train/noisy/{n}_{snr}dB.wav"}
      for n, snr in zip(EARS, ("-2.5", "17.5"), strict=True)]),
    ("ears-reverb", "test", None, 48000, ["p102/00000", "p103/00001"], ["p102", "p103"],
     [{"clean": f"test/clean/{n}.wav", "degraded": f"test/reverberant/{n}_0.54.wav"}
      for n in ("p102/00000", "p103/00001")]),
    ("ears-reverb", "test", "rate-16k", 16000, ["p102/00000", "p103/00001"], ["p102", "p103"],
     [{"clean": f"test/clean/{n}.wav", "degraded": f"test/reverberant/{n}_0.54.wav"}
      for n in ("p102/00000", "p103/00001")]),
    ("dns-challenge", "train", None, 16000, ["2", "158"], [None, None],
     [{"clean": f"clean/clean_fileid_{n}.wav", "degraded": f"noisy/{long}.wav"}
      for n, long in zip((2, 158), DNS, strict=True)]),
    ("dns-challenge", "test-no-reverb", None, 16000, ["2", "158"], [None, None],
     [{"clean": f"test_set/synthetic/no_reverb/clean/clean_fileid_{n}.wav",
       "degraded": f"test_set/synthetic/no_reverb/noisy/{long}.wav"}
      for n, long in zip((2, 158), DNS, strict=True)]),
    ("dns-challenge", "test-real", None, 16000, ["audioset_realrec_car_0A", "ms_realrec_1"],
     [None, None],
     [{"degraded": f"test_set/real_recordings/{n}.wav"}
      for n in ("audioset_realrec_car_0A", "ms_realrec_1")]),
    ("libri2mix", "test", None, 16000, LIBRI, ["4077", "6930"],
     [{"clean": f"wav16k/max/test/s1/{n}.wav", "degraded": f"wav16k/max/test/mix_single/{n}.wav"}
      for n in LIBRI]),
    ("libri2mix", "train-100", "single-8k-min", 8000, LIBRI, ["4077", "6930"],
     [{"clean": f"wav8k/min/train-100/s1/{n}.wav",
       "degraded": f"wav8k/min/train-100/mix_single/{n}.wav"} for n in LIBRI]),
]  # fmt: skip


def lay_out(root: Path, files: Sequence[Mapping[str, str]], rate: int) -> None:
    """Writes items given as side -> path below `root`; item k has 80 + k even samples."""
    for k, sides in enumerate(files):
        for side, name in sides.items():
            write(root / name, np.full(80 + k, LEVELS[side]), rate)


def write(path: Path, samples: np.ndarray, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="FLOAT")


def told(card: str, root: Path) -> str:
    args = ["verify", card, "--root", str(root)]
    error = CliRunner().invoke(data, args, standalone_mode=False).exception
    assert isinstance(error, InputError), error
    return str(error)


def test_every_card_of_pairs_is_tried_with_real_names() -> None:
    blocks = [find_card(name).front.undrift for name in card_paths()]
    named = {block.id for block in blocks if block.domain == "speech" and block.views}
    assert named == {row[0] for row in REAL} and len(named) == 7


@pytest.mark.parametrize(
    ("card", "split", "view", "rate", "names", "groups", "files"),
    REAL,
    ids=[f"{row[0]}-{row[1]}-{row[2]}" for row in REAL],
)
def test_the_names_of_the_sets_pair_up(
    tmp_path: Path, card: str, split: str, view: str | None, rate: int, names: list, groups: list,
    files: list,
) -> None:  # fmt: skip
    lay_out(tmp_path, files, rate)
    write(tmp_path / "loose.wav", np.zeros(3), 8000)  # what lies about does not matter
    items = SpeechData(card, tmp_path, split, view)
    assert [entry.name for entry in items.entries] == names
    for k, item in enumerate(items):
        assert item.group == groups[k]
        for side, sound in (("clean", item.clean), ("degraded", item.degraded)):
            assert (sound is not None) == (side in files[k])
            if sound is not None:
                assert sound.rate == rate and sound.samples.shape == (1, 80 + k)
                assert (sound.samples == LEVELS[side]).all()
    if "clean" in files[0]:  # what recipes read
        clean, noisy = read_pair(card_pairs(card, tmp_path, split, view)[1], rate)
        assert clean.tolist() == [0.5] * 81 and noisy.tolist() == [-0.25] * 81


FIRST = {row[0]: row for row in reversed(REAL)}


@pytest.mark.parametrize("card", sorted(FIRST))
def test_a_missing_partner_is_told(tmp_path: Path, card: str) -> None:
    lay_out(tmp_path, FIRST[card][6], FIRST[card][3])
    (tmp_path / FIRST[card][6][0]["clean"]).unlink()
    message = told(card, tmp_path)
    assert "has no clean partner" in message and FIRST[card][6][0]["clean"] in message
    with pytest.raises(InputError, match="has no clean partner"):
        card_pairs(card, tmp_path, FIRST[card][1])


@pytest.mark.parametrize("card", sorted(FIRST))
def test_another_rate_is_told(tmp_path: Path, card: str) -> None:
    _, split, view, rate, _, _, files = FIRST[card]
    lay_out(tmp_path, files, rate)
    write(tmp_path / files[1]["degraded"], np.zeros(81), 22050)
    expected = f"has 22050 samples a second; the card says {rate}"
    assert f"{files[1]['degraded']} {expected}" in told(card, tmp_path)
    with pytest.raises(InputError, match=expected):
        SpeechData(card, tmp_path, split, view)[1]


@pytest.mark.parametrize("card", sorted(FIRST))
def test_lengths_that_differ_are_told(tmp_path: Path, card: str) -> None:
    lay_out(tmp_path, FIRST[card][6], FIRST[card][3])
    write(tmp_path / FIRST[card][6][0]["degraded"], np.zeros(79), FIRST[card][3])
    message = told(card, tmp_path)
    assert "has 80 samples in 1 channel(s) and" in message and "has 79 samples" in message
    assert "expected the same" in message


def test_a_recipe_trains_on_a_set(tmp_path: Path) -> None:
    from undrift.speech.training import open_samples

    lay_out(tmp_path, FIRST["wsj0-chime3"][6], 16000)
    source = f"{{kind: dataset, card: wsj0-chime3, root: {tmp_path}, split: train}}"
    recipe = read_recipe("sgmse-plus", (f"data.source={source}",))
    item = open_samples(recipe)[0]
    assert item["x0"].shape == item["y"].shape == (2, 256, 256)


def test_a_damaged_file_and_a_leaking_speaker_are_told(tmp_path: Path) -> None:
    names = ("train/{}/p226_001.wav", "valid/{}/p226_002.wav")
    files = [{"clean": n.format("clean"), "degraded": n.format("noisy")} for n in names]
    lay_out(tmp_path, files, 16000)
    assert "p226 lies in the splits train-16k, valid-16k: a leak" in told(
        "voicebank-demand", tmp_path
    )
    (tmp_path / "valid/noisy/p226_002.wav").write_bytes(b"RIFF no sound")
    assert "valid/noisy/p226_002.wav" in told("voicebank-demand", tmp_path)


def test_a_wrong_root_and_a_wrong_split_are_told(tmp_path: Path) -> None:
    lay_out(tmp_path / "EARS-WHAM", FIRST["ears-wham"][6], 48000)
    with pytest.raises(InputError, match=r"found below .*EARS-WHAM: use that as the root"):
        SpeechData("ears-wham", tmp_path, "train")
    with pytest.raises(UsageError, match=r"no view tran/\*; did you mean"):
        SpeechData("ears-wham", tmp_path, "tran")
