"""Ratios of energies in dB, reference s against estimate ŝ, larger is better.

    snr     = |s|² / |s - ŝ|²                        every change of level counts as noise
    si_sdr  = |g s|² / |g s - ŝ|²,  g = <ŝ, s>/|s|²  a change of level does not (Le Roux and others
                                                     2019, eq. 2)
    sdr     as si_sdr with a filter of 512 taps for g (BSS Eval: Vincent and others 2006)
    seg_snr mean over frames of snr, each between -10 and 35 dB (Hansen and Pellom 1998)

Two conventions of si_sdr are in use. `si_sdr` here takes the signals as they are, as the helper of
the SGMSE project does; `si_sdr_centred` removes their means first, as Le Roux's text does and
torchmetrics can (`zero_mean=True`). They differ where a file has an offset. With the noise n known,
ŝ falls into g s, h n (h = <ŝ, n>/|n|²) and the rest, the artefacts: `si_ratios` tells the
ratios of the first to both, to the noise and to the artefacts (SI-SDR, SI-SIR, SI-SAR).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.speech.metrics.signals import decibels, framed, pair, per_channel, samples_of

FRAME = 0.03  # seconds of a frame of seg_snr, of which the next begins a quarter later
LOWEST, HIGHEST = -10.0, 35.0  # dB, of a frame
TAPS = 512


@dataclass(frozen=True)
class SiRatios:
    """dB: target to all else (`sdr`), to the noise (`sir`), to the artefacts (`sar`)."""

    sdr: float
    sir: float
    sar: float


def snr(reference: Any, estimate: Any) -> float:
    """Signal to noise in dB of signals (n,) or (channels, n), mean over channels.

    Raises InputError for shapes that differ and values that are not finite.
    """
    return per_channel(lambda s, e: decibels(_energy(s), _energy(s - e)), reference, estimate)


def si_sdr(reference: Any, estimate: Any) -> float:
    """Scale-invariant signal to distortion in dB, means kept; arguments as `snr`.

    Raises InputError as `snr`, and for a silent reference.
    """
    return per_channel(_si_sdr, reference, estimate)


def si_sdr_centred(reference: Any, estimate: Any) -> float:
    """Scale-invariant signal to distortion in dB, means removed; arguments as `si_sdr`."""
    return per_channel(lambda s, e: _si_sdr(s - s.mean(), e - e.mean()), reference, estimate)


def si_ratios(reference: Any, noise: Any, estimate: Any) -> SiRatios:
    """SI-SDR, SI-SIR and SI-SAR of an estimate of `reference` in `reference` + `noise`.

    All (n,) or (channels, n), mean over channels. Raises InputError as `si_sdr`, and for no noise.
    """
    pair(reference, noise)
    found = [
        _si_ratios(s, n, e)
        for s, n, e in zip(
            pair(reference, estimate)[0],
            samples_of(noise, "the noise"),
            samples_of(estimate, "the estimate"),
            strict=True,
        )
    ]
    return SiRatios(*(float(value) for value in np.mean(found, axis=0)))


def sdr(reference: Any, estimate: Any) -> float:
    """Signal to distortion in dB of BSS Eval by torchmetrics; arguments as `si_sdr`."""
    ref, est = pair(reference, estimate)
    _audible(ref)
    import torch
    from torchmetrics.functional.audio import signal_distortion_ratio

    found = signal_distortion_ratio(
        torch.from_numpy(est), torch.from_numpy(ref), filter_length=TAPS, zero_mean=False
    )
    return float(found.mean())


def segmental_snr(reference: Any, estimate: Any, rate: float) -> float:
    """Mean over frames of 30 ms of the signal to noise in dB, each from -10 to 35.

    Hann windows, three quarters overlap; every frame counts, silent ones too. rate: in Hz.
    Raises InputError as `snr`, and for signals shorter than a frame.
    """
    length = round(FRAME * rate)
    window = np.hanning(length + 2)[1:-1]

    def score(s: np.ndarray, e: np.ndarray) -> float:
        if len(s) < length:
            raise InputError(f"{len(s)} samples are less than a frame of {length} (30 ms)")
        signal = ((window * framed(s, length, length // 4)) ** 2).sum(axis=1)
        error = ((window * framed(s - e, length, length // 4)) ** 2).sum(axis=1)
        ratios = [decibels(float(a), float(b)) for a, b in zip(signal, error, strict=True)]
        return float(np.clip(ratios, LOWEST, HIGHEST).mean())

    return per_channel(score, reference, estimate)


def _energy(signal: np.ndarray) -> float:
    return float(np.dot(signal, signal))


def _audible(signal: np.ndarray, name: str = "the reference") -> None:
    if not signal.any(axis=-1).all():
        raise InputError(f"{name} is silent; ratios to it have no meaning")


def _si_sdr(s: np.ndarray, e: np.ndarray) -> float:
    _audible(s)
    target = np.dot(e, s) / _energy(s) * s
    return decibels(_energy(target), _energy(target - e))


def _si_ratios(s: np.ndarray, n: np.ndarray, e: np.ndarray) -> tuple[float, float, float]:
    _audible(s)
    _audible(n, "the noise")
    target, noise = np.dot(e, s) / _energy(s) * s, np.dot(e, n) / _energy(n) * n
    energy = _energy(target)
    return (
        decibels(energy, _energy(e - target)),
        decibels(energy, _energy(noise)),
        decibels(energy, _energy(e - target - noise)),
    )
