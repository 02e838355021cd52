"""DEIS (Zhang and Chen 2023): Adams-Bashforth in a variable of choice, integrated exactly.

    z1 = (a1/a0) z0 + sum_j eps_j a1 int l_j d(rho),    l_j the Lagrange polynomials in tau

tau = t is their tAB, which depends on how a process runs through t; tau = rho their rhoAB; log rho
(what diffusers calls DEIS) is lambda, hence DPM-Solver with the right third order; the angle stays
finite at both singular ends. All are `Exponential` with another variable.
"""

from undrift.common.solvers.exponential import Exponential


def deis(
    order: int = 2,
    variable: str = "t",
    form: str = "noise",
    lower_final: bool = True,
    extrapolate: bool = False,
) -> Exponential:
    """order: 1 to 4 (tAB0 to tAB3 in the paper); the rest as in `Exponential`."""
    return Exponential(
        order,
        form=form,
        rule="taylor",
        variable=variable,
        lower_final=lower_final,
        extrapolate=extrapolate,
    )
