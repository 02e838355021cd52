"""Multimodal atmospheric super-resolution (Chakraborty et al., 2025): one prior, any observations.

Of the paper its first page could be read and none of its tables: channels, resolution, errors and
steps are not known here.
"""

from undrift.common.reproduce.paper import Paper
from undrift.common.reproduce.tables import closed, data, results, smoke_table

_SIGMA = 80.0  # of the smoke run's closed form, where the posterior is asked

PAPER = Paper(
    id="multimodal-sr",
    title="Multimodal Atmospheric Super-Resolution With Deep Generative Models",
    domain="scientific",
    citation="multimodalsr",
    claim="a score model of ERA5, conditioned while sampling on coarse fields, radiosondes of IGRA "
    "and an emulator in any combination, recovers fine states and balances the sources",
    protocol="EDM's score model of ERA5 states; sources as likelihoods N(A_s x, R_s) of x0 given "
    "x_t, with the covariance std^2 + gamma sigma^2 (SDA's rule, as PhysicsNeMo has adapted it "
    "from this paper), stacked into one operator; ensembles. Command here: undrift atmos downscale "
    "COARSE --obs igra:FILE; its default covariance is Tweedie's, and option method 'sda' that of "
    "the paper. No weights of the authors are public, and the prior that comes with undrift is "
    "one of a made-up atmosphere.",
    measure="undrift.scientific.papers.measure:multimodal",
    trains=True,
    tables=[
        closed("era5", "Members against ERA5", "the paper's figures and tables",
               [data("era5", "the fine states of ERA5"),
                results("multimodal-sr", "members", "members as NetCDF, as undrift atmos downscale "
                        "writes them")]),
        closed("igra", "Members against ascents that were held back", "the paper's figures",
               [data("igra", "ascents of IGRA that were not used"),
                results("multimodal-sr", "members", "members as NetCDF")]),
        smoke_table(
            "Training, files and posterior on a made-up atmosphere", 1.7,
            {
                ("one cell", "told by one source"): ("near", 4 / (5 + _SIGMA**-2), 1e-6),
                ("one cell", "told by two sources"): ("near", 8 / (9 + _SIGMA**-2), 1e-6),
                ("sampled", "RMSE with ascents over without"): ("at most", 0.87, 0),
            },
            "one cell: the posterior mean of N(0, 1) whose value 1 is told with an error of 1/2, "
            f"once and twice, at sigma {_SIGMA:g}; others: half of what was gained (2.37, .742)",
        ),
    ],
)  # fmt: skip
