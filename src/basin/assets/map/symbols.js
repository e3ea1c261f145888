/*
 * symbols.js: the symbols of points, hatching, and the swatches of the legend, all on canvas.
 */
(function (basin) {
  "use strict";

  // ---------------------------------------------------------------- shapes

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

  /** How far the outline of each shape reaches from its middle, for a radius of one. */
  var REACH = { square: 0.89, diamond: 1.3, triangle: 1.22, down: 1.22, hexagon: 1.1, bar: 1.4 };

  /** How far a symbol reaches with its rim and its ring, so that names keep off it. */
  function symbolReach(style, scale) {
    var r = style.radius * scale + (style.ring ? 3.2 : 0);
    return r * (REACH[style.shape] || 1) + (style.ring ? 1 : 0.5 * (style.weight || 1) + 1);
  }

  // ---------------------------------------------------------------- hatching and marks

  /** Diagonal lines of one colour, as a fill that leaves the ground between them. */
  function hatching(ctx, colour, gap) {
    var tile = basin.element("canvas");
    tile.width = tile.height = gap;
    var pen = tile.getContext("2d");
    pen.strokeStyle = colour;
    pen.lineWidth = Math.max(1, gap / 5);
    [-1, 0, 1].forEach(function (k) {
      pen.moveTo((k - 0.25) * gap, 1.25 * gap);
      pen.lineTo((k + 1.25) * gap, -0.25 * gap);
    });
    pen.stroke();
    return ctx.createPattern(tile, "repeat");
  }

  /** A sign within a symbol, so that its colour is not the only thing that tells it apart. */
  var MARKS = {
    cross: [[-1, -1, 1, 1], [-1, 1, 1, -1]],
    tick: [[-1, 0.1, -0.3, 0.8, 1, -0.8]],
    dash: [[-1, 0, 1, 0]],
    plus: [[-1, 0, 1, 0], [0, -1, 0, 1]],
    slash: [[-0.9, 0.9, 0.9, -0.9]],
    dots: [[-1, 0, -0.75, 0], [-0.12, 0, 0.12, 0], [0.75, 0, 1, 0]],
  };

  function paintMark(ctx, mark, colour, x, y, r) {
    var half = r * 0.42;
    ctx.strokeStyle = ctx.fillStyle = colour;
    if (!MARKS[mark]) { // letters: !, ?, IV
      if (r < (mark.length > 1 ? 5.6 : 4.6)) return; // too small to read
      ctx.font = "700 " + (mark.length > 2 ? 1.0 : 1.25) * r + "px Arial, sans-serif";
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(mark, x, y + r * 0.08);
      return;
    }
    ctx.lineWidth = Math.max(1.3, r * 0.26);
    ctx.beginPath();
    MARKS[mark].forEach(function (path) {
      for (var i = 0; i < path.length; i += 2) {
        ctx[i ? "lineTo" : "moveTo"](x + path[i] * half, y + path[i + 1] * half);
      }
    });
    ctx.stroke();
  }

  // ---------------------------------------------------------------- painting

  /** Symbols are smaller from afar, where they lie close together. */
  function symbolScale(map) {
    return basin.clamp(0.78 + 0.12 * (map.getZoom() - 9), 0.7, 1.15);
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
    ctx.strokeStyle = basin.PAPER;
    ctx.globalAlpha = 0.9;
    ctx.stroke();
    ctx.globalAlpha = style.fillOpacity === undefined ? 1 : style.fillOpacity;
    ctx.fillStyle = style.fillColor || style.color;
    ctx.fill();
    ctx.globalAlpha = 1;
    if (style.hatch) {
      ctx.fillStyle = hatching(ctx, style.hatch, 4);
      ctx.fill();
    }
    ctx.lineWidth = style.weight || 1;
    ctx.strokeStyle = style.color || basin.INK;
    if (style.dashArray) ctx.setLineDash(style.dashArray.split(" ").map(Number));
    ctx.stroke();
    ctx.setLineDash([]);
    if (style.mark) paintMark(ctx, style.mark, style.textColor || "#ffffff", x, y, r);
    ctx.restore();
  }

  function paintSwatch(form, style) {
    var canvas = basin.element("canvas", "basin-swatch");
    var width = 22, height = 16, ratio = 2;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.setAttribute("aria-hidden", "true");
    var ctx = canvas.getContext("2d");
    ctx.scale(ratio, ratio);
    if (form === "point") {
      var fitted = Object.assign({}, style, { radius: Math.min(style.radius, style.ring ? 3.4 : style.mark ? 6 : 5.5) });
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
      ctx.fillStyle = style.hatch ? hatching(ctx, style.hatch, 6) : style.fillColor || style.color;
      ctx.fill();
    }
    ctx.globalAlpha = style.opacity === undefined ? 1 : style.opacity;
    ctx.setLineDash((style.dashArray || "").split(" ").filter(Boolean).map(Number));
    ctx.lineWidth = Math.min(style.weight || 1, 6);
    ctx.strokeStyle = style.color;
    if (style.weight !== 0) ctx.stroke();
    return canvas;
  }

  basin.SHAPES = SHAPES;
  basin.hatching = hatching;
  basin.symbolReach = symbolReach;
  basin.symbolScale = symbolScale;
  basin.paintSymbol = paintSymbol;
  basin.paintSwatch = paintSwatch;
})(basin);
