"""Open every styled layer of a GeoPackage in QGIS, check its default style, and draw the map.

Not part of the test suite: it needs QGIS and the Python that QGIS came with (Debian: package
``python3-qgis``)::

    basin layers data/sample_layers -o report.gpkg
    QT_QPA_PLATFORM=offscreen /usr/bin/python3 tests/qgis_styles.py report.gpkg map.png
    QT_QPA_PLATFORM=offscreen /usr/bin/python3 tests/qgis_styles.py report.qgs map.png

It prints renderer, legend and drawn features of each layer, and ends with 1 where a style is not
taken, a feature has no symbol, or an expression is wrong. Without QGIS it says so and ends with 0.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

try:
    from qgis.core import (
        Qgis,
        QgsApplication,
        QgsExpression,
        QgsExpressionContext,
        QgsExpressionContextUtils,
        QgsMapRendererSequentialJob,
        QgsMapSettings,
        QgsProject,
        QgsProviderRegistry,
        QgsProviderSublayerDetails,
        QgsRectangle,
        QgsRenderContext,
        QgsVectorLayer,
        QgsWkbTypes,
    )
    from qgis.PyQt.QtCore import QSize
    from qgis.PyQt.QtGui import QColor
except ImportError as error:
    MISSING = f"skipped: QGIS is not installed for this Python ({error})"
else:
    MISSING = ""

#: From the ground up; what is not named lies on top.
ORDER = ("zones", "bands", "reaches", "network_issues", "outfalls", "trace_", "sites", "sections")


def layers_of(path: Path) -> list[QgsVectorLayer]:
    """Every layer that has a style, one for each type of geometry, as QGIS opens them."""
    with closing(sqlite3.connect(path)) as base:
        styled = {name for (name,) in base.execute("SELECT f_table_name FROM layer_styles")}
    flags = Qgis.SublayerQueryFlags(Qgis.SublayerQueryFlag.ResolveGeometryType)
    parts = QgsProviderRegistry.instance().querySublayers(str(path), flags)
    options = QgsProviderSublayerDetails.LayerOptions(QgsProject.instance().transformContext())
    options.loadDefaultStyle = True
    found = []
    for part in parts:
        if part.name() in styled:
            layer = part.toLayer(options)
            layer.setName(part.name())
            found.append(layer)
    return found


def layers_of_project(path: Path, wrong: list[str]) -> list[QgsVectorLayer]:
    """The ticked layers of a QGIS project, the lowest first; what cannot be opened is `wrong`."""
    project = QgsProject.instance()
    if not project.read(str(path)) or not project.crs().isValid():
        wrong.append(f"the project cannot be read, or has no CRS ({project.error()})")
    nodes = project.layerTreeRoot().findLayers()
    wrong += [
        f"{n.name()} opens no layer" for n in nodes if not (n.layer() and n.layer().isValid())
    ]
    return [n.layer() for n in nodes if n.isVisible() and n.layer()][::-1]


def check(layer: QgsVectorLayer, *, stored: bool) -> list[str]:
    """Print what the layer looks like; return what is wrong with it (`stored`: with its style)."""
    wrong = []
    if stored:
        message, taken = layer.loadDefaultStyle()
        if not taken:
            wrong.append(f"the default style is not taken ({message})")
    renderer = layer.renderer()
    legend = [item.label() for item in renderer.legendSymbolItems()]
    context = QgsRenderContext()
    scope = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    context.setExpressionContext(scope)
    renderer.startRender(context, layer.fields())
    bare = 0
    for feature in layer.getFeatures():
        context.expressionContext().setFeature(feature)
        bare += feature.hasGeometry() and not renderer.symbolsForFeature(feature, context)
    renderer.stopRender(context)
    if bare:
        wrong.append(f"{bare} features have no symbol")
    family = QgsWkbTypes.geometryDisplayString(layer.geometryType())
    print(
        f"{layer.name()} ({family}): {layer.featureCount()} features, {renderer.type()}, {legend}"
    )
    label = layer.labeling().settings().fieldName if layer.labelsEnabled() else ""
    texts = [label] if label else []
    for symbol in renderer.symbols(QgsRenderContext()):
        for part in symbol.symbolLayers():
            group = part.dataDefinedProperties()
            texts += [group.property(key).expressionString() for key in group.propertyKeys()]
    for text in texts:
        expression = QgsExpression(text)
        for feature in layer.getFeatures():
            scope.setFeature(feature)
            expression.evaluate(scope)
            if expression.hasParserError() or expression.hasEvalError():
                wrong.append(
                    f"{text}: {expression.parserErrorString()}{expression.evalErrorString()}"
                )
                break
    return wrong


def draw(layers: list[QgsVectorLayer], target: Path, *, around: QgsRectangle | None) -> None:
    """Draw the layers as QGIS would on its canvas."""
    settings = QgsMapSettings()
    settings.setLayers(layers[::-1])
    settings.setBackgroundColor(QColor("white"))
    settings.setOutputSize(QSize(2000, 1600))
    settings.setOutputDpi(144)
    settings.setDestinationCrs(layers[0].crs())
    extent = around or QgsRectangle()
    if around is None:
        for layer in layers:
            extent.combineExtentWith(layer.extent())
    settings.setExtent(extent)
    settings.setFlag(QgsMapSettings.Antialiasing)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(str(target))


def main(path: Path, target: Path, around: list[str]) -> int:
    """Check and draw; return how the run ends."""
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    project = path.suffix == ".qgs"
    wrong: list[str] = []
    layers = layers_of_project(path, wrong) if project else layers_of(path)
    wrong += [
        f"{layer.name()}: {text}" for layer in layers for text in check(layer, stored=not project)
    ]
    if not layers:
        wrong.append("no layer has a style")
    place = {word: number for number, word in enumerate(ORDER)}
    if not project:
        layers.sort(
            key=lambda one: (
                next((place[w] for w in ORDER if one.name().startswith(w)), len(ORDER)),
                -int(one.geometryType()),  # areas, lines, and points on top
            )
        )
    if layers:
        draw(layers, target, around=QgsRectangle(*map(float, around)) if around else None)
    for text in wrong:
        print(f"WRONG {text}")
    layers.clear()
    application.exitQgis()
    return bool(wrong)


if __name__ == "__main__":
    if MISSING:
        print(MISSING)
        sys.exit(0)
    if len(sys.argv) not in (3, 7):
        sys.exit("usage: qgis_styles.py FILE.gpkg MAP.png [WEST SOUTH EAST NORTH]")
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
