"""Scores of speech against closed forms, official numbers and other libraries."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torchmetrics.functional.audio import (
    scale_invariant_signal_distortion_ratio,
    signal_distortion_ratio,
    signal_noise_ratio,
)

from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.speech.metrics import intelligibility, ratios, spectra
from undrift.speech.metrics.scores import METRICS, USUAL, score

OFFICIAL = Path(__file__).parents[1] / "reference" / "speech_metrics.npz"

# pystoi 0.4.1 of `speech(rate)`: STOI and ESTOI
PYSTOI = {
    8000: (0.8827410849636366, 0.6220111413002989),
    10000: (0.8847911026953172, 0.636700815134812),
    16000: (0.8636164551891684, 0.564851591504896),
    22050: (0.8879026105812007, 0.6488727827913932),
    44100: (0.8783349336083415, 0.6159920347572554),
    48000: (0.8852013276069065, 0.6086901426856473),
}
PESQ_OF_FOUR_SECONDS = 2.3430769443511963  # pesq 0.0.4, wide band


def speech(rate: int, seconds: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Noise in syllables with a pause, and the same with noise: what every score can take."""
    t = np.arange(round(rate * seconds)) / rate
    noise = np.random.default_rng(rate).standard_normal((2, len(t)))
    clean = noise[0] * np.abs(np.sin(7 * t)) * (np.abs(t - 0.7) > 0.15)
    return clean, 0.8 * clean + 0.3 * noise[1]


def orthogonal(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Two signals of unit power without anything in common."""
    t = np.arange(n)
    return math.sqrt(2) * np.sin(2 * math.pi * 40 * t / n), math.sqrt(2) * np.cos(
        2 * math.pi * 90 * t / n
    )


@pytest.mark.parametrize("rate", PYSTOI)
def test_intelligibility_equals_pystoi(rate: int) -> None:
    clean, noisy = speech(rate)
    plain, extended = PYSTOI[rate]
    assert intelligibility.stoi(clean, noisy, rate) == pytest.approx(plain, abs=1e-9)
    assert intelligibility.estoi(clean, noisy, rate) == pytest.approx(extended, abs=1e-9)


def test_intelligibility_of_the_signal_itself_is_one_at_any_level() -> None:
    clean, _ = speech(16000)
    assert intelligibility.stoi(clean, 0.1 * clean, 16000) == pytest.approx(1)
    assert intelligibility.estoi(clean, 3 * clean, 16000) == pytest.approx(1)


def test_pauses_are_not_scored() -> None:
    clean, noisy = speech(10000)
    pause = np.zeros(5000)  # whole frames: what is kept stays the same but for the seam
    longer = [np.concatenate([x, pause, x]) for x in (clean, noisy)]
    louder = longer[1] + np.concatenate([0 * clean, pause + 9.0, 0 * clean])
    assert intelligibility.estoi(longer[0], louder, 10000) == pytest.approx(
        intelligibility.estoi(longer[0], longer[1], 10000), abs=0.02
    )


def test_the_helper_of_the_official_code() -> None:
    stored = np.load(OFFICIAL)
    found = ratios.si_ratios(stored["s"], stored["n"], stored["s_hat"])
    assert [found.sdr, found.sir, found.sar] == pytest.approx(stored["si_sdr_sir_sar"], rel=1e-6)
    assert ratios.si_sdr(stored["s"], stored["s_hat"]) == pytest.approx(
        float(stored["si_sdr"]), rel=1e-6
    )


def test_both_conventions_of_the_mean_as_torchmetrics_has_them() -> None:
    clean, noisy = speech(16000)
    first, second = torch.from_numpy(noisy + 0.5), torch.from_numpy(clean + 0.2)
    for score_of, centred in ((ratios.si_sdr, False), (ratios.si_sdr_centred, True)):
        theirs = scale_invariant_signal_distortion_ratio(first, second, zero_mean=centred)
        assert score_of(clean + 0.2, noisy + 0.5) == pytest.approx(float(theirs), abs=1e-6)
    assert ratios.snr(clean, noisy) == pytest.approx(
        float(signal_noise_ratio(torch.from_numpy(noisy), torch.from_numpy(clean))), abs=1e-6
    )


def test_ratios_in_closed_form() -> None:
    signal, other = orthogonal()
    estimate = 0.5 * signal + 0.05 * other
    assert ratios.si_sdr(signal, estimate) == pytest.approx(20)
    assert ratios.snr(signal, estimate) == pytest.approx(-10 * math.log10(0.25 + 0.0025))
    assert ratios.si_sdr(signal, 2 * signal) > 200  # rounding alone
    assert ratios.snr(signal, signal) == math.inf
    parts = ratios.si_ratios(signal, other, estimate)
    assert (parts.sir, parts.sdr) == pytest.approx((20, 20))
    assert parts.sar > 200


def test_a_filter_is_no_distortion_for_sdr_alone() -> None:
    clean, _ = speech(16000)
    filtered = np.convolve(clean, [1, 0.5, 0.25])[: len(clean)]
    noise = np.random.default_rng(3).standard_normal(len(clean))
    noise *= 0.1 * np.linalg.norm(filtered) / np.linalg.norm(noise)
    assert ratios.sdr(clean, filtered + noise) == pytest.approx(20, abs=0.3)  # 512 of 24000 fitted
    assert ratios.si_sdr(clean, filtered + noise) < 8
    theirs = signal_distortion_ratio(torch.from_numpy(filtered), torch.from_numpy(clean))
    assert ratios.sdr(clean, filtered) == pytest.approx(float(theirs))


def test_segments_of_equal_error_have_its_ratio_and_are_limited() -> None:
    clean, _ = speech(16000)
    steady = np.random.default_rng(0).standard_normal(8000)
    assert ratios.segmental_snr(steady, 0.9 * steady, 16000) == pytest.approx(20)
    assert ratios.segmental_snr(steady, steady, 16000) == 35
    assert ratios.segmental_snr(steady, 9 * steady, 16000) == -10
    half = np.concatenate([steady, steady]), np.concatenate([steady, -9 * steady])
    assert ratios.segmental_snr(*half, 16000) == pytest.approx(12.5, abs=0.5)  # seam of 4 frames
    with pytest.raises(InputError, match="480"):
        ratios.segmental_snr(clean[:100], clean[:100], 16000)


@pytest.mark.parametrize("gain", [0.5, 1.0, 3.0])
def test_distance_of_a_gain_is_the_gain(gain: float) -> None:
    steady = np.random.default_rng(0).standard_normal(8000)
    expected = abs(20 * math.log10(gain))
    assert spectra.lsd(steady, gain * steady, 16000) == pytest.approx(expected, abs=1e-9)


def test_distance_of_silence_ends_at_the_floor() -> None:
    tone = np.sin(2 * math.pi * 1000 * np.arange(16000) / 16000)
    nearly = spectra.lsd(tone, tone + 1e-9, 16000)
    assert nearly < 1e-3  # without a floor, empty bins would count for tens of decibels
    assert 0 < spectra.lsd(tone, np.zeros_like(tone), 16000) <= 80


def test_pesq_as_its_package_has_it_or_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clean, noisy = speech(16000, 4)
    try:
        import pesq  # pyright: ignore[reportMissingImports]  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(MissingExtraError, match="pip install"):
            spectra.pesq(clean, noisy, 16000)
        return
    assert spectra.pesq(clean, noisy, 16000) == pytest.approx(PESQ_OF_FOUR_SECONDS, abs=1e-6)
    with pytest.raises(InputError, match="16000 Hz, the files have 8000"):
        spectra.pesq(clean, noisy, 8000)
    with pytest.raises(InputError, match="silent"):
        spectra.pesq(0 * clean, noisy, 16000)


def test_channels_are_averaged_and_kinds_do_not_matter() -> None:
    clean, noisy = speech(16000)
    stereo = np.stack([clean, clean]), np.stack([noisy, 0.5 * clean + 0.9 * noisy])
    for name in ("si_sdr", "snr", "seg_snr", "lsd", "stoi", "estoi"):
        both = [METRICS[name](a, b, 16000) for a, b in zip(*stereo, strict=True)]
        assert METRICS[name](*stereo, 16000) == pytest.approx(np.mean(both)), name
    first, second = torch.from_numpy(clean), torch.from_numpy(noisy)
    assert score(first, second, 16000, USUAL) == score(clean, noisy, 16000, USUAL)


def test_bad_signals_are_told() -> None:
    clean, noisy = speech(16000)
    with pytest.raises(InputError, match="channels of 24000 samples, the estimate 1 channels of 9"):
        ratios.snr(clean, noisy[:9])
    with pytest.raises(InputError, match="1 NaN or infinite"):
        ratios.snr(clean, np.where(np.arange(len(noisy)) == 5, np.nan, noisy))
    with pytest.raises(InputError, match="silent"):
        ratios.si_sdr(0 * clean, noisy)
    with pytest.raises(InputError, match="s of speech in the reference"):
        intelligibility.stoi(clean[:3000], noisy[:3000], 16000)
    with pytest.raises(UsageError, match="did you mean 'estoi'"):
        score(clean, noisy, 16000, ["estio"])
