"""MR signals: closed forms against spins that are simulated pulse by pulse, and listed numbers."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from undrift.common.errors import InputError, UsageError
from undrift.medical.simulate.mr_contrasts import (
    FLOW,
    PROTOCOLS,
    Protocol,
    find_protocol,
    mprage,
    null_ti,
    signals,
    tissue_signal,
)
from undrift.medical.simulate.mr_tissues import T15, T30, Tissue, table

REFERENCE = Path(__file__).parents[1] / "reference" / "medical" / "sim_reference.npz"
NAMES = {"T1_SE": "t1-se", "PD_SE": "pd-se", "T2_SE": "t2-se", "FLAIR": "flair", "SPGR": "spgr",
         "MPRAGE": "mprage"}  # fmt: skip


def grown(m: float, ms: float, t1: float) -> float:
    return 1 - (1 - m) * math.exp(-ms / t1)


def brute_mprage(tissue: Tissue, p: Protocol, cycles: int = 60) -> float:
    """Longitudinal magnetisation, pulse by pulse, until it repeats."""
    assert p.ti is not None
    before = p.ti - p.pulses // 2 * p.echo_spacing
    rest = p.tr - before - p.pulses * p.echo_spacing
    m, seen = 1.0, 0.0
    for _ in range(cycles):
        m = grown((1 - 2 * p.efficiency) * m, before, tissue.t1)
        for pulse in range(p.pulses):
            if pulse == p.pulses // 2:
                seen = m
            m = grown(m * math.cos(math.radians(p.flip)), p.echo_spacing, tissue.t1)
        m = grown(m, rest, tissue.t1)
    return tissue.pd * math.sin(math.radians(p.flip)) * seen * math.exp(-p.te / tissue.t2s)


@pytest.mark.parametrize("name", ["csf", "gm", "wm", "fat", "muscle"])
@pytest.mark.parametrize("tesla", [1.5, 3.0])
@pytest.mark.parametrize("efficiency", [1.0, 0.96])
def test_mprage_is_where_simulated_spins_settle(name: str, tesla: float, efficiency: float) -> None:
    protocol = replace(PROTOCOLS["mprage"], efficiency=efficiency)
    tissue = table(tesla)[name]
    assert abs(mprage(tissue, protocol) - brute_mprage(tissue, protocol)) < 1e-12


@pytest.mark.parametrize("inverted", [False, True])
def test_spin_echoes_are_where_simulated_spins_settle(inverted: bool) -> None:
    tissue, tr, te, ti = T15["gm"], 2500.0, 80.0, 800.0
    z = seen = 1.0
    for _ in range(40):  # 90 degrees (after an inversion), 180 degrees TE/2 later, a wait
        z = grown(-z, ti, tissue.t1) if inverted else z
        seen = z
        z = -grown(0.0, te / 2, tissue.t1)
        z = grown(z, tr - te / 2 - (ti if inverted else 0), tissue.t1)
    protocol = Protocol("flair" if inverted else "spin-echo", tr, te, ti=ti if inverted else None)
    expected = tissue.pd * seen * math.exp(-te / tissue.t2)
    assert tissue_signal(tissue, protocol) == pytest.approx(expected, abs=1e-12)


def test_gradient_echoes_are_where_simulated_spins_settle() -> None:
    tissue, tr, flip = T15["wm"], 12.0, 35.0
    a, e1, e2 = math.radians(flip), math.exp(-tr / tissue.t1), math.exp(-tr / tissue.t2)
    z = seen = balanced = 1.0
    vector = np.array([0.0, 1.0])  # across and along the field, of the balanced sequence
    for pulse in range(4000):
        seen = z * math.sin(a)
        z = 1 - (1 - z * math.cos(a)) * e1
        turn = a if pulse % 2 == 0 else -a
        c, s = math.cos(turn), math.sin(turn)
        across, along = c * vector[0] + s * vector[1], c * vector[1] - s * vector[0]
        balanced = abs(across)
        vector = np.array([across * e2, 1 - (1 - along) * e1])
    echo = tissue.pd * math.exp(-5 / tissue.t2s)
    spoiled = tissue_signal(tissue, Protocol("spgr", tr, 5, flip=flip))
    assert spoiled == pytest.approx(seen * echo, abs=1e-12)
    steady = tissue_signal(tissue, Protocol("bssfp", tr, 0, flip=flip))
    assert steady == pytest.approx(tissue.pd * balanced, abs=1e-12)


@pytest.mark.parametrize(("field", "tissues"), [("1.5T", T15), ("3T", T30)])
def test_listed_signals_are_reproduced(field: str, tissues: dict[str, Tissue]) -> None:
    with np.load(REFERENCE) as stored:
        order = [NAMES[str(name)] for name in stored["protocols"]]
        rows = {key: stored[key] for key in stored if key.startswith(f"sig_{field}_")}
    assert len(rows) == (9 if field == "1.5T" else 5)
    for key, expected in rows.items():
        name = key.rsplit("_", 1)[1]
        found = [abs(signals(tissues, protocol)[name]) for protocol in order]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)


def test_flair_is_dark_for_fluid_and_bright_for_lesions() -> None:
    with np.load(REFERENCE) as stored:
        times = stored["null_ti"]
    assert [null_ti(2569, 9000), null_ti(4000, 9000)] == pytest.approx(times, rel=1e-12)
    at_echo = replace(PROTOCOLS["flair"], te=0.0)  # the null neglects the echo time
    assert abs(signals(T15, at_echo)["csf"]) < 1e-12
    found = signals(T15, "flair")
    assert abs(found["csf"]) < 0.002 < 0.14 < found["wm"] < found["gm"] < found["lesion"]


def test_contrasts_have_the_order_that_names_promise() -> None:
    t1, t2 = signals(T15, "mprage"), signals(T15, "t2-se")
    assert abs(t1["csf"]) < t1["gm"] < t1["wm"] and t2["wm"] < t2["gm"] < t2["csf"]
    diffusion = signals(T15, "dwi")
    weight = math.exp(-1000 * T15["csf"].adc)
    still = signals(T15, replace(PROTOCOLS["dwi"], b=0.0))
    assert diffusion["csf"] == pytest.approx(still["csf"] * weight, rel=1e-12)
    resting = replace(T15["blood"], flowing=False)
    moving = tissue_signal(T15["blood"], PROTOCOLS["t2-se"])
    assert moving == pytest.approx(FLOW * tissue_signal(resting, PROTOCOLS["t2-se"]), rel=1e-12)


def test_low_field_shortens_t1_of_tissue_and_not_of_fluid() -> None:
    low = table(0.1875)  # an eighth of 1.5 T
    assert low["gm"].t1 == pytest.approx(T15["gm"].t1 / 2) and low["csf"] == T15["csf"]
    with pytest.raises(InputError, match="up to 3 T"):
        table(7.0)


def test_impossible_and_unknown_protocols_are_refused() -> None:
    with pytest.raises(InputError, match="does not fit"):
        tissue_signal(T15["wm"], replace(PROTOCOLS["mprage"], ti=300))
    with pytest.raises(UsageError, match="mprage"):
        find_protocol("mprag")
    with pytest.raises(UsageError, match="spin-echo"):
        tissue_signal(T15["wm"], Protocol("spinecho", 500, 15))
