"""Atmospheric fields: made by simulators so far; reading and downscaling follow."""
