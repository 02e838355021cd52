"""`undrift.medical.acquire`: which lines of k-space to measure next, chosen while sampling.

Active diffusion subsampling (Nolan et al. 2025): particles are drawn together from the posterior
given the lines measured so far; at some of the steps the lines on which they disagree most are
measured, and the same particles go on, given all that is known by then. One pass of sampling gives
a mask made for this very image, and its reconstruction.

    x_i at t    ->  x0_i = E[x0 | x_i, y so far]  ->  k_i = F S_c x0_i  ->  the column of most
    entropy is measured  ->  x_i at the next t, given y with that column

Here a fully measured slice stands in for the scanner.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.posterior.priors import Prior
from undrift.medical.mri.gathering import Gathered, Part
from undrift.medical.mri.methods import Choice, Posterior
from undrift.medical.mri.particles import WINDOW, Plan, Session
from undrift.medical.mri.pieces import Preparation, prepare
from undrift.medical.mri.scans import Scan, scan_of
from undrift.medical.mri.tasks import DEFAULT_PRIOR, Reconstruction, back


def acquire(
    kspace: Any,
    lines: int,
    maps: Any = None,
    prior: Any = DEFAULT_PRIOR,
    *,
    initial: int = 4,
    score: str = "gmm_entropy",
    sigma: float | None = None,
    particles: int = 16,
    steps: int = 30,
    window: tuple[float, float] = WINDOW,
    noise: Any = None,
    calibration: int = 24,
    seed: int = 0,
    item: str = "",
    device: str = "auto",
) -> Reconstruction:
    """Chooses `lines` of the phase encodings of fully measured slices, and reconstructs from them.

    kspace: complex (coils, readout, phase) or (slices, coils, readout, phase), or a path, see
    `reconstruct_mri`, as are maps (estimated from all of k-space), prior and noise. initial: lines
    around the centre that come first. score: gmm_entropy, variance or ads_compat; sigma: its width
    in units of whitened k-space over the scale, None: that of the usual pair. particles, steps: of
    sampling; window: shares of the steps in which lines are chosen.

    Returns a `Reconstruction` of the particles' mean; `.info["order"]` has for each slice the
    phase encodings in their order, the initial ones first. Raises InputError for k-space with
    missing lines or of other shapes, UsageError for unknown scores and numbers that cannot be.
    """
    plan = Plan(lines, initial, score, sigma, particles, steps, window)
    choice = Choice("acquire", steps=steps, samples=particles, seed=seed, item=item, device=device)
    if isinstance(kspace, str | Path):
        from undrift.medical.mri.files import grid_warnings, on_grid, read_kspace

        file = read_kspace(Path(kspace))
        given = (file.maps if maps is None else maps, file.noise if noise is None else noise)
        found = acquire_scan(file.scan, *given, prior, calibration, plan, choice)
        return on_grid(found, file, grid_warnings(file.scan, file.spacing, prior, "acquire"))
    scan = scan_of(kspace, None, 2)
    found = acquire_scan(scan, maps, noise, prior, calibration, plan, choice)
    return back(found, kspace, getattr(kspace, "ndim", 4) == 3)


def acquire_scan(
    scan: Scan, maps: Any, noise: Any, prior: Any, calibration: int, plan: Plan, choice: Choice
) -> Reconstruction:
    """Every slice of a scan by itself, as tensors (slices, h, w)."""
    began = time.monotonic()
    if scan.volume:
        raise InputError("lines are chosen for slices; 3-D k-space has planes of them")
    prepared = prepare(scan, maps, noise, calibration)
    base = Posterior(prior, choice).prior
    gathered, orders, calls = Gathered(scan.shape[0], scan.shape[2:]), [], 0
    for number in range(scan.shape[0]):
        session = _session(prepared, number, base, plan, choice)
        with torch.no_grad():
            drawn = session.run()
        piece = replace(
            session.piece,
            operator=session.operator_of(session.measured),
            y=session.piece.y * session.measured,
            measured=session.measured,
        )
        gathered.take([number], Part.of(piece, drawn.cpu()))
        orders.append(session.order)
        calls += session.calls
    info = {
        "task": "acquire",
        "shape": list(scan.shape),
        **choice.record(),
        **_told(plan, base, prepared),
        "order": orders,
        **gathered.record(several=True),
        "nfe": calls,
        "seconds": round(time.monotonic() - began, 3),
    }
    return gathered.result(info)


def _told(plan: Plan, prior: Prior, prepared: Preparation) -> dict[str, Any]:
    return {
        "model": prior.name,
        "weights": prior.sha256,
        "score": plan.score,
        "lines": plan.lines,
        "particles": plan.particles,
        "steps": plan.steps,
        "scale": prepared.scale,
        "acceleration": round(prepared.scan.shape[3] / plan.lines, 3),
    }


def _session(
    prepared: Preparation, number: int, prior: Prior, plan: Plan, choice: Choice
) -> Session:
    mask, width = prepared.scan.mask_of(number), prepared.scan.shape[3]
    missing = int((~mask.all(0)).sum())
    if missing or plan.lines > width:
        raise InputError(
            f"slice {number} has {width} phase encodings of which {missing} are not measured; "
            f"choosing {plan.lines} takes fully measured k-space"
        )
    piece = prepared.piece([number])
    first = width // 2 - plan.initial // 2
    order = list(range(first, first + plan.initial))
    measured = torch.zeros(width, dtype=torch.bool)
    measured[order] = True
    item = "/".join(part for part in (choice.item, piece.name) if part)
    found = prepared.maps_of([number])
    maps = None if found is None else found[:, 0]
    shaped = prior.for_signals(piece.operator.shape_in)
    return Session(plan, shaped, piece, Noise(choice.seed, item), measured, maps, order)
