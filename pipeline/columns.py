"""The words of the domain that several modules spell; every table's own columns stand in tables.py."""

FAMILY = "kpm_id"
AS_OF = "as_of"
KEY = [FAMILY, AS_OF]
RECORDED_ON = "recorded_on"
OUTCOME = "outcome"
TARGET = "gsm"  # graduasi sejahtera mandiri, the one outcome that is predicted
CENSORED = "censored"
NONE = "none"
OUTCOMES = ("gsm", "natural", "ineligible", "administrative", "died", "refused", "other", "none", "censored")
