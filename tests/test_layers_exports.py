"""The QGIS project, the dictionary of columns, KML and DXF: read back by other means than ours."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import ezdxf
import geopandas as gpd
import pyproj
import pytest
from shapely.geometry import LineString, MultiPoint, Point, Polygon, box

from basin.errors import LayerError
from basin.layers import column_dictionary, layer_names, write_files, write_layers
from basin.standards.labels import colour

HOSTILE = """<&"'>]]>\\ {{7*7}} |layername=x"""


@pytest.fixture
def tables():
    sites = gpd.GeoDataFrame(
        {"site_id": ["X-1", "X-2", "X-3"], "name": [HOSTILE, "甲\n乙", None],
         "verdict": ["prohibited", "clear", "clear"]},
        geometry=[Point(106.6, 29.0), box(106.61, 29, 106.62, 29.01), None], crs=4490,
    )  # fmt: skip
    rivers = gpd.GeoDataFrame(
        {"reach_id": ["R1"], "strahler": [1], "length_m": [1.0]},
        geometry=[LineString([(106.5, 29), (106.7, 29.1)])], crs=4490,
    )  # fmt: skip
    return {"reaches": rivers, "sites": sites, "site_findings": sites.drop(columns="geometry")}


def project_of(path):
    text = path.read_text(encoding="utf-8")
    return ET.fromstring(text.split("\n", 1)[1])  # noqa: S314  our own


def test_project_opens_each_shape_once_from_the_top_down(tables, tmp_path: Path):
    written = write_files(tmp_path / "out.gpkg", tables, project="示例 & <流域>")
    assert list(written) == [tmp_path / "out.gpkg", tmp_path / "out.qgs"]
    root = project_of(tmp_path / "out.qgs")
    assert root.findtext("title") == "示例 & <流域>"
    tree = [(n.get("name"), n.get("source")) for n in root.iter("layer-tree-layer")]
    assert tree == [
        ("项目选址结论（点）", "./out.gpkg|layername=sites|geometrytype=Point"),
        ("项目选址结论（面）", "./out.gpkg|layername=sites|geometrytype=Polygon"),
        ("河段", "./out.gpkg|layername=reaches"),
    ]
    sources = {m.findtext("datasource") for m in root.iter("maplayer")}
    assert sources == {source for _, source in tree}, "relative paths: the folder can be moved"
    held = layer_names(tmp_path / "out.gpkg")
    assert all(s.split("layername=")[1].split("|")[0] in held for s in sources)
    assert all(m.find("renderer-v2") is not None for m in root.iter("maplayer"))
    assert all(m.findtext("srs/spatialrefsys/authid") == "EPSG:4490" for m in root.iter("maplayer"))


def test_project_is_the_same_each_time_and_not_written_over(tables, tmp_path: Path):
    write_files(tmp_path / "out.gpkg", tables, project="p")
    first = (tmp_path / "out.qgs").read_bytes()
    (tmp_path / "out.gpkg").unlink()
    with pytest.raises(LayerError, match=r"out\.qgs"):
        write_files(tmp_path / "out.gpkg", tables, project="p")
    assert not (tmp_path / "out.gpkg").exists()
    write_files(tmp_path / "out.gpkg", tables, project="p", overwrite=True)
    assert (tmp_path / "out.qgs").read_bytes() == first


def test_result_layers_of_the_sample_come_with_their_ground_and_dictionary(sample):
    found = sample.result_layers()
    assert {"zones", "shorelines", "districts", "columns"} <= set(found)
    told = found["columns"]
    row = told[told["layer"].eq("sites") & told["column"].eq("nearest_m")].iloc[0]
    assert (row["layer_title"], row["unit"]) == ("项目选址结论", "m")
    every = {(n, str(c)) for n, t in found.items() if n != "columns" for c in t.columns}
    shapes = {(n, "geometry") for n in found}
    assert every - shapes == set(zip(told["layer"], told["column"], strict=True))


def test_dictionary_names_index_and_units():
    table = gpd.GeoDataFrame(
        {"load_kg_d": [1.0], "drainage_area_km2": [2.0], "备注": [""]},
        geometry=[Point(0, 0)], crs=4490,
    ).rename_axis("outfall_id")  # fmt: skip
    told = column_dictionary({"outfalls": table}, "en")
    assert told["column"].tolist() == ["outfall_id", "load_kg_d", "drainage_area_km2", "备注"]
    assert told["unit"].tolist() == ["", "kg/d", "km²", ""]
    assert told["title"].iloc[-1] == ""


def test_kml_holds_every_feature_with_its_columns(tables, tmp_path: Path):
    write_layers(tmp_path / "s.kml", {"sites": tables["sites"]})
    space = "{http://www.opengis.net/kml/2.2}"
    root = ET.parse(tmp_path / "s.kml").getroot()  # noqa: S314  our own
    marks = list(root.iter(f"{space}Placemark"))
    assert [m.findtext(f"{space}name") for m in marks][:1] == [HOSTILE]
    assert root.findtext(f".//{space}Folder/{space}name") == "项目选址结论"
    data = {d.get("name"): d.text for d in marks[0].iter(f"{space}SimpleData")}
    assert data["site_id"] == "X-1"
    lon, lat, *_ = map(float, marks[0].findtext(f".//{space}coordinates").split(","))
    assert (lon, lat) == pytest.approx((106.6, 29.0), abs=1e-9)
    back = gpd.read_file(tmp_path / "s.kml")
    assert len(back) == 3


def test_dxf_draws_shapes_in_metres_on_layers_by_verdict(tables, tmp_path: Path):
    write_layers(tmp_path / "s.dxf", {"sites": tables["sites"]})
    drawing = ezdxf.readfile(tmp_path / "s.dxf")
    assert not drawing.audit().errors
    assert drawing.units == 6
    assert dict(drawing.header.custom_vars.properties)["CRS"].startswith("EPSG:4545 ")
    to_grid = pyproj.Transformer.from_crs(4490, 4545, always_xy=True)
    space = drawing.modelspace()
    (point,) = space.query("POINT")
    assert tuple(point.dxf.location)[:2] == pytest.approx(to_grid.transform(106.6, 29.0), abs=1e-3)
    (ring,) = space.query("LWPOLYLINE")
    assert ring.closed
    names = [text.dxf.text for text in space.query("TEXT")]
    assert names[1] == "甲 乙"
    red = colour("verdict", "prohibited")
    assert drawing.layers.get(point.dxf.layer).rgb == tuple(
        int(red[i : i + 2], 16) for i in (1, 3, 5)
    )
    assert ring.dxf.layer != point.dxf.layer


def test_dxf_keeps_holes_and_parts_and_is_the_same_each_time(tmp_path: Path):
    ring = Polygon(box(106, 29, 107, 30).exterior, [box(106.4, 29.4, 106.6, 29.6).exterior])
    table = gpd.GeoDataFrame(
        {"zone_id": ["Z", "P"], "kind": ["red_line", "a/b:c"]},
        geometry=[ring, MultiPoint([(106, 29), (106.1, 29)])], crs=4490,
    )  # fmt: skip
    for name in ("a.dxf", "b.dxf"):
        write_layers(tmp_path / name, {"zones": table})
    assert (tmp_path / "a.dxf").read_bytes() == (tmp_path / "b.dxf").read_bytes()
    space = ezdxf.readfile(tmp_path / "a.dxf").modelspace()
    assert len(space.query("LWPOLYLINE")) == 2
    assert len(space.query("POINT")) == 2


@pytest.mark.parametrize("ending", [".kml", ".dxf"])
def test_a_table_without_shapes_goes_beside_as_csv(ending: str, tables, tmp_path: Path):
    written = write_files(tmp_path / f"s{ending}", {"sites": tables["sites"], **tables})
    assert {p.name for p in written} >= {f"s{ending}", "s_site_findings.csv"}
    with pytest.raises(LayerError, match="has no geometry"):
        write_layers(tmp_path / f"t{ending}", {"t": tables["site_findings"]})
