"""May a volume show the face of a person?  People are recognised by renderings of their head.

In the frame of the body the lower front of a head is the face: nose, mouth and chin. Defaced and
skull-stripped heads have nothing there. So a volume as large as a head whose lower front corner
holds skin and bone counts as one. The test is coarse: knees and feet look alike, half a face is
missed. It never says that a volume is safe to share (Schwarz et al., NEJM 381, 2019).
"""

import numpy as np

from undrift.medical.honesty.body import body_of
from undrift.medical.volumes.geometry import turned
from undrift.medical.volumes.volume import Volume

FACE = (
    "the head may show a face, by which people are recognised: samples keep it. Deface the input "
    "before they are shared; nothing here removes identities"
)
# mm of a head with its skin along right-left, posterior-anterior, inferior-superior
_HEAD = ((110.0, 210.0), (140.0, 270.0), (130.0, 300.0))
_LEAST = 0.3  # share of the corner that is body


def shows_face(volume: Volume) -> bool:
    """Whether the lower front of a volume (x, y, z) of a head's size is filled."""
    canonical, _ = turned(volume)
    body = body_of(canonical)
    box = []
    for axis, (low, high) in enumerate(_HEAD):
        others = tuple(a for a in range(3) if a != axis)
        filled = np.flatnonzero(body.mean(axis=others) > 0.02)
        if not filled.size:
            return False
        first, last = int(filled[0]), int(filled[-1]) + 1
        if not low <= (last - first) * canonical.spacing[axis] <= high:
            return False
        box.append((first, last))
    (x0, x1), (y0, y1), (z0, z1) = box
    wide, deep, tall = x1 - x0, y1 - y0, z1 - z0
    corner = body[x0 + wide // 4 : x1 - wide // 4, y1 - deep // 5 : y1, z0 : z0 + tall // 4]
    return bool(corner.mean() > _LEAST)
