"""Identifiers and dates in DICOM datasets: which are there, and others in their place.

This is no de-identification (PS3.15 Annex E lists some four hundred attributes, and pixels show
faces): it replaces what names a person, a visit or a place, and every date, so that a derived
series does not carry them by accident. Unique identifiers are replaced by hashes under a salt that
nobody keeps: files of one call still belong together, and no more lead back to their source.
"""

import secrets
from typing import Any

from undrift.common.errors import require

NAMED = ("PatientName", "PatientID")
_REPLACED = {"PatientName": "Anonymous", "PatientID": "Anonymous"}
_REMOVED = (
    "PatientAddress", "PatientTelephoneNumbers", "PatientMotherBirthName", "PatientBirthName",
    "OtherPatientIDs", "OtherPatientNames", "OtherPatientIDsSequence", "IssuerOfPatientID",
    "PatientComments", "ImageComments", "MedicalRecordLocator", "MilitaryRank",
    "CountryOfResidence", "RegionOfResidence", "EthnicGroup", "Occupation",
    "AdditionalPatientHistory", "AdmissionID", "AccessionNumber", "StudyID", "StudyComments",
    "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName",
    "ReferringPhysicianName", "ReferringPhysicianAddress", "PerformingPhysicianName",
    "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy", "RequestingPhysician",
    "RequestingService", "OperatorsName", "RequestAttributesSequence",
    "PerformedProcedureStepID", "ScheduledProcedureStepID", "DeviceSerialNumber", "StationName",
)  # fmt: skip
_DATES = {"DA": "19000101", "TM": "000000", "DT": "19000101000000"}
_KEPT = ("SOPClassUID", "ReferencedSOPClassUID")  # they say what an object is


def names_in(dataset: Any) -> tuple[str, ...]:
    """Which of `NAMED` a dataset has, without their values."""
    return tuple(name for name in NAMED if str(dataset.get(name, "") or ""))


def new_salt() -> str:
    """For `replace_names`: one a series."""
    return secrets.token_hex(16)


def replace_names(dataset: Any, salt: str) -> None:
    """Replaces identifiers and dates of a dataset and of all its sequences, in its place."""
    for name in _REMOVED:
        if name in dataset:
            delattr(dataset, name)
    for name, value in _REPLACED.items():
        if name in dataset:
            setattr(dataset, name, value)
    uid: Any = require("pydicom.uid")
    for element in dataset:
        if element.VR in _DATES and not element.is_empty:
            element.value = _DATES[element.VR]
        elif element.VR == "UI" and element.keyword not in _KEPT and element.VM == 1:
            element.value = uid.generate_uid(entropy_srcs=[salt, str(element.value)])
        elif element.VR == "SQ":
            for item in element.value:
                replace_names(item, salt)
