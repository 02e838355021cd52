"""A pair of recordings made of whole numbers only, on which the protocol has stored scores."""

import numpy as np

RATE = 16000


def syllables(count: int = 24000) -> tuple[np.ndarray, np.ndarray]:
    """(clean, degraded), int16 (samples,) at 16 kHz: saw-teeth in syllables; hiss and an echo.

    Syllables last a fifth of a second, each with another period, rising and falling; the hiss is a
    quadratic residue, the echo comes 50 ms later at a quarter of the size.
    """
    i = np.arange(count, dtype=np.int64)
    place, number = i % 3200, i // 3200
    period = 73 + 11 * ((7 * number) % 9)
    saw = 2 * (i % period) - period + 1
    swell = np.minimum(place, 3199 - place)
    clean = saw * swell // 32
    echo = np.concatenate([np.zeros(800, np.int64), clean[:-800]]) // 4
    hiss = (7 * i * i + 13 * i) % 2003 - 1001
    degraded = clean + echo + hiss
    return clean.astype(np.int16), degraded.astype(np.int16)
