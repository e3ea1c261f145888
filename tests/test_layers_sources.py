"""Every kind of source through one `read_layer`: zips, geodatabases and KML beside single files."""

from __future__ import annotations

import shutil
import struct
import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
from shapely.geometry import LineString, MultiPoint, Point, Polygon

from basin import layers
from basin.errors import LayerError
from basin.layers import find_layers, layer_names, read_layer

OUTFALLS = gpd.GeoDataFrame(
    {"编号": ["P1", "P2", "P3"], "名称": ["甲", "乙", "丙"], "整治措施": ["取缔", "合并", "规范"]},
    geometry=[Point(106.60, 29.0), Point(106.61, 29.01), Point(106.62, 29.02)],
    crs=4490,
)
RIVERS = gpd.GeoDataFrame(
    {"reach_id": ["R1"], "name": ["示例河"]},
    geometry=[LineString([(106.6, 29.0), (106.7, 29.1)])],
    crs=4490,
)


def read(source, kind, **options):
    problems: list[layers.Problem] = []
    table = read_layer(source, kind, problems=problems, **options)
    return table, {p.kind: p for p in problems}


def shapefile(folder: Path, stem: str, table: gpd.GeoDataFrame, encoding: str = "gbk") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # pyogrio writes field names of at most three Chinese characters
    table.rename(columns={"整治措施": "action"}).to_file(
        folder / f"{stem}.shp", encoding=encoding, driver="ESRI Shapefile"
    )
    (folder / f"{stem}.cpg").unlink(missing_ok=True)


def pack(target: Path, folder: Path, *, names: str | None = None) -> Path:
    """Zip a folder; with `names` as Chinese Windows does, in that encoding and without the flag."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as parts:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            inside = file.relative_to(folder).as_posix()
            if names is None:
                parts.write(file, inside)
                continue
            part = zipfile.ZipInfo(inside.encode(names).decode("cp437"))
            parts.writestr(part, file.read_bytes())
    if names is not None:
        clear_utf8_flags(target)
    return target


def clear_utf8_flags(path: Path) -> None:
    """Rewrite the names of a zip as single bytes: `zipfile` itself writes UTF-8 and says so."""
    with zipfile.ZipFile(path) as parts:
        contents = [(p.filename.encode("cp437"), parts.read(p)) for p in parts.infolist()]
    body, central = b"", b""
    for name, content in contents:
        crc = zipfile.crc32(content)
        sizes = struct.pack("<LLLHH", crc, len(content), len(content), len(name), 0)
        header = struct.pack("<HHHHH", 20, 0, 0, 0, 33) + sizes
        central += b"PK\x01\x02" + struct.pack("<H", 20) + header
        central += struct.pack("<HHHLL", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04" + header + name + content
    end = struct.pack("<HHHHLLH", 0, 0, len(contents), len(contents), len(central), len(body), 0)
    path.write_bytes(body + central + b"PK\x05\x06" + end)


def check_outfalls(table: gpd.GeoDataFrame) -> None:
    assert table["outfall_id"].tolist() == ["P1", "P2", "P3"]
    assert table["name"].tolist() == ["甲", "乙", "丙"]
    assert table["action"].tolist() == ["ban", "merge", "regulate"]
    assert table.geometry.geom_equals_exact(OUTFALLS.geometry, 1e-9).all()


# ---------------------------------------------------------------- zip


@pytest.mark.parametrize("names", [None, "utf-8", "gb18030"])
def test_zip_of_one_shapefile_in_a_folder(tmp_path, names):
    shapefile(tmp_path / "in" / "2025年 数据", "排污口", OUTFALLS)
    (tmp_path / "in" / "说明.txt").write_text("请查收", encoding="gbk")
    (tmp_path / "in" / "__MACOSX").mkdir()
    (tmp_path / "in" / "__MACOSX" / "._排污口.shp").write_bytes(b"\0")
    path = pack(tmp_path / "上报.zip", tmp_path / "in", names=names)
    table, problems = read(path, "outfalls")
    check_outfalls(table)
    assert "gb18030" in problems["encoding"].en
    assert problems["encoding"].file == "上报.zip/2025年 数据/排污口.shp"
    assert layer_names(path) == ["排污口"]
    assert list(find_layers(path)) == ["outfalls"]


def test_zip_of_several_layers(tmp_path):
    shapefile(tmp_path / "in", "排污口", OUTFALLS)
    shapefile(tmp_path / "in", "other", OUTFALLS)
    RIVERS.to_file(tmp_path / "in" / "河流.gpkg", layer="a")
    RIVERS.to_file(tmp_path / "in" / "河流.gpkg", layer="b")
    path = pack(tmp_path / "all.zip", tmp_path / "in")
    check_outfalls(read(path, "outfalls")[0])  # by its Chinese name
    check_outfalls(read(path, "outfalls", layer="other")[0])
    assert read(path, "rivers", layer="河流/b")[0]["reach_id"].tolist() == ["R1"]
    with pytest.raises(LayerError, match=r"in all\.zip: 河流\.gpkg has several layers"):
        read_layer(path, "rivers")
    with pytest.raises(LayerError, match="Give layer= one of: other, 排污口, 河流"):
        read_layer(path, "structures")
    with pytest.raises(LayerError, match="has no layer 'nope'"):
        read_layer(path, "outfalls", layer="nope")


def test_zip_with_two_shapefiles_of_one_name(tmp_path):
    shapefile(tmp_path / "in" / "2024", "排污口", OUTFALLS.iloc[:1])
    shapefile(tmp_path / "in" / "2025", "排污口", OUTFALLS)
    path = pack(tmp_path / "all.zip", tmp_path / "in")
    with pytest.raises(LayerError, match="2024/排污口, 2025/排污口"):
        read_layer(path, "outfalls")
    with pytest.raises(LayerError, match="several layers '排污口'"):
        read_layer(path, "outfalls", layer="排污口")
    check_outfalls(read(path, "outfalls", layer="2025/排污口")[0])


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".csv", ".fgb"])
def test_zip_of_another_format(tmp_path, suffix):
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / f"排污口{suffix}"
    if suffix == ".csv":
        table = OUTFALLS.drop(columns="geometry").assign(
            经度=OUTFALLS.geometry.x, 纬度=OUTFALLS.geometry.y
        )
        table.to_csv(file, index=False, encoding="gbk")
    else:
        OUTFALLS.to_file(file, **({"SPATIAL_INDEX": "NO"} if suffix == ".fgb" else {}))
    table, problems = read(pack(tmp_path / "x.zip", tmp_path / "in"), "outfalls")
    check_outfalls(table)
    assert {p.file for p in problems.values()} == {f"x.zip/排污口{suffix}"} or not problems


def test_zip_shapefile_part_missing(tmp_path):
    shapefile(tmp_path / "in", "排污口", OUTFALLS)
    (tmp_path / "in" / "排污口.dbf").unlink()
    path = pack(tmp_path / "x.zip", tmp_path / "in")
    with pytest.raises(LayerError, match=r"in x\.zip: 排污口\.shp: its \.dbf file is missing"):
        read_layer(path, "outfalls")


# ---------------------------------------------------------------- file geodatabase


@pytest.mark.parametrize("packed", ["", "folder", "root"])
def test_geodatabase(tmp_path, packed):
    path = tmp_path / "in" / "数据.gdb"
    path.parent.mkdir()
    OUTFALLS.to_file(path, layer="排污口", driver="OpenFileGDB")
    RIVERS.to_file(path, layer="水系", driver="OpenFileGDB")
    if packed:
        folder = path.parent if packed == "folder" else path
        path = pack(tmp_path / "数据.gdb.zip", folder)
    assert sorted(layer_names(path)) == ["排污口", "水系"]
    check_outfalls(read(path, "outfalls")[0])
    assert read(path, "rivers", layer="水系")[0]["reach_id"].tolist() == ["R1"]
    with pytest.raises(LayerError, match="has no layer 'nope'"):
        read_layer(path, "rivers", layer="nope")


def test_geodatabase_in_a_folder_is_found(tmp_path):
    OUTFALLS.to_file(tmp_path / "数据.gdb", layer="排污口", driver="OpenFileGDB")
    found = find_layers(tmp_path)
    assert found == {"outfalls": [((tmp_path / "数据.gdb").resolve(), "排污口")]}


def test_a_folder_is_no_geodatabase_by_its_name(tmp_path):
    shapefile(tmp_path / "x.gdb", "排污口", OUTFALLS)  # GDAL would read these
    with pytest.raises(LayerError, match="no file geodatabase"):
        read_layer(tmp_path / "x.gdb", "outfalls")
    (tmp_path / "x.gdb" / "a00000001.gdbtable").write_bytes(b"junk")
    with pytest.raises(LayerError, match="damaged"):
        read_layer(tmp_path / "x.gdb", "outfalls")


def test_geodatabase_table_cut(tmp_path):
    path = tmp_path / "x.gdb"
    OUTFALLS.to_file(path, layer="排污口", driver="OpenFileGDB")
    table = max(path.glob("*.gdbtable"))
    table.write_bytes(table.read_bytes()[:-60])
    with pytest.raises(LayerError, match=r"x\.gdb"):
        read_layer(path, "outfalls")


# ---------------------------------------------------------------- KML

KML = """<?xml version="1.0" encoding="{encoding}"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>台账</name>
<Schema name="s" id="s"><SimpleField type="string" name="整治措施"/></Schema>
<Folder><name>排污口</name>
 <Placemark><name>甲</name><description><![CDATA[<b>备注</b>]]></description>
  <ExtendedData><Data name="编号"><displayName>x</displayName><value>P1</value></Data>
  <SchemaData schemaUrl="#s"><SimpleData name="整治措施">取缔</SimpleData></SchemaData>
  </ExtendedData><Point><coordinates> 106.60,29.0,215 </coordinates></Point></Placemark>
 <Folder><name>支流</name>
  <Placemark><name>乙</name>
   <ExtendedData><Data name="编号"><value>P2</value></Data>
   <Data name="整治措施"><value>合并</value></Data></ExtendedData>
   <Point><coordinates>106.61,29.01</coordinates></Point></Placemark>
 </Folder>
 <Placemark><name>丙</name>
  <ExtendedData><Data name="编号"><value>P3</value></Data>
   <Data name="name"><value>别名</value></Data>
   <Data name="整治措施"><value>规范</value></Data></ExtendedData>
  <MultiGeometry><Point><coordinates>106.62,29.02</coordinates></Point></MultiGeometry></Placemark>
</Folder>
<Folder><name>其他</name>
 <Placemark><name>面</name><Polygon><innerBoundaryIs><LinearRing><coordinates>
  106.62,29.02 106.63,29.02 106.63,29.03 106.62,29.02</coordinates></LinearRing></innerBoundaryIs>
  <outerBoundaryIs><LinearRing><coordinates>106.6,29 106.7,29 106.7,29.1 106.6,29.1 106.6,29
  </coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>
 <Placemark><name>坏</name><Point><coordinates>106.6;29</coordinates></Point></Placemark>
 <Placemark><name>多</name><MultiGeometry><Point><coordinates>106.6,29</coordinates></Point>
  <Point><coordinates>106.7,29</coordinates></Point></MultiGeometry></Placemark>
 <Placemark><name>空</name></Placemark>
</Folder></Document></kml>"""


@pytest.mark.parametrize(
    ("declared", "written"),
    [("UTF-8", "utf-8"), ("GB2312", "gbk"), ("UTF-8", "gbk"), ("UTF-16", "utf-16")],
)
def test_kml(tmp_path, declared, written):
    path = tmp_path / "台账.kml"
    path.write_bytes(KML.format(encoding=declared).encode(written))
    table, problems = read(path, "outfalls", layer="排污口")
    check_outfalls(table)
    assert table["description"].tolist()[0] == "<b>备注</b>"
    assert table["name.data"].tolist()[2] == "别名"
    assert table["folder"].tolist() == ["台账/排污口", "台账/排污口/支流", "台账/排污口"]
    assert ("encoding_overruled" in problems) == (declared == "UTF-8" and written == "gbk")
    assert layer_names(path) == ["排污口", "支流", "其他"]


def test_kml_geometries_and_rows(tmp_path):
    path = tmp_path / "台账.kml"
    path.write_text(KML.format(encoding="UTF-8"), encoding="utf-8")
    table, problems = read(path, "structures", layer="其他", columns={"id": "=S"})
    assert len(table) == 4
    assert problems["coordinates_unreadable"].rows == (6,)
    assert problems["geometry_missing"].rows == (8,)  # the fifth to seventh are told otherwise
    whole, _ = read(path, "zones", columns={"zone_id": "name", "kind": "=red_line"})
    area = Polygon(
        [(106.6, 29), (106.7, 29), (106.7, 29.1), (106.6, 29.1)],
        [[(106.62, 29.02), (106.63, 29.02), (106.63, 29.03)]],
    )
    assert len(whole) == 7
    assert whole.geometry.iloc[3].equals(area)
    with pytest.raises(LayerError, match=r"no folder 'x'\. It has: 台账, 排污口, 支流, 其他"):
        read_layer(path, "zones", layer="x")


def test_kmz(tmp_path):
    path = tmp_path / "台账.kmz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("doc.kml", KML.format(encoding="UTF-8"))
        parts.writestr("files/other.kml", "<kml/>")
        parts.writestr("files/icon.png", b"\x89PNG")
    table, problems = read(path, "outfalls", layer="排污口")
    check_outfalls(table)
    assert {p.file for p in problems.values()} == {"台账.kmz"}
    assert "排污口" in layer_names(path)


def test_kml_of_several_points_is_told(tmp_path):
    path = tmp_path / "a.kml"
    path.write_text(KML.format(encoding="UTF-8"), encoding="utf-8")
    raw = gpd.GeoDataFrame(
        {"id": ["a"], "name": ["多"]}, geometry=[MultiPoint([(106.6, 29), (106.7, 29)])], crs=4326
    )
    _, problems = read(raw, "structures")
    _, same = read(path, "structures", layer="其他", columns={"id": "=S"})
    assert problems["geometry_type"].kind == same["geometry_type"].kind


# ---------------------------------------------------------------- rows that a format hides


def test_shapefile_rows_marked_as_deleted_are_told(tmp_path):
    shapefile(tmp_path, "排污口", OUTFALLS)
    dbf = tmp_path / "排污口.dbf"
    content = bytearray(dbf.read_bytes())
    first, width = struct.unpack("<HH", content[8:12])
    content[first + width] = ord("*")
    dbf.write_bytes(content)
    table, problems = read(tmp_path / "排污口.shp", "outfalls")
    assert table["outfall_id"].tolist() == ["P1", "P3"]
    assert problems["rows_deleted"].en.startswith("1 rows of the table are marked")


def test_shapefile_whose_header_was_mended_but_not_its_shapes(tmp_path):
    shapefile(tmp_path, "排污口", OUTFALLS)
    shp = tmp_path / "排污口.shp"
    content = bytearray(shp.read_bytes()[:-28])  # the last point
    content[24:28] = struct.pack(">i", len(content) // 2)
    shp.write_bytes(content)
    with pytest.raises(LayerError, match="cut: 1 of 3 shapes are missing"):
        read_layer(shp, "outfalls")


def test_flatgeobuf_that_states_more_rows(tmp_path):
    path = tmp_path / "a.fgb"
    OUTFALLS.to_file(path, SPATIAL_INDEX="NO")
    content = path.read_bytes()
    last = content.rfind(b"P3")
    size = content.rfind(b"\x00\x00\x00", 0, last)
    path.write_bytes(content[: size - 60])
    with pytest.raises(LayerError, match=r"a\.fgb"):
        read_layer(path, "outfalls")


def test_geojson_with_members_that_are_no_features(tmp_path):
    path = tmp_path / "a.geojson"
    OUTFALLS.to_crs(4326).to_file(path)
    text = path.read_text(encoding="utf-8")
    assert text.count('"type": "Feature"') == 3
    path.write_text(text.replace('"type": "Feature"', '"type": "Feiture"', 1), "utf-8")
    with pytest.raises(LayerError, match="lists 3 features, and 2 can be read"):
        read_layer(path, "outfalls")


def test_a_copy_of_the_folder_reads_alike(tmp_path):
    """Nothing that reading leaves behind changes the source."""
    shapefile(tmp_path / "in", "排污口", OUTFALLS)
    before = {p.name: p.read_bytes() for p in (tmp_path / "in").iterdir()}
    read(tmp_path / "in" / "排污口.shp", "outfalls")
    assert {p.name: p.read_bytes() for p in (tmp_path / "in").iterdir()} == before
    shutil.rmtree(tmp_path / "in")
