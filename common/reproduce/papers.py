"""The one table of papers: id -> where its description stands. Nothing registers itself."""

import importlib

from undrift.common.errors import UsageError, nearest
from undrift.common.reproduce.paper import Paper

PAPERS = {
    "solver-comparison": "undrift.common.papers.solver_comparison:PAPER",
    "mrs": "undrift.restoration.papers.mrs:PAPER",
    "red-diff": "undrift.restoration.papers.red_diff:PAPER",
    "dps": "undrift.restoration.papers.dps:PAPER",
    "stsl": "undrift.restoration.papers.stsl:PAPER",
    "idm": "undrift.restoration.papers.idm:PAPER",
    "gdp": "undrift.restoration.papers.gdp:PAPER",
    "resshift": "undrift.restoration.papers.resshift:PAPER",
    "ir-sde": "undrift.restoration.papers.ir_sde:PAPER",
    "rddm": "undrift.restoration.papers.rddm:PAPER",
    "resfusion": "undrift.restoration.papers.resfusion:PAPER",
    "c-bsn": "undrift.restoration.papers.c_bsn:PAPER",
    "sdap": "undrift.restoration.papers.sdap:PAPER",
    "score-dvi": "undrift.restoration.papers.score_dvi:PAPER",
    "sgmse-plus": "undrift.speech.papers.sgmse_plus:PAPER",
    "storm": "undrift.speech.papers.storm:PAPER",
    "lefusion": "undrift.medical.papers.lefusion:PAPER",
    "drdm": "undrift.medical.papers.drdm:PAPER",
    "medforj": "undrift.medical.papers.medforj:PAPER",
    "selfrdb": "undrift.medical.papers.selfrdb:PAPER",
    "ads": "undrift.medical.papers.ads:PAPER",
    "hsi-diffusion": "undrift.scientific.papers.hsi_diffusion:PAPER",
    "hir-diff": "undrift.scientific.papers.hir_diff:PAPER",
    "multimodal-sr": "undrift.scientific.papers.multimodal:PAPER",
    "corrdiff": "undrift.scientific.papers.corrdiff:PAPER",
}


def find_paper(name: str) -> Paper:
    """The description of a paper; raises UsageError, with the nearest id, for an unknown one."""
    if name not in PAPERS:
        raise UsageError(
            f"no paper '{name}' (there are: {', '.join(PAPERS)}){nearest(name, PAPERS)}"
        )
    module, _, attribute = PAPERS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
