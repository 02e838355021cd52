"""What a result of this domain owes its reader: spread, data consistency, what came and went.

    findings = examine(before, after, std=std, model_signal=model.signal)
    findings.warnings, findings.record(), findings.pictures()

`ensemble` measures spread, `measurement` chi and the residual in image space, `invented` what the
data did not say; these compute with torch or scipy and are imported by their own names.
"""

from undrift.medical.honesty.findings import Findings, examine
from undrift.medical.honesty.guards import guard

__all__ = ["Findings", "examine", "guard"]
