"""Papers on cubes and fields for `cite`: kind, authors, title, venue, year, pages."""

from undrift.common.cite_speech import Entry

SCIENTIFIC: dict[str, Entry] = {
    "hirdiff": (
        "inproceedings",
        "Pang, Li and Rui, Xiangyu and Cui, Long and Wang, Hongzhong and Meng, Deyu and Cao,"
        " Xiangyong",
        "{HIR-Diff}: Unsupervised Hyperspectral Image Restoration Via Improved Diffusion Models",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition",
        2024,
        "",
    ),
    "hsidiffusion": (
        "inproceedings",
        "Vyse, Ian and Dagli, Rishit and Chadha, Dav Vrat and others",
        "Beyond the Visible: Jointly Attending to Spectral and Spatial Dimensions with"
        " {HSI-Diffusion} for the {FINCH} Spacecraft",
        "Small Satellite Conference, SSC24-X-04, arXiv:2406.10724",
        2024,
        "",
    ),
    "multimodalsr": (
        "article",
        "Chakraborty, Dibyajyoti and Guan, Haiwen and Stock, Jason and Arcomano, Troy and Cervone,"
        " Guido and Maulik, Romit",
        "Multimodal Atmospheric Super-Resolution With Deep Generative Models",
        "arXiv:2506.22780",
        2025,
        "",
    ),
    "corrdiff": (
        "article",
        "Mardani, Morteza and Brenowitz, Noah and Cohen, Yair and Pathak, Jaideep and Chen,"
        " Chieh-Yu and Liu, Cheng-Chin and Vahdat, Arash and Nabian, Mohammad Amin and Ge, Tao and"
        " Subramaniam, Akshay and Kashinath, Karthik and Kautz, Jan and Pritchard, Mike",
        "Residual Corrective Diffusion Modeling for Km-Scale Atmospheric Downscaling",
        "Communications Earth \\& Environment",
        2025,
        "",
    ),
}
