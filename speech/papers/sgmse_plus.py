"""SGMSE+ (Richter et al., TASLP 2023): denoising and dereverberation by an Ornstein-Uhlenbeck SDE.

The tables of the paper itself could not be read. Numbers of VoiceBank-DEMAND are those that other
repositories quote from it; a user who ran the authors' checkpoint measured PESQ 2.91 (issue 57 of
sp-uhh/sgmse), retraining on fewer GPUs gave 2.73 to 2.76 (issues 13 and 57).
"""

from undrift.common.reproduce.paper import Paper
from undrift.common.reproduce.tables import closed, data
from undrift.speech.papers.tables import PESQ, enhanced, scored, smoke_tables

ROW, NOISY = "SGMSE+", "noisy"
VOICEBANK = data("voicebank-demand", "the 824 test pairs of VoiceBank-DEMAND")
REVERB = data("wsj0-reverb", "the test pairs of WSJ0-REVERB, made by the authors' script")

PAPER = Paper(
    id="sgmse-plus",
    title="Speech Enhancement and Dereverberation with Diffusion-Based Generative Models",
    domain="speech",
    citation="sgmseplus",
    claim="diffusion that starts at the noisy speech, not at noise alone, competes with predictive "
    "networks, generalises better to another corpus, and removes reverberation by the same network",
    protocol="16 kHz; compressed complex spectrogram (510 points, hop 128, |X|^.5 times .15); "
    "OUVE with theta 1.5, sigma .05 to .5; NCSN++ with 65.6 M parameters, score matching, Adam "
    "1e-4, average .999, windows of 256 frames. Sampling: 30 steps of predictor and annealed "
    "Langevin corrector, snr .5, t_eps .03 (60 calls); for reverberation 50 steps, snr .33. The "
    "noisy recording is divided by its peak. Scores: wide-band PESQ, extended STOI, SI-SDR. The "
    "authors' program before June 2024 made every predictor step 1/N long, also the last one; the "
    "tables are measured so: sampler option compat 'even-steps'.",
    measure="undrift.speech.papers.measure:sgmse_plus",
    trains=True,
    tables=[
        scored("voicebank-demand-input", "VoiceBank-DEMAND as it comes",
               "README of ClearVoice (modelscope/ClearerVoice-Studio), row noisy",
               [VOICEBANK, PESQ], {NOISY: {"PESQ": 1.97, "STOI": 0.92, "SI-SDR": 8.4}}),
        scored("voicebank-demand", "Denoising, VoiceBank-DEMAND",
               "the paper, as quoted in the documents of two other repositories",
               [VOICEBANK, PESQ, enhanced("sgmse-plus", "voicebank-demand", "sgmse-plus")],
               {ROW: {"PESQ": 2.93, "ESTOI": 0.87, "SI-SDR": 17.3}}),
        closed("wsj0-reverb", "Dereverberation, WSJ0-REVERB", "the paper's table on reverberation",
               [REVERB, PESQ, enhanced("sgmse-plus", "wsj0-reverb", "sgmse-plus")]),
        *smoke_tables(2.0, 2.1, "training and sampling: two thirds of the fall that was measured "
                      "(2.9), half of the gain (4.2 dB)"),
    ],
)  # fmt: skip
