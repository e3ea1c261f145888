"""How the loops of ``kernels`` and ``kernels_build`` are compiled; importing it needs numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile at the first call and keep the result in a file beside the source."""
    try:
        return cast(F, numba.njit(cache=True)(function))
    except RuntimeError:  # no folder to keep compiled code in: compile in every process
        return cast(F, numba.njit(function))
