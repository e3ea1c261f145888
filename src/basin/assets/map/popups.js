/*
 * popups.js: what the map tells of the features under a click, or of one that a search found.
 */
(function (basin) {
  "use strict";

  var element = basin.element;
  var TELL_AT_MOST = 8; // of the features under one click

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

  /** A table of its own, as of a section's outfalls: {title, heads, rows, rest}. */
  function tableNode(told) {
    var node = element("div", "basin-table");
    node.appendChild(element("div", "basin-table-title", told.title));
    var table = element("table"), head = table.createTHead().insertRow();
    told.heads.forEach(function (text) {
      head.appendChild(element("th", "", text)).scope = "col";
    });
    var body = table.createTBody();
    told.rows.forEach(function (cells) {
      var row = body.insertRow();
      cells.forEach(function (text) { row.appendChild(element("td", "", text)); });
    });
    node.appendChild(table);
    (told.rest || []).forEach(function (line) {
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
    (record.tables || []).forEach(function (told) { node.appendChild(tableNode(told)); });
    if (record.folded && record.folded.notes.length) {
      var folded = element("details");
      folded.appendChild(element("summary", "", record.folded.title));
      record.folded.notes.forEach(function (note) { folded.appendChild(noteNode(note)); });
      node.appendChild(folded);
    }
    var table = element("table", "basin-cells");
    record.cells.forEach(function (cell) {
      var row = table.insertRow();
      row.appendChild(element("th", "", cell[0])).scope = "row";
      row.appendChild(element("td", "", cell[1]));
    });
    if (table.rows.length) node.appendChild(table);
    if (spec.remark) node.appendChild(element("p", "basin-remark", spec.remark));
    return node;
  }

  /** What lies under a place, topmost first, one entry a record. */
  function hitsAt(renderer, point) {
    var hits = [], seen = new Set();
    for (var order = renderer._drawFirst; order; order = order.next) {
      var layer = order.layer, spec = layer.basinSpec;
      if (!spec || spec.still || typeof layer.basinRecord !== "number") continue;
      if (layer._containsPoint(point)) hits.unshift(layer);
    }
    return hits.filter(function (hit) {
      // layers may share their records: the list of titles is one of them
      var key = hit.basinRecord + " " + idOf(hit.basinSpec.titles);
      return !seen.has(key) && seen.add(key);
    });
  }

  var ids = new WeakMap();
  function idOf(object) {
    if (!ids.has(object)) ids.set(object, String(Math.random()));
    return ids.get(object);
  }

  /** Open the popup of the first of `found` ({spec, record}), with buttons for the others. */
  function open(map, place, found, words) {
    var box = element("div", "basin-popup");
    box.tabIndex = -1;
    // the popup moves clear of the boxes: beside them, or below them on a narrow page
    var title = map.getContainer().querySelector(".basin-title");
    var panel = map.getContainer().querySelector(".basin-panel");
    var narrow = basin.isNarrow(map);
    var popup = L.popup({
      minWidth: 230,
      maxWidth: Math.min(380, map.getSize().x - 60),
      maxHeight: Math.max(180, Math.round(map.getSize().y * 0.55)),
      autoPanPaddingTopLeft: narrow ? [8, title.offsetHeight + 16] : [title.offsetWidth + 20, 10],
      autoPanPaddingBottomRight: narrow ? [8, 40] : [panel.offsetWidth + 20, 40],
    });
    function show(chosen) {
      box.replaceChildren(
        recordNode(chosen.spec, basin.recordOf(chosen.spec, chosen.record))
      );
      var others = found.filter(function (other) { return other !== chosen; });
      if (!others.length) return;
      var list = element("nav", "basin-others");
      list.appendChild(element("span", "", words.also_here));
      others.forEach(function (other) {
        var text = other.spec.name + " · " + basin.titleOf(other.spec, other.record);
        var button = element("button", "", text);
        button.type = "button";
        button.addEventListener("click", function (clicked) {
          clicked.stopPropagation(); // else the map takes it as a click beside the popup
          show(other);
          popup.update();
          box.focus();
        });
        list.appendChild(button);
      });
      box.appendChild(list);
    }
    show(found[0]);
    popup.setLatLng(place).setContent(box).openOn(map);
    var close = popup.getElement().querySelector(".leaflet-popup-close-button");
    close.setAttribute("aria-label", words.close);
    close.title = words.close;
    return box;
  }

  /** Tell what lies under a click. */
  basin.openPopup = function (map, renderer, event, words) {
    var hits = hitsAt(renderer, event.layerPoint).slice(0, TELL_AT_MOST);
    if (!hits.length) return;
    var place = hits[0].getLatLng ? hits[0].getLatLng() : event.latlng;
    open(map, place, hits.map(function (hit) {
      return { spec: hit.basinSpec, record: hit.basinRecord };
    }), words);
  };

  /** Tell one record at a place, and read it from there: for the search. */
  basin.openRecord = function (map, place, spec, record, words) {
    open(map, place, [{ spec: spec, record: record }], words).focus({ preventScroll: true });
  };
})(basin);
