"""MRI and CT: volumes in and out, and their intensities; the tasks on them are not here yet."""
