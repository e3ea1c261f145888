/*
 * search.js: find a feature by its name or id, with the keyboard alone if need be.
 */
(function (basin) {
  "use strict";

  var element = basin.element;
  var SHOWN = 30;

  /** Where a record is drawn: a point, or the bounds of its line or area. */
  function placesOf(map, spec) {
    var places = new Map();
    if (spec.points) {
      basin.unpack(spec.points.xy).forEach(function (place, k) {
        places.set(spec.points.record ? spec.points.record[k] : k, L.latLng(place));
      });
    }
    (spec.shapes || []).forEach(function (shape) {
      if (places.has(shape[2])) return;
      var paths = shape[0][0] === 1 ? shape[0].slice(1) : shape[0].slice(1).map(function (r) { return r[0]; });
      var box = basin.worldBox(paths.map(basin.toWorld));
      var path = basin.unpack(paths[0]);
      places.set(shape[2], {
        bounds: L.latLngBounds(
          basin.worldToLatLng(map, box[0], box[3]), basin.worldToLatLng(map, box[2], box[1])
        ),
        // a place on the line, or the middle of the area
        at: shape[0][0] === 1 ? L.latLng(path[path.length >> 1]) : null,
      });
    });
    return places;
  }

  function fold(text) {
    return text.normalize("NFKC").toLowerCase();
  }

  /** Every record with the text it may be found by; made when it is first asked for. */
  function makeIndex(layers) {
    var index = [], seen = new Set();
    // what is drawn last is what is looked for first
    layers.slice().reverse().forEach(function (spec) {
      if (spec.still || !spec.titles || seen.has(spec.titles)) return;
      seen.add(spec.titles);
      spec.titles.forEach(function (title, record) {
        var ids = basin.idsOf(spec, record).filter(function (id) { return title.indexOf(id) < 0; });
        index.push({ spec: spec, record: record, title: title, ids: ids, key: fold([title].concat(ids).join("\n")) });
      });
    });
    return index;
  }

  /** What holds the words asked for: whole names first, then what `isOn` the map already. */
  function find(index, asked, isOn) {
    var wanted = fold(asked.trim());
    if (!wanted) return [];
    var hits = index.filter(function (entry) { return entry.key.indexOf(wanted) >= 0; });
    function grade(entry) {
      var parts = entry.key.split("\n");
      if (parts.indexOf(wanted) >= 0) return 0;
      return parts.some(function (part) { return part.indexOf(wanted) === 0; }) ? 1 : 2;
    }
    return hits
      .map(function (entry, i) { return [2 * grade(entry) + (isOn(entry.spec) ? 0 : 1), i, entry]; })
      .sort(function (a, b) { return a[0] - b[0] || a[1] - b[1]; })
      .map(function (graded) { return graded[2]; });
  }

  basin.addSearch = function (map, words, boxes) {
    var node = element("div", "basin-box basin-search");
    var field = element("input"), list = element("ul");
    field.type = "search";
    field.placeholder = words.search;
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-label", words.search);
    field.setAttribute("aria-expanded", "false");
    field.setAttribute("aria-controls", list.id = "basin-found");
    field.autocomplete = "off";
    field.spellcheck = false;
    list.setAttribute("role", "listbox");
    list.hidden = true;
    node.append(field, list);
    if (basin.isNarrow(map)) node.hidden = true;
    var index = null, found = [], chosen = -1;

    function show(entry) {
      var spec = entry.spec;
      if (!spec.places) spec.places = placesOf(map, spec);
      boxes.panel.basinSet(spec.row, true);
      var place = spec.places.get(entry.record);
      close();
      field.value = entry.title;
      if (basin.isNarrow(map)) node.hidden = true;
      if (!place) return; // told in a table, but without a place
      if (place.bounds) {
        map.fitBounds(place.bounds, { animate: false, maxZoom: 14, padding: [60, 60] });
      } else {
        map.setView(place, Math.max(map.getZoom(), 13), { animate: false });
      }
      var at = place.bounds ? place.at || place.bounds.getCenter() : place;
      basin.openRecord(map, at, spec, entry.record, words);
    }

    function choose(k) {
      chosen = found.length ? (k + found.length) % found.length : -1;
      Array.from(list.querySelectorAll("[role=option]")).forEach(function (item, i) {
        item.setAttribute("aria-selected", String(i === chosen));
        if (i !== chosen) return;
        item.scrollIntoView({ block: "nearest" });
        field.setAttribute("aria-activedescendant", item.id);
      });
    }

    function close() {
      list.hidden = true;
      found = [];
      chosen = -1;
      field.setAttribute("aria-expanded", "false");
      field.removeAttribute("aria-activedescendant");
    }

    function look() {
      index = index || makeIndex(map.basinGroups.map(function (group) { return group.basinSpec; }));
      var on = new Set();
      map.basinGroups.forEach(function (group) { if (map.hasLayer(group)) on.add(group.basinSpec); });
      var all = find(index, field.value, function (spec) { return on.has(spec); });
      found = all.slice(0, SHOWN);
      list.replaceChildren();
      found.forEach(function (entry, i) {
        var item = element("li", "", entry.title);
        item.id = "basin-found-" + i;
        item.setAttribute("role", "option");
        var kind = [entry.spec.name].concat(entry.ids).join(" · ");
        item.appendChild(element("span", "basin-kind", kind));
        item.addEventListener("click", function () { show(entry); });
        list.appendChild(item);
      });
      var rest = all.length - found.length;
      if (rest > 0) list.appendChild(element("li", "basin-rest", words.more_found.replace("%", rest)));
      if (!all.length && field.value.trim()) list.appendChild(element("li", "basin-rest", words.none_found));
      list.hidden = !list.children.length;
      field.setAttribute("aria-expanded", String(!list.hidden));
      choose(0);
    }

    field.addEventListener("input", look);
    field.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown") choose(chosen + 1);
      else if (event.key === "ArrowUp") choose(chosen - 1);
      else if (event.key === "Enter" && found[chosen]) show(found[chosen]);
      else if (event.key === "Escape") { close(); field.value = ""; }
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    map.on("click", close);
    basin.addBox(map, "topleft", node);
    return {
      node: node,
      toggle: function () {
        node.hidden = !node.hidden;
        if (!node.hidden) field.focus();
      },
    };
  };
})(basin);
