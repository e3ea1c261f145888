"""The sample as a bureau would send it: Chinese names and values, GBK, no .prj, latitude first.

Nothing here asks `basin.layers` what a column is called: the names are written out by hand.
"""

from __future__ import annotations

import csv
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import shapely

COLUMNS = {
    "rivers": {
        "reach_id": "河段编号",
        "name": "河流名称",
        "width_m": "河宽",
        "velocity_m_s": "流速",
        "flow_m3_s": "流量",
    },
    "shorelines": {
        "line_id": "岸线编号",
        "river": "所在河流",
        "river_class": "河流等级",
        "kind": "岸线类型",
        "issuer": "划定机关",
        "valid_from": "生效日期",
        "valid_to": "失效日期",
        "accuracy_m": "定位精度",
        "width_m": "河宽",
    },
    "zones": {
        "zone_id": "分区编号",
        "kind": "分区类型",
        "grade": "级别",
        "name": "名称",
        "code": "单元编码",
        "valid_from": "生效日期",
        "valid_to": "失效日期",
    },
    "coverage": {"layer": "图层", "kind": "分区类型"},
    "districts": {"id": "区划代码", "name": "区县名称"},
    "intakes": {"id": "编号", "name": "取水口"},
    "structures": {
        "id": "工程编号",
        "name": "工程名称",
        "kind": "工程类型",
        "volume_m3": "库容",
        "close_min": "关闸时间",
    },
    "sections": {
        "section_id": "断面编码",
        "name": "断面名称",
        "level": "断面级别",
        "river": "所在河流",
        "target_class": "水质目标",
        "waterbody": "水体类型",
        "flow_m3_s": "流量(m3/s)",
    },
    "samples": {
        "section_id": "断面编码",
        "date": "采样日期",
        "ph": "pH值",
        "do": "溶解氧",
        "codmn": "高锰酸盐指数",
        "cod": "化学需氧量(mg/L)",
        "bod5": "五日生化需氧量",
        "nh3n": "氨氮",
        "tp": "总磷(mg/L)",
        "tn": "总氮",
        "fecal_coliform": "粪大肠菌群(个/L)",
    },
}

VALUES = {
    "river_class": {
        "main_stem": "干流",
        "important_tributary": "重要支流",
        "tributary": "支流",
    },
    "zones.kind": {
        "red_line": "生态保护红线",
        "control_unit": "环境管控单元",
        "water_source": "饮用水水源保护区",
        "nature_reserve": "自然保护区",
        "wetland": "湿地公园",
        "scenic": "风景名胜区",
        "industrial_park": "工业园区",
        "livestock": "畜禽养殖分区",
        "river_range": "河道管理范围",
        "drawdown": "消落区",
    },
    "shorelines.kind": {
        "management_range": "管理范围线",
        "function_zone": "岸线功能区线",
        "bank": "实测岸线",
        "water_polygon": "水面",
        "centreline": "河流中心线",
    },
    "structures.kind": {"dam": "大坝", "sluice": "水闸", "weir": "滚水坝", "pond": "应急池"},
    "layer": {"zones": "管控分区", "shorelines": "岸线"},
    "level": {
        "national": "国控",
        "provincial": "省控",
        "municipal": "市控",
        "district": "区控",
    },
    "target_class": {"II": "Ⅱ类", "III": "Ⅲ类", "IV": "4类"},
    "waterbody": {"river": "河流", "lake": "湖库"},
}


def _translated(table, layer):
    result = table.copy()
    for column in result.columns:
        words = VALUES.get(f"{layer}.{column}") or VALUES.get(column)
        if layer == "coverage" and column == "kind":
            words = VALUES["zones.kind"]
        if words:
            result[column] = result[column].map(lambda v, w=words: w.get(v, v))
        elif pd.api.types.is_datetime64_any_dtype(result[column]):
            result[column] = (
                result[column].dt.strftime("%Y年%m月%d日").where(result[column].notna())
            )
    return result.rename(columns=COLUMNS[layer])


def _shapefile(table: gpd.GeoDataFrame, path: Path) -> None:
    """GBK, latitude first, and no file that says so."""
    shapes = shapely.transform(np.asarray(table.geometry.array), lambda xy: xy[:, ::-1])
    bare = gpd.GeoDataFrame(table.drop(columns="geometry"), geometry=list(shapes), crs=4490)
    pyogrio.write_dataframe(bare, path, driver="ESRI Shapefile", encoding="GBK")
    for suffix in (".prj", ".cpg"):
        path.with_suffix(suffix).unlink(missing_ok=True)
    dbf = path.with_suffix(".dbf")
    raw = bytearray(dbf.read_bytes())
    raw[29] = 0  # the language byte says nothing either
    dbf.write_bytes(bytes(raw))


def disguise(sample: Path, folder: Path) -> Path:
    """Write the layers of the sample to `folder` so that nothing has its own name."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        "rivers": "全区水系图",
        "zones": "管控分区汇总",
        "coverage": "数据覆盖范围",
        "districts": "区县界线",
        "intakes": "水源地取水口",
        "structures": "闸坝工程",
    }
    for layer, name in names.items():
        _shapefile(
            _translated(gpd.read_file(sample / f"{layer}.gpkg"), layer), folder / f"{name}.shp"
        )
    lines = _translated(gpd.read_file(sample / "shorelines.gpkg"), "shorelines")
    areal = lines.geometry.geom_type.str.endswith("Polygon")
    _shapefile(lines[areal], folder / "河道管理范围.shp")
    _shapefile(lines[~areal], folder / "中小河流岸线.shp")
    # the outfalls have Chinese columns in GBK already
    outfalls = pyogrio.read_dataframe(sample / "outfalls.shp", encoding="gb18030")
    _shapefile(outfalls, folder / "入河排污口台账.shp")
    _sections(sample, folder)
    _sites(sample, folder)
    (folder / "高程.tif").write_bytes((sample / "dem.tif").read_bytes())
    (folder / "总平面图.dwg").write_bytes(b"AC1032")
    return folder


def _sections(sample: Path, folder: Path) -> None:
    sections = pd.read_csv(sample / "sections.csv", dtype=str, encoding="utf-8-sig")
    # the longitude stands under 纬度 and the other way about
    swapped = _translated(sections, "sections").rename(columns={"lon": "纬度", "lat": "经度"})
    swapped.to_csv(folder / "监测断面.csv", index=False, encoding="gb18030")
    samples = pd.read_csv(sample / "samples.csv", dtype=str, encoding="utf-8-sig")
    _translated(samples, "samples").to_csv(
        folder / "水质监测数据.csv", index=False, encoding="gb18030", quoting=csv.QUOTE_MINIMAL
    )


def _sites(sample: Path, folder: Path) -> None:
    book = openpyxl.load_workbook(sample / "sites.xlsx")
    sheet = book.active
    headings = {cell.value: cell for cell in sheet[1]}
    headings["经度"].value, headings["纬度"].value = "纬度", "经度"
    sheet.title = "项目点"
    sheet.insert_rows(1)
    sheet["A1"] = "拟建项目一览表"
    book.save(folder / "拟建项目.xlsx")
    areas = gpd.read_file(sample / "sites.geojson").rename(
        columns={
            "site_id": "项目编号",
            "name": "项目名称",
            "category": "项目类别",
            "action": "建设性质",
            "accuracy_m": "定位精度",
        }
    )
    _shapefile(areas, folder / "项目用地范围.shp")
