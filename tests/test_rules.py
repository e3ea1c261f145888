"""Rule packs: every rule of the record is carried, dated, and a broken pack says where."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from basin.cli import main
from basin.errors import RuleError
from basin.siting import check_sites
from basin.standards.labels import codes
from basin.standards.lint import lint_pack, rule_pack_schema
from basin.standards.rules import (
    categories,
    category_code,
    category_label,
    load_rules,
    pack_names,
    rules_frame,
)
from siting_world import DATE, covered, out, shore, site, wedge, zone

PACKS = ("china-yangtze", "chongqing")
RULES = {rule.id: rule for rule in load_rules(PACKS)}

# id: verdict, confidence, distance (m) of the compiled record of 44 rules
RECORD = {
    "CJ26-CHEM-1KM": ("prohibit", "verified", 1000),
    "CJ26-TAIL-3KM": ("prohibit", "verified", 3000),
    "CJ26-TAIL-1KM": ("prohibit", "verified", 1000),
    "FMQD22-8-SLAG-3KM": ("prohibit", "knowledge", 3000),
    "FMQD22-8-SLAG-1KM": ("prohibit", "knowledge", 1000),
    "FMQD22-8-LAKE-1KM": ("prohibit", "knowledge", 1000),
    "CQ-PARK-5KM": ("prohibit", "policy_document", 5000),
    "CQ-WATER-1KM": ("prohibit", "verified", 1000),
    "CQ-WATER-CLUSTER": ("prohibit", "verified", None),
    "FMQD22-9-PARK": ("prohibit", "knowledge", None),
    "WPPL64-OUTFALL": ("prohibit", "verified", None),
    "WPPL65-ZONE1-BUILD": ("prohibit", "verified", None),
    "WPPL65-ZONE1-ACT": ("prohibit", "verified", None),
    "WPPL66-ZONE2-BUILD": ("prohibit", "verified", None),
    "WPPL66-ZONE2-ACT": ("restrict", "verified", None),
    "WPPL67-QUASI-NEW": ("prohibit", "verified", None),
    "WPPL67-QUASI-REBUILD": ("restrict", "verified", None),
    "WPPL75-OUTFALL-SPECIAL": ("prohibit", "verified", None),
    "CJ47-OUTFALL-PERMIT": ("permit_required", "verified", None),
    "CJ47-OUTFALL-FAILING-ZONE": ("restrict", "verified", None),
    "FMQD22-5-SHORE": ("prohibit", "knowledge", None),
    "FMQD22-5-WFZ": ("review", "knowledge", None),
    "NR-CORE": ("prohibit", "verified", None),
    "NR-GENERAL": ("review", "verified", None),
    "SCENIC-CORE": ("prohibit", "verified", None),
    "SCENIC-DEVZONE": ("prohibit", "verified", None),
    "GERMPLASM": ("prohibit", "knowledge", None),
    "WETPARK": ("prohibit", "knowledge", None),
    "WETLAND-NATIONAL": ("prohibit", "verified", None),
    "WETLAND-AVOID": ("review", "verified", None),
    "ERL-CORE": ("prohibit", "policy_document", None),
    "ERL-OTHER": ("prohibit", "policy_document", None),
    "ERL-TAIL": ("prohibit", "knowledge", None),
    "LIVESTOCK-BAN": ("prohibit", "verified", None),
    "LIVESTOCK-LIMIT": ("restrict", "policy_document", None),
    "RIVER-RANGE-BLOCK": ("prohibit", "verified", None),
    "RIVER-RANGE-WORKS": ("permit_required", "verified", None),
    "DRAWDOWN": ("permit_required", "verified", None),
    "SAND-BAN": ("prohibit", "verified", None),
    "PORT-PLAN": ("prohibit", "knowledge", None),
    "CROSSING-PLAN": ("prohibit", "knowledge", 0),
    "UNIT-PRIORITY": ("review", "policy_document", None),
    "UNIT-KEY": ("review", "policy_document", None),
    "UNIT-GENERAL": ("review", "policy_document", None),
}


def test_the_44_rules_of_the_record_are_carried_with_their_confidence():
    assert len(RECORD) == 44
    found = {i: (RULES[i].verdict, RULES[i].confidence, RULES[i].distance_m) for i in RECORD}
    assert found == RECORD
    # one rule of the record says two things: chemical projects need a chemical park
    assert set(RULES) - set(RECORD) == {"CQ-WATER-CLUSTER-CHEM"}


def test_every_rule_tells_its_law_in_both_languages():
    for rule in RULES.values():
        assert rule.title_zh, rule.id
        assert rule.title_en, rule.id
        assert rule.basis_zh, rule.id
        assert rule.basis_en, rule.id
        assert bool(rule.exemption_zh) == bool(rule.exemption_en), rule.id
        assert bool(rule.note_zh) == bool(rule.note_en), rule.id
        assert rule.pack in PACKS


def test_every_word_of_a_rule_is_a_known_code():
    for rule in RULES.values():
        assert set(rule.categories) <= {*categories(), "*"}, rule.id
        assert {kind for kind, _ in rule.zones + rule.outside} <= set(codes("zone_kind")), rule.id


def test_the_article_and_the_edition_are_quoted():
    rule = RULES["CJ26-CHEM-1KM"]
    assert rule.basis_zh == "《长江保护法》第二十六条第二款"
    assert rule.basis_en.endswith("art. 26(2)")
    assert rule.edition_text() == "2020-12-26 通过；2021-03-01 起施行"
    assert "in force 2021-03-01" in rule.edition_text("en")


def test_a_rule_without_a_date_counts_as_in_force_and_says_so():
    rule = RULES["CQ-PARK-5KM"]
    assert rule.in_force is None
    assert rule.in_force_on(dt.date(1999, 1, 1))
    assert "施行日期未载，按有效计" in rule.edition_text()
    assert "counts as in force" in rule.edition_text("en")


@pytest.mark.parametrize(
    ("date", "there", "absent"),
    [
        (dt.date(2020, 9, 30), "CQ-PARK-5KM", "CQ-WATER-1KM"),
        (dt.date(2020, 10, 1), "CQ-WATER-1KM", "CJ26-CHEM-1KM"),
        (dt.date(2021, 2, 28), "CQ-WATER-1KM", "CJ26-CHEM-1KM"),
        (dt.date(2021, 3, 1), "CJ26-CHEM-1KM", "FMQD22-8-SLAG-3KM"),
        (dt.date(2022, 1, 18), "CJ26-TAIL-3KM", "FMQD22-8-SLAG-3KM"),
        (dt.date(2022, 1, 19), "FMQD22-8-SLAG-3KM", "none"),
    ],
)
def test_the_date_decides_which_rules_are_in_force(date, there, absent):
    ids = {rule.id for rule in load_rules(PACKS, date)}
    assert there in ids
    assert absent not in ids


def test_named_rivers_are_data():
    assert RULES["CQ-PARK-5KM"].named_rivers == ("嘉陵江", "乌江")
    assert RULES["CQ-WATER-1KM"].named_rivers == ("长江", "嘉陵江", "乌江")
    important = dict(RULES["CJ26-TAIL-1KM"].class_rivers)["important_tributary"]
    assert {"嘉陵江", "乌江", "涪江", "渠江"} <= set(important)
    assert "綦江" not in important  # about 7,000 km2: under the 10,000 km2 of art. 95


def test_both_vocabularies_of_nature_reserves_are_read():
    grades = dict(RULES["NR-CORE"].zones)["nature_reserve"]
    assert set(grades) == {"core_protected", "core", "buffer"}
    grades = dict(RULES["NR-GENERAL"].zones)["nature_reserve"]
    assert set(grades) == {"general_control", "experimental"}


# ---- categories -------------------------------------------------------------------------------


def test_categories_are_told_by_code_and_by_word():
    for code, entry in categories().items():
        assert category_code(code) == category_code(entry.zh) == category_code(entry.en) == code
        assert category_label(code, "zh") == entry.zh
        assert category_label(code, "en") == entry.en
        assert not entry.sure & entry.maybe
        assert code in entry.sure
    assert category_code("飞船发射场") is None
    assert category_code(None) is None
    words = [word for entry in categories().values() for word in (entry.zh, entry.en)]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("category", "surely", "perhaps", "never"),
    [
        ("chemical", "polluting_high", "heavy_chemical", "tailings_pond"),
        ("petrochemical", "chemical", "water_polluting_heavy", "outfall"),
        ("chemical_park", "industrial_park", "environmental_risk", "tailings_pond"),
        ("industrial_park", "production", "chemical_park", "chemical"),
        ("coking", "industrial_polluting", "chemical", "tourism"),
        ("building_material", "polluting_high", "discharging", "chemical"),
        ("pulp", "water_polluting_heavy", None, "chemical"),
        ("outfall", "discharging", None, "sewage_works"),
        ("warehouse", "building", "environmental_risk", "chemical"),
        ("intake", "water_supply", None, "discharging"),
        ("livestock_farm", "livestock", "discharging", "resort"),
        ("building", "building", "real_estate", "chemical"),
    ],
)
def test_what_a_category_is_and_may_be(category, surely, perhaps, never):
    entry = categories()[category]
    assert surely in entry.sure
    assert perhaps is None or perhaps in entry.maybe
    assert never not in entry.sure | entry.maybe


# ---- broken packs -----------------------------------------------------------------------------

PACK = """
schema = 1
pack = "mine"
[documents.law]
title_zh = "《例法》"
title_en = "Example Law"
in_force = "2024-01-01"
[river_classes]
ours = ["甲河"]
[[rule]]
id = "MINE-1"
title_zh = "例"
title_en = "example"
categories = ["chemical"]
actions = ["new"]
river_scope = ["main_stem", "named:ours"]
distance_m = 1500
verdict = "prohibit"
basis = [["law", "第一条", "art. 1"]]
confidence = "unsure"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_pack_of_ones_own_is_read_by_path(tmp_path):
    path = write(tmp_path, PACK)
    for given in (path, str(path), [path], [str(path)]):
        (rule,) = load_rules(given)
        assert (rule.id, rule.distance_m, rule.named_rivers) == ("MINE-1", 1500.0, ("甲河",))
    assert rule.in_force == dt.date(2024, 1, 1)
    assert load_rules(path, dt.date(2023, 12, 31)) == ()  # one dated document: its date stands
    assert len(load_rules([*PACKS, path])) == 46


TWO_LAWS = PACK.replace(
    "[[rule]]",
    """[documents.old]
title_zh = "《旧法》"
title_en = "Old Law"
in_force_to = "2023-12-31"
[[rule]]""",
).replace('"art. 1"]]', '"art. 1"], ["old", "第九条", "art. 9"]]')


@pytest.mark.parametrize(
    ("pack", "day", "bases", "known"),
    [
        (TWO_LAWS, "2023-12-31", ["《旧法》第九条"], True),
        (TWO_LAWS, "2024-01-01", ["《例法》第一条"], True),
        (TWO_LAWS.replace("to =", "to = '2022-12-31' #"), "2023-06-01", None, False),
        (PACK + 'in_force = "unrecorded"', "2023-12-31", None, False),
        (PACK + 'in_force = "2022-01-01"', "2023-12-31", None, False),
        (PACK + 'in_force = "2024-06-01"', "2024-01-01", [], True),
        (TWO_LAWS + 'in_force = "2020-01-01"', "2019-12-31", [], True),
        (TWO_LAWS + 'in_force_to = "2024-12-31"', "2025-01-01", [], True),
        (PACK.replace('"2024-01-01"', '""\nin_force_to = "2023-12-31"'), "2024-01-01", [], True),
    ],
)
def test_which_law_carries_a_rule_on_a_day(tmp_path, pack, day, bases, known):
    """One dated law turns its rule on; of several, those of the day are quoted; none is unknown."""
    rules = load_rules(write(tmp_path, pack), dt.date.fromisoformat(day))
    if bases == []:
        assert rules == ()
        return
    (rule,) = rules
    assert rule.edition_known == known
    if known:
        assert [rule.basis_zh] == bases
    else:
        assert "未载" in rule.edition_text()
        assert "not recorded" in rule.edition_text("en")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "MINE-1"', 'id = "MINE-1"\ncolour = "red"', "rule 'MINE-1', key 'colour'"),
        ('["chemical"]', '["chemicals"]', "key 'categories': the code 'chemicals'"),
        ('["new"]', '["build"]', "key 'actions': the code 'build'"),
        ('"prohibit"', '"forbid"', "key 'verdict': the code 'forbid'"),
        ('"unsure"', '"sure"', "key 'confidence'"),
        ('"main_stem"', '"big"', "key 'river_scope': the code 'big'"),
        ('"named:ours"', '"named:theirs"', "the list 'theirs'"),
        ("1500", '"1500"', "key 'distance_m'"),
        ("1500", "-1", "key 'distance_m'"),
        ('"2024-01-01"', '"last year"', "key 'in_force'"),
        ('["law", "第一条", "art. 1"]', '["code", "", ""]', "the document 'code'"),
        ('["law", "第一条", "art. 1"]', '"law"', "key 'basis'"),
        ('title_zh = "例"\n', "", "key 'title_zh': is missing"),
        ("schema = 1", "schema = 2", "key 'schema'"),
        ('pack = "mine"', 'pack = "mine"\nrules = 3', "key 'rules'"),
        ("distance_m = 1500", 'zones = [{ kind = "moon" }]', "zone kind 'moon'"),
        ("distance_m = 1500", 'zones = [{ sort = "x" }]', "key 'zones'"),
        ('river_scope = ["main_stem", "named:ours"]\ndistance_m = 1500\n', "", "'river_scope'"),
        ("[[rule]]", "[rule]", "key 'rule'"),
        ("schema = 1", "schema = ", "is not valid TOML.*line 2"),
        ("schema = 1", "schema = " + "9" * 5000, "is not valid TOML"),
        ("schema = 1", "schema = " + "[" * 5000, "is not valid TOML"),
        ("1500", "nan", "key 'distance_m'.*metres from 0 to 100000"),
        ("1500", "inf", "key 'distance_m'"),
        ("1500", "1e308", "key 'distance_m'"),
        ("1500", "9" * 400, "key 'distance_m'"),
        ('["chemical"]', '[["chemical"]]', r"key 'categories': \['chemical'\] is not a text"),
        ('["new"]', "[{ a = 1 }]", "key 'actions': {'a': 1} is not a text"),
        ('["main_stem", ', "[1, ", "key 'river_scope': 1 is not a text"),
        ("distance_m = 1500", 'zones = [{ kind = "red_line", grades = [[]] }]', "key 'grades'"),
        ("distance_m = 1500", "zones = [{ kind = [] }]", r"zone kind \[\]"),
        ('["law", "第一条", "art. 1"]', '["law", 1, 2]', "key 'basis'"),
        ('["law", "第一条", "art. 1"]', '[["law"], "", ""]', "key 'basis'"),
        ("[documents.law]", "[documents]\nd = 5\n[documents.law]", "key 'd': is 5"),
        ("[documents.law]", "[documents.law]\nedition = 5", "key 'edition': is 5"),
        ("[river_classes]", "[river_classes]\nmain_stem = 5", "key 'main_stem': is 5"),
        ("[river_classes]", "[river_classes]\nmain_stem = [5]", "'main_stem': 5 is not a text"),
    ],
)
def test_a_broken_pack_says_pack_rule_and_key(tmp_path, old, new, told):
    assert old in PACK
    with pytest.raises(RuleError, match=told) as caught:
        load_rules(write(tmp_path, PACK.replace(old, new)))
    assert "mine" in str(caught.value)


@pytest.mark.parametrize(("rule", "told"), [("[5]", "5 is not a table"), ("[]", "holds no rule")])
def test_a_pack_without_rules_is_refused(tmp_path, rule, told):
    with pytest.raises(RuleError, match=f"pack 'mine', key 'rule': .*{told}"):
        load_rules(write(tmp_path, f'schema = 1\npack = "mine"\nrule = {rule}\n'))


def test_no_rule_on_a_day_is_an_empty_table():
    assert list(rules_frame(())) == list(rules_frame(load_rules("chongqing")))


def test_ids_that_occur_twice_are_told(tmp_path):
    rule = PACK[PACK.index("[[rule]]") :]
    with pytest.raises(RuleError, match="twice: ids MINE-1"):
        load_rules(write(tmp_path, PACK + rule))
    with pytest.raises(RuleError, match="taken by pack 'mine'"):
        load_rules([write(tmp_path, PACK), str(tmp_path / "mine.toml")])


def test_a_pack_that_is_not_there_is_told_with_those_that_are(tmp_path):
    with pytest.raises(RuleError, match="china-yangtze, chongqing"):
        load_rules("anhui")
    with pytest.raises(RuleError, match="cannot be read"):
        load_rules(tmp_path / "none.toml")


def test_the_packs_that_come_with_basin_are_plain_toml():
    assert pack_names() == ("china-yangtze", "chongqing")
    folder = Path(__file__).parents[1] / "src" / "basin" / "standards" / "rule_packs"
    for name in pack_names():
        assert tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))["pack"] == name


def test_the_rules_know_every_stretch_of_the_main_stem_by_its_name():
    folder = Path(__file__).parents[1] / "src" / "basin" / "standards"
    rivers = tomllib.loads((folder / "rivers.toml").read_text(encoding="utf-8"))
    pack = tomllib.loads((folder / "rule_packs/china-yangtze.toml").read_text(encoding="utf-8"))
    assert set(rivers["main_stem"]["names"]) == set(pack["river_classes"]["main_stem"])
    named = set(rivers["important_tributary"]["named"]["names"])
    assert named <= set(pack["river_classes"]["important_tributary"])


# ---- lint, schema, a province's pack ------------------------------------------------------------


def faults(path):
    return lint_pack(path).to_dict("records")


def test_a_rule_that_is_no_table_is_a_fault_of_the_pack(tmp_path):
    (tmp_path / "own.toml").write_text('rule = ["a"]\n', encoding="utf-8")
    assert "no. 1" in lint_pack(tmp_path / "own.toml")["rule_id"].to_list()


def test_the_schema_and_the_packs_agree():
    schema = rule_pack_schema()
    Draft202012Validator.check_schema(schema)
    rule = schema["properties"]["rule"]["items"]["properties"]
    assert set(rule["categories"]["items"]["enum"]) == {*categories(), "*"}
    zone = rule["zones"]["items"]["properties"]
    assert zone["kind"]["enum"] == list(codes("zone_kind"))
    assert zone["grades"]["items"]["enum"] == list(codes("zone_grade"))
    assert rule["confidence"]["enum"] == list(codes("confidence"))
    folder = Path(__file__).parents[1]
    packs = [*(folder / "src/basin/standards/rule_packs").glob("*.toml"),
             *(folder / "data/rule_packs").glob("*.toml")]  # fmt: skip
    assert len(packs) == 4
    for path in packs:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        assert list(Draft202012Validator(schema).iter_errors(table)) == [], path.name
        assert [f for f in faults(path) if f["severity"] == "error"] == []


@pytest.mark.parametrize(
    ("old", "new", "key", "line", "told"),
    [
        ('id = "MINE-1"', 'id = "MINE-1"\ncolour = "red"', "colour", 12, "is no key"),
        ('id = "MINE-1"', 'id = "MINE-1"\ndistnce_m = 5', "distnce_m", 12, "distance_m?"),
        ('["chemical"]', '["chemicals"]', "categories", 14, "chemical?"),
        ('["chemical"]', '[\n  "chemical",\n  "boat",\n]', "categories", 14, "'boat'"),
        ('["new"]', '["build"]', "actions", 15, "'build' is not known"),
        ('"prohibit"', '"forbid"', "verdict", 18, "prohibit, restrict"),
        ("1500", '"1500"', "distance_m", 17, "wrong kind"),
        ("1500", "-1", "distance_m", 17, "0 to 100000"),
        ('"main_stem"', '"big"', "river_scope", 16, "not written"),
        ('"named:ours"', '"named:theirs"', "river_scope", 16, "theirs"),
        ('"2024-01-01"', '"last year"', "in_force", 7, "not written"),
        ('["law", "第一条", "art. 1"]', '["code", "", ""]', "basis", 19, "code"),
        ('["law", "第一条", "art. 1"]', '["law"]', "basis", 19, "too short"),
        ('title_zh = "例"\n', "", "title_zh", 10, "missing"),
        ("schema = 1", "schema = 2", "schema", 2, ""),
        ("schema = 1", "schema = ", "", 2, "TOML"),
        ('"unsure"', '"unsure', "", 20, "TOML"),
    ],
)
def test_lint_names_the_line(tmp_path, old, new, key, line, told):
    found = faults(write(tmp_path, PACK.replace(old, new)))
    errors = [f for f in found if f["severity"] == "error"]
    assert [(f["key"], f["line"]) for f in errors] == [(key, line)]
    assert told in errors[0]["en"]
    assert errors[0]["zh"]
    assert errors[0]["file"] == "mine.toml"


def test_lint_gathers_every_fault_and_what_was_hardly_meant(tmp_path):
    broken = PACK.replace("1500", "-1").replace('"prohibit"', '"forbid"')
    assert [f["line"] for f in faults(write(tmp_path, broken))] == [17, 18]
    odd = PACK.replace('id = "MINE-1"', 'id = "NR-CORE"\nexemption_zh = "x"')
    odd = odd.replace("[river_classes]", '[documents.b]\ntitle_zh = "b"\ntitle_en = "b"\n'
                      '[river_classes]\nspare = ["乙河"]')  # fmt: skip
    told = {(f["key"], f["severity"]) for f in faults(write(tmp_path, odd))}
    assert told == {("b", "warning"), ("spare", "warning"), ("id", "warning"),
                    ("exemption_zh", "warning")}  # fmt: skip
    (tmp_path / "mine.toml").write_bytes(PACK.encode("gb18030"))
    assert faults(tmp_path / "mine.toml")[0]["en"].startswith("is not UTF-8")
    with pytest.raises(RuleError, match="cannot be read"):
        lint_pack(tmp_path / "none.toml")


def test_a_pack_that_is_used_broken_names_the_line(tmp_path):
    with pytest.raises(RuleError, match=r"key 'distance_m'.*\(line 17\)"):
        load_rules(write(tmp_path, PACK.replace("1500", "-1")))


def test_the_command_lints_and_prints_the_schema(tmp_path):
    path = write(tmp_path, PACK.replace("1500", "-1"))
    run = CliRunner().invoke(main, ["rules", str(path), "--lint", "--lang", "en"])
    assert run.exit_code == 1
    assert "mine.toml:17 error MINE-1, distance_m: -1 is not within" in run.output
    run = CliRunner().invoke(main, ["rules", "--lint"])
    assert run.exit_code == 0
    run = CliRunner().invoke(main, ["rules", "--schema"])
    assert json.loads(run.output)["title"] == "basin rule pack"


def test_every_exemption_says_what_it_has_to_be_shown_with():
    for rule in RULES.values():
        assert bool(rule.exemption_zh) == bool(rule.evidence_zh), rule.id
        assert bool(rule.evidence_zh) == bool(rule.evidence_en), rule.id


@pytest.mark.parametrize(
    ("pack", "river", "metres", "category", "expected"),
    [
        ("anhui", "长江", 900, "chemical", {"AH-1KM": "prohibited", "AH-5KM": "prohibited",
                                          "AH-15KM": "conditional"}),
        ("anhui", "长江", 4900, "chemical", {"AH-1KM": "clear", "AH-5KM": "prohibited"}),
        ("anhui", "长江", 14_900, "machinery", {"AH-15KM": "conditional"}),
        ("anhui", "长江", 15_100, "machinery", {"AH-15KM": "clear"}),
        ("anhui", "皖河", 900, "chemical", {"AH-1KM": "clear"}),
        ("hubei", "汉江", 900, "pulp_paper", {"HB-1KM": "prohibited", "HB-15KM": "prohibited"}),
        ("hubei", "清江", 14_000, "chemical", {"HB-1KM": "clear", "HB-15KM": "prohibited"}),
        ("hubei", "府澴河", 900, "chemical", {"HB-1KM": "clear", "HB-15KM": "clear"}),
    ],
)  # fmt: skip
def test_a_provinces_pack_works_without_touching_code(pack, river, metres, category, expected):
    path = Path(__file__).parents[1] / "data" / "rule_packs" / f"{pack}.toml"
    line = shore({"river": river, "river_class": "main_stem" if river == "长江" else "tributary"})
    far = zone({"zone_id": "FAR", "geometry": wedge((109.0, 31.0))})
    result = check_sites(site(out(metres), category), line, far, coverage=covered(), date=DATE,
                         rules=[path])  # fmt: skip
    found = result.findings.set_index("rule_id")["verdict"].to_dict()
    assert {name: found[name] for name in expected} == expected


def test_a_pack_saved_by_notepad_is_read(tmp_path: Path) -> None:
    plain = Path("data/rule_packs/anhui.toml").read_text(encoding="utf-8")
    marked = tmp_path / "anhui.toml"
    marked.write_text(plain, encoding="utf-8-sig")
    read = [rule.id for rule in load_rules(str(marked))]
    assert read == [rule.id for rule in load_rules("data/rule_packs/anhui.toml")]
