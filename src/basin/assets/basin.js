/*
 * basin.js: draws the content of a basin map with Leaflet.
 *
 * The content is plain data (basin/maps/content.py says how it is laid out). Every text of it goes
 * into the page by textContent or onto a canvas, never as HTML: data cannot become code here.
 */
var basin = (function () {
  "use strict";

  var DEGREES_PER_UNIT = 1e-6;
  var NARROW_PX = 700; // below this width the boxes start closed
  var INK = "#263238";
  var PAPER = "#fbfaf7";

  // ---------------------------------------------------------------- small helpers

  function element(tag, className, text) {
    var made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined && text !== null) made.textContent = text;
    return made;
  }

  /** A flat list of steps in millionths of a degree -> [[lat, lng], ...]. */
  function unpack(steps) {
    var x = 0, y = 0, places = [];
    for (var i = 0; i < steps.length; i += 2) {
      x += steps[i];
      y += steps[i + 1];
      places.push([y * DEGREES_PER_UNIT, x * DEGREES_PER_UNIT]);
    }
    return places;
  }

  function fontOf(map) {
    if (!map.basinFont) map.basinFont = getComputedStyle(map.getContainer()).fontFamily;
    return map.basinFont;
  }

  function isNarrow(map) {
    return map.getSize().x < NARROW_PX;
  }

  // ---------------------------------------------------------------- symbols on the canvas

  function polygon(ctx, x, y, r, corners, turn) {
    for (var i = 0; i < corners; i++) {
      var angle = turn + (2 * Math.PI * i) / corners;
      ctx[i ? "lineTo" : "moveTo"](x + r * Math.sin(angle), y - r * Math.cos(angle));
    }
    ctx.closePath();
  }

  /** Each shape adds its outline round (x, y) to the current path; areas are about equal. */
  var SHAPES = {
    circle: function (ctx, x, y, r) { ctx.arc(x, y, r, 0, 2 * Math.PI); },
    square: function (ctx, x, y, r) { polygon(ctx, x, y, r * 1.25, 4, Math.PI / 4); },
    diamond: function (ctx, x, y, r) { polygon(ctx, x, y, r * 1.3, 4, 0); },
    triangle: function (ctx, x, y, r) { polygon(ctx, x, y + r * 0.2, r * 1.4, 3, 0); },
    down: function (ctx, x, y, r) { polygon(ctx, x, y - r * 0.2, r * 1.4, 3, Math.PI); },
    hexagon: function (ctx, x, y, r) { polygon(ctx, x, y, r * 1.1, 6, 0); },
    bar: function (ctx, x, y, r) { ctx.rect(x - r * 1.4, y - r * 0.5, r * 2.8, r); },
    cross: function (ctx, x, y, r) {
      var a = r * 0.38, corners = [[a, r], [a, a], [r, a]];
      var turn = Math.SQRT1_2; // a plus turned by 45 degrees
      var points = [];
      for (var q = 0; q < 4; q++) {
        for (var c = 0; c < 3; c++) {
          var px = corners[c][0], py = corners[c][1];
          for (var t = 0; t < q; t++) { var old = px; px = py; py = -old; }
          points.push([(px - py) * turn, (px + py) * turn]);
        }
      }
      points.forEach(function (p, i) { ctx[i ? "lineTo" : "moveTo"](x + p[0], y + p[1]); });
      ctx.closePath();
    },
  };

  function clamp(value, low, high) {
    return Math.min(Math.max(value, low), high);
  }

  /** Symbols are smaller from afar, where they lie close together. */
  function symbolScale(map) {
    return clamp(0.78 + 0.12 * (map.getZoom() - 9), 0.7, 1.15);
  }

  function paintSymbol(ctx, style, x, y, scale) {
    var shape = SHAPES[style.shape] || SHAPES.circle;
    var r = style.radius * scale;
    ctx.save();
    ctx.setLineDash([]);
    ctx.lineJoin = "round";
    if (style.ring) {
      ctx.beginPath();
      shape(ctx, x, y, r + 3.2);
      ctx.lineWidth = 2;
      ctx.strokeStyle = style.ring;
      ctx.stroke();
    }
    ctx.beginPath();
    shape(ctx, x, y, r);
    // a light rim keeps the symbol apart from what lies under it
    ctx.lineWidth = (style.weight || 1) + 2;
    ctx.strokeStyle = PAPER;
    ctx.globalAlpha = 0.9;
    ctx.stroke();
    ctx.globalAlpha = style.fillOpacity === undefined ? 1 : style.fillOpacity;
    ctx.fillStyle = style.fillColor || style.color;
    ctx.fill();
    ctx.globalAlpha = 1;
    ctx.lineWidth = style.weight || 1;
    ctx.strokeStyle = style.color || INK;
    ctx.stroke();
    ctx.restore();
  }

  /** A point drawn as a symbol; all of them share one canvas, so 50,000 stay quick. */
  var SymbolMarker = L.CircleMarker.extend({
    _updatePath: function () {
      var renderer = this._renderer;
      if (!renderer._drawing || this._empty()) return;
      var scale = symbolScale(this._map), p = this._point, ctx = renderer._ctx;
      paintSymbol(ctx, this.options, p.x, p.y, scale);
      if (!this.basinInside) return;
      ctx.font = "600 " + Math.min(11, this.options.radius * scale * 1.3) + "px " + fontOf(this._map);
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.globalAlpha = 1;
      ctx.fillStyle = this.options.textColor || "#ffffff";
      ctx.fillText(this.basinInside, p.x, p.y + 0.5);
    },
  });

  /** A line; with `widens` in its style it is thinner from afar and broader close by. */
  var Line = L.Polyline.extend({
    _updatePath: function () {
      if (this.options.widens) {
        var factor = 0.62 + 0.13 * (this._map.getZoom() - 9);
        this.options.weight = this.options.widens * clamp(factor, 0.5, 1.6);
      }
      L.Polyline.prototype._updatePath.call(this);
    },
  });

  function paintSwatch(form, style) {
    var canvas = element("canvas", "basin-swatch");
    var width = 22, height = 16, ratio = 2;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.setAttribute("aria-hidden", "true");
    var ctx = canvas.getContext("2d");
    ctx.scale(ratio, ratio);
    if (form === "point") {
      var fitted = Object.assign({}, style, { radius: Math.min(style.radius, style.ring ? 3.4 : 5.5) });
      paintSymbol(ctx, fitted, width / 2, height / 2, 1);
      return canvas;
    }
    ctx.beginPath();
    if (form === "line") {
      ctx.moveTo(1, height / 2);
      ctx.lineTo(width - 1, height / 2);
    } else {
      ctx.rect(2, 2.5, width - 4, height - 5);
      ctx.globalAlpha = style.fill === false ? 0 : Math.min(style.fillOpacity * 1.6, 1);
      ctx.fillStyle = style.fillColor || style.color;
      ctx.fill();
    }
    ctx.globalAlpha = style.opacity === undefined ? 1 : style.opacity;
    ctx.setLineDash((style.dashArray || "").split(" ").filter(Boolean).map(Number));
    ctx.lineWidth = Math.min(style.weight || 1, 6);
    ctx.strokeStyle = style.color;
    if (style.weight !== 0) ctx.stroke();
    return canvas;
  }

  // ---------------------------------------------------------------- features

  /** One feature of the content -> the Leaflet layers that draw it. */
  function makeFeature(geometry, options) {
    var parts = geometry.slice(1);
    if (geometry[0] === 0) {
      var whole = Object.assign({ fillOpacity: 1 }, options); // Leaflet's own default is 0.2
      return parts.map(function (p) { return new SymbolMarker(unpack(p)[0], whole); });
    }
    if (geometry[0] === 1) return [new Line(parts.map(unpack), options)];
    return [L.polygon(parts.map(function (rings) { return rings.map(unpack); }), options)];
  }

  /** One drawn layer of the content -> a feature group whose members know their record. */
  function makeLayer(spec, renderer) {
    var group = L.featureGroup();
    var casings = [], features = [];
    spec.features.forEach(function (feature) {
      var style = spec.styles[feature[1]];
      var options = Object.assign({ renderer: renderer, smoothFactor: 0.8 }, style);
      if (spec.still) options.interactive = false;
      if (style.casing && feature[0][0] === 1) {
        casings = casings.concat(makeFeature(feature[0], Object.assign({}, options, {
          color: style.casing, weight: style.weight + 3, opacity: 0.9, interactive: false,
        })));
      }
      makeFeature(feature[0], options).forEach(function (made) {
        made.basinSpec = spec;
        made.basinRecord = feature[2];
        made.basinInside = feature[3];
        features.push(made);
      });
    });
    casings.concat(features).forEach(function (made) { group.addLayer(made); });
    group.basinSpec = spec;
    return group;
  }

  // ---------------------------------------------------------------- popups

  function badge(spec) {
    var made = element("span", "basin-badge", spec.text);
    made.style.backgroundColor = spec.ground;
    made.style.color = spec.ink;
    return made;
  }

  /** A note: {badge, head, lines}, or lines alone. */
  function noteNode(note) {
    var node = element("div", "basin-note");
    if (note.badge) {
      var head = element("div", "basin-note-head");
      head.append(badge(note.badge), element("span", "", note.head));
      node.appendChild(head);
    }
    (note.lines || []).forEach(function (line) {
      node.appendChild(element("div", "basin-note-line", line));
    });
    return node;
  }

  function recordNode(spec, record) {
    var node = element("article", "basin-record");
    var head = element("header");
    head.appendChild(element("h2", "", record.title));
    if (record.badge) head.appendChild(badge(record.badge));
    node.appendChild(head);
    node.appendChild(element("div", "basin-kind", spec.name));
    (record.notes || []).forEach(function (note) { node.appendChild(noteNode(note)); });
    if (record.folded && record.folded.notes.length) {
      var folded = element("details");
      folded.appendChild(element("summary", "", record.folded.title));
      record.folded.notes.forEach(function (note) { folded.appendChild(noteNode(note)); });
      node.appendChild(folded);
    }
    var table = element("table");
    spec.fields.forEach(function (field, i) {
      var value = record.values[i];
      if (value === null || value === undefined) return;
      var row = table.insertRow();
      row.appendChild(element("th", "", field)).scope = "row";
      row.appendChild(element("td", "", value));
    });
    if (table.rows.length) node.appendChild(table);
    if (spec.remark) node.appendChild(element("p", "basin-remark", spec.remark));
    return node;
  }

  /** What lies under a place, topmost first, one entry a record. */
  function hitsAt(renderer, point) {
    var hits = [], seen = new Set();
    for (var order = renderer._drawFirst; order; order = order.next) {
      var layer = order.layer;
      if (!layer.basinSpec || layer.basinSpec.still || layer.basinRecord === null) continue;
      if (layer._containsPoint(point)) hits.unshift(layer);
    }
    return hits.filter(function (hit) {
      var record = hit.basinSpec.records[hit.basinRecord];
      return !seen.has(record) && seen.add(record);
    });
  }

  function openPopup(map, renderer, event, words) {
    var hits = hitsAt(renderer, event.layerPoint).slice(0, 8);
    if (!hits.length) return;
    var box = element("div", "basin-popup");
    // the popup moves clear of the boxes: beside them, or below them on a narrow page
    var title = map.getContainer().querySelector(".basin-title");
    var panel = map.getContainer().querySelector(".basin-panel");
    var narrow = isNarrow(map);
    var popup = L.popup({
      minWidth: 230,
      maxWidth: Math.min(380, map.getSize().x - 60),
      maxHeight: Math.max(180, Math.round(map.getSize().y * 0.55)),
      autoPanPaddingTopLeft: narrow ? [8, title.offsetHeight + 16] : [title.offsetWidth + 20, 10],
      autoPanPaddingBottomRight: narrow ? [8, 40] : [panel.offsetWidth + 20, 40],
    });
    function show(chosen) {
      box.replaceChildren(
        recordNode(chosen.basinSpec, chosen.basinSpec.records[chosen.basinRecord])
      );
      var others = hits.filter(function (hit) { return hit !== chosen; });
      if (others.length) {
        var list = element("nav", "basin-others");
        list.appendChild(element("span", "", words.also_here));
        others.forEach(function (other) {
          var title = other.basinSpec.records[other.basinRecord].title;
          var button = element("button", "", other.basinSpec.name + " · " + title);
          button.type = "button";
          button.addEventListener("click", function (clicked) {
            clicked.stopPropagation(); // else the map takes it as a click beside the popup
            show(other);
            popup.update();
          });
          list.appendChild(button);
        });
        box.appendChild(list);
      }
    }
    show(hits[0]);
    var place = hits[0].getLatLng ? hits[0].getLatLng() : event.latlng;
    popup.setLatLng(place).setContent(box).openOn(map);
  }

  // ---------------------------------------------------------------- labels

  /**
   * Names on a canvas above the map. They are placed anew for each view, the weightiest first, and
   * one that would touch another name or a symbol is left out.
   */
  var Labels = L.Layer.extend({
    initialize: function (groups) { this._groups = groups; },

    onAdd: function (map) {
      var pane = map.createPane("basin-labels");
      pane.style.zIndex = 620;
      pane.style.pointerEvents = "none";
      this._canvas = element("canvas", "leaflet-zoom-hide");
      pane.appendChild(this._canvas);
      this.redraw();
    },

    getEvents: function () {
      return { moveend: this.redraw, resize: this.redraw };
    },

    redraw: function () {
      var map = this._map, size = map.getSize(), ratio = window.devicePixelRatio || 1;
      this._canvas.width = size.x * ratio;
      this._canvas.height = size.y * ratio;
      this._canvas.style.width = size.x + "px";
      this._canvas.style.height = size.y + "px";
      L.DomUtil.setPosition(this._canvas, map.containerPointToLayerPoint([0, 0]));
      var ctx = this._ctx = this._canvas.getContext("2d");
      ctx.scale(ratio, ratio);
      ctx.textBaseline = "middle";
      ctx.lineJoin = "round";
      this._boxes = []; // of symbols and names: never written over
      this._strokes = []; // along lines that matter: written over by section and site names at need
      this.placed = []; // what is written now, for tests and for search engines of the eye
      var shown = this._groups.filter(function (group) { return map.hasLayer(group); });
      // arrows keep off the points, names off points and lines
      var points = shown.filter(function (group) { return !group.basinSpec.arrows; });
      points.forEach(this._reserve, this);
      shown.forEach(this._arrows, this);
      shown.filter(function (group) { return group.basinSpec.arrows; }).forEach(this._reserve, this);
      shown
        .filter(function (group) { return group.basinSpec.label; })
        .sort(function (a, b) { return a.basinSpec.label.rank - b.basinSpec.label.rank; })
        .forEach(this._write, this);
    },

    _inView: function (p, margin) {
      var size = this._map.getSize();
      return p.x > margin && p.y > margin && p.x < size.x - margin && p.y < size.y - margin;
    },

    _project: function (latlng) { return this._map.latLngToContainerPoint(latlng); },

    /** Keep names off the symbols and lines that must stay readable. */
    _reserve: function (group) {
      var self = this, spec = group.basinSpec;
      if (!spec.obstacle) return;
      var scale = symbolScale(this._map);
      group.eachLayer(function (layer) {
        if (layer.basinRecord === undefined) return; // a casing
        if (layer.getLatLng) {
          var p = self._project(layer.getLatLng()), r = layer.options.radius * scale;
          if (self._inView(p, -r)) self._boxes.push([p.x - r, p.y - r, p.x + r, p.y + r]);
          return;
        }
        var half = layer.options.weight / 2;
        self._lines(layer).forEach(function (line) {
          for (var i = 1; i < line.length; i++) {
            var steps = Math.ceil(line[i].distanceTo(line[i - 1]) / 8);
            if (steps > 500) continue; // an edge far longer than the view
            for (var k = 0; k < steps; k++) {
              var x = line[i - 1].x + (k / steps) * (line[i].x - line[i - 1].x);
              var y = line[i - 1].y + (k / steps) * (line[i].y - line[i - 1].y);
              if (self._inView(L.point(x, y), 0)) self._strokes.push([x - half, y - half, x + half, y + half]);
            }
          }
        });
      });
    },

    _lines: function (layer) {
      return layer.getLatLngs().map(function (part) { return part.map(this._project, this); }, this);
    },

    _font: function (weight, size) {
      this._ctx.font = weight + " " + size + "px " + fontOf(this._map);
    },

    _free: function (boxes, overStrokes) {
      var taken = overStrokes ? this._boxes : this._boxes.concat(this._strokes);
      return boxes.every(function (a) {
        return taken.every(function (b) {
          return a[2] < b[0] || b[2] < a[0] || a[3] < b[1] || b[3] < a[1];
        });
      });
    },

    _write: function (group) {
      var spec = group.basinSpec, label = spec.label, self = this;
      var scale = symbolScale(this._map);
      if (this._map.getZoom() < label.zoom) return;
      var left = 300; // more names than this in one view help nobody
      this._style = label;
      this._font(label.weight || 400, label.size);
      function once(text, writes) {
        if (left > 0 && writes()) { left -= 1; self.placed.push(text); }
      }
      (spec.names || []).forEach(function (name) {
        var geometry = name[1];
        if (geometry[0] === 0) {
          // several places: the first that is free
          once(name[0], function () {
            return geometry.slice(1).some(function (place) {
              return self._centre(name[0], self._project(unpack(place)[0]));
            });
          });
        } else {
          once(name[0], function () {
            return self._along(name[0], unpack(geometry[1]).map(self._project, self));
          });
        }
      });
      if (label.titles) {
        // what is drawn last lies on top and is named first
        group.getLayers().reverse().forEach(function (layer) {
          if (left <= 0 || !layer.getLatLng || layer.basinRecord === null) return;
          var p = self._project(layer.getLatLng());
          if (!self._inView(p, 4)) return;
          var title = spec.records[layer.basinRecord].title;
          once(title, function () { return self._beside(title, p, layer.options.radius * scale); });
        });
      }
    },

    _ink: function (text, x, y) {
      var ctx = this._ctx;
      ctx.lineWidth = 3;
      ctx.strokeStyle = "rgba(251, 250, 247, 0.92)";
      ctx.strokeText(text, x, y);
      ctx.fillStyle = this._style.color;
      ctx.fillText(text, x, y);
    },

    _centre: function (text, p) {
      var gap = this._style.gap || 0;
      var glyphs = Array.from(text), ctx = this._ctx, half = this._style.size / 2;
      var widths = glyphs.map(function (g) { return ctx.measureText(g).width + gap; });
      var width = widths.reduce(function (a, b) { return a + b; }, -gap);
      var box = [p.x - width / 2, p.y - half, p.x + width / 2, p.y + half];
      if (!this._inView(p, half + 4) || box[0] < 4 || box[2] > this._map.getSize().x - 4) return false;
      if (!this._free([box])) return false;
      this._boxes.push(box);
      ctx.textAlign = "left";
      var x = box[0];
      glyphs.forEach(function (g, i) { this._ink(g, x, p.y); x += widths[i]; }, this);
      return true;
    },

    _beside: function (text, p, r) {
      var width = this._ctx.measureText(text).width, h = this._style.size, off = r + 4;
      var places = [
        [p.x + off, p.y], [p.x - off - width, p.y],
        [p.x - width / 2, p.y - off - h / 2 + 1], [p.x - width / 2, p.y + off + h / 2 - 1],
        [p.x + off * 0.7, p.y - off * 0.9], [p.x + off * 0.7, p.y + off * 0.9],
      ];
      var wide = this._map.getSize().x, self = this;
      function box(place) {
        return [place[0] - 1, place[1] - h / 2 - 1, place[0] + width + 1, place[1] + h / 2 + 1];
      }
      function fits(overStrokes) {
        return places.find(function (place) {
          var b = box(place);
          return b[0] >= 2 && b[2] <= wide - 2 && self._free([b], overStrokes);
        });
      }
      var chosen = fits(false) || (this._style.rank <= 20 ? fits(true) : undefined);
      if (!chosen) return false;
      this._boxes.push(box(chosen));
      this._ctx.textAlign = "left";
      this._ink(text, chosen[0], chosen[1]);
      return true;
    },

    /** Write along a line where it runs straightest, beside it, reading from the left. */
    _along: function (text, line) {
      var size = this._style.size, ctx = this._ctx, glyphs = Array.from(text);
      var gap = this._style.gap || 0;
      var widths = glyphs.map(function (g) { return ctx.measureText(g).width + gap; });
      var need = widths.reduce(function (a, b) { return a + b; }, 0);
      var at = [0];
      for (var i = 1; i < line.length; i++) at.push(at[i - 1] + line[i].distanceTo(line[i - 1]));
      var total = at[at.length - 1];
      if (total < need * 0.9) return false;
      var places = this._windows(line, at, Math.min(need, total));
      for (var k = 0; k < Math.min(places.length, 12); k++) {
        if (this._writeOn(places[k], glyphs, widths, need, size)) return true;
      }
      return false;
    },

    _windows: function (line, at, need) {
      function pointAt(s) {
        var low = 0, high = at.length - 1;
        while (high - low > 1) {
          var mid = (low + high) >> 1;
          if (at[mid] <= s) low = mid; else high = mid;
        }
        var step = at[high] - at[low];
        var t = step ? (s - at[low]) / step : 0;
        return L.point(
          line[low].x + t * (line[high].x - line[low].x),
          line[low].y + t * (line[high].y - line[low].y)
        );
      }
      var total = at[at.length - 1], found = [];
      var stride = Math.max(12, total / 400); // long lines at high zoom: no more than 400 tries
      for (var s = 0; s + need <= total + 0.01; s += stride) {
        var a = pointAt(s), b = pointAt(Math.min(s + need, total));
        if (!this._inView(a, 8) || !this._inView(b, 8)) continue;
        var middle = pointAt(s + need / 2), chord = a.distanceTo(b);
        var bow = L.LineUtil.pointToSegmentDistance(middle, a, b);
        var central = Math.abs(s + need / 2 - total / 2) / total;
        found.push({ a: a, b: b, middle: middle, cost: (need - chord) / need + bow / need + 0.25 * central });
      }
      return found
        .filter(function (w) { return w.a.distanceTo(w.b) > need * 0.75; })
        .sort(function (v, w) { return v.cost - w.cost; });
    },

    _writeOn: function (place, glyphs, widths, need, size) {
      var a = place.a, b = place.b;
      if (b.x < a.x) { var swap = a; a = b; b = swap; }
      var angle = Math.atan2(b.y - a.y, b.x - a.x);
      var away = size / 2 + 5; // from the line to the middle of the letters
      var upright = Math.abs(angle) > 1 && glyphs.every(function (g) { return g > "\u2e7f"; });
      if (upright && b.y < a.y) { var turn = a; a = b; b = turn; }
      var length = a.distanceTo(b);
      var ux = (b.x - a.x) / length, uy = (b.y - a.y) / length;
      var nx = uy, ny = -ux; // above the line for one that runs to the right
      // on the hollow side, where the line does not bow into the letters
      if ((place.middle.x - a.x) * nx + (place.middle.y - a.y) * ny > 2) { nx = -nx; ny = -ny; }
      var start = (length - need) / 2, spots = [];
      var s = start;
      glyphs.forEach(function (g, i) {
        var m = s + widths[i] / 2;
        spots.push([a.x + ux * m + nx * away, a.y + uy * m + ny * away]);
        s += widths[i];
      });
      var half = size / 2 + 1;
      var boxes = spots.map(function (p) { return [p[0] - half, p[1] - half, p[0] + half, p[1] + half]; });
      if (!this._free(boxes)) return false;
      this._boxes.push.apply(this._boxes, boxes);
      var ctx = this._ctx, self = this;
      ctx.textAlign = "center";
      spots.forEach(function (p, i) {
        ctx.save();
        ctx.translate(p[0], p[1]);
        if (!upright) ctx.rotate(angle);
        self._ink(glyphs[i], 0, 0);
        ctx.restore();
      });
      return true;
    },

    /** A small arrow head half way along each line, in the direction of flow. */
    _arrows: function (group) {
      if (!group.basinSpec.arrows || this._map.getZoom() < group.basinSpec.arrows) return;
      var self = this, ctx = this._ctx;
      group.eachLayer(function (layer) {
        if (layer.basinRecord === undefined || !layer.getLatLngs || layer instanceof L.Polygon) return;
        self._lines(layer).forEach(function (line) {
          var total = 0, lengths = [0];
          for (var i = 1; i < line.length; i++) lengths.push(total += line[i].distanceTo(line[i - 1]));
          if (total < 30) return;
          var k = lengths.findIndex(function (s) { return s >= total / 2; });
          var p = line[k - 1], q = line[k], step = lengths[k] - lengths[k - 1];
          var t = (total / 2 - lengths[k - 1]) / step;
          var x = p.x + t * (q.x - p.x), y = p.y + t * (q.y - p.y);
          if (!self._inView(L.point(x, y), 0) || !self._free([[x - 4, y - 4, x + 4, y + 4]])) return;
          var r = Math.max(3, layer.options.weight * 0.8);
          ctx.save();
          ctx.translate(x, y);
          ctx.rotate(Math.atan2(q.y - p.y, q.x - p.x));
          ctx.beginPath();
          ctx.moveTo(-r * 0.6, -r * 0.75);
          ctx.lineTo(r * 0.5, 0);
          ctx.lineTo(-r * 0.6, r * 0.75);
          ctx.lineWidth = 1.6;
          ctx.strokeStyle = layer.options.arrow || group.basinSpec.arrow;
          ctx.stroke();
          ctx.restore();
        });
      });
    },
  });

  // ---------------------------------------------------------------- boxes round the map

  function addBox(map, position, node) {
    var Box = L.Control.extend({
      onAdd: function () {
        L.DomEvent.disableClickPropagation(node);
        L.DomEvent.disableScrollPropagation(node);
        return node;
      },
    });
    new Box({ position: position }).addTo(map);
    return node;
  }

  /** A box whose head opens and closes its body. */
  function foldingBox(className, headText, body, open) {
    var node = element("section", className);
    var head = element("button", "basin-head", headText);
    head.type = "button";
    function set(isOpen) {
      head.setAttribute("aria-expanded", String(isOpen));
      body.hidden = !isOpen;
      node.classList.toggle("basin-closed", !isOpen);
    }
    head.addEventListener("click", function () { set(body.hidden); });
    node.append(head, body);
    set(open);
    return node;
  }

  function addTitle(map, content) {
    var body = element("div", "basin-body");
    content.summary.forEach(function (line) {
      body.appendChild(element("p", "basin-summary", line));
    });
    body.appendChild(element("p", "basin-remark", content.remark));
    var box = foldingBox("basin-box basin-title", content.title, body, !isNarrow(map));
    box.appendChild(element("p", "basin-caveat", content.caveat)); // stays when the box is closed
    return addBox(map, "topleft", box);
  }

  function legendNode(entries) {
    var list = element("ul", "basin-legend");
    entries.forEach(function (entry) {
      var item = element("li");
      if (entry.style) item.appendChild(paintSwatch(entry.form, entry.style));
      else item.className = "basin-plain";
      item.appendChild(element("span", "", entry.text));
      list.appendChild(item);
    });
    return list;
  }

  function addPanel(map, content, toggle) {
    var body = element("div", "basin-body");
    var sets = {};
    content.rows.forEach(function (row) {
      if (!sets[row.group]) {
        sets[row.group] = element("fieldset");
        sets[row.group].appendChild(element("legend", "", row.group));
        body.appendChild(sets[row.group]);
      }
      var label = element("label", "basin-row");
      var box = element("input");
      box.type = "checkbox";
      box.checked = row.on;
      box.dataset.row = row.id;
      label.append(box);
      if (row.mark) label.append(paintSwatch(row.mark.form, row.mark.style));
      label.append(element("span", "", row.name));
      if (row.count !== null) label.appendChild(element("span", "basin-count", row.count));
      var legend = legendNode(row.legend);
      legend.hidden = !row.on;
      box.addEventListener("change", function () {
        legend.hidden = !box.checked;
        toggle(row.id, box.checked);
      });
      sets[row.group].append(label, legend);
    });
    return addBox(
      map, "topright",
      foldingBox("basin-box basin-panel", content.words.layers_legend, body, !isNarrow(map))
    );
  }

  function northArrow(word) {
    var node = element("div", "basin-north");
    var canvas = element("canvas");
    canvas.width = 40;
    canvas.height = 56;
    var ctx = canvas.getContext("2d");
    [["#37474f", -1], ["#ffffff", 1]].forEach(function (half) {
      ctx.beginPath();
      ctx.moveTo(20, 3);
      ctx.lineTo(20 + half[1] * 13, 52);
      ctx.lineTo(20, 42);
      ctx.closePath();
      ctx.fillStyle = half[0];
      ctx.fill();
      ctx.lineWidth = 2;
      ctx.strokeStyle = "#37474f";
      ctx.stroke();
    });
    node.append(element("span", "", word), canvas);
    return node;
  }

  function sexagesimal(degrees) {
    var seconds = Math.round(degrees * 3600);
    function two(n) { return (n < 10 ? "0" : "") + n; }
    return Math.floor(seconds / 3600) + "°" + two(Math.floor(seconds / 60) % 60) + "′" + two(seconds % 60) + "″";
  }

  function addFoot(map, words) {
    L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
    var coordinates = element("output", "basin-coordinates");
    function tell(place) {
      coordinates.textContent =
        "CGCS2000  " + place.lng.toFixed(5) + "°E  " + place.lat.toFixed(5) + "°N" +
        (isNarrow(map) ? "" : "  (" + sexagesimal(place.lng) + "E  " + sexagesimal(place.lat) + "N)");
    }
    // the page's own event: over a feature Leaflet's goes to the feature alone
    map.getContainer().addEventListener("mousemove", function (event) {
      tell(map.mouseEventToLatLng(event));
    });
    map.on("moveend", function () { tell(map.getCenter()); });
    tell(map.getCenter());
    addBox(map, "bottomleft", coordinates);
    addBox(map, "bottomleft", northArrow(words.north));
  }

  function addZoom(map, content, fit) {
    // on a narrow page below, where a popup does not slide under it
    var corner = isNarrow(map) ? "bottomright" : "topleft";
    L.control
      .zoom({ position: corner, zoomInTitle: content.words.zoom_in, zoomOutTitle: content.words.zoom_out })
      .addTo(map);
    if (!content.bounds) return;
    var home = element("div", "leaflet-bar");
    var button = element("button", "basin-home", "⤢");
    button.type = "button";
    button.title = content.words.whole;
    button.setAttribute("aria-label", content.words.whole);
    button.addEventListener("click", fit);
    home.appendChild(button);
    addBox(map, corner, home);
  }

  // ---------------------------------------------------------------- the map

  /** Markers that folium itself may add find their picture in the page. */
  function useEmbeddedIcons() {
    var probe = element("div", "leaflet-default-icon-path");
    document.body.appendChild(probe);
    var url = getComputedStyle(probe).backgroundImage.replace(/^url\(["']?|["']?\)$/g, "");
    probe.remove();
    L.Icon.Default.imagePath = " ";
    L.Icon.Default.mergeOptions({ iconUrl: url, iconRetinaUrl: url, shadowUrl: null });
    L.Icon.Default.prototype._getIconUrl = function (name) { return this.options[name + "Url"]; };
  }

  function draw(map, contentId) {
    var content = JSON.parse(document.getElementById(contentId).textContent);
    useEmbeddedIcons();
    map.attributionControl.setPrefix("basin · Leaflet 1.9.4");
    if (!content.rows) return;

    var renderer = L.canvas({ padding: 0.3, tolerance: 4 });
    content.layers.forEach(function (spec) {
      if (typeof spec.records !== "number") return;
      var lender = content.layers[spec.records];
      spec.records = lender.records;
      spec.fields = lender.fields;
    });
    var groups = content.layers.map(function (spec) { return makeLayer(spec, renderer); });
    var images = (content.images || []).map(function (image) {
      var overlay = L.imageOverlay(image.url, image.bounds, { opacity: image.opacity });
      overlay.basinSpec = image;
      return overlay;
    });
    var labels = new Labels(groups);

    function toggle(rowId, isOn) {
      images.concat(groups).forEach(function (layer) {
        if (layer.basinSpec.row !== rowId) return;
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
    }

    groups.forEach(function (group) {
      group.on("click", function (event) {
        L.DomEvent.stopPropagation(event);
        openPopup(map, renderer, event, content.words);
      });
      group.bindTooltip(function (layer) {
        return element("span", "", layer.basinSpec.records[layer.basinRecord].title);
      }, { sticky: true, className: "basin-tooltip" });
    });

    /** Show the whole extent, beside the title or below it, whichever leaves it larger. */
    function fit() {
      if (!content.bounds) return;
      var b = content.bounds;
      var bounds = L.latLngBounds([b[1], b[0]], [b[3], b[2]]);
      var right = isNarrow(map) ? 8 : panel.offsetWidth + 24;
      var pads = [[8, title.offsetHeight + 24, right, 60]];
      if (!isNarrow(map)) pads.push([title.offsetWidth + 24, 16, right, 40]);
      var zooms = pads.map(function (p) {
        return map.getBoundsZoom(bounds, false, L.point(p[0] + p[2], p[1] + p[3]));
      });
      var pad = pads[zooms[1] > zooms[0] ? 1 : 0];
      map.fitBounds(bounds, {
        animate: false, maxZoom: 14, paddingTopLeft: pad.slice(0, 2), paddingBottomRight: pad.slice(2),
      });
    }

    var title = addTitle(map, content);
    addZoom(map, content, fit);
    var panel = addPanel(map, content, toggle);
    fit();
    content.rows.forEach(function (row) {
      if (!row.on) return;
      images.concat(groups).forEach(function (layer) {
        if (layer.basinSpec.row === row.id) map.addLayer(layer);
      });
    });
    // rows come in the panel's order; the groups' own order is that of drawing
    groups.forEach(function (group) { if (map.hasLayer(group)) group.bringToFront(); });
    labels.addTo(map);
    addFoot(map, content.words);
    map.basinLabels = labels;
  }

  return { draw: draw };
})();
