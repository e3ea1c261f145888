"""The way to the compiled kernels: only for large work, and only where numba is installed."""

from __future__ import annotations

from typing import Any

__all__ = ["MANY_LINES", "build_kernels", "kernels"]

#: From so many lines (or reaches, or nodes) on compiled loops build a network.
MANY_LINES = 100_000


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


def build_kernels(lines: int) -> Any | None:
    """Return the compiled loops under the building of a network of so many lines, or None."""
    if lines < MANY_LINES:
        return None
    try:
        from basin._network import kernels_build as compiled
    except ImportError:
        return None
    return compiled
