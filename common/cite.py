"""BibTeX of the methods behind a result, so that their authors get the credit."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from undrift.common.cite_medical import MEDICAL
from undrift.common.cite_scientific import SCIENTIFIC
from undrift.common.cite_speech import SPEECH, Entry
from undrift.common.errors import InputError, UsageError, nearest

METHODS: dict[str, Entry] = {
    **SPEECH,
    **MEDICAL,
    **SCIENTIFIC,
    "resshift": (
        "inproceedings",
        "Yue, Zongsheng and Wang, Jianyi and Loy, Chen Change",
        "{ResShift}: Efficient Diffusion Model for Image Super-resolution by Residual Shifting",
        "Advances in Neural Information Processing Systems",
        2023,
        "",
    ),
    "irsde": (
        "inproceedings",
        r"Luo, Ziwei and Gustafsson, Fredrik K. and Zhao, Zheng and Sj{\"o}lund, Jens"
        r" and Sch{\"o}n, Thomas B.",
        "Image Restoration with Mean-Reverting Stochastic Differential Equations",
        "International Conference on Machine Learning",
        2023,
        "",
    ),
    "rddm": (
        "inproceedings",
        "Liu, Jiawei and Wang, Qiang and Fan, Huijie and Wang, Yinong and Tang, Yandong"
        " and Qu, Liangqiong",
        "Residual Denoising Diffusion Models",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition",
        2024,
        "2773--2783",
    ),
    "resfusion": (
        "inproceedings",
        "Shi, Zhenning and Zheng, Haoshuai and Xu, Chen and Dong, Changsheng and Pan, Bin"
        " and Xie, Xueshuo and He, Along and Li, Tao and Fu, Huazhu",
        "Resfusion: Denoising Diffusion Probabilistic Models for Image Restoration Based on Prior"
        " Residual Noise",
        "Advances in Neural Information Processing Systems",
        2024,
        "",
    ),
    "mrs": (
        "inproceedings",
        "Li, Ao and Fang, Wei and Zhao, Hongbo and Lu, Le and Yang, Ge and Xu, Minfeng",
        "{MaRS}: A Fast Sampler for Mean Reverting Diffusion Based on {ODE} and {SDE} Solvers",
        "International Conference on Learning Representations",
        2025,
        "",
    ),
    "bbdm": (
        "inproceedings",
        "Li, Bo and Xue, Kaitao and Liu, Bin and Lai, Yu-Kun",
        "{BBDM}: Image-to-Image Translation with {B}rownian Bridge Diffusion Models",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition",
        2023,
        "1952--1961",
    ),
    "ddpm": (
        "inproceedings",
        "Ho, Jonathan and Jain, Ajay and Abbeel, Pieter",
        "Denoising Diffusion Probabilistic Models",
        "Advances in Neural Information Processing Systems",
        2020,
        "",
    ),
    "scoresde": (
        "inproceedings",
        "Song, Yang and Sohl-Dickstein, Jascha and Kingma, Diederik P. and Kumar, Abhishek"
        " and Ermon, Stefano and Poole, Ben",
        "Score-Based Generative Modeling through Stochastic Differential Equations",
        "International Conference on Learning Representations",
        2021,
        "",
    ),
    "flowmatching": (
        "inproceedings",
        "Lipman, Yaron and Chen, Ricky T. Q. and Ben-Hamu, Heli and Nickel, Maximilian"
        " and Le, Matt",
        "Flow Matching for Generative Modeling",
        "International Conference on Learning Representations",
        2023,
        "",
    ),
    "ddim": (
        "inproceedings",
        "Song, Jiaming and Meng, Chenlin and Ermon, Stefano",
        "Denoising Diffusion Implicit Models",
        "International Conference on Learning Representations",
        2021,
        "",
    ),
    "dpmsolverpp": (
        "article",
        "Lu, Cheng and Zhou, Yuhao and Bao, Fan and Chen, Jianfei and Li, Chongxuan and Zhu, Jun",
        "{DPM-Solver++}: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
        "arXiv preprint arXiv:2211.01095",
        2022,
        "",
    ),
    "edm": (
        "inproceedings",
        "Karras, Tero and Aittala, Miika and Aila, Timo and Laine, Samuli",
        "Elucidating the Design Space of Diffusion-Based Generative Models",
        "Advances in Neural Information Processing Systems",
        2022,
        "",
    ),
    "nafnet": (
        "inproceedings",
        "Chen, Liangyu and Chu, Xiaojie and Zhang, Xiangyu and Sun, Jian",
        "Simple Baselines for Image Restoration",
        "European Conference on Computer Vision",
        2022,
        "",
    ),
    "deadleaves": (
        "article",
        "Lee, Ann B. and Mumford, David and Huang, Jinggang",
        "Occlusion Models for Natural Images: A Statistical Study of a Scale-Invariant"
        " Dead Leaves Model",
        "International Journal of Computer Vision",
        2001,
        "35--59",
    ),
    "philox": (
        "inproceedings",
        "Salmon, John K. and Moraes, Mark A. and Dror, Ron O. and Shaw, David E.",
        "Parallel Random Numbers: As Easy as 1, 2, 3",
        "International Conference for High Performance Computing, Networking, Storage and Analysis",
        2011,
        "",
    ),
    "dps": (
        "inproceedings",
        "Chung, Hyungjin and Kim, Jeongsol and McCann, Michael T. and Klasky, Marc L."
        " and Ye, Jong Chul",
        "Diffusion Posterior Sampling for General Noisy Inverse Problems",
        "International Conference on Learning Representations",
        2023,
        "",
    ),
    "reddiff": (
        "inproceedings",
        "Mardani, Morteza and Song, Jiaming and Kautz, Jan and Vahdat, Arash",
        "A Variational Perspective on Solving Inverse Problems with Diffusion Models",
        "International Conference on Learning Representations",
        2024,
        "",
    ),
    "stsl": (
        "inproceedings",
        "Rout, Litu and Chen, Yujia and Kumar, Abhishek and Caramanis, Constantine"
        " and Shakkottai, Sanjay and Chu, Wen-Sheng",
        "Beyond First-Order {T}weedie: Solving Inverse Problems using Latent Diffusion",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition",
        2024,
        "9472--9481",
    ),
    "gdp": (
        "inproceedings",
        "Fei, Ben and Lyu, Zhaoyang and Pan, Liang and Zhang, Junzhe and Yang, Weidong"
        " and Luo, Tianyue and Zhang, Bo and Dai, Bo",
        "Generative Diffusion Prior for Unified Image Restoration and Enhancement",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition",
        2023,
        "9935--9946",
    ),
    "idm": (
        "article",
        "Chen, Bin and Zhang, Zhenyu and Li, Weiqi and Zhao, Chen and Yu, Jiwen and Zhao, Shijie"
        " and Chen, Jie and Zhang, Jian",
        "Invertible Diffusion Models for Compressed Sensing",
        "IEEE Transactions on Pattern Analysis and Machine Intelligence",
        2025,
        "",
    ),
    "cbsn": (
        "inproceedings",
        "Jang, Yeong Il and Lee, Keuntek and Park, Gu Yong and Kim, Seyun and Cho, Nam Ik",
        "Self-supervised Image Denoising with Downsampled Invariance Loss and Conditional"
        " Blind-Spot Network",
        "IEEE/CVF International Conference on Computer Vision",
        2023,
        "",
    ),
    "sdap": (
        "inproceedings",
        "Pan, Yizhong and Liu, Xiao and Liao, Xiangyu and Cao, Yuanzhouhan and Ren, Chao",
        "Random Sub-Samples Generation for Self-Supervised Real Image Denoising",
        "IEEE/CVF International Conference on Computer Vision",
        2023,
        "",
    ),
    "scoredvi": (
        "inproceedings",
        "Cheng, Jun and Liu, Tao and Tan, Shan",
        "Score Priors Guided Deep Variational Inference for Unsupervised Real-World Single"
        " Image Denoising",
        "IEEE/CVF International Conference on Computer Vision",
        2023,
        "",
    ),
}
ALIASES = {
    "dpmsolver": "dpmsolverpp",
    "dpmsolver++": "dpmsolverpp",
    "meanreverting": "irsde",
    "sgmse+": "sgmseplus",
}

# What each shipped model rests on.
_PICTURES = ("nafnet", "deadleaves", "philox")
MODELS: dict[str, tuple[str, ...]] = {
    "leaves-denoise": ("edm", *_PICTURES),
    **dict.fromkeys(("leaves-prior", "photos-prior"), ("ddpm", *_PICTURES)),
    **dict.fromkeys(
        ("leaves-sr", "photos-sr", "photos-enlarge", "photos-restore", "photos-jpeg",
         "photos-derain", "photos-shadow", "photos-deblur"),
        ("resshift", *_PICTURES),
    ),
}  # fmt: skip


def cite(*what: object) -> str:
    """BibTeX entries, each once, of everything in `what`.

    what: names of methods (`"resshift"`, `"IR-SDE"`), ids of models, paths of a run's
    `undrift.jsonl`, and results (`Restored`). Raises UsageError for an unknown name.

    >>> cite("DDIM").splitlines()[0]
    '@inproceedings{ddim,'
    """
    keys: dict[str, None] = {}
    for thing in what:
        keys.update(dict.fromkeys(_methods(thing)))
    return "\n\n".join(_render(key) for key in keys)


def _methods(thing: object) -> Iterable[str]:
    info = getattr(thing, "info", thing)
    if isinstance(info, Mapping):
        return _of_record(info)
    if isinstance(thing, str | Path) and str(thing).endswith(".jsonl"):
        return _of_run(Path(thing))
    return _named(str(thing))


def _named(name: str) -> Iterable[str]:
    if name in MODELS:
        return MODELS[name]
    plain = re.sub(r"[^a-z0-9+]", "", name.lower())
    key = ALIASES.get(plain, plain)
    if key in METHODS:
        return [key]
    known = [*METHODS, *MODELS]
    hint = nearest(name, known) or f"; known: {', '.join(known)}"
    raise UsageError(f"'{name}': no method or model of this name{hint}")


def _of_record(record: Mapping[str, Any]) -> Iterable[str]:
    """Methods of one result: its list `cite`, its model and its solver, as far as known."""
    names = [*(record.get("cite") or ()), record.get("model"), record.get("solver")]
    keys: list[str] = []
    for name in names:
        model = str(name).partition("@")[0]
        plain = re.sub(r"[^a-z0-9+]", "", model.lower())
        if model in MODELS or ALIASES.get(plain, plain) in METHODS:
            keys += _named(model)
    return keys


def _of_run(path: Path) -> Iterable[str]:
    from undrift.common.manifest import read

    if not path.is_file():
        raise InputError(f"{path}: no such file; a run writes undrift.jsonl into its output folder")
    records = [record for record in read(path) if record.get("status") == "written"]
    keys = [key for record in records for key in _of_record(record)]
    if not keys:
        raise InputError(f"{path}: no written item in it names a known method or model")
    return keys


def _render(key: str) -> str:
    kind, authors, title, venue, year, pages = METHODS[key]
    where = "journal" if kind == "article" else "booktitle"
    rows = {"author": authors, "title": title, where: venue, "pages": pages, "year": str(year)}
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in rows.items() if value)
    return f"@{kind}{{{key},\n{body}\n}}"
