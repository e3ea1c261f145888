"""A network in words: one line, a few lines, a notebook table."""

from __future__ import annotations

import html

import geopandas as gpd

from basin._network.ledger import KINDS, issue_text

__all__ = ["as_html", "explain", "in_brief"]

#: Findings shown in a notebook.
_ROWS = 50


def explain(reaches: gpd.GeoDataFrame, issues: gpd.GeoDataFrame, outlets: int, lang: str) -> str:
    """Tell what the network is, and every finding in a sentence."""
    km = reaches["length_m"].sum() / 1000
    pieces, order = int(reaches["piece"].max()) + 1, int(reaches["strahler"].max())
    if lang == "zh":
        head = (
            f"河网：{len(reaches)} 条河段，{km:.1f} 千米，{outlets} 个出口，{pieces} 个连通部分，"
            f"最高河流级别 {order}。"
            + (f"发现 {len(issues)} 项：" if len(issues) else "未发现问题。")
        )
    else:
        head = (
            f"Network: {len(reaches)} reaches, {km:.1f} km, {outlets} outlets, {pieces} connected "
            f"pieces, greatest Strahler order {order}. "
            + (f"{len(issues)} findings:" if len(issues) else "No findings.")
        )
    return "\n".join([head, *(f"- {issue_text(row, lang)}" for _, row in issues.iterrows())])


def in_brief(reaches: gpd.GeoDataFrame, issues: gpd.GeoDataFrame, nodes: int) -> str:
    """Count reaches, nodes, kilometres and findings by kind."""
    counts = issues["kind"].value_counts()
    found = ", ".join(f"{kind} {counts[kind]}" for kind in KINDS if kind in counts)
    return (
        f"<RiverNetwork: {len(reaches)} reaches, {nodes} nodes, "
        f"{reaches['length_m'].sum() / 1000:.1f} km; issues: {found or 'none'}>"
    )


def as_html(brief: str, issues: gpd.GeoDataFrame) -> str:
    """Show the first findings as a table; everything from data is escaped."""
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{html.escape(str(cell))}</td>"
            for cell in (issue.issue_id, issue.kind, issue.action, issue_text(issue._asdict()))
        )
        + "</tr>"
        for issue in issues.head(_ROWS).itertuples()
    )
    return f"<p>{html.escape(brief)}</p><table>{rows}</table>"
