"""`enhance` on sounds in memory: kinds, seeds, chunks, channels, levels, warnings."""

import gc
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_speech import voice, write_speech_model

from undrift.common.errors import InputError, UsageError
from undrift.common.wishes import Wishes
from undrift.speech.asked import Asked
from undrift.speech.audio import Audio, Stored, write_audio
from undrift.speech.levels import levels_of
from undrift.speech.loudness import loudness
from undrift.speech.method import method_for
from undrift.speech.passage import InMemory, Passage
from undrift.speech.tasks import enhance
from undrift.speech.told import warnings_for

RATE = 16000
MONO = voice(RATE, 20000)
STEREO = np.stack([MONO, np.float32(0.2) * voice(RATE, 20000, 3)]).astype(np.float32)
MANY: dict[str, Any] = {"samples": 2, "steps": 2}


def test_the_kind_that_came_comes_back(speech_model: str) -> None:
    truth = enhance(MONO, rate=RATE, model=speech_model).value
    assert (truth.dtype, truth.shape) == (np.float32, MONO.shape)
    assert np.abs(truth - MONO).max() > 1e-3
    pair = enhance(MONO[None], rate=RATE, model=speech_model).value
    assert pair.shape == (1, 20000)
    np.testing.assert_array_equal(pair[0], truth)
    tensor = enhance(torch.from_numpy(MONO), rate=RATE, model=speech_model).value
    np.testing.assert_array_equal(tensor.numpy(), truth)
    stored = Stored("FLAC", "PCM_24", tags={"title": "a"})
    audio = enhance(Audio(MONO[None], RATE, stored), model=speech_model).value
    assert (audio.rate, audio.stored) == (RATE, stored)
    np.testing.assert_array_equal(audio.samples[0], truth)
    double = enhance(MONO.astype(np.float64), rate=RATE, model=speech_model).value
    assert double.dtype == np.float64
    half = enhance(torch.from_numpy(MONO).to(torch.bfloat16), rate=RATE, model=speech_model).value
    assert half.dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8])
def test_integers_have_full_scale(dtype: type, speech_model: str) -> None:
    bits = 8 * np.dtype(dtype).itemsize
    middle = 128 if dtype == np.uint8 else 0
    numbers = (np.rint(MONO.astype(np.float64) * 2 ** (bits - 1)) + middle).astype(dtype)
    floats = ((numbers.astype(np.float64) - middle) / 2 ** (bits - 1)).astype(np.float32)
    truth = enhance(floats, rate=RATE, model=speech_model).value
    value = enhance(numbers, rate=RATE, model=speech_model).value
    assert value.dtype == dtype
    assert np.abs((value.astype(np.float64) - middle) / 2 ** (bits - 1) - truth).max() <= 2**-bits
    same = enhance(numbers, rate=RATE, model=speech_model, strength=0).value
    assert np.abs(same.astype(np.int64) - numbers).max() <= (0 if bits < 32 else 2**7)


def test_a_path_gives_an_audio_that_can_be_saved(speech_model: str, tmp_path: Path) -> None:
    source = tmp_path / "a.wav"
    write_audio(source, Audio(STEREO, RATE, Stored("WAV", "PCM_24")))
    result = enhance(source, model=speech_model)
    assert isinstance(result.value, Audio)
    assert result.value.stored.subtype == "PCM_24"
    assert result.info["item"] == "a.wav"
    result.save(tmp_path / "b.flac")
    again = enhance(str(tmp_path / "b.flac"), method="wiener", strength=0).value
    np.testing.assert_allclose(again.samples, result.value.samples, atol=2.0**-23)


def test_equal_calls_give_equal_bytes_and_seeds_differ(speech_model: str) -> None:
    def run(**changes: Any) -> bytes:
        return enhance(MONO, rate=RATE, model=speech_model, **MANY, **changes).value.tobytes()

    assert run(seed=4) == run(seed=4)
    assert run(seed=4) != run(seed=5)
    assert run(item="a") != run(item="b")


def test_chunks_change_nothing(speech_model: str) -> None:
    sound = voice(44100, 3 * 44100)
    wishes: dict[str, Any] = {"rate": 44100, "model": speech_model, **MANY}
    whole = enhance(sound, chunk=100, **wishes)
    for chunk in (0.3, 1.0):
        parts = enhance(sound, chunk=chunk, overlap=0.1, **wishes)
        assert np.abs(parts.value - whole.value).max() < 1e-5 * np.abs(whole.value).max()
        np.testing.assert_allclose(parts.std, whole.std, atol=1e-5 * whole.std.max())


def test_each_channel_is_what_it_is_alone(speech_model: str) -> None:
    both = enhance(STEREO, rate=RATE, model=speech_model, **MANY)
    for number, channel in enumerate(STEREO):
        alone = enhance(channel, rate=RATE, model=speech_model, **MANY)
        np.testing.assert_allclose(both.value[number], alone.value, atol=1e-6)
        np.testing.assert_allclose(both.std[number], alone.std, atol=1e-5)


def test_channels(speech_model: str) -> None:
    def run(sound: np.ndarray, **own: Any) -> np.ndarray:
        return enhance(sound, rate=RATE, model=speech_model, **own).value

    np.testing.assert_array_equal(run(STEREO, channels="first")[0], run(STEREO[0]))
    middle = STEREO.mean(0, keepdims=True)
    np.testing.assert_array_equal(run(STEREO, channels="mid"), run(middle))
    linked = run(STEREO, channels="linked")
    assert linked.shape == STEREO.shape
    twice = np.stack([MONO, 0.5 * MONO])
    left, right = run(twice, channels="linked")
    np.testing.assert_allclose(right, 0.5 * left, atol=1e-6)


def test_levels_do_not_matter_and_are_kept(speech_model: str) -> None:
    truth = enhance(MONO, rate=RATE, model=speech_model).value
    for gain in (0.03, 5.0):
        value = enhance(np.float32(gain) * MONO, rate=RATE, model=speech_model).value
        np.testing.assert_allclose(value / gain, truth, atol=2e-5)
    level = 20 * np.log10(levels_of(MONO[None], RATE)[0])
    given = enhance(MONO, rate=RATE, model=speech_model, input_level=float(level)).value
    np.testing.assert_allclose(given, truth, atol=1e-6)
    other = enhance(MONO, rate=RATE, model=speech_model, input_level=float(level) - 20).value
    assert np.abs(other - truth).max() > 1e-4


def test_strength_and_attenuation(speech_model: str) -> None:
    full = enhance(MONO, rate=RATE, model=speech_model).value
    none = enhance(MONO, rate=RATE, model=speech_model, strength=0).value
    np.testing.assert_array_equal(none, MONO)
    some = enhance(MONO, rate=RATE, model=speech_model, strength=0.3).value
    np.testing.assert_allclose(some, 0.7 * MONO + 0.3 * full, atol=1e-6)
    limited = enhance(MONO, rate=RATE, model=speech_model, max_attenuation=20).value
    np.testing.assert_allclose(limited, 0.1 * MONO + 0.9 * full, atol=1e-6)


def test_output_rate_and_levels(speech_model: str) -> None:
    result = enhance(STEREO, rate=RATE, model=speech_model, output_rate=22050)
    assert result.value.shape == (2, 27563)  # 20000 samples at 22050/16000, the last one begun
    assert (result.info["rate_in"], result.info["rate_out"]) == (16000, 22050)
    loud = enhance(STEREO, rate=RATE, model=speech_model, level="-23LUFS")
    assert loudness(loud.value, RATE) == pytest.approx(-23, abs=0.01)
    assert loud.info["loudness_out"] == pytest.approx(-23, abs=0.01)
    assert loud.info["loudness_in"] == pytest.approx(loudness(STEREO, RATE), abs=0.01)
    peak = enhance(STEREO, rate=RATE, model=speech_model, level="peak").value
    assert np.abs(peak).max() == pytest.approx(10 ** (-1 / 20), rel=1e-5)


def test_samples_their_mean_and_standard_deviation(speech_model: str) -> None:
    result = enhance(MONO, rate=RATE, model=speech_model, samples=3, steps=2)
    assert len(result.samples) == 3
    np.testing.assert_allclose(result.value, np.mean(result.samples, 0), atol=1e-6)
    window = torch.hann_window(510)
    spectra = [
        torch.stft(torch.from_numpy(one), 510, 256, window=window, return_complex=True)
        for one in result.samples
    ]
    spread = torch.stack(spectra).std(0)
    assert result.std.shape == spread.shape
    # Adding up frames is a projection: the frames of the sum hold no more than those added.
    kept = float((spread**2).sum() / np.square(result.std).sum())
    assert 0.3 < kept < 1
    one = enhance(MONO, rate=RATE, model=speech_model, steps=2)
    assert one.std is None
    assert one.samples == ()
    first = enhance(MONO, rate=RATE, model=speech_model, samples=1, steps=2, solver="auto").value
    np.testing.assert_allclose(result.samples[0], first, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 5, 160, 300])
@pytest.mark.parametrize("rate", [8000, 16000, 48000, 192000])
def test_short_sounds(rate: int, samples: int, speech_model: str) -> None:
    sound = voice(rate, samples)
    value = enhance(sound, rate=rate, model=speech_model, **MANY).value
    assert value.shape == (samples,)
    assert np.isfinite(value).all()


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("method", ["model", "wiener", "spectral-subtraction"])
def test_silence_is_silence(rate: int, method: str, speech_model: str) -> None:
    model = speech_model if method == "model" else None
    for level in ("preserve", "peak", "-23LUFS"):
        result = enhance(
            np.zeros(rate, np.float32), rate=rate, model=model, method=method, level=level
        )
        assert not result.value.any()
        assert result.info["snr"] is None
        assert result.info["warnings"] == []


def test_odd_sounds_have_a_defined_result(speech_model: str) -> None:
    flat = np.full(8000, 0.3, np.float32)
    clipped = np.clip(20 * MONO, -1, 1)
    for sound in (flat, clipped, 1e-7 * MONO):
        assert np.isfinite(enhance(sound, rate=RATE, model=speech_model).value).all()
    told = enhance(clipped, rate=RATE, model=speech_model).info["warnings"]
    assert any("full scale" in text for text in told)


def test_warnings_say_when_not_to_trust(speech_model: str) -> None:
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32) * 0.05
    told = enhance(noise, rate=RATE, method="wiener").info
    assert told["snr"] < 0
    assert any("more was removed than is left" in text for text in told["warnings"])
    tone = np.sin(np.arange(RATE) / 3).astype(np.float32)
    assert not enhance(tone, rate=RATE, method="wiener", strength=0).info["disagreement"]
    told = {"snr": 5.0, "disagreement": 0.6, "clipped_in": 0}
    assert any("samples disagree" in text for text in warnings_for(told))
    assert not warnings_for({**told, "disagreement": 0.2})


def test_info_says_how_to_repeat(speech_model: str) -> None:
    info = enhance(STEREO, rate=RATE, model=speech_model, preset="best", seed=3).info
    json.dumps(info)
    assert (info["model"], info["seed"], info["nfe"], info["steps"]) == ("tiny-speech", 3, 3, 3)
    assert info["weights"].startswith("sha256:")
    assert info["shape_in"] == info["shape_out"] == [2, 20000]
    assert info["duration"] == 1.25
    assert info["rtf"] == pytest.approx(info["seconds"] / 1.25, abs=2e-3)
    expected = [20 * np.log10(level) for level in levels_of(STEREO, RATE)]
    assert info["level_in"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("sound", "given", "error", "said"),
    [
        (MONO, {}, UsageError, "say rate=16000"),
        (MONO, {"rate": 0}, UsageError, "whole number of samples a second"),
        (MONO[None, None], {"rate": RATE}, InputError, r"expected samples \(n,\)"),
        (MONO[:, None], {"rate": RATE}, InputError, "transpose"),
        (MONO[:0], {"rate": RATE}, InputError, "n >= 1"),
        (MONO.astype(np.int64), {"rate": RATE}, InputError, "int64; expected floats"),
        ([0.1, 0.2], {"rate": RATE}, InputError, "cannot take a list"),
        (np.array([0, np.nan], np.float32), {"rate": RATE}, InputError, "sample 1 of channel 0"),
        (MONO, {"rate": RATE, "tile": 4}, UsageError, "tile means nothing"),
        (MONO, {"rate": RATE, "stregth": 1}, UsageError, "unknown keyword 'stregth'"),
        (MONO, {"rate": RATE, "strength": 2}, UsageError, "strength 2: expected 0 to 1"),
        (MONO, {"rate": RATE, "strength": 0.5, "max_attenuation": 3}, UsageError, "give one"),
        (MONO, {"rate": RATE, "channels": "ech"}, UsageError, "did you mean 'each'"),
        (MONO, {"rate": RATE, "level": "23"}, UsageError, "-23LUFS"),
        (MONO, {"rate": RATE, "highband": "no"}, UsageError, "scale, keep, drop"),
        (MONO, {"rate": RATE, "method": "winer"}, UsageError, "did you mean 'wiener'"),
        (MONO, {"rate": RATE, "method": "wiener", "steps": 2}, UsageError, "belongs to a network"),
        (MONO, {"rate": RATE, "method": "wiener", "samples": 2}, UsageError, "would be equal"),
        (MONO, {"rate": RATE, "samples": 2, "solver": "ddim", "steps": 1}, UsageError, "the same"),
        (MONO, {"rate": RATE, "overlap": 5}, UsageError, "at most half of a chunk"),
        ("no.wav", {}, InputError, "no such file"),
    ],
)
def test_mistakes_are_told(
    sound: Any, given: dict[str, Any], error: type, said: str, speech_model: str
) -> None:
    model = None if given.get("method", "model") != "model" else speech_model
    with pytest.raises(error, match=said):
        enhance(sound, model=model, **given)


def test_a_model_of_another_domain_or_task_is_refused(speech_model: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a model for restoration"):
        enhance(MONO, rate=RATE, model="leaves-sr")
    only = write_speech_model(tmp_path / "m.safetensors", task="denoise")
    assert enhance(MONO, rate=RATE, model=only, task="denoise").info["task"] == "denoise"
    with pytest.raises(InputError, match="not for dereverb"):
        enhance(MONO, rate=RATE, model=only, task="dereverb")
    assert enhance(MONO, rate=RATE, model=speech_model, task="both").info["task"] == "both"


def test_what_is_held_does_not_grow_with_the_recording(speech_model: str) -> None:
    """Elements of all tensors made and still alive, at each second of twenty."""
    sound = voice(RATE, 20 * RATE)
    method = method_for(Asked(chunk=1.0, overlap=0.1), speech_model, Wishes(samples=2, steps=2))
    source = InMemory(Audio(sound[None], RATE))
    passage = Passage(source, Asked(chunk=1.0, overlap=0.1), method)
    alive = []
    gc.freeze()  # what is there before is not counted
    try:
        for _ in passage.blocks():
            alive.append(sum(one.numel() for one in gc.get_objects() if type(one) is torch.Tensor))
    finally:
        gc.unfreeze()
    assert len(alive) > 20
    assert max(alive[14:]) <= 1.05 * max(alive[3:9])


def test_names_at_the_front_door() -> None:
    import undrift

    assert undrift.enhance is undrift.speech.enhance is enhance
    assert undrift.speech.Audio is Audio
    assert {*undrift.speech.__all__} == {*undrift.speech.LAZY} <= {*dir(undrift.speech)}
    with pytest.raises(AttributeError, match="enhanse"):
        _ = undrift.speech.enhanse  # pyright: ignore[reportAttributeAccessIssue]
