"""Papers on speech for `cite`: kind, authors, title, venue, year, pages."""

Entry = tuple[str, str, str, str, int, str]

_TASLP = "IEEE/ACM Transactions on Audio, Speech, and Language Processing"
SPEECH: dict[str, Entry] = {
    "sgmse": (
        "inproceedings",
        "Welker, Simon and Richter, Julius and Gerkmann, Timo",
        "Speech Enhancement with Score-Based Generative Models in the Complex {STFT} Domain",
        "Interspeech",
        2022,
        "2928--2932",
    ),
    "sgmseplus": (
        "article",
        "Richter, Julius and Welker, Simon and Lemercier, Jean-Marie and Lay, Bunlong"
        " and Gerkmann, Timo",
        "Speech Enhancement and Dereverberation with Diffusion-Based Generative Models",
        _TASLP,
        2023,
        "2351--2364",
    ),
    "storm": (
        "article",
        "Lemercier, Jean-Marie and Richter, Julius and Welker, Simon and Gerkmann, Timo",
        "{StoRM}: A Diffusion-Based Stochastic Regeneration Model for Speech Enhancement and"
        " Dereverberation",
        _TASLP,
        2023,
        "2724--2737",
    ),
    "bbed": (
        "inproceedings",
        "Lay, Bunlong and Welker, Simon and Richter, Julius and Gerkmann, Timo",
        "Reducing the Prior Mismatch of Stochastic Differential Equations for Diffusion-Based"
        " Speech Enhancement",
        "Interspeech",
        2023,
        "",
    ),
    "sbve": (
        "inproceedings",
        r"Juki{\'c}, Ante and Korostik, Roman and Balam, Jagadeesh and Ginsburg, Boris",
        r"Schr{\"o}dinger Bridge for Generative Speech Enhancement",
        "Interspeech",
        2024,
        "",
    ),
}
