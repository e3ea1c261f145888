"""Tables across a process boundary: plain arrays and JSON in one file, nothing that can run.

A pickle from a process that has parsed a hostile file could do anything here; arrays of numbers and
bytes cannot. Types come back as they were sent.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

__all__ = ["pack", "unpack"]

_PLAIN = frozenset("biufmM")
_INTEGERS = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
_NULLABLE = frozenset((*_INTEGERS, "Float32", "Float64", "boolean"))


def pack(path: Path, table: pd.DataFrame, extra: Any) -> None:
    """Write a table with a RangeIndex, and `extra` (anything that JSON can hold), to a file."""
    arrays: dict[str, Any] = {}
    columns = []
    for at, name in enumerate(table.columns):
        kind, detail, parts = _packed(table[name])
        columns.append([str(name), kind, detail])
        arrays.update({f"{at}.{part}": value for part, value in parts.items()})
    crs = table.crs.to_wkt() if isinstance(table, gpd.GeoDataFrame) and table.crs else None
    active = table.geometry.name if isinstance(table, gpd.GeoDataFrame) else None
    head = {"columns": columns, "rows": len(table), "crs": crs, "geometry": active, "extra": extra}
    arrays["head"] = np.frombuffer(json.dumps(head).encode("ascii"), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def unpack(path: Path) -> tuple[pd.DataFrame, Any]:
    """Read what :func:`pack` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        head = json.loads(arrays["head"].tobytes())
        found = {
            name: _unpacked(kind, detail, arrays, str(at), head["crs"])
            for at, (name, kind, detail) in enumerate(head["columns"])
        }
    table = pd.DataFrame(found, index=pd.RangeIndex(head["rows"]))
    if head["geometry"] is not None:
        table = gpd.GeoDataFrame(table, geometry=head["geometry"], crs=head["crs"])
    return table, head["extra"]


def _packed(column: pd.Series[Any]) -> tuple[str, str, dict[str, Any]]:
    dtype = column.dtype
    if isinstance(column, gpd.GeoSeries):
        return "geometry", "", _bytes_of(shapely.to_wkb(np.asarray(column.array)))
    if isinstance(dtype, np.dtype) and dtype.kind in _PLAIN:
        return "plain", "", {"data": column.to_numpy()}
    if isinstance(dtype, pd.DatetimeTZDtype):
        utc = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return "zoned", str(dtype.tz), {"data": utc}
    if dtype.name in _NULLABLE:
        plain = dtype.name.lower().replace("boolean", "bool")
        null = column.isna().to_numpy()
        data = column.array.to_numpy(dtype=plain, na_value=False if plain == "bool" else 0)
        return "nullable", dtype.name, {"data": data, "null": null}
    if pd.api.types.is_string_dtype(dtype) and not pd.api.types.is_object_dtype(dtype):
        texts = [None if pd.isna(v) else v.encode("utf-8", "surrogatepass") for v in column]
        return "text", "", _bytes_of(texts)
    cells = json.dumps([_tagged(v) for v in column.astype(object)])
    return "mixed", "", {"data": np.frombuffer(cells.encode("ascii"), dtype=np.uint8)}


def _bytes_of(values: Any) -> dict[str, Any]:
    null = np.array([v is None for v in values], dtype=bool)
    sizes = np.array([0 if v is None else len(v) for v in values], dtype=np.int64)
    joined = b"".join(v for v in values if v is not None)
    return {"data": np.frombuffer(joined, dtype=np.uint8), "size": sizes, "null": null}


def _from_bytes(arrays: Any, at: str) -> list[bytes | None]:
    data, null = arrays[f"{at}.data"].tobytes(), arrays[f"{at}.null"].tolist()
    ends = np.cumsum(arrays[f"{at}.size"]).tolist()
    starts = [0, *ends][: len(ends)]
    return [None if no else data[a:b] for a, b, no in zip(starts, ends, null, strict=True)]


def _unpacked(kind: str, detail: str, arrays: Any, at: str, crs: Any) -> Any:
    if kind == "geometry":
        shapes = shapely.from_wkb(np.array([*_from_bytes(arrays, at), None], dtype=object))[:-1]
        return gpd.GeoSeries(shapes, crs=crs)
    if kind == "text":
        texts = [
            None if v is None else v.decode("utf-8", "surrogatepass")
            for v in _from_bytes(arrays, at)
        ]
        return pd.Series(texts, dtype="str")
    data = arrays[f"{at}.data"]
    if kind == "zoned":
        return pd.Series(data).dt.tz_localize("UTC").dt.tz_convert(detail)
    if kind == "nullable":
        return pd.Series(pd.array(data, dtype=detail)).mask(arrays[f"{at}.null"])
    if kind == "mixed":
        return pd.Series([_untagged(v) for v in json.loads(data.tobytes())], dtype=object)
    return pd.Series(data)


def _tagged(value: Any) -> Any:
    """A cell as JSON: what JSON has itself, else a pair of a tag and a text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if value is pd.NaT:
        return ["nat", ""]
    if isinstance(value, np.generic):
        return _tagged(value.item())
    if isinstance(value, dt.datetime):
        return ["datetime", value.isoformat()]
    if isinstance(value, dt.date):
        return ["date", value.isoformat()]
    if isinstance(value, dt.time):
        return ["time", value.isoformat()]
    if isinstance(value, bytes):
        return ["bytes", value.hex()]
    if isinstance(value, Decimal):
        return ["decimal", str(value)]
    return str(value)


_UNTAGGED: dict[str, Callable[[str], Any]] = {
    "nat": lambda _: pd.NaT,
    "datetime": pd.Timestamp,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "bytes": bytes.fromhex,
    "decimal": Decimal,
}


def _untagged(value: Any) -> Any:
    return _UNTAGGED[value[0]](value[1]) if isinstance(value, list) else value
