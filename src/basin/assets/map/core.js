/*
 * core.js: what every part of the map's script uses.
 *
 * The content is plain data (basin/maps/content.py says how it is laid out). Every text of it goes
 * into the page by textContent or onto a canvas, never as HTML: data cannot become code here.
 */
var basin = {};

(function (basin) {
  "use strict";

  basin.INK = "#263238";
  basin.PAPER = "#fbfaf7";

  var UNITS_PER_DEGREE = 1e6;
  var NARROW_PX = 700; // below this width the boxes start closed

  basin.element = function (tag, className, text) {
    var made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined && text !== null) made.textContent = text;
    return made;
  };

  basin.clamp = function (value, low, high) {
    return Math.min(Math.max(value, low), high);
  };

  basin.isNarrow = function (map) {
    return map.getSize().x < NARROW_PX;
  };

  basin.fontOf = function (map) {
    if (!map.basinFont) map.basinFont = getComputedStyle(map.getContainer()).fontFamily;
    return map.basinFont;
  };

  // ---------------------------------------------------------------- places

  /** A flat list of steps in millionths of a degree -> [[lat, lng], ...]. */
  basin.unpack = function (steps) {
    var x = 0, y = 0, places = [];
    for (var i = 0; i < steps.length; i += 2) {
      x += steps[i];
      y += steps[i + 1];
      places.push([y / UNITS_PER_DEGREE, x / UNITS_PER_DEGREE]);
    }
    return places;
  };

  /** The same -> x, y, x, y ... on the Mercator square from 0 to 1, which no zoom level changes. */
  basin.toWorld = function (steps) {
    var x = 0, y = 0, world = new Float64Array(steps.length);
    for (var i = 0; i < steps.length; i += 2) {
      x += steps[i];
      y += steps[i + 1];
      var sine = Math.sin((y / UNITS_PER_DEGREE) * (Math.PI / 180));
      world[i] = x / UNITS_PER_DEGREE / 360 + 0.5;
      world[i + 1] = 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
    }
    return world;
  };

  /** The extent of such a path: west, north, east, south on the square. */
  basin.worldBox = function (paths) {
    var box = [Infinity, Infinity, -Infinity, -Infinity];
    paths.forEach(function (path) {
      for (var i = 0; i < path.length; i += 2) {
        if (path[i] < box[0]) box[0] = path[i];
        if (path[i] > box[2]) box[2] = path[i];
        if (path[i + 1] < box[1]) box[1] = path[i + 1];
        if (path[i + 1] > box[3]) box[3] = path[i + 1];
      }
    });
    return box;
  };

  basin.worldScale = function (map) {
    return map.options.crs.scale(map.getZoom());
  };

  basin.worldToLatLng = function (map, x, y) {
    var scale = map.options.crs.scale(0);
    return map.options.crs.pointToLatLng(L.point(x * scale, y * scale), 0);
  };

  // ---------------------------------------------------------------- records

  /** The text of a cell: columns are lists, or words with their places. */
  function cell(column, i) {
    if (Array.isArray(column)) return column[i];
    return column.at[i] < 0 ? null : column.words[column.at[i]];
  }

  basin.titleOf = function (spec, i) {
    return spec.titles[i];
  };

  /** The ids of a record, which a search may ask for. */
  basin.idsOf = function (spec, i) {
    return spec.keys.map(function (k) { return cell(spec.columns[k], i); }).filter(Boolean);
  };

  /** One record: its title, [heading, text] of the cells that say something, and what else is told. */
  basin.recordOf = function (spec, i) {
    var cells = [];
    spec.fields.forEach(function (field, k) {
      var text = cell(spec.columns[k], i);
      if (text !== null && text !== undefined) cells.push([field, text]);
    });
    return Object.assign({ title: spec.titles[i], cells: cells }, (spec.told || {})[i]);
  };

  /** Layers that draw the same things share one table of records. */
  basin.lendRecords = function (layers) {
    layers.forEach(function (spec) {
      if (spec.lender === undefined) return;
      var lender = layers[spec.lender];
      ["titles", "fields", "columns", "keys", "told"].forEach(function (name) {
        spec[name] = lender[name];
      });
    });
  };
})(basin);
