/*
 * tools.js: the bar of tools: zoom, whole extent, search, measure, print, full screen, link.
 */
(function (basin) {
  "use strict";

  var element = basin.element;
  var SVG = "http://www.w3.org/2000/svg";

  /** Line drawings on a square of 20. */
  var ICONS = {
    whole: "M3 8V3h5M12 3h5v5M17 12v5h-5M8 17H3v-5",
    search: "M13 13l5 5M14.5 8.5a6 6 0 1 1-12 0a6 6 0 1 1 12 0",
    measure: "M2 13L13 2l5 5L7 18zM5 10l2 2M8 7l3 3M11 4l2 2",
    print: "M5 8V2h10v6M5 14H2V8h16v6h-3M5 12h10v6H5z",
    full: "M11 9l6-6M12 3h5v5M9 11l-6 6M8 17H3v-5",
    link: "M8 12l4-4M9 6l2-2a3.6 3.6 0 0 1 5 5l-2 2M11 14l-2 2a3.6 3.6 0 0 1-5-5l2-2",
  };

  function icon(name) {
    var drawing = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
    drawing.setAttribute("viewBox", "0 0 20 20");
    drawing.setAttribute("class", "basin-icon");
    drawing.setAttribute("aria-hidden", "true");
    path.setAttribute("d", ICONS[name]);
    drawing.appendChild(path);
    return drawing;
  }

  function toolButton(name, text, act) {
    var button = element("button", "basin-tool basin-tool-" + name);
    button.type = "button";
    button.title = text;
    button.setAttribute("aria-label", text);
    button.appendChild(icon(name));
    button.addEventListener("click", act);
    return button;
  }

  basin.addTools = function (map, content, renderer, boxes, fit) {
    var words = content.words;
    // on a narrow page below, where a popup does not slide under them
    var narrow = basin.isNarrow(map), corner = narrow ? "bottomright" : "topleft";
    var search = basin.addSearch(map, words, boxes);
    boxes.search = search.node;
    var measure = basin.addMeasure(map, renderer, words);
    L.control
      .zoom({ position: corner, zoomInTitle: words.zoom_in, zoomOutTitle: words.zoom_out })
      .addTo(map);
    var bar = element("div", "leaflet-bar basin-tools");
    if (content.bounds) bar.append(toolButton("whole", words.whole, fit));
    if (narrow) bar.append(toolButton("search", words.search, search.toggle));
    bar.append(toolButton("measure", words.measure, measure.toggle));
    bar.append(toolButton("print", words.print, function () { basin.print(map); }));
    if (document.fullscreenEnabled) {
      bar.append(toolButton("full", words.full_screen, function () {
        if (document.fullscreenElement) document.exitFullscreen();
        else document.documentElement.requestFullscreen();
      }));
    }
    if (window.top === window) {
      bar.append(toolButton("link", words.link, function () { copyLink(map, words); }));
    }
    basin.addBox(map, corner, bar);
    basin.preparePrint(map, renderer, boxes);
    L.DomEvent.on(map.getContainer(), "keydown", function (event) {
      if (event.key === "Escape") { measure.close(); map.closePopup(); }
    });
  };

  // ---------------------------------------------------------------- the view as a link

  /** The view is written behind the # of the page's address: zoom, place, rows that are on, hour. */
  function viewOf(map, panel) {
    var at = map.getCenter();
    var parts = [map.getZoom().toFixed(2), at.lat.toFixed(5), at.lng.toFixed(5)];
    parts.push(panel.basinOn().map(encodeURIComponent).join(","));
    if (map.basinClock) parts.push(map.basinClock.hour());
    return "#" + parts.join("/");
  }

  function goTo(map, panel, hash) {
    var parts = hash.slice(1).split("/");
    var numbers = parts.slice(0, 3).map(Number);
    if (parts.length < 4 || !numbers.every(isFinite) || parts[0] === "") return;
    if (Math.abs(numbers[1]) > 85 || Math.abs(numbers[2]) > 360) return;
    var on = new Set(parts[3].split(",").map(function (part) {
      try { return decodeURIComponent(part); } catch (unreadable) { return ""; }
    }));
    panel.querySelectorAll("[data-row]").forEach(function (input) {
      panel.basinSet(input.dataset.row, on.has(input.dataset.row));
    });
    map.setView([numbers[1], numbers[2]], basin.clamp(numbers[0], 0, 19), { animate: false });
    if (map.basinClock && isFinite(parts[4])) map.basinClock.show(Number(parts[4]));
  }

  basin.followLink = function (map, panel) {
    if (window.top !== window) return; // a notebook's frame has no address of its own
    map.basinView = function () { return viewOf(map, panel); };
    if (location.hash.length > 1) goTo(map, panel, location.hash);
    var waiting = null, written = location.hash;
    map.on("moveend basinrows basinhour", function () {
      clearTimeout(waiting);
      waiting = setTimeout(function () {
        if (map.basinPrinting) return;
        written = viewOf(map, panel);
        try { history.replaceState(null, "", written); } catch (refused) { /* stays as it was */ }
      }, 250);
    });
    window.addEventListener("hashchange", function () {
      if (location.hash !== written) goTo(map, panel, location.hash);
    });
  };

  function copyLink(map, words) {
    var address = location.href.split("#")[0] + map.basinView();
    var told = element("div", "basin-popup basin-link");
    var field = element("input");
    field.type = "text";
    field.readOnly = true;
    field.value = address;
    field.setAttribute("aria-label", words.link);
    told.append(element("p", "", words.link_told), field);
    L.popup({ minWidth: 240 }).setLatLng(map.getCenter()).setContent(told).openOn(map);
    field.select();
    if (navigator.clipboard) navigator.clipboard.writeText(address).catch(function () {});
  }
})(basin);
