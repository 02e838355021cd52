"""Papers on MRI and CT for `cite`: kind, authors, title, venue, year, pages."""

from undrift.common.cite_speech import Entry

_MEDIA = "Medical Image Analysis"
MEDICAL: dict[str, Entry] = {
    "lefusion": (
        "inproceedings",
        "Zhang, Hantao and Liu, Yuhe and Yang, Jiancheng and Wan, Shouhong and Wang, Xinyuan"
        " and Peng, Wei and Fua, Pascal",
        "{LeFusion}: Controllable Pathology Synthesis via Lesion-Focused Diffusion Models",
        "International Conference on Learning Representations",
        2025,
        "",
    ),
    "drdm": (
        "article",
        "Zheng, Jian-Qing and Mo, Yuanhan and Sun, Yang and Li, Jiahua and Wu, Fuping"
        r" and Wang, Ziyang and Vincent, Tonia and Papie{\.z}, Bart{\l}omiej W.",
        "Deformation-Recovery Diffusion Model ({DRDM}): Instance Deformation for Image"
        " Manipulation and Synthesis",
        _MEDIA,
        2026,
        "",
    ),
    "medforj": (
        "misc",
        "Remedios, Samuel W. and Carass, Aaron and Prince, Jerry L. and Dewey, Blake E. and others",
        "Diffusion-Driven Generation of Minimally Preprocessed Brain {MRI}",
        "arXiv 2510.26834",
        2025,
        "",
    ),
    "selfrdb": (
        "article",
        "Arslan, Fuat and Kabas, Bilal and Dalmaz, Onat and Ozbey, Muzaffer"
        r" and {\c{C}}ukur, Tolga",
        "Self-Consistent Recursive Diffusion Bridge for Medical Image Translation",
        _MEDIA,
        2025,
        "103747",
    ),
    "ads": (
        "article",
        r"Nolan, Ois{\'\i}n and Stevens, Tristan S. W. and van Nierop, Wessel L."
        " and van Sloun, Ruud J. G.",
        "Active Diffusion Subsampling",
        "Transactions on Machine Learning Research",
        2025,
        "",
    ),
}
