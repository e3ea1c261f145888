/*
 * labels.js: names and flow arrows on a canvas above the map.
 */
(function (basin) {
  "use strict";

  /**
   * Names on a canvas above the map. They are placed anew for each view, the weightiest first, and
   * one that would touch another name or a symbol, or lie under a box of the page, is left out.
   */
  basin.Labels = L.Layer.extend({
    initialize: function (groups) { this._groups = groups; },

    onAdd: function (map) {
      var pane = map.createPane("basin-labels");
      pane.style.zIndex = 620;
      pane.style.pointerEvents = "none";
      this._canvas = basin.element("canvas", "leaflet-zoom-hide");
      pane.appendChild(this._canvas);
      this.redraw();
    },

    getEvents: function () {
      return { moveend: this.redraw, resize: this.redraw };
    },

    redraw: function () {
      var map = this._map, size = map.getSize();
      var ratio = map.basinPrinting ? 3 : window.devicePixelRatio || 1;
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
      this._titled = new Set();
      this._covered = this._boxesOfPage();
      this.placed = []; // what is written now, for tests and for search engines of the eye
      this.names = []; // the same with left, top, right and bottom
      var shown = this._groups.filter(function (group) { return map.hasLayer(group); });
      this._refresh(shown);
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

    /** Where title, legend and the like lie over the map. */
    _boxesOfPage: function () {
      var frame = this._map.getContainer(), origin = frame.getBoundingClientRect();
      return Array.from(frame.querySelectorAll(".basin-box, .basin-north"), function (node) {
        var b = node.getBoundingClientRect();
        return [b.left - origin.left, b.top - origin.top, b.right - origin.left, b.bottom - origin.top];
      }).filter(function (b) { return b[2] > b[0]; });
    },

    /** Clusters are of the view; what lies above them is raised again. */
    _refresh: function (shown) {
      var map = this._map, first = shown.findIndex(function (group) { return group.refresh; });
      if (first < 0) return;
      shown.forEach(function (group) { if (group.refresh) group.refresh(map); });
      shown.slice(first + 1).forEach(function (group) { group.bringToFront(); });
    },

    _inView: function (p, margin) {
      var size = this._map.getSize();
      return p.x > margin && p.y > margin && p.x < size.x - margin && p.y < size.y - margin;
    },

    _project: function (latlng) { return this._map.latLngToContainerPoint(latlng); },

    /** Keep names off the symbols and lines that must stay readable. */
    _reserve: function (group) {
      var self = this, spec = group.basinSpec;
      if (!spec.obstacle && !group.refresh) return;
      var scale = basin.symbolScale(this._map);
      group.eachLayer(function (layer) {
        if (layer.getLatLng) {
          var p = self._project(layer.getLatLng());
          var cluster = layer.basinCluster !== undefined;
          var r = cluster ? layer.options.radius : basin.symbolReach(layer.options, scale);
          if (self._inView(p, -r)) self._boxes.push([p.x - r, p.y - r, p.x + r, p.y + r]);
          return;
        }
        if (layer.basinRecord === undefined) return; // a casing
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

    /** The paths of a line in view, as points of the container. */
    _lines: function (layer) {
      if (!layer.basinPoints || !layer._pxBounds.intersects(layer._renderer._bounds)) return [];
      var off = this._map.containerPointToLayerPoint([0, 0]);
      return layer.basinPoints().map(function (path) {
        return path.map(function (p) { return L.point(p.x - off.x, p.y - off.y); });
      });
    },

    _font: function (weight, size) {
      this._ctx.font = weight + " " + size + "px " + basin.fontOf(this._map);
    },

    _free: function (boxes, overStrokes) {
      var taken = this._boxes.concat(this._covered, overStrokes ? [] : this._strokes);
      return boxes.every(function (a) {
        return taken.every(function (b) {
          return a[2] < b[0] || b[2] < a[0] || a[3] < b[1] || b[3] < a[1];
        });
      });
    },

    _write: function (group) {
      var spec = group.basinSpec, label = spec.label, self = this;
      var scale = basin.symbolScale(this._map);
      if (this._map.getZoom() < label.zoom) return;
      var left = 300; // more names than this in one view help nobody
      this._style = label;
      this._font(label.weight || 400, label.size);
      // `writes` returns the boxes of what it wrote, or null
      function once(text, writes) {
        var boxes = left > 0 ? writes() : null;
        if (!boxes) return false;
        left -= 1;
        self._boxes.push.apply(self._boxes, boxes);
        self.placed.push(text);
        var sides = [Math.min, Math.min, Math.max, Math.max].map(function (pick, i) {
          return pick.apply(null, boxes.map(function (b) { return b[i]; }));
        });
        self.names.push([text].concat(sides));
        return true;
      }
      (spec.names || []).forEach(function (name) {
        if (self.placed.indexOf(name[0]) >= 0) return; // a catchment bears the name of its section
        var geometry = name[1];
        if (geometry[0] === 0) {
          // several places: the first that is free
          geometry.slice(1).some(function (place) {
            var p = self._project(basin.unpack(place)[0]);
            return once(name[0], function () { return self._centre(name[0], p); });
          });
        } else {
          once(name[0], function () { return self._along(name[0], name); });
        }
      });
      if (label.titles) {
        // what is drawn last lies on top and is named first
        group.getLayers().reverse().forEach(function (layer) {
          if (left <= 0 || !layer.getLatLng || typeof layer.basinRecord !== "number") return;
          var p = self._project(layer.getLatLng());
          if (!self._inView(p, 4)) return;
          var title = basin.titleOf(spec, layer.basinRecord);
          // two cases of a spill come to one place
          var here = title + "@" + Math.round(p.x) + "," + Math.round(p.y);
          if (self._titled.has(here)) return;
          var r = basin.symbolReach(layer.options, scale);
          if (once(title, function () { return self._beside(title, p, r); })) self._titled.add(here);
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
      if (!this._inView(p, half + 4) || box[0] < 4 || box[2] > this._map.getSize().x - 4) return null;
      if (!this._free([box])) return null;
      ctx.textAlign = "left";
      var x = box[0];
      glyphs.forEach(function (g, i) { this._ink(g, x, p.y); x += widths[i]; }, this);
      return [box];
    },

    _beside: function (text, p, r) {
      var width = this._ctx.measureText(text).width, h = this._style.size, off = r + 3;
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
      if (!chosen) return null;
      this._ctx.textAlign = "left";
      this._ink(text, chosen[0], chosen[1]);
      return [box(chosen)];
    },

    /** Write along a line where it runs straightest, beside it, reading from the left. */
    _along: function (text, name) {
      // the path on the Mercator square and its length, kept for the next view
      if (!name.world) {
        name.world = basin.toWorld(name[1][1]);
        name.box = basin.worldBox([name.world]);
        name.run = 0;
        for (var v = 2; v < name.world.length; v += 2) {
          name.run += Math.hypot(
            name.world[v] - name.world[v - 2], name.world[v + 1] - name.world[v - 1]
          );
        }
      }
      var scale = basin.worldScale(this._map), seen = this._map.getPixelBounds();
      if (name.run * scale < text.length * this._style.size * 0.5) return null;
      if (name.box[0] * scale > seen.max.x || name.box[2] * scale < seen.min.x ||
          name.box[1] * scale > seen.max.y || name.box[3] * scale < seen.min.y) return null;
      var line = [];
      for (var w = 0; w < name.world.length; w += 2) {
        line.push(L.point(name.world[w] * scale - seen.min.x, name.world[w + 1] * scale - seen.min.y));
      }
      var size = this._style.size, ctx = this._ctx, glyphs = Array.from(text);
      var gap = this._style.gap || 0;
      var widths = glyphs.map(function (g) { return ctx.measureText(g).width + gap; });
      var need = widths.reduce(function (a, b) { return a + b; }, 0);
      var at = [0];
      for (var i = 1; i < line.length; i++) at.push(at[i - 1] + line[i].distanceTo(line[i - 1]));
      var total = at[at.length - 1];
      if (total < need * 0.9) return null;
      var places = this._windows(line, at, Math.min(need, total));
      for (var k = 0; k < Math.min(places.length, 12); k++) {
        var boxes = this._writeOn(places[k], glyphs, widths, need, size);
        if (boxes) return boxes;
      }
      return null;
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
      if (!this._free(boxes)) return null;
      var ctx = this._ctx, self = this;
      ctx.textAlign = "center";
      spots.forEach(function (p, i) {
        ctx.save();
        ctx.translate(p[0], p[1]);
        if (!upright) ctx.rotate(angle);
        self._ink(glyphs[i], 0, 0);
        ctx.restore();
      });
      return boxes;
    },

    /** A small arrow head half way along each line, in the direction of flow. */
    _arrows: function (group) {
      if (!group.basinSpec.arrows || this._map.getZoom() < group.basinSpec.arrows) return;
      var self = this, ctx = this._ctx;
      group.eachLayer(function (layer) {
        if (layer.basinRecord === undefined || !layer.basinPoints) return;
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
})(basin);
