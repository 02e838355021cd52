"""How good enhanced speech is: ratios, intelligibility, spectra, rooms and noise."""
