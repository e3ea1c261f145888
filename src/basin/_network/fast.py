"""The way to the compiled kernels: only for large work, and only where numba is installed."""

from __future__ import annotations

from typing import Any

__all__ = ["kernels"]


def kernels(work: int, enough: int) -> Any | None:
    """Return the module of compiled kernels, or None where plain arrays serve.

    Loading numba costs a third of a second and the first compilation of a kernel on a machine a
    few seconds (the result is kept in a file), so that small work does without.

    Parameters
    ----------
    work, enough
        How much there is to do, and from where on compiling pays, in the caller's unit.
    """
    if work < enough:
        return None
    try:
        from basin._network import kernels as compiled
    except ImportError:  # numba is an extra: pip install basin-gis[fast]
        return None
    return compiled
