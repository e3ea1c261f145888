/*
 * features.js: the drawn layers of the content as Leaflet layers; many points as clusters.
 *
 * A drawn feature carries its layer's spec and the number of its record (basinSpec, basinRecord).
 */
(function (basin) {
  "use strict";

  /** From so many points on a layer is drawn as clusters, which stay quick at 200,000. */
  var CROWD = 2000;
  var CLUSTER_PX = 52;
  var ALONE_FROM_ZOOM = 15; // no clusters from here on

  // ---------------------------------------------------------------- points and lines

  /** A point drawn as a symbol; all of them share one canvas. */
  var SymbolMarker = L.CircleMarker.extend({
    _updatePath: function () {
      var renderer = this._renderer;
      if (!renderer._drawing || this._empty()) return;
      var scale = basin.symbolScale(this._map), p = this._point, ctx = renderer._ctx;
      basin.paintSymbol(ctx, this.options, p.x, p.y, scale);
      if (!this.basinInside) return;
      var size = Math.min(11, this.options.radius * scale * 1.3);
      ctx.font = "600 " + size + "px " + basin.fontOf(this._map);
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.globalAlpha = 1;
      ctx.fillStyle = this.options.textColor || "#ffffff";
      ctx.fillText(this.basinInside, p.x, p.y + 0.5);
    },
  });

  /** Several points as one: a ring parted by their colours round their number. */
  var ClusterMarker = L.CircleMarker.extend({
    _updatePath: function () {
      var renderer = this._renderer;
      if (!renderer._drawing || this._empty()) return;
      var ctx = renderer._ctx, p = this._point, r = this.options.radius;
      ctx.save();
      ctx.setLineDash([]);
      ctx.globalAlpha = 1;
      ctx.beginPath();
      ctx.arc(p.x, p.y, r, 0, 2 * Math.PI);
      ctx.fillStyle = basin.PAPER;
      ctx.fill();
      var total = this.basinCount, from = -Math.PI / 2;
      this.basinShares.forEach(function (share) {
        var to = from + (2 * Math.PI * share[1]) / total;
        ctx.beginPath();
        ctx.arc(p.x, p.y, r - 2.5, from, to);
        ctx.lineWidth = 4;
        ctx.strokeStyle = share[0];
        ctx.stroke();
        from = to;
      });
      ctx.font = "600 " + (total < 1000 ? 11 : 10) + "px " + basin.fontOf(this._map);
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillStyle = basin.INK;
      ctx.fillText(basin.shortCount(total), p.x, p.y + 0.5);
      ctx.restore();
    },
  });

  basin.shortCount = function (n) {
    return n < 10000 ? String(n) : Math.round(n / 1000) + "k";
  };

  /**
   * A line on the Mercator square: nothing but its box is reckoned anew at another zoom level until
   * it comes into view. With `widens` in its style it is thinner from afar and broader close by.
   */
  var Line = L.Polyline.extend({
    initialize: function (map, paths, options) {
      L.setOptions(this, options);
      this._paths = paths;
      this._box = basin.worldBox(paths);
      this._latlngs = [];
      this._bounds = L.latLngBounds(
        basin.worldToLatLng(map, this._box[0], this._box[3]),
        basin.worldToLatLng(map, this._box[2], this._box[1])
      );
    },

    _project: function () {
      var scale = basin.worldScale(this._map), origin = this._map.getPixelOrigin(), b = this._box;
      this._rings = null;
      this._rawPxBounds = L.bounds(
        [b[0] * scale - origin.x, b[1] * scale - origin.y],
        [b[2] * scale - origin.x, b[3] * scale - origin.y]
      );
      if (this.options.widens) {
        var factor = 0.62 + 0.13 * (this._map.getZoom() - 9);
        this.options.weight = this.options.widens * basin.clamp(factor, 0.5, 1.6);
      }
      this._updateBounds();
    },

    /** Its paths as layer points of this view. */
    basinPoints: function () {
      if (!this._rings) {
        var scale = basin.worldScale(this._map), origin = this._map.getPixelOrigin();
        this._rings = this._paths.map(function (path) {
          var ring = new Array(path.length / 2);
          for (var i = 0; i < path.length; i += 2) {
            ring[i / 2] = new L.Point(path[i] * scale - origin.x, path[i + 1] * scale - origin.y);
          }
          return ring;
        });
      }
      return this._rings;
    },

    _clipPoints: function () {
      this._parts = [];
      if (!this._pxBounds || !this._pxBounds.intersects(this._renderer._bounds)) return;
      this.basinPoints();
      L.Polyline.prototype._clipPoints.call(this);
    },
  });

  function makeShape(map, geometry, options) {
    var parts = geometry.slice(1);
    if (geometry[0] === 1) return new Line(map, parts.map(basin.toWorld), options);
    return L.polygon(parts.map(function (rings) { return rings.map(basin.unpack); }), options);
  }

  // ---------------------------------------------------------------- layers

  function styled(spec, renderer, number) {
    var style = spec.styles[number];
    var options = Object.assign({ renderer: renderer, smoothFactor: 0.8 }, style);
    if (spec.still) options.interactive = false;
    return options;
  }

  function know(made, spec, record) {
    made.basinSpec = spec;
    made.basinRecord = record;
    return made;
  }

  function makePoint(spec, renderer, k, latlng) {
    var points = spec.points;
    var options = Object.assign({ fillOpacity: 1 }, styled(spec, renderer, points.style[k]));
    var made = know(new SymbolMarker(latlng, options), spec, points.record ? points.record[k] : k);
    made.basinInside = points.inside && points.inside[k];
    if (points.spans) made.basinSpan = points.spans[k];
    return made;
  }

  /** One drawn layer of the content -> a feature group whose members know their record. */
  basin.makeLayer = function (map, spec, renderer) {
    var group = L.featureGroup();
    group.basinSpec = spec;
    var casings = [], features = [];
    (spec.shapes || []).forEach(function (shape, k) {
      var options = styled(spec, renderer, shape[1]);
      if (options.hatch) options.fillColor = spec.patterns[shape[1]];
      if (options.casing && shape[0][0] === 1 && !spec.spans) { // a casing knows no hour
        casings.push(makeShape(map, shape[0], Object.assign({}, options, {
          color: options.casing, weight: options.weight + 3, opacity: 0.9, interactive: false,
        })));
      }
      var made = know(makeShape(map, shape[0], options), spec, shape[2]);
      if (spec.spans) made.basinSpan = spec.spans[k];
      features.push(made);
    });
    if (spec.points) {
      var places = basin.unpack(spec.points.xy);
      if (places.length >= CROWD) makeCrowd(group, spec, renderer, places);
      else places.forEach(function (p, k) { features.push(makePoint(spec, renderer, k, p)); });
    }
    // what has its time is put on the map by the clock
    group.basinTimed = features.some(function (made) { return made.basinSpan; }) ? features : null;
    casings.concat(group.basinTimed ? [] : features).forEach(function (made) { group.addLayer(made); });
    return group;
  };

  /** Fills for hatched areas; one a style, made once. */
  basin.makePatterns = function (spec) {
    var ctx = document.createElement("canvas").getContext("2d");
    spec.patterns = spec.styles.map(function (style) {
      return style.hatch && style.fillOpacity !== undefined ? basin.hatching(ctx, style.hatch, 7) : null;
    });
  };

  // ---------------------------------------------------------------- clusters

  /** Let a group draw the clusters of each view; `group.refresh` draws those of the present one. */
  function makeCrowd(group, spec, renderer, places) {
    var tints = spec.styles.map(function (style) { return style.ring || style.fillColor || style.color; });
    var index = new Supercluster({
      radius: CLUSTER_PX,
      extent: 256, // Leaflet's zoom levels count tiles of 256 px
      maxZoom: ALONE_FROM_ZOOM - 1,
      minPoints: 3,
      map: function (point) { var count = {}; count[point.tint] = 1; return count; },
      reduce: function (sum, counts) {
        for (var tint in counts) sum[tint] = (sum[tint] || 0) + counts[tint];
      },
    });
    index.load(places.map(function (p, k) {
      return {
        type: "Feature",
        properties: { k: k, tint: tints[spec.points.style[k]] },
        geometry: { type: "Point", coordinates: [p[1], p[0]] },
      };
    }));
    group.basinCrowd = index;
    group.refresh = function (map) {
      var box = map.getBounds().pad(0.25);
      var zoom = Math.floor(map.getZoom());
      var found = index.getClusters(
        [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()], Math.max(0, zoom)
      );
      group.clearLayers();
      found.forEach(function (feature) {
        var at = feature.geometry.coordinates, told = feature.properties;
        if (!told.cluster) {
          group.addLayer(makePoint(spec, renderer, told.k, places[told.k]));
          return;
        }
        var made = new ClusterMarker([at[1], at[0]], {
          renderer: renderer, radius: 10 + 3.2 * Math.log10(told.point_count),
        });
        made.basinCluster = told.cluster_id;
        made.basinCount = told.point_count;
        made.basinShares = Object.keys(told)
          .filter(function (name) { return name[0] === "#"; })
          .map(function (name) { return [name, told[name]]; });
        group.addLayer(made);
      });
    };
  }

  /** Zoom to where a cluster parts. */
  basin.openCluster = function (map, group, marker) {
    map.setView(
      marker.getLatLng(),
      Math.min(group.basinCrowd.getClusterExpansionZoom(marker.basinCluster), ALONE_FROM_ZOOM)
    );
  };

  basin.ALONE_FROM_ZOOM = ALONE_FROM_ZOOM;
})(basin);
