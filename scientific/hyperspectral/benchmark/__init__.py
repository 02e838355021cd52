"""Methods for cubes measured on made-up scenes that no training saw, beside what users pick."""
