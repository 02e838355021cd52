"""StoRM (Lemercier et al., TASLP 2023): prediction first, then diffusion that repairs its result.

The tables of the paper itself could not be read; the one row below is what a user measured with the
authors' checkpoint (issue 13 of sp-uhh/storm, where the second column is called stoi).
"""

from undrift.common.reproduce.paper import Paper
from undrift.common.reproduce.tables import closed
from undrift.speech.papers.sgmse_plus import REVERB, VOICEBANK
from undrift.speech.papers.tables import PESQ, enhanced, scored, smoke_tables

ROW = "StoRM, the authors' checkpoint, 50 steps with corrector"

PAPER = Paper(
    id="storm",
    title="StoRM: A Diffusion-Based Stochastic Regeneration Model for Speech Enhancement and "
    "Dereverberation",
    domain="speech",
    citation="storm",
    claim="a predictive estimate as the guide of diffusion removes breathing and wrong phones of "
    "diffusion alone, and keeps the quality with lighter networks and fewer steps",
    protocol="front end and process of SGMSE+, factor .33; the path ends at the estimate of a "
    "predictive NCSN++ (27.3 M), and the score network (27.8 M) is told the noisy speech too; "
    "joint training, both losses with weight .5. The authors advise 20 steps and no corrector (21 "
    "calls); the row below is of 50 steps with the annealed Langevin corrector (101 calls) and is "
    "measured so. Their program always steps by 1/N: sampler option compat 'even-steps'.",
    measure="undrift.speech.papers.measure:storm",
    trains=True,
    tables=[
        scored("voicebank-demand", "Denoising, VoiceBank-DEMAND",
               "issue 13 of github.com/sp-uhh/storm, a user's measurement",
               [VOICEBANK, PESQ, enhanced("storm", "voicebank-demand", "storm")],
               {ROW: {"PESQ": 2.88, "ESTOI": 0.87, "SI-SDR": 18.5}}),
        closed("wsj0-reverb", "Dereverberation, WSJ0-REVERB", "the paper's table on reverberation",
               [REVERB, PESQ, enhanced("storm", "wsj0-reverb", "storm")]),
        *smoke_tables(2.5, 1.1, "training and sampling: two thirds of the fall that was measured "
                      "(4.1), half of the gain (2.2 dB)"),
    ],
)  # fmt: skip
