"""A DEM is a GeoTIFF and nothing beside it: side files that name an address are not followed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from basin._raster import open_geotiff
from basin.errors import LayerError


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    here = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=here.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{here.server_port}", asked
    here.shutdown()
    here.server_close()


def dem(path: Path) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", width=8, height=8, count=1, dtype="float32",
        crs="EPSG:4490", transform=from_origin(106, 29, 0.001, 0.001),
    ) as file:  # fmt: skip
        file.write(np.arange(64, dtype="float32").reshape(1, 8, 8))
    return path


def vrt(address: str, size: int = 8) -> str:
    return (
        f'<VRTDataset rasterXSize="{size}" rasterYSize="{size}"><Metadata>'
        '<MDI key="INTERNAL_MASK_FLAGS_1">2</MDI></Metadata>'
        '<VRTRasterBand dataType="Byte" band="1">'
        f'<SimpleSource><SourceFilename relativeToVRT="0">/vsicurl/{address}/evil.tif'
        "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )


def test_side_files_are_left_alone(tmp_path: Path, server: tuple[str, list[str]]):
    address, asked = server
    file = dem(tmp_path / "dem.tif")
    for ending, size in ((".msk", 8), (".ovr", 4)):
        Path(f"{file}{ending}").write_text(vrt(address, size), encoding="utf-8")
    with open_geotiff(file) as dataset:
        assert dataset.overviews(1) == []
        assert dataset.read(1, masked=True)[7, 7] == 63
    assert asked == []


def test_the_attack_is_real(tmp_path: Path, server: tuple[str, list[str]]):
    """Opened plainly, the same DEM calls the address: if this fails, GDAL has changed."""
    address, asked = server
    file = dem(tmp_path / "dem.tif")
    Path(f"{file}.msk").write_text(vrt(address), encoding="utf-8")
    with (
        rasterio.open(file, driver="GTiff") as dataset,
        suppress(rasterio.errors.RasterioError),
    ):
        dataset.read(1, masked=True)
    assert asked


@pytest.mark.parametrize("content", [b"", b"II*\0", b"<VRTDataset rasterXSize='1'/>"])
def test_what_is_no_geotiff_is_refused(tmp_path: Path, content: bytes):
    file = tmp_path / "dem.tif"
    file.write_bytes(content)
    with (
        pytest.raises(LayerError, match=r"dem\.tif cannot be read as a GeoTIFF"),
        open_geotiff(file),
    ):
        pass


def test_an_address_is_no_file(server: tuple[str, list[str]]):
    address, asked = server
    for path in (f"/vsicurl/{address}/dem.tif", f"{address}/dem.tif", "absent.tif"):
        with pytest.raises(LayerError, match="there is no file"), open_geotiff(path):
            pass
    assert asked == []
