"""The sentences of ``basin init``, in Chinese and English."""

from __future__ import annotations

from typing import Any

__all__ = ["say"]

_SENTENCES = {
    # ---- what was decided
    "encoding": ("编码识别为 {encoding}", "recognised as {encoding}"),
    "numbered": (
        "没有编号列，按行编号（row-2 是数据第一行）；行的次序一变编号就变，"
        "有编号列时请写 {column} = \"列名\"",
        "no column holds an id, so rows are numbered (row-2 is the first of the data); ids change "
        "with the order of rows: where there is such a column, write {column} = \"its name\"",
    ),
    "constant": (
        "按文件名给全部行取值：{columns}",
        "from the file's name, for all rows: {columns}",
    ),
    "unit": (
        "列名未写单位，按此单位读：{pairs}；不是这个单位就在列名里写明，如“排放量(t/a)”",
        "the headings state no unit, read as: {pairs}; where that is wrong, put the unit in the "
        "heading, as in 'load (t/a)'",
    ),
    "unused": ("原样保留、不参与计算的列：{columns}", "kept as they are and not used: {columns}"),
    "kept": (
        "{rows} 行，其中有 {n} 类错误，见 basin validate",
        "{rows} rows, with {n} kinds of errors: see basin validate",
    ),
    "crs_given": ("坐标系按 --crs 指定：{crs}", "coordinate system as given by --crs: {crs}"),
    "crs_only": (
        "文件未写坐标系，数值只符合 {name}（{crs}）；北京54、西安80 的数值与此相近而差上百米，"
        "请与提供单位核实",
        "the file states no coordinate system and the numbers fit only {name} ({crs}); "
        "Beijing 1954 and Xian 1980 look alike and are up to hundreds of metres off: verify with "
        "whoever sent it",
    ),
    "crs_near": (
        "文件未写坐标系；按 {name}（{crs}）读才与其他图层在一处，请与提供单位核实",
        "the file states no coordinate system; it lies with the other layers only as {name} "
        "({crs}): verify with whoever sent it",
    ),
    "swapped": (
        "{n} 行先纬后经（或先北后东），读入时调换",
        "{n} rows have latitude (or north) first and are swapped when read",
    ),
    "gaps": (
        "有 {n} 处河线端点没有接上（{listed}）。按此容差接上；如果那里本来不通，把此行删去",
        "{n} ends of river lines do not meet ({listed}). They are joined within this tolerance; "
        "delete the line where no water flows across",
    ),
    "degrees": ("CGCS2000 经纬度", "CGCS2000 longitude/latitude"),
    # ---- what is asked
    "layer_open": (
        "这是哪个图层？可能是：{near}。列：{headings}",
        "which layer is this? Perhaps: {near}. Its columns: {headings}",
    ),
    "layer_none": (
        "不像任何图层；是的话请写明图层名和列。列：{headings}",
        "it is like no layer; if it is one, state which, and its columns: {headings}",
    ),
    "crs_none": (
        "文件未写坐标系，各行数值（第一行 {numbers}）不能全部按国内的某一个坐标系解释："
        "坐标来源是什么？有没有几行经纬度写反、写错？",
        "it states no coordinate system, and its numbers (first {numbers}) do not all fit any one "
        "used in China: where do they come from? Are some rows swapped or mistyped?",
    ),
    "crs_open": (
        "文件未写坐标系，数值（{numbers}）符合多个：{systems}，是哪一个？"
        "写 crs = \"EPSG:…\"，或重新运行 basin init --overwrite --crs EPSG:…",
        "it states no coordinate system, and the numbers ({numbers}) fit several: {systems}. Which "
        "is it? Write crs = \"EPSG:...\", or run basin init --overwrite --crs EPSG:... again",
    ),
    "column_missing": (
        "哪一列是 {column}（试过 {tried} 等）？写在 columns 下；全部行相同可写 {column} = \"=值\"",
        "which column is {column} (tried {tried} ...)? Write it under columns; one value for all "
        "rows is {column} = \"=value\"",
    ),
    "column_wanted": (
        "没有找到 {columns}；缺了有的规则无法核查。有这样的列就写在 columns 下，"
        "全部行相同可写 {column} = \"=值\"",
        "{columns} was not found, and without it some rules stay unchecked. Write it under "
        "columns; one value for all rows is {column} = \"=value\"",
    ),
    "unknown_codes": (
        "有不认识的值：{listed}。在此图层下写 values = {{ 列 = {{ \"值\" = \"代码\" }} }}，"
        "可用的代码见 basin validate",
        "values that are not known: {listed}. Write values = {{ column = {{ \"value\" = "
        "\"code\" }} }} for this layer; basin validate lists the codes",
    ),
    "fails": ("这样读不成：{error}", "it cannot be read so: {error}"),
    "copy": (
        "与 {other} 是同一批要素，只用后者；要用这一份就对调",
        "these are the features of {other}, which is used instead; change places if this is the "
        "one",
    ),
    "network_fails": ("河网建不起来：{error}", "the network cannot be built: {error}"),
    "format": (
        "{ending} 不直接读：另存为 .gpkg、.shp、.geojson、.csv 或 .xlsx",
        "{ending} is not read: save it as .gpkg, .shp, .geojson, .csv or .xlsx",
    ),
    "name_not_utf8": (
        "文件名不是 UTF-8（多半是解压时乱码），请改名",
        "its name is not UTF-8 (garbled when unpacked): rename it",
    ),
    "too_many": ("只看了前 {most} 个文件", "only the first {most} files were looked into"),
    "no_date": (
        "项目日期是哪天？它决定规则和岸线用哪一版；不写则取运行当天",
        "which is the project's date? It decides the editions of rules and shorelines; without it, "
        "the day of the run",
    ),
    "no_coverage": (
        "没有 coverage：没有声明哪里的资料是全的，选址结论最多是“待定”",
        "there is no coverage: nothing says where the layers are complete, so that no site is "
        "better than 'undetermined'",
    ),
    "several_dems": (
        "有多个高程文件（{files}），用哪一个？写 dem = \"…\"",
        "there are several DEMs ({files}): which one? Write dem = \"...\"",
    ),
    "outside": (
        "资料不在重庆，没有选用 chongqing 规则包；所在地的规则请另写 .toml 加入 rules",
        "the layers are not in Chongqing, so its rule pack is left out; write the rules of the "
        "place in a .toml and add it to rules",
    ),
    # ---- the file
    "head": (
        "由 basin init 根据文件夹内容写成。带“？”的行是没有判断出来、需要人定的事。"
        "改好后运行 basin validate。",
        "Written by basin init from what is in the folder. Lines with '??' are for a person to "
        "decide. Then run basin validate.",
    ),
    "rules": (
        "规则包：名称，或自己写的 .toml 的路径",
        "rule packs by name, or the path of a .toml of your own",
    ),
    "layers": (
        "每个 [[layers.…]] 是一个文件；同一图层可有多个。columns：图层的列 = 文件里的列名，"
        "\"=值\" 表示全部行取此值",
        "Each [[layers....]] is one file; a layer may have several. columns: column of the layer "
        "= its heading in the file; \"=value\" is one value for all rows",
    ),
    "of": ("{what}，{rows} 行", "{what}, {rows} rows"),
    "point": ("点", "points"),
    "line": ("线", "lines"),
    "polygon": ("面", "polygons"),
    "collection": ("混合", "mixed"),
    "table": ("表", "table"),
    "ask": ("？", "??"),
    "uncomment": (
        "定下来后去掉下面各行开头的 #",
        "once decided, take the # off the lines below",
    ),
    "other_files": ("没有读的文件", "files that were not read"),
    # ---- the report
    "wrote": ("已写出 {path}", "wrote {path}"),
    "taken": ("认出的图层", "layers recognised"),
    "decided": ("自动作出的判断", "decided without asking"),
    "asked": (
        "需要人定的事（{n} 件），文件里也有注明",
        "for a person to decide ({n}), noted in the file too",
    ),
    "next": ("改好后运行：basin validate {folder}", "then run: basin validate {folder}"),
    "can": ("现在可以用：{names}", "ready to use: {names}"),
    "cannot": ("还不能用 {name}，缺：{layers}", "not yet {name}, which lacks: {layers}"),
}  # fmt: skip


def say(name: str, lang: str, /, **values: Any) -> str:
    """Return a sentence in a language, filled in."""
    return _SENTENCES[name][lang != "zh"].format(**values)
