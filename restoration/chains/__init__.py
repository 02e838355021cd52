"""Chains of recorded degradations, as cameras and the web make them: blur, resizing, noise, JPEG.

`settings` has the published recipes, `draw` draws a chain, `steps` are its links; every chain can
be written down, read back and applied again.
"""
