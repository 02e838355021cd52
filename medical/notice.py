"""What every help text, record and derived file of this domain says."""

NOTICE = "For research use only. Not a medical device; not for diagnosis or treatment."
