/*
 * basin.js: draws the content of a basin map with Leaflet.
 */
(function (basin) {
  "use strict";

  /** Markers that folium itself may add find their picture in the page. */
  function useEmbeddedIcons() {
    var probe = basin.element("div", "leaflet-default-icon-path");
    document.body.appendChild(probe);
    var url = getComputedStyle(probe).backgroundImage.replace(/^url\(["']?|["']?\)$/g, "");
    probe.remove();
    L.Icon.Default.imagePath = " ";
    L.Icon.Default.mergeOptions({ iconUrl: url, iconRetinaUrl: url, shadowUrl: null });
    L.Icon.Default.prototype._getIconUrl = function (name) { return this.options[name + "Url"]; };
  }

  /** Show the whole extent, beside the title or below it, whichever leaves it larger. */
  function makeFit(map, content, boxes) {
    return function () {
      if (!content.bounds) return;
      var b = content.bounds;
      var bounds = L.latLngBounds([b[1], b[0]], [b[3], b[2]]);
      var narrow = basin.isNarrow(map), title = boxes.title;
      var right = narrow ? 52 : boxes.panel.offsetWidth + 24;
      var below = title.offsetHeight + (narrow ? 24 : boxes.search.offsetHeight + 34);
      var clock = content.clock ? 60 : 0;
      var pads = [[8, below, right, 60 + clock]];
      if (!narrow) pads.push([title.offsetWidth + 24, 16, right, 40 + clock]);
      var zooms = pads.map(function (p) {
        return map.getBoundsZoom(bounds, false, L.point(p[0] + p[2], p[1] + p[3]));
      });
      var pad = pads[zooms[1] > zooms[0] ? 1 : 0];
      map.fitBounds(bounds, {
        animate: false, maxZoom: 14, paddingTopLeft: pad.slice(0, 2), paddingBottomRight: pad.slice(2),
      });
    };
  }

  /** Popups and tooltips of one group; a cluster opens instead. */
  function listen(map, group, renderer, words) {
    group.on("click", function (event) {
      L.DomEvent.stopPropagation(event);
      if (map.basinMeasuring) { map.fire("basinpoint", { latlng: event.latlng }); return; }
      var marker = event.propagatedFrom || event.layer;
      if (marker.basinCluster !== undefined) basin.openCluster(map, group, marker);
      else basin.openPopup(map, renderer, event, words);
    });
    group.bindTooltip(function (layer) {
      var text = layer.basinCluster === undefined
        ? basin.titleOf(layer.basinSpec, layer.basinRecord)
        : group.basinSpec.name + " " + layer.basinCount;
      return basin.element("span", "", text);
    }, { sticky: true, className: "basin-tooltip" });
  }

  /** The user's own tile service; its attribution is text, never HTML. */
  function makeTiles(tiles) {
    var named = basin.element("span", "", tiles.attribution);
    var layer = L.tileLayer(tiles.url, {
      subdomains: tiles.subdomains || "abc",
      maxNativeZoom: tiles.maxNativeZoom,
      maxZoom: 20,
      attribution: named.innerHTML,
    });
    layer.basinSpec = tiles;
    return layer;
  }

  basin.draw = function (map, contentId) {
    var content = JSON.parse(document.getElementById(contentId).textContent);
    useEmbeddedIcons();
    map.attributionControl.setPrefix("basin · Leaflet 1.9.4");
    if (!content.rows) return;

    // a finger is broader than a pointer
    var coarse = window.matchMedia && window.matchMedia("(pointer: coarse)").matches;
    var renderer = L.canvas({ padding: 0.3, tolerance: coarse ? 10 : 4 });
    basin.lendRecords(content.layers);
    content.layers.forEach(basin.makePatterns);
    var groups = content.layers.map(function (spec) { return basin.makeLayer(map, spec, renderer); });
    var images = (content.images || []).map(function (image) {
      var overlay = L.imageOverlay(image.url, image.bounds, { opacity: image.opacity });
      overlay.basinSpec = image;
      return overlay;
    });
    images = (content.tiles || []).map(makeTiles).concat(images);
    var labels = new basin.Labels(groups);

    function layersOf(rowId) {
      return images.concat(groups).filter(function (layer) { return layer.basinSpec.row === rowId; });
    }

    function toggle(rowId, isOn) {
      layersOf(rowId).forEach(function (layer) {
        if (isOn) map.addLayer(layer); else map.removeLayer(layer);
      });
      if (isOn) {
        // what was switched on goes back to its own height: those above it are raised again
        var first = groups.findIndex(function (g) { return g.basinSpec.row === rowId; });
        if (first >= 0) {
          groups.slice(first).forEach(function (g) { if (map.hasLayer(g)) g.bringToFront(); });
        }
      }
      labels.redraw();
      map.fire("basinrows");
    }

    groups.forEach(function (group) { listen(map, group, renderer, content.words); });

    var boxes = {};
    var fit = makeFit(map, content, boxes);
    boxes.title = basin.addTitle(map, content);
    boxes.panel = basin.addPanel(map, content, toggle);
    basin.addTools(map, content, renderer, boxes, fit);
    fit();
    content.rows.forEach(function (row) {
      if (row.on) layersOf(row.id).forEach(function (layer) { map.addLayer(layer); });
    });
    // rows come in the panel's order; the groups' own order is that of drawing
    groups.forEach(function (group) { if (map.hasLayer(group)) group.bringToFront(); });
    labels.addTo(map);
    [boxes.title, boxes.panel].forEach(function (box) { // what lay under it can be named now
      box.querySelector(".basin-head").addEventListener("click", function () { labels.redraw(); });
    });
    basin.addFoot(map, content.words);
    map.basinLabels = labels;
    map.basinGroups = groups;
    if (content.clock) basin.addClock(map, content.clock, groups, labels, content.words);
    basin.followLink(map, boxes.panel);
  };
})(basin);
