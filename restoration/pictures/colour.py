"""Printing colours to RGB through their profile.

A CMYK picture means nothing without its ICC profile: with it, littleCMS gives sRGB
(perceptual intent) and the picture then carries the sRGB profile; without it, or where the
profile is damaged, the plain conversion R = (1 - C)(1 - K) is used and no profile is recorded.
"""

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def to_rgb(image: "Image", icc: bytes | None) -> tuple["Image", bytes | None]:
    """A pillow picture in CMYK, LAB or YCbCr -> (RGB picture, profile that now holds)."""
    from PIL import ImageCms

    if image.mode == "YCbCr":
        return image.convert("RGB"), icc
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    try:
        if image.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            source = ImageCms.ImageCmsProfile(BytesIO(icc or b""))
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB"), None
    return converted or image.convert("RGB"), target.tobytes()
