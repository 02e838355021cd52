"""Dead-leaves generator of synthetic photographs: training pictures without any photograph.

A scene is a stack of occluding random shapes whose radii follow a power law (Lee, Mumford & Huang,
"Occlusion models for natural images", IJCV 2001), painted front to back, with textured fills.
Nothing is read from disc: palettes, textures and structures are parametric, so licence-free.
"""

from undrift.restoration.leaves.bank import make_bank
from undrift.restoration.leaves.rich import rich_scene
from undrift.restoration.leaves.scene import scene
from undrift.restoration.leaves.textures import Textures

__all__ = ["Textures", "make_bank", "rich_scene", "scene"]
