"""First light: noise on a photograph, off again; how sure we are; and what happens inside.

Runs in some seconds on any machine, offline: `python docs/tutorials/first_light.py`.
"""
# ruff: noqa: E402 - imports stand where they are first needed

# [photograph]
import torch

import undrift
from undrift.common.metrics.fidelity import psnr
from undrift.common.noise import Noise
from undrift.restoration.photos import load_photos

[(name, pixels)] = load_photos("skimage-photos", ["chelsea"])
clean = torch.from_numpy(pixels)[:, 60:156, 130:226].contiguous()  # (3, 96, 96) in [0, 1]
sigma = 25  # of 255
noisy = clean + sigma / 255 * Noise(seed=1, item=name)((1, *clean.shape))[0]

# [restore]
result = undrift.denoise(noisy, sigma=sigma)
before = psnr(noisy, clean, data_range=1.0)
after = psnr(result.value, clean, data_range=1.0)
chi = result.info["chi"]
print(f"noisy {before:.1f} dB, restored {after:.1f} dB, chi {chi:.2f}")

# [doubt]
drawn = undrift.denoise(noisy, sigma=sigma, samples=4, seed=7)
mean = psnr(drawn.value, clean, data_range=1.0)
single = psnr(drawn.samples[0], clean, data_range=1.0)
spread = float(drawn.std.mean())
print(f"one sample {single:.1f} dB, mean of four {mean:.1f} dB, spread {255 * spread:.1f} of 255")

# [enlarge]
from undrift.common.resize import downscale

small = downscale(clean, 2).clamp(0, 1)
large = undrift.sr(small, scale=2)
print(f"{tuple(small.shape)} -> {tuple(large.value.shape)}, nfe {large.info['nfe']}")

# [inside]
from undrift.common.grids import by_angle, time_of_ratio
from undrift.common.processes import Flow
from undrift.common.solvers import DDIM, Exponential
from undrift.common.solvers.loop import run_plan

denoiser = undrift.load_model("leaves-denoise").denoiser
sigma_d = denoiser.scaling.sigma_d
estimates = []
for one in (denoiser, denoiser.with_process(Flow())):
    time = time_of_ratio(one.process, sigma / 255, sigma_d)  # where s/a is our noise
    a = float(one.process.a(torch.tensor(time, dtype=torch.float64)))
    with torch.inference_mode():
        estimates.append(one(a * noisy[None], time).x0)
    print(f"{type(one.process).__name__} enters at t = {time:.3f}, a = {a:.3f}")
gap = float((estimates[0] - estimates[1]).abs().max())
print(f"the two estimates differ by {gap:.1e}")

# [solver]
process = Flow()
prior = denoiser.with_process(process)
start = time_of_ratio(process, sigma / 255, sigma_d)
state = float(process.a(torch.tensor(start, dtype=torch.float64))) * noisy[None]
finals = {}
for solver in (DDIM(), Exponential(order=2)):
    steps = solver.plan(process, by_angle(process, 4, sigma_d, start))
    with torch.inference_mode():
        finals[type(solver).__name__] = run_plan(prior, state, steps)
    print(f"{type(solver).__name__}: times {', '.join(f'{step.t:.3f}' for step in steps)}")
# [end]
