"""Pictures in and out of the restoration domain: files, arrays, tensors and PIL images.

Whatever comes in becomes a `Picture`: float32 (c, h, w) in [0, 1], alpha apart, upright, with
the depth, colour profile and metadata that go back into the output.

    picture = read_picture("scan.tif")
    better = picture.with_pixels(restore(bleed(picture.pixels, picture.alpha)), alpha)
    write_picture("out/scan.tif", better, provenance={"model": "..."})
"""

from undrift.restoration.pictures.files import SUFFIXES, read_picture, write_picture
from undrift.restoration.pictures.objects import to_pixels
from undrift.restoration.pictures.picture import DEPTHS, Metadata, Picture
from undrift.restoration.pictures.transparency import bleed

__all__ = [
    "DEPTHS",
    "SUFFIXES",
    "Metadata",
    "Picture",
    "bleed",
    "read_picture",
    "to_pixels",
    "write_picture",
]
