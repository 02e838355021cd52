"""What tiles change where a network attends: three-dimensional attention, tiled against whole.

    python docs/medical_tiles_attention.py --json docs/results/medical-tiles-attention.jsonl

The network is that of `brain-generate` with group norm and attention over all of its coarsest
cells, so that nothing bounds its reach. It is measured with random weights, and with those of
`brain-generate` trained on for a hundred iterations on boxes of phantoms of 96 voxels a side. A
head that training did not see, with white noise of its own range, is restored in four calls: at
once, and in tiles that are blended by a Gaussian at every call, with the same noise.

`apart`: root mean square of tiled - whole, and `most` the largest, over the range 2. `attention`:
root mean square of what the whole changes by when the attention adds nothing, in the same range:
how much there is for tiles to get wrong. `error`: of each to the truth. `disagreement`: what the
record of a tiled run says, in the same range. Seams (at the borders of tiles, for both) and flicker
are those of `honesty.consistency`, of result - truth.
"""

import argparse
import copy
import functools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser
from undrift.common.losses import training_loss
from undrift.common.networks.local_nafnet3d import LocalNAFNet3d
from undrift.common.noise import Noise
from undrift.common.solvers import build_solver
from undrift.common.training.recipes import read_recipe
from undrift.common.weights.files import load_denoiser
from undrift.common.weights.model import find_weights
from undrift.medical.generation.heads import to_numbers
from undrift.medical.honesty.consistency import flicker, seams
from undrift.medical.signal import read_signal, robust_maximum
from undrift.medical.simulate.anatomy import brain
from undrift.medical.simulate.mr_signal import contrast_arrays
from undrift.medical.stores import Kept, Room
from undrift.medical.tile_memory import layout_of
from undrift.medical.tile_plan import Tiles, cut
from undrift.medical.tiles import Tiled3D

MODEL = "brain-generate"
BOX = 208.0  # mm, of every volume
TRAINED_ON, TESTED = range(4), 100_500  # seeds
CALLS, HALF = 4, 0.5  # t = 1/2 of the straight path: noise of deviation 1 on numbers in [-1, 1]
KEPT = {64: 24, 96: 48, 128: 64}


class Attending(LocalNAFNet3d):
    """The network with group norm and attention over all cells of the coarsest level."""

    def __init__(self, **params: Any):
        super().__init__(**params)
        width = self.widths[-1]
        self.norm = nn.GroupNorm(8, width)
        self.attend = nn.MultiheadAttention(width, 4, batch_first=True)

    @property
    def reach(self) -> None:  # type: ignore[override]
        """Unbounded."""
        return None

    def below(self, index: int, h: Tensor, features: Tensor) -> Tensor:
        """As its parent, and then the attention."""
        h = super().below(index, h, features)
        if index < len(self.downs):
            return h
        tokens = self.norm(h).flatten(2).transpose(1, 2)
        seen = self.attend(tokens, tokens, tokens, need_weights=False)[0]
        return h + seen.transpose(1, 2).reshape(h.shape)


@functools.cache
def head(seed: int, side: int) -> np.ndarray:
    """(side, side, side) in [-1, 1]."""
    signal = read_signal(read_recipe(MODEL).signal)
    phantom = brain(seed, (side, side, side), BOX / side)
    picture = contrast_arrays(phantom, signal.source, tesla=3.0)[0]
    return to_numbers((picture / robust_maximum(picture)).astype(np.float16), signal)


def attending(random: bool) -> Denoiser:
    """The denoiser with the weights of the model, or random ones."""
    torch.manual_seed(0)
    denoiser = read_recipe(MODEL).settings({}).build()
    network = Attending(**read_recipe(MODEL).network.params)
    if random:
        for value in network.parameters():
            fans = value[0].numel() if value.ndim > 1 else 1
            value.data += 0.3 * torch.randn(value.shape) / math.sqrt(fans)
    else:
        given, _ = load_denoiser(find_weights(MODEL))
        network.load_state_dict(given.network.state_dict(), strict=False)
        nn.init.normal_(network.attend.out_proj.weight, std=0.02)
    denoiser.network = network.eval()
    return denoiser


def train(denoiser: Denoiser, side: int, iterations: int) -> float:
    """On boxes of whole phantoms; returns the mean loss of the last fifty iterations."""
    heads, rng = [head(seed, side) for seed in TRAINED_ON], np.random.default_rng(0)
    asked = read_recipe(MODEL)
    times = asked.times.model_copy(update={"bands": [], "uniform": 1.0, "top": 0.0})  # at all times
    optimizer = torch.optim.AdamW(denoiser.network.parameters(), 5e-4)
    losses = []
    for number in range(iterations):
        low = [int(rng.integers(side - n + 1)) for n in (48, 64, 48)]
        box = tuple(slice(a, a + n) for a, n in zip(low, (48, 64, 48), strict=True))
        x0 = torch.from_numpy(heads[number % len(heads)][box].copy())[None, None]
        noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32))
        u = torch.from_numpy(rng.random(1))
        t = times.draw(denoiser.process, u, denoiser.scaling.sigma_d)
        loss = training_loss(denoiser, {"x0": x0, "noise": noise}, t, **asked.loss.model_dump())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(denoiser.network.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses[-50:]))


def run(denoiser: Denoiser, state: Tensor, tiles: Tiles) -> tuple[np.ndarray, float | None]:
    """The restored volume, and what the tiled run says of itself."""
    times = torch.linspace(HALF, 0, CALLS + 1).tolist()
    steps = build_solver("ddim").plan(denoiser.process, times)
    ran = Tiled3D(denoiser, tiles, Room())
    found = ran.run(steps, Noise(0, "tiles"), state=Kept(state[0].numpy()))
    return found.read()[0, 0].numpy().copy(), ran.disagreement


def without(denoiser: Denoiser) -> Denoiser:
    """A copy whose attention adds nothing."""
    found = copy.deepcopy(denoiser)
    for value in found.network.attend.out_proj.parameters():  # type: ignore[union-attr]
        value.data.zero_()
    return found


def measure(denoiser: Denoiser, side: int) -> dict[str, Any]:
    """One size: tiled against whole."""
    truth = head(TESTED, side)
    x0 = torch.from_numpy(truth)[None, None]
    state = (1 - HALF) * x0 + HALF * Noise(1, "state")(x0.shape)
    layout = layout_of(denoiser)
    tiles = cut((side,) * 3, (KEPT[side],) * 3, *layout)
    once = cut((side,) * 3, (side,) * 3, *layout)
    whole, _ = run(denoiser, state, once)
    alone, _ = run(without(denoiser), state, once)
    tiled, disagreement = run(denoiser, state, tiles)
    apart = (tiled - whole) / 2
    borders = {axis: [w.low for w in tiles.axes[axis] if w.low] for axis in range(3)}
    found: dict[str, Any] = {
        "side": side, "tiles": tiles.count, "sees": round(tiles.seen ** (1 / 3)),
        "apart": float(np.sqrt(np.square(apart).mean())), "most": float(np.abs(apart).max()),
        "disagreement": (disagreement or 0.0) / 2,
        "attention": float(np.sqrt(np.square(whole - alone).mean())) / 2,
    }  # fmt: skip
    for name, result in (("whole", whole), ("tiled", tiled)):
        left = result - truth
        seam = seams(left, None, borders)
        found[name] = {
            "error": float(np.sqrt(np.square(left).mean())) / 2,
            "seam": None if seam is None else round(seam.index, 3),
            "flicker": [round(value, 3) for value in flicker(left).index],
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sizes", default="128,96,64")
    parser.add_argument("--weights", default="random,trained")
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    sizes, lines = [int(text) for text in asked.sizes.split(",")], []
    for weights in asked.weights.split(","):
        denoiser = attending(weights == "random")
        if weights == "trained":
            loss = train(denoiser, 96, asked.iterations)
            print(f"trained for {asked.iterations}, loss {loss:.3f}", flush=True)
        for side in sizes:
            lines.append({"weights": weights, **measure(denoiser, side)})
            print(json.dumps(lines[-1]), flush=True)
    if asked.json:
        asked.json.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


if __name__ == "__main__":
    main()
