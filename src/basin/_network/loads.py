"""Accumulation on a network: values carried down, with decay and partings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from basin._network import navigate
from basin._network.arrays import Bools, Floats, Ints
from basin._network.base import Reaches
from basin.errors import NetworkError

__all__ = ["Accumulation"]

_S_PER_H, _S_PER_D = 3_600.0, 86_400.0

#: Fractions given by hand sum to 1 within this.
_SUM_NOISE = 1e-6


class Accumulation(Reaches):
    """The part of :class:`basin.network.RiverNetwork` that carries values down."""

    def accumulate(
        self,
        values: pd.Series | pd.DataFrame | Mapping[Any, float] | Floats,
        decay: pd.Series | float | None = None,
        split: str | pd.Series = "auto",
    ) -> Any:
        """Add a value down the network: what leaves each reach at its downstream end.

        Parameters
        ----------
        values
            By reach_id; reaches that are not given have 0, and NaN is an error. A value counts
            as entering at its reach's downstream end. A DataFrame holds many scenarios on one
            network, one a column; so does an array of shape (m, d) or (m,), in the order
            of :attr:`reaches`.
        decay
            Nothing; or by reach_id the fraction (0..1, missing 1) of what enters a reach that
            leaves it; or one first-order rate per day, which acts over the travel time.
        split
            At a parting: "auto" ("flow" where every arm of it has one, else "width", else
            "even"), "flow" or "width" (in proportion to ``flow_m3_s`` or ``width_m``), "even",
            "main" (the main way only), or a Series of fractions by reach_id (missing 1), which sum
            to 1 at each parting. All these keep the total: what enters leaves at the outlets, but
            for `decay` and for what a cycle in the lines holds back. "whole" does not: every arm
            carries all, the most that may come to each reach by either way, and what meets again
            below an island is counted twice.

        Returns
        -------
        Series or DataFrame by reach_id, in the order of :attr:`reaches`; an array for an array.

        Raises
        ------
        NetworkError
            For unknown reach_ids, values that are NaN or not by reach_id, a rate where velocities
            are missing, an unknown `split`, or fractions that do not sum to 1.

        Examples
        --------
        See the drawn networks in ``tests/test_network_navigate.py``.
        """
        own = self._by_reach(values, "values", 0.0)
        frm, to = self._carry_nodes
        leaving = navigate.accumulate(
            own,
            self._kept(decay) * self._shares(split),
            frm,
            to,
            len(self._parts.nodes),
            lambda: self._levels,
            int(self._parts.level.max()) + 1,
            self._parts.passes,
        )
        if isinstance(values, np.ndarray):
            return leaving
        if isinstance(values, pd.DataFrame):
            return pd.DataFrame(
                leaving, index=self.reaches.index, columns=values.columns, copy=False
            )
        return pd.Series(leaving, index=self.reaches.index, name=getattr(values, "name", None))

    @cached_property
    def _carry_nodes(self) -> tuple[Ints, Ints]:
        """From and to nodes of the reaches, numbered as water meets them: close in memory."""
        n = len(self._parts.nodes)
        met = np.unique(np.concatenate([self._frm, self._to]), return_index=True)[1]
        number = np.empty(n, dtype=np.intp)
        number[np.argsort(met, kind="stable")] = np.arange(n)
        return number[self._frm], number[self._to]

    def _kept(self, decay: pd.Series | float | None) -> Floats:
        if decay is None:
            return np.ones(len(self.reaches))
        if isinstance(decay, pd.Series):
            return self._by_reach(decay, "decay factors", 1.0)
        missing = np.isnan(self._hours)
        if missing.any():
            raise NetworkError(
                f"no velocity for {missing.sum()} of {len(missing)} reaches",
                ids=self.reaches.index[missing],
                mend="Give `velocity_m_s`, or the fractions that remain as a Series.",
            )
        kept: Floats = np.exp(-float(decay) * self._hours * _S_PER_H / _S_PER_D)
        return kept

    def _shares(self, split: str | pd.Series) -> Floats:
        if isinstance(split, pd.Series):
            return self._given_shares(split)
        if split not in self._shares_found:
            self._shares_found[split] = self._shares_by(split)
        return self._shares_found[split]

    @cached_property
    def _shares_found(self) -> dict[str, Floats]:
        return {}

    def _shares_by(self, split: str) -> Floats:
        n_out = np.diff(self._out.first)[self._frm]
        if split == "whole":
            return np.ones(len(n_out))
        if split == "even":
            return 1.0 / n_out
        if split == "main":
            return self._parts.is_main.astype(float)
        if split == "auto":
            by_flow, known = self._sized_shares("flow_m3_s")
            by_width, _ = self._sized_shares("width_m")  # even where no width is known
            return np.where(known, by_flow, by_width)
        if split in ("width", "flow"):
            column = "width_m" if split == "width" else "flow_m3_s"
            part, known = self._sized_shares(column)
            if not known.all():
                lost = ~known & ~(self.reaches[column].to_numpy(dtype=float) > 0)
                raise NetworkError(
                    f"no {column} where rivers part",
                    ids=self.reaches.index[lost],
                    mend=f"Give `{column}` for these arms, or split='auto'.",
                )
            return part
        raise NetworkError(
            f"unknown split {split!r}",
            mend="One of auto, flow, width, even, main, whole, or a Series of fractions.",
        )

    def _sized_shares(self, column: str) -> tuple[Floats, Bools]:
        size = self.reaches[column].to_numpy(dtype=float)
        return navigate.sized_shares(size, self._frm, len(self._parts.nodes))

    def _given_shares(self, split: pd.Series) -> Floats:
        part = self._by_reach(split, "split fractions", 1.0)
        total = np.bincount(self._frm, weights=part, minlength=len(self._parts.nodes))[self._frm]
        wrong = (np.abs(total - 1.0) > _SUM_NOISE) | (part < 0)
        if wrong.any():
            raise NetworkError(
                "split fractions do not sum to 1 where rivers part",
                ids=self.reaches.index[wrong],
                mend="Give every arm of a parting its fraction; for losses use `decay`.",
            )
        return part
