"""The ledger of outfalls as an officer's note and as a table to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from basin.standards.labels import label
from basin.tracing.explain import CAVEAT
from basin.tracing.spill.note import inputs_line
from basin.tracing.survey_findings import GAPS

if TYPE_CHECKING:
    from basin.tracing.survey import OutfallLedger

__all__ = ["explain_ledger", "progress_table"]

_SHOWN = 10

_INFERRED = {
    "surveyed": ("排查：台账无排查日期，列入台账即按已排查计", "surveyed: by being in the table"),
    "measured": ("监测：按有采样日期或实测负荷计", "measured: by a sample or a measured load"),
    "traced": ("溯源：台账无溯源日期，按填有责任主体计", "traced: by a responsible party"),
    "rectified": (
        "整治：台账无整治完成日期，只有取缔能按状态判断，合并、规范的进度不明",
        "rectified: there are no dates, so only bans can be told, by the status; how far merging "
        "and regulating have come is not known",
    ),
}


def explain_ledger(ledger: OutfallLedger, lang: str = "zh") -> str:
    """Write progress, targets, findings, method, inputs and caveat."""
    zh = lang == "zh"
    lines = [
        f"入河排污口查测溯治台账（截至 {ledger.date}）"
        if zh
        else f"Ledger of outfalls as of {ledger.date}"
    ]
    lines += ["一、进度" if zh else "1. Progress", *_progress(ledger, zh)]
    lines += ["二、计划目标" if zh else "2. Plan targets", *_targets(ledger, zh)]
    lines += ["三、须核查" if zh else "3. To be checked", *_findings(ledger, zh)]
    lines += ["四、口径" if zh else "4. How it is counted", *_method(ledger, zh)]
    lines += ["五、依据的数据" if zh else "5. Inputs", inputs_line(ledger.inputs, zh)]
    lines.append(f"声明：{CAVEAT['zh']}。" if zh else f"Note: {CAVEAT['en']}.")
    return "\n".join(lines)


def _share(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value * 100:.1f} %"


def _now(ledger: OutfallLedger) -> pd.DataFrame:
    table = ledger.progress
    return table[table["year"] == ledger.date.year]


def _progress(ledger: OutfallLedger, zh: bool) -> list[str]:
    lang = "zh" if zh else "en"
    whole = _now(ledger).iloc[0]
    steps = [
        f"{label('survey_step', s, lang)} {_count(whole[f'{s}_n'])}"
        + ("（{}）" if zh else " ({})").format(_share(whole[f"{s}_share"]))
        for s in ("surveyed", "measured", "traced", "rectified")
    ]
    acts = [
        f"{label('outfall_action', a, lang)} {_count(whole[f'{a}_done'])}/{whole[f'{a}_n']:.0f}"
        for a in ("ban", "merge", "regulate")
    ]
    sep, end, n = ("，", "。", "：") if zh else (", ", ".", ": ")
    head = f"排污口 {whole['n']:.0f} 个（重复编码已并计）" if zh else f"Outfalls, {whole['n']:.0f}"
    done = "整治完成" if zh else "Rectified"
    return [head + n + sep.join(steps) + end, done + n + sep.join(acts) + end]


def _count(value: Any) -> str:
    return "?" if pd.isna(value) else f"{value:.0f}"


def _targets(ledger: OutfallLedger, zh: bool) -> list[str]:
    lines = []
    for row in ledger.targets.to_dict("records"):
        met = label("target_met", row["met"], "zh" if zh else "en")
        need = _share(row["required"])
        if pd.isna(row["required"]):
            need = "未定比例" if zh else "no figure"
        text, due, n = row["zh" if zh else "en"], row["due"].isoformat(), row["n"]
        done, share, basis = _count(row["done"]), _share(row["share"]), row["basis"]
        lines.append(
            f"{due} {text}：要求 {need}，{n} 个中完成 {done}（{share}），{met}（{basis}）。"
            if zh
            else f"{due} {text}: required {need}, done {done} of {n} ({share}), {met} ({basis})."
        )
    return lines or ["没有计划目标。" if zh else "There are no targets."]


def _findings(ledger: OutfallLedger, zh: bool) -> list[str]:
    table = ledger.findings
    if not len(table):
        return ["没有。" if zh else "None."]
    lines = []
    for kind, rows in table.groupby("kind", sort=False):
        head = label("ledger_finding", kind, "zh" if zh else "en")
        texts = rows["text_zh" if zh else "text_en"].tolist()
        shown = ("；" if zh else "; ").join(texts[:_SHOWN])
        more = len(texts) - _SHOWN
        tail = (f"；另有 {more} 处" if zh else f"; {more} more") if more > 0 else ""
        n = _size(str(kind), rows)
        lines.append(f"{head}（{n}）：{shown}{tail}。" if zh else f"{head} ({n}): {shown}{tail}.")
    return lines


def _size(kind: str, rows: pd.DataFrame) -> int:
    """How many outfalls lack something; of other kinds, how many findings there are."""
    if kind not in GAPS:
        return len(rows)
    return sum(len(str(ids).split(", ")) for ids in rows["outfall_ids"])


def _method(ledger: OutfallLedger, zh: bool) -> list[str]:
    lines = [_INFERRED[s][not zh] + ("。" if zh else ".") for s in ledger.inferred]
    lines.append(
        "各年末累计；取缔以状态为已取缔且其后无采样计；水源保护区按当日有效版本，定位误差内的另列。"
        if zh
        else "Counts add up to the end of each year; a ban is done when the outfall is closed and "
        "not sampled since; water-source zones in force on the date, doubtful ones apart."
    )
    return lines


def progress_table(ledger: OutfallLedger, lang: str = "zh") -> pd.DataFrame:
    """Return progress on the ledger's date: one row a river and district, headings in words."""
    table = _now(ledger)
    plain: dict[str, Any] = {
        "scope": [label("ledger_scope", s, lang) for s in table["scope"]],
        "name": [name or "—" for name in table["name"]],
        "n_outfalls": table["n"].to_numpy(),
    }
    for step in ("surveyed", "measured", "traced", "rectified"):
        plain[f"{step}_share"] = [_share(v) for v in table[f"{step}_share"]]
    for action in ("ban", "merge", "regulate"):
        done, n = table[f"{action}_done"], table[f"{action}_n"]
        plain[f"{action}_done"] = [f"{_count(d)}/{k}" for d, k in zip(done, n, strict=True)]
    frame = pd.DataFrame(plain)
    return frame.rename(columns={c: label("column", c, lang) for c in plain})
