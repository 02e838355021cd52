"""CorrDiff (Mardani et al., 2023 and 2025): a regression, and a diffusion of what it leaves open.

The table of the paper itself could not be read. The figures are the paper's as its authors quote
them beside those of the published checkpoints, which are equal to both digits (issue 407 of
NVIDIA/physicsnemo, April 2024); the preprint has been revised since.
"""

from undrift.common.reproduce.paper import Figure, Paper, Table
from undrift.common.reproduce.tables import closed, results, smoke_table

REGRESSION, CORRDIFF = "regression, MAE", "CorrDiff, CRPS"
COLUMNS = {
    "radar": "maximum_radar_reflectivity",
    "u10m": "eastward_wind_10m",
    "v10m": "northward_wind_10m",
    "t2m": "temperature_2m",
}
_PUBLISHED = {
    REGRESSION: {"radar": 0.77, "u10m": 0.45, "v10m": 0.50, "t2m": 0.24},
    CORRDIFF: {"radar": 0.53, "u10m": 0.29, "v10m": 0.31, "t2m": 0.14},
}

PAPER = Paper(
    id="corrdiff",
    title="Residual Corrective Diffusion Modeling for Km-scale Atmospheric Downscaling",
    domain="scientific",
    citation="corrdiff",
    claim="from 25 km to 2 km over Taiwan, a mean by regression and a diffusion of the residual "
    "give sharper fields and better scores than the regression alone, and a radar echo besides",
    protocol="card cwa: 12 channels of ERA5, 4 of the regional model, 448 x 448, scaled; 2021 is "
    "the test. U-Nets of 128 channels x 1, 2, 2, 2, 2; regression of zeros and the coarse fields; "
    "EDM of the residual, ln sigma ~ N(0, 1.2^2), sigma_d .5, conditions not scaled. 18 Heun steps "
    "from 800 to .002, rho 7, no churn. Scores as score_samples.py: CRPS of the empirical "
    "distribution (biased by the number of members), MAE, each over all points, then over times. "
    "Networks and weights of the authors are no part of this package: a table is measured from "
    "the files that their generate.py writes. Recipes here: atmos-mean, then atmos-residual.",
    measure="undrift.scientific.papers.measure:corrdiff",
    trains=True,
    tables=[
        Table(
            name="taiwan",
            title="205 times of 2021 over Taiwan",
            source="the paper, as quoted in issue 407 of github.com/NVIDIA/physicsnemo",
            needs=[
                results("corrdiff", "taiwan", "output of the authors' generate.py: regression.nc "
                        "(inference_mode regression) and corrdiff.nc (all, 64 members)"),
            ],
            figures=[
                Figure(row=row, column=column, value=value, tolerance=0.01)
                for row, values in _PUBLISHED.items()
                for column, value in values.items()
            ],
        ),
        closed("spread", "Spread over skill of the same members", "no table of the paper",
               [results("corrdiff", "taiwan", "output of the authors' generate.py")]),
        smoke_table(
            "Training of both steps, sampler and scores on a made-up atmosphere", 7.5,
            {
                ("residual", "loss falls by"): ("at least", 1.6, 0),
                ("fixed pair", "CRPS"): ("near", 0.5, 1e-9),
                ("fixed pair", "MAE"): ("near", 0.25, 1e-9),
                ("sampled", "CRPS over MAE of the regression"): ("at most", 0.9, 0),
            },
            "fixed pair: members 1 above and below the truth, half of the time, the mean 1/4 "
            "off; others: half of what was measured, or of its distance to 1 (15.0, 2.27, .81)",
        ),
    ],
)  # fmt: skip
