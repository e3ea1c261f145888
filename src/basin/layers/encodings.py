"""Which encoding is it? Stated, else strict UTF-8, else GB18030; mojibake is never a value."""

from __future__ import annotations

import codecs
import itertools
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from basin.errors import LayerError
from basin.layers.content import sidecar
from basin.layers.problems import Notes, make_error

__all__ = [
    "Choice",
    "choose",
    "dbf_choice",
    "decode_dbf",
    "is_lost",
    "mend_text",
    "note_choice",
    "restore",
]

# DBF language byte -> encoding [K]; 0 and unknown bytes say nothing.
_LANGUAGE_BYTES = {
    0x4D: "gb18030",
    0x4E: "cp949",
    0x4F: "big5",
    0x57: "",
    0x03: "",
    0x13: "shift_jis",
}

_EAST_ASIAN = frozenset(
    {"gb18030", "gbk", "gb2312", "hz", "big5", "big5hkscs", "cp950"}
    | {"cp949", "euc_kr", "shift_jis", "cp932", "euc_jp"}
)
# What Python knows besides encodings of files.
_NO_FILES = frozenset(
    {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
    | {"unicode-escape", "raw-unicode-escape"}
)
_PAGES = {"65001": "utf-8", "54936": "gb18030", "utf8": "utf-8", "oem": "cp437", "ansi": "cp1252"}

# Signs that UTF-8 text without Chinese may well hold; others are more likely two bytes of GBK.
_SIGNS = frozenset("°±²³¹·×÷µ§©®–’μαβγδσΔΩφ")
_LATIN_SIGNS = _SIGNS | frozenset("àáâäçèéêëìíîïñòóôöøùúûüßÀÁÂÄÇÈÉÊËÑÒÓÔÖÙÚÛÜ")
# What people write in letters of two bytes: one of Latin, Greek and Cyrillic.
_SCRIPTS = re.compile(r"[\u00c0-\u017f]*|[\u0370-\u03ff]*|[\u0400-\u045f]*")
_CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_LATIN_RUN = re.compile(
    "[\u0080-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122\u20ac]{2,}"
)


def _pairs(leads: Iterable[int], trails: Iterable[int]) -> str:
    """Return the characters of GBK with these first and second bytes, as a class."""
    pairs = (bytes(p).decode("gb18030", "ignore") for p in itertools.product(leads, trails))
    return "[" + "".join(c for c in pairs if len(c) == 1 and not c.isascii()) + "]"


# UTF-8 of Chinese read as GBK: the first bytes of two characters, three bytes apart.
_FIRST = (0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEF)
_GARBLED = re.compile(
    f"{_pairs(_FIRST, range(0x80, 0xC0))}(?:{_pairs(range(0x81, 0xC0), _FIRST)}|[?])"
)
_SUSPECT = re.compile(f"[\u0080-\u00ff\ufffd]|锟|{_GARBLED.pattern}")
_REPLACED = re.compile("\ufffd|锟斤拷|锟斤")
_PUNCTUATION = frozenset("，。、（）《》：；“”‘’·—…～　")


@dataclass(frozen=True)
class Choice:
    """An encoding, why it was taken, and what was stated but did not fit."""

    encoding: str
    why_zh: str
    why_en: str
    overruled: str = ""
    stated_by_zh: str = ""
    stated_by_en: str = ""


def _fits(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def _is_utf8(data: bytes) -> bool:
    """Strict UTF-8, and not two-byte GBK that happens to be valid: odd letters in a heap."""
    if not _fits(data, "utf-8"):
        return False
    strange = "".join({c for c in data.decode("utf-8") if not c.isascii()} - _SIGNS)
    if _SCRIPTS.fullmatch(strange) or any(ord(c) >= 0x800 for c in strange):
        return True
    return not _is_common_chinese(data)


def _is_common_chinese(data: bytes) -> bool:
    """Tell whether bytes read as characters of GB 2312, the common ones of GB18030."""
    return _fits(data, "gb2312") and bool(_CJK.search(data.decode("gb2312")))


def _garbles(data: bytes, encoding: str) -> bool:
    """True if the bytes decode without an error, but only as mojibake of other text."""
    name = codecs.lookup(encoding).name
    if data.isascii() or name.startswith("utf"):
        return False
    if name in _EAST_ASIAN:
        # what is stated is believed of two-byte characters that make Chinese as well
        return _is_utf8(data) and (_is_plain_utf8(data) or not _is_common_chinese(data))
    # a code page of single bytes reads anything
    return _is_utf8(data) or (_fits(data, "gb18030") and bool(_CJK.search(data.decode("gb18030"))))


def _is_plain_utf8(data: bytes) -> bool:
    strange = {c for c in data.decode("utf-8") if not c.isascii()}
    return strange <= _LATIN_SIGNS or any(ord(c) >= 0x800 for c in strange)


def known_encoding(name: str) -> str:
    """Return Python's name of an encoding; GBK and GB2312 become their superset GB18030.

    Raises
    ------
    LayerError
        If it is not known.
    """
    plain = str(name).strip().casefold().removeprefix("ansi ").removeprefix("ldid/")
    try:
        found = codecs.lookup(_PAGES.get(plain, plain)).name
        "".encode(found)  # "hex" and the like are no encodings of text
        if found in _NO_FILES:
            raise LookupError(found)
    except (LookupError, ValueError) as error:  # a NUL in the name is a ValueError
        raise LayerError(
            f"there is no encoding {name!r}",
            mend="Use 'utf-8', 'gb18030' or 'big5'.",
            zh=f"没有文字编码“{name}”",
            mend_zh="写 utf-8、gb18030 或 big5",
        ) from error
    return "gb18030" if found in ("gbk", "gb2312", "cp936") else found


def choose(
    data: bytes,
    *,
    file: str,
    given: str | None = None,
    stated: tuple[tuple[str, str, str], ...] = (),
) -> Choice:
    """Choose the encoding of `data`.

    Parameters
    ----------
    data
        All the text of the file.
    file
        Name for messages.
    given
        What the user says; must fit.
    stated
        What the file says, first to last: (encoding, by what in Chinese, in English).

    Raises
    ------
    LayerError
        If `given` is not known or does not fit, or if nothing fits.
    """
    if given is not None:
        name = known_encoding(given)
        if not _fits(data, name) or _garbles(data, name):
            raise make_error(LayerError, "", "encoding_does_not_fit", file=file, given=given)
        return Choice(name, "用户指定", "the user")
    wrong: tuple[str, str, str] | None = None
    for name, by_zh, by_en in stated:
        if (
            _usable(name)
            and _fits(data, known_encoding(name))
            and not _garbles(data, known_encoding(name))
        ):
            return Choice(known_encoding(name), by_zh, by_en)
        wrong = wrong or (name, by_zh, by_en)
    overruled = wrong or ("", "", "")
    if _is_utf8(data):
        return Choice("utf-8", "内容符合 UTF-8", "its bytes are valid UTF-8", *overruled)
    if _fits(data, "gb18030"):
        return Choice(
            "gb18030",
            "内容不是 UTF-8，符合 GB18030",
            "its bytes are GB18030, not UTF-8",
            *overruled,
        )
    raise make_error(LayerError, "", "encoding_unknown", file=file)


def _usable(name: str) -> bool:
    try:
        known_encoding(name)
    except LayerError:
        return False
    return True


def note_choice(choice: Choice, notes: Notes) -> None:
    """Say which encoding was used, and what was stated but did not fit."""
    if choice.overruled:
        notes.add(
            "encoding_overruled",
            stated=choice.overruled,
            stated_by_zh=choice.stated_by_zh,
            stated_by_en=choice.stated_by_en,
            encoding=choice.encoding,
        )
    notes.add("encoding", encoding=choice.encoding, why_zh=choice.why_zh, why_en=choice.why_en)


# ---------------------------------------------------------------- DBF


def dbf_choice(shp: Path, given: str | None = None) -> Choice:
    """Choose the encoding of a shapefile's table, field names included.

    The order is: what the user says, the .cpg file, the language byte, strict UTF-8, GB18030.
    A character that a full name or cell cuts in half says nothing about the encoding.
    """
    dbf = sidecar(shp, ".dbf")
    if dbf is None:
        raise make_error(LayerError, "", "dbf_missing", file=shp.name)
    raw = dbf.read_bytes()
    rows, first, width = struct.unpack("<IHH", raw[4:12])
    fields = [
        raw[i : i + 32] for i in range(32, first - 1, 32) if raw[i : i + 1] not in (b"\r", b"")
    ]
    names = [f[:11].split(b"\0")[0] for f in fields]
    text = _dbf_text(raw, fields, rows, first, width)
    cut = [_whole(n) for n in names]
    stated = []
    cpg = sidecar(shp, ".cpg")
    if cpg is not None:
        stated.append(
            (cpg.read_bytes()[:40].decode("ascii", "ignore").strip(), ".cpg 文件", "the .cpg file")
        )
    if _LANGUAGE_BYTES.get(raw[29]):
        stated.append((_LANGUAGE_BYTES[raw[29]], "DBF 语言字节", "the DBF language byte"))
    data = b"\n".join([*cut, text])
    return choose(data, file=dbf.name, given=given, stated=tuple(stated))


def _whole(name: bytes) -> bytes:
    """Drop the last bytes of a full-length name where they are half a character."""
    if len(name) < 9 or name.isascii():
        return name
    for drop in range(3):
        part = name[: len(name) - drop]
        if _fits(part, "utf-8") or (drop and not _fits(name, "gb18030") and _fits(part, "gb18030")):
            return part
    return name if _fits(name, "gb18030") else name[:-1]


def _dbf_text(raw: bytes, fields: list[bytes], rows: int, first: int, width: int) -> bytes:
    """All text cells, each cut back to whole characters, for the choice of an encoding."""
    table = np.frombuffer(raw, dtype=np.uint8, count=rows * width, offset=first).reshape(
        rows, width
    )
    at = 1
    parts: list[bytes] = []
    for field in fields:
        size = field[16]
        if field[11:12] == b"C" and size:
            column = np.ascontiguousarray(table[:, at : at + size])
            parts.extend(
                _whole_cell(c, size) for c in set(column.view(f"S{size}").ravel().tolist())
            )
        at += size
    return b"\n".join(parts)


def _whole_cell(cell: bytes, size: int) -> bytes:
    cell = cell.rstrip(b" \0")
    if len(cell) < size - 3 or cell.isascii() or _fits(cell, "utf-8") or _fits(cell, "gb18030"):
        return cell
    # a full cell may end in half a character, which says nothing about the encoding
    for drop in range(1, 4):
        if _fits(cell[:-drop], "utf-8") or _fits(cell[:-drop], "gb18030"):
            return cell[:-drop]
    return cell


def decode_dbf(column: pd.Series[Any], choice: Choice) -> tuple[pd.Series[Any], Any]:
    """Decode a text column that GDAL handed over byte by byte (as ISO-8859-1).

    Returns
    -------
    Series
        Text; a character cut in half at the end of a full cell is dropped; bytes that cannot be
        decoded are null.
    ndarray of bool
        Rows whose bytes could not be decoded.
    """
    codes, values = pd.factorize(column, use_na_sentinel=True)
    decoded: list[str | None] = []
    for value in values:
        raw = str(value).encode("latin-1", "ignore")
        try:
            decoded.append(raw.decode(choice.encoding))
        except UnicodeDecodeError as error:
            tail = len(raw) - error.start <= 3 and error.start > 0
            decoded.append(raw[: error.start].decode(choice.encoding) if tail else None)
    table = np.array([*decoded, None], dtype=object)
    result = pd.Series(table[codes], index=column.index, name=column.name)
    lost = np.array([d is None for d in decoded] + [False])[codes]
    return result.astype("str"), lost


# ---------------------------------------------------------------- mojibake in the data itself


def is_lost(text: str) -> bool:
    """True if text was destroyed: replacement characters, or mojibake with a part missing.

    Examples
    --------
    >>> is_lost("断面\ufffd"), is_lost("閲嶅簡甯?"), is_lost("重庆市?")
    (True, True, False)
    """
    if _REPLACED.search(text):
        return True
    found = _utf8_within(text)
    if "\ufffd" not in found:
        return False
    # the odd byte became "?" or, at the end, nothing
    kept, gaps = re.subn("\ufffd[?](?:\ufffd(?![?])){0,2}", "", found)
    whole = len(_CJK.findall(kept))
    return "\ufffd" not in kept.removesuffix("\ufffd") and gaps + whole > 1


def restore(text: str) -> str | None:
    """Undo a decoding by the wrong code page where that gives Chinese; None if there is none.

    Examples
    --------
    >>> restore("ÖØÇìÆóÒµ"), restore("閲嶅簡浼佷笟"), restore("Zürich"), restore("±°")
    ('重庆企业', '重庆企业', None, None)
    """
    found = _utf8_within(text)
    if "\ufffd" not in found and len(_CJK.findall(found)) > 1:
        return found
    if text.isascii() or _CJK.search(text) or not _LATIN_RUN.search(text):
        return None
    if {c for c in text if not c.isascii()} <= _SIGNS:
        return None
    for western in ("latin-1", "cp1252"):
        try:
            raw = text.encode(western)
        except UnicodeEncodeError:
            continue
        for encoding in ("utf-8", "gb18030"):
            try:
                found = raw.decode(encoding)
            except UnicodeDecodeError:
                continue
            if _is_chinese(found):
                return found
    return None


def _utf8_within(text: str) -> str:
    """Read as UTF-8 what once was read as GBK; "" where it cannot have been."""
    if not _GARBLED.search(text):
        return ""
    return text.encode("gb18030", "replace").decode("utf-8", "replace")


def _is_chinese(text: str) -> bool:
    beyond = [c for c in text if not c.isascii()]
    return bool(beyond) and all(_CJK.match(c) or c in _PUNCTUATION for c in beyond)


def _any_suspect(column: pd.Series[Any]) -> bool:
    if column.dtype == object:
        return bool(_SUSPECT.search("\n".join(v for v in column.tolist() if isinstance(v, str))))
    return bool(column.str.contains(_SUSPECT.pattern, regex=True).any())


def mend_text(table: pd.DataFrame, notes: Notes) -> pd.DataFrame:
    """Restore mojibake in text columns where it can be undone, else empty it; list both."""
    changed = {}
    for name in table.columns:
        column = table[name]
        if not (pd.api.types.is_string_dtype(column.dtype) or column.dtype == object):
            continue
        if not _any_suspect(column):
            continue
        try:
            codes, values = pd.factorize(column, use_na_sentinel=True)
        except TypeError:
            continue  # lists and the like: no text
        texts = [v if isinstance(v, str) else "" for v in values]
        lost = np.array([is_lost(t) for t in texts] + [False])
        mended = [None if bad else restore(t) for t, bad in zip(texts, lost[:-1], strict=True)]
        undone = np.array([m is not None for m in mended] + [False])
        if not lost.any() and not undone.any():
            continue
        new = np.array(
            [None if bad else (m or v) for v, m, bad in zip(values, mended, lost, strict=False)]
            + [None],
            dtype=object,
        )
        changed[name] = pd.Series(new[codes], index=table.index, dtype=column.dtype)
        notes.add("text_lost", lost[codes], column=str(name))
        notes.add("text_repaired", undone[codes], column=str(name))
    return table.assign(**changed) if changed else table
