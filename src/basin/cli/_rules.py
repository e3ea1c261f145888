"""``basin rules``: list rule packs, and check one before it is used."""

from __future__ import annotations

import datetime as dt
import sys

import click

from basin.cli._frame import DATE, frame_lang, lang_option
from basin.cli._output import hint, print_json, print_table, say

__all__ = ["rules"]

_DEFAULT = ("china-yangtze", "chongqing")


@click.command()
@click.argument("packs", nargs=-1)
@click.option("--date", type=DATE, metavar="YYYY-MM-DD", help="Only rules in force on this date.")
@click.option("--lint", is_flag=True, help="Check packs: every fault with its line.")
@click.option(
    "--categories", is_flag=True, help="List the categories of projects by code and word."
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of rule packs.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def rules(
    packs: tuple[str, ...],
    date: dt.date | None,
    lint: bool,
    categories: bool,
    schema: bool,
    lang: str | None,
    as_json: bool,
) -> None:
    """List the rules of PACKS (names or .toml files) with their legal basis, or check them."""
    from basin.standards.labels import label
    from basin.standards.rules import load_rules, rules_frame

    if schema:
        from basin.standards.lint import rule_pack_schema

        print_json(rule_pack_schema())
        return
    lang = lang or frame_lang()
    if categories:
        _list_categories(lang, as_json)
        return
    if lint:
        _lint(packs or _DEFAULT, lang, as_json)
        return
    frame = rules_frame(load_rules(packs or _DEFAULT, date), lang)
    if as_json:
        print_json({"rules": frame})
    else:
        shown = frame[["rule_id", "title", "basis", "edition", "confidence"]].copy()
        shown["confidence"] = [label("confidence", code, lang) for code in shown["confidence"]]
        shown.columns = [label("column", name, lang) for name in shown.columns]
        print_table(shown, most=500)


def _list_categories(lang: str, as_json: bool) -> None:
    import pandas as pd

    from basin.layers.codes import known_codes, spellings_of
    from basin.standards.labels import label
    from basin.standards.rules import category_label

    ways = spellings_of("site_category")
    rows = [
        {
            "category": code,
            "word": category_label(code, lang),
            "also": ", ".join(w for w in ways[code][1:] if w != category_label(code, lang)),
        }
        for code in known_codes("site_category")
    ]
    if as_json:
        print_json({"categories": pd.DataFrame(rows)})
        return
    heads = {"category": label("column", "category", lang)}
    heads |= {"word": "名称", "also": "也可写作"} if lang == "zh" else {"also": "also written"}
    print_table(pd.DataFrame(rows).rename(columns=heads), most=500)


def _lint(packs: tuple[str, ...], lang: str, as_json: bool) -> None:
    """Print faults as compilers do; exit with 1 if a pack cannot be used."""
    import pandas as pd

    from basin.standards.lint import Fault, lint_pack

    tables = [lint_pack(pack) for pack in packs]
    table = pd.concat(tables, ignore_index=True)
    errors = int((table["severity"] == "error").sum())
    if as_json:
        print_json({"faults": table})
    else:
        for row in table.to_dict("records"):
            say(Fault(**{str(key): value for key, value in row.items()}).text(lang))
    warnings = len(table) - errors
    hint(
        f"{len(packs)} 个规则包：错误 {errors} 处，警告 {warnings} 处"
        if lang == "zh"
        else f"{len(packs)} packs: {errors} errors, {warnings} warnings"
    )
    sys.exit(1 if errors else 0)
