"""Recordings inside packages: decoded sample by sample, checked, and never half written."""

import hashlib
import io
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from debs import packed, toy_package

from undrift.common import cards, errors
from undrift.common.card_members import Members, digest
from undrift.common.cards import cards_folder, find_card
from undrift.common.data_cli import data
from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.speech.datasets.decode import RATE, decode
from undrift.speech.makers import make

rng = np.random.default_rng(3)
ONE = rng.integers(-32768, 32768, 400).astype("<i2")
TWO = rng.integers(-32768, 32768, 300).astype("<i2")


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """A WAV file of int16 samples (n,) or (n, channels)."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


INSIDE = {
    "usr/share/anna/a.wav": wav(ONE),
    "usr/share/anna/more/b.wav": wav(TWO),
    "usr/share/anna/beep.wav": wav(TWO),
    "usr/share/anna/readme.txt": b"hello",
    "usr/share/ben/c.raw": ONE.tobytes(),
}


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


GROUPS = f"""
  members:
    - name: anna
      archive: toy_1.0-1_all.deb
      folder: usr/share/anna
      suffix: .wav
      split: train
      items: 2
      seconds: {700 / RATE}
      sha256: "{digest({"a": sha(wav(ONE)), "more-b": sha(wav(TWO))})}"
      decoded: "{digest({"a": sha(ONE.tobytes()), "more-b": sha(TWO.tobytes())})}"
      leave_out: ["bee*"]
      creator: Anna
      license: CC0-1.0
    - name: ben
      archive: toy_1.0-1_all.deb
      folder: usr/share/ben
      suffix: .raw
      split: train
      items: 1
      sha256: "{digest({"c": sha(ONE.tobytes())})}"
      decoded: null
      sample_rate_hz: 16000
      creator: null
      license: null
  layout: ["*/*.wav"]"""


@pytest.fixture
def debs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the package of a card `toy` that names two speakers inside it."""
    text = (cards_folder() / "_template.md").read_text(encoding="utf-8")
    text = text.replace("id: my-data", "id: toy").replace("my-data.zip", "toy_1.0-1_all.deb")
    text = text.replace("domain: restoration", "domain: speech")
    about = '\n      debian: {package: toy, version: "1.0-1", architecture: all}'
    text = text.replace("encoding: application/zip", "encoding: x" + about)
    text = text.replace('\n  layout: ["images/*.png"]', GROUPS)
    monkeypatch.setattr(cards, "cards_folder", lambda: tmp_path / "cards")
    return toy_package(tmp_path, text, INSIDE)


def run(*args: object) -> Result:
    return CliRunner().invoke(data, [str(arg) for arg in args], standalone_mode=False)


def test_recordings_are_written_sample_by_sample_and_verify(debs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "3 written, 0 skipped" in run("make", "toy", "-o", out, "--archives", debs).stderr
    found = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    assert set(found) == {"anna/a.wav", "anna/more-b.wav", "ben/c.wav"}
    for name, samples in (("anna/a.wav", ONE), ("anna/more-b.wav", TWO), ("ben/c.wav", ONE)):
        written, rate = soundfile.read(found[name], dtype="int16")
        assert rate == RATE
        np.testing.assert_array_equal(written, samples)
    assert "files: 2, hashed: 1" in run("verify", "toy", "--root", out).stderr
    (debs / "toy_1.0-1_all.deb").unlink()  # not opened again
    assert set(make("toy", out, {"archives": debs}).values()) == {"skipped"}


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def test_recordings_in_a_zip_file_of_the_package_are_made(debs: Path, tmp_path: Path) -> None:
    path = cards.cards_folder() / "toy.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("share/anna", "share/all.pk3/voices/anna"), encoding="utf-8")
    inner = {name.replace("usr/share", "voices"): content for name, content in INSIDE.items()}
    deb = debs / "toy_1.0-1_all.deb"
    whole = {
        "usr/share/all.pk3": zipped(inner),
        "usr/share/ben/c.raw": INSIDE["usr/share/ben/c.raw"],
    }
    deb.write_bytes(packed(whole))
    out = tmp_path / "out"
    make("toy", out, {"archives": debs})
    written, _ = soundfile.read(out / "anna/more-b.wav", dtype="int16")
    np.testing.assert_array_equal(written, TWO)
    assert "files: 2, hashed: 1" in run("verify", "toy", "--root", out).stderr
    deb.write_bytes(packed({**whole, "usr/share/all.pk3": b"PK"}))
    with pytest.raises(InputError, match=r"toy_1.0-1_all.deb is damaged \(File is not a zip"):
        make("toy", tmp_path / "again", {"archives": debs})
    assert not (tmp_path / "again").exists()


def test_what_the_card_leaves_out_no_group_takes(debs: Path) -> None:
    path = cards.cards_folder() / "toy.md"
    text = path.read_text(encoding="utf-8")
    more = '  leave_out: ["*[Ss]iren*"]\n  layout: ["*/*.wav"]'
    text = text.replace('  layout: ["*/*.wav"]', more).replace(
        "      suffix: .raw\n", "      suffix: .raw\n      only: [c, d*]\n"
    )
    path.write_text(text, encoding="utf-8")
    anna, ben = find_card("toy").front.undrift.members
    assert anna.leave_out == ["bee*", "*[Ss]iren*"] and ben.leave_out == ["*[Ss]iren*"]
    assert anna.item("usr/share/anna/far/Siren2.wav") is None
    asked = ("c", "d1", "dSiren", "e", "c1")
    taken = [ben.item(f"usr/share/ben/{name}.raw") for name in asked]
    assert taken == ["c", "d1", None, None, None]


def test_speakers_are_chosen_by_name(debs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert list(make("toy", out, {"archives": debs, "items": ["ben"]})) == [out / "ben/c.wav"]
    told = str(run("verify", "toy", "--root", out).exception)
    assert "anna is not there; make it with --items anna" in told and "ben" not in told
    with pytest.raises(InputError, match=r"no item 'bem'; did you mean.*ben"):
        make("toy", out, {"archives": debs, "items": ["bem"]})
    with pytest.raises(UsageError, match="takes no 'noise'"):
        make("toy", out, {"noise": 25.0})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"usr/share/anna/more/b.wav": wav(ONE)}, "holds other recordings of anna"),
        ({"usr/share/anna/new.wav": wav(ONE)}, r"\(3 files, expected 2\)"),
    ],
)
def test_another_version_of_the_package_is_refused(
    debs: Path, tmp_path: Path, change: dict[str, bytes], told: str
) -> None:
    (debs / "toy_1.0-1_all.deb").write_bytes(packed({**INSIDE, **change}))
    with pytest.raises(InputError, match=told):
        make("toy", tmp_path / "out", {"archives": debs})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (wav(ONE[:200]), "anna has 0.031 s; the card says 0.044 s"),
        (wav(ONE[::-1]), "has other samples than the card's"),
        (wav(ONE, 8000), "has a.wav, which is not 16 kHz"),
        (b"RIFF", "has a damaged file, a.wav"),
    ],
)
def test_changed_recordings_are_told(debs: Path, tmp_path: Path, content: bytes, told: str) -> None:
    out = tmp_path / "out"
    make("toy", out, {"archives": debs})
    (out / "anna/a.wav").write_bytes(content)
    assert told in str(run("verify", "toy", "--root", out).exception)


def test_a_group_of_an_unknown_archive_or_split_is_a_mistake_of_the_card(debs: Path) -> None:
    path = cards.cards_folder() / "toy.md"
    text = path.read_text(encoding="utf-8")
    broken = text.replace("archive: toy_1.0", "archive: toy_2.0", 1)
    path.write_text(broken.replace("name: ben", "name: anna"), encoding="utf-8")
    with pytest.raises(InputError, match=r"(?s)members\.0\.archive: no file.*two share a name"):
        find_card("toy")


def test_channels_are_averaged_and_another_rate_is_changed() -> None:
    left, right = np.array([1000, -3, 5]), np.array([3000, -5, 7])
    stereo = wav(np.stack([left, right], axis=1).astype("<i2"))
    np.testing.assert_array_equal(decode(stereo, ".wav"), [2000, -4, 6])
    time = np.arange(4800) / 48000  # a tone in the band keeps its height and phase
    tone = np.rint(20000 * np.sin(2 * np.pi * 1000 * time)).astype("<i2")
    decoded = decode(wav(tone, 48000), ".wav")
    assert decoded.shape == (1600,) and decoded.dtype == np.dtype("<i2")
    expected = 20000 * np.sin(2 * np.pi * 1000 * np.arange(1600) / RATE)
    assert np.abs(decoded - expected)[200:-200].max() < 1.5
    with pytest.raises(InputError, match="3 bytes are no 16-bit samples"):
        decode(b"abc", ".raw", RATE)


@pytest.mark.skipif(find_spec("av") is None, reason="PyAV is not installed")
def test_g722_is_decoded_as_the_recommendation_says() -> None:
    """Against the samples of another decoder than FFmpeg's."""
    known = np.load(Path(__file__).parents[1] / "reference" / "speech_g722.npz")
    np.testing.assert_array_equal(decode(known["coded"].tobytes(), ".g722"), known["samples"])


def test_without_a_decoder_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(errors.importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"pip install 'undrift\[audio\]'") as caught:
        make("debian-speech", tmp_path / "out", {"archives": tmp_path, "items": ["asterisk-en"]})
    assert caught.value.exit_code == 5 and not (tmp_path / "out").exists()


def test_speakers_lie_in_one_split_and_nothing_is_both_trained_on_and_tested() -> None:
    train, test = (find_card(f"debian-speech{end}").front.undrift for end in ("", "-heldout"))
    assert {split.use for split in test.splits} == {"test"}
    assert {split.use for split in train.splits} == {"train", "val"}
    assert not {g.archive for g in train.members} & {g.archive for g in test.members}
    for block in (train, test):
        for split in block.splits:
            groups = [group for group in block.members if group.split == split.name]
            assert sum(group.items for group in groups) == split.items
            assert len(groups) == split.groups
    splits = {group.name: group.split for group in train.members}
    assert splits["asterisk-en"] == splits["asterisk-es"] == "train"  # one person


def test_the_prose_counts_what_the_head_counts() -> None:
    for name in ("debian-speech", "debian-speech-heldout", "debian-noises", "debian-voices"):
        card = find_card(name)
        rows: dict[str, list[str]] = {}
        for line in card.prose["Composition"].splitlines():
            first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
            rows[first] = rest
        for group in card.front.undrift.members:
            assert group.seconds is not None
            counted, long = int(rows[group.name][1]), float(rows[group.name][2])
            assert counted == group.items
            assert abs(long - group.seconds / (1 if name.endswith("heldout") else 60)) <= 0.051


def test_the_head_is_shown_with_creators_and_licences(debs: Path) -> None:
    shown = run("show", "toy").output
    assert "group anna: 2 items, train; Anna, CC0-1.0" in shown
    assert "group ben: 1 items, train; creator not stated, licence not stated" in shown


def test_groups_are_file_sets_in_croissant() -> None:
    sets = {f["@id"]: f for f in find_card("debian-speech").to_croissant()["distribution"]}
    one = sets["klettres-da"]
    assert one["@type"] == "cr:FileSet" and one["includes"] == "usr/share/klettres/da/**/*.ogg"
    assert one["containedIn"] == {"@id": "klettres-data_22.12.3-1_all.deb"}
    assert one["encodingFormat"] == "audio/ogg" and "syllab-ad-27" in one["description"]
    sets = {f["@id"]: f for f in find_card("debian-noises").to_croissant()["distribution"]}
    told = sets["trigger-rally"]["description"]
    assert told.startswith("4 files, only ") and ", without *[Ss]iren*" in told


def test_items_are_named_by_their_path() -> None:
    group = Members.model_validate(
        {
            "name": "x", "archive": "x", "folder": "a/b", "suffix": ".ogg", "split": "train",
            "items": 0, "sha256": "0" * 64, "decoded": None, "creator": None, "license": None,
            "leave_out": ["c-[12]", "d"],
        }
    )  # fmt: skip
    named = {name: group.item(name) for name in ("a/b/c/3.ogg", "a/b/c/1.ogg", "a/bb/c.ogg",
                                                 "a/b/d.ogg", "a/b/d.wav")}  # fmt: skip
    assert list(named.values()) == ["c-3", None, None, None, None]
