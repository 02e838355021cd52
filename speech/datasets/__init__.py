"""Speech that lies on disc or in packages, by its data card."""
