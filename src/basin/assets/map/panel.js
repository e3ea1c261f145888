/*
 * panel.js: the boxes round the map: title, tree of layers with their legend, and the foot.
 */
(function (basin) {
  "use strict";

  var element = basin.element;

  basin.addBox = function (map, position, node) {
    var Box = L.Control.extend({
      onAdd: function () {
        L.DomEvent.disableClickPropagation(node);
        L.DomEvent.disableScrollPropagation(node);
        return node;
      },
    });
    new Box({ position: position }).addTo(map);
    return node;
  };

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

  basin.addTitle = function (map, content) {
    var body = element("div", "basin-body");
    content.summary.forEach(function (line) {
      body.appendChild(element("p", "basin-summary", line));
    });
    body.appendChild(element("p", "basin-remark", content.remark));
    var box = foldingBox("basin-box basin-title", content.title, body, !basin.isNarrow(map));
    (content.warnings || []).forEach(function (line) {
      box.appendChild(element("p", "basin-warning", line)); // stays when the box is closed
    });
    box.appendChild(element("p", "basin-caveat", content.caveat)); // this too
    return basin.addBox(map, "topleft", box);
  };

  // ---------------------------------------------------------------- layers

  function legendNode(entries) {
    var list = element("ul", "basin-legend");
    entries.forEach(function (entry) {
      var item = element("li");
      if (entry.style) item.appendChild(basin.paintSwatch(entry.form, entry.style));
      else item.className = "basin-plain";
      item.appendChild(element("span", "", entry.text));
      list.appendChild(item);
    });
    return list;
  }

  function rowNode(row, changed) {
    var label = element("label", "basin-row");
    var box = element("input");
    box.type = "checkbox";
    box.checked = row.on;
    box.dataset.row = row.id;
    label.append(box);
    if (row.mark) label.append(basin.paintSwatch(row.mark.form, row.mark.style));
    label.append(element("span", "", row.name));
    if (row.count !== null) label.appendChild(element("span", "basin-count", row.count));
    var legend = legendNode(row.legend);
    legend.hidden = !row.on;
    box.addEventListener("change", function () {
      legend.hidden = !box.checked;
      changed(row.id, box.checked);
    });
    var node = element("div", "basin-row-set");
    node.append(label, legend);
    return node;
  }

  /** A group of rows: one box for all of them, and a head that folds them. */
  function groupNode(name, words) {
    var set = element("fieldset"), head = element("legend");
    var all = element("input");
    all.type = "checkbox";
    all.setAttribute("aria-label", words.whole_group + " " + name);
    var fold = element("button", "basin-fold", name);
    fold.type = "button";
    var rows = element("div");
    head.append(all, fold);
    set.append(head, rows);
    function open(isOpen) {
      rows.hidden = !isOpen;
      fold.setAttribute("aria-expanded", String(isOpen));
    }
    fold.addEventListener("click", function () { open(rows.hidden); });
    open(true);
    function boxes() { return Array.from(rows.querySelectorAll("[data-row]")); }
    set.basinTell = function () {
      var on = boxes().filter(function (box) { return box.checked; }).length;
      all.checked = on > 0 && on === boxes().length;
      all.indeterminate = on > 0 && on < boxes().length;
      set.classList.toggle("basin-none-on", on === 0);
    };
    all.addEventListener("change", function () {
      var wanted = all.checked;
      boxes().forEach(function (box) { if (box.checked !== wanted) box.click(); });
    });
    return { node: set, rows: rows, tell: set.basinTell };
  }

  /** The tree of layers. `toggle` is told of each change; the returned node can `set` a row. */
  basin.addPanel = function (map, content, toggle) {
    var body = element("div", "basin-body"), groups = {};
    content.rows.forEach(function (row) {
      if (!groups[row.group]) {
        groups[row.group] = groupNode(row.group, content.words);
        body.appendChild(groups[row.group].node);
      }
      var group = groups[row.group];
      var node = rowNode(row, function (id, isOn) { group.tell(); toggle(id, isOn); });
      group.rows.appendChild(node);
    });
    Object.keys(groups).forEach(function (name) { groups[name].tell(); });
    var box = foldingBox(
      "basin-box basin-panel", content.words.layers_legend, body, !basin.isNarrow(map)
    );
    function boxOf(id) {
      return Array.from(body.querySelectorAll("[data-row]")).find(function (input) {
        return input.dataset.row === id;
      });
    }
    box.basinSet = function (id, isOn) {
      var input = boxOf(id);
      if (input && input.checked !== isOn) input.click();
    };
    box.basinOn = function () {
      return Array.from(body.querySelectorAll("[data-row]:checked")).map(function (input) {
        return input.dataset.row;
      });
    };
    return basin.addBox(map, "topright", box);
  };

  // ---------------------------------------------------------------- foot

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

  basin.addFoot = function (map, words) {
    L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
    var coordinates = element("output", "basin-coordinates");
    coordinates.setAttribute("aria-live", "off"); // not at each move of the pointer
    function tell(place) {
      coordinates.textContent =
        "CGCS2000  " + place.lng.toFixed(5) + "°E  " + place.lat.toFixed(5) + "°N" +
        (basin.isNarrow(map) ? "" : "  (" + sexagesimal(place.lng) + "E  " + sexagesimal(place.lat) + "N)");
    }
    // the page's own event: over a feature Leaflet's goes to the feature alone
    ["mousemove", "pointerdown"].forEach(function (name) {
      map.getContainer().addEventListener(name, function (event) {
        tell(map.mouseEventToLatLng(event));
      });
    });
    map.on("moveend", function () { tell(map.getCenter()); });
    tell(map.getCenter());
    basin.addBox(map, "bottomleft", coordinates);
    basin.addBox(map, "bottomleft", northArrow(words.north));
  };
})(basin);
