/*
 * print.js: the map as one sheet of A4, with what is on in the legend and no tools.
 */
(function (basin) {
  "use strict";

  var SMALLEST = 0.55; // a longer legend runs on below the sheet's edge: better than unreadable

  /** Draw everything of the present view at once: a printer does not wait for the next frame. */
  function drawNow(map, renderer) {
    map.basinLabels.redraw();
    renderer._update();
    L.Util.cancelAnimFrame(renderer._redrawRequest);
    renderer._redrawRequest = renderer._redrawBounds = null;
    renderer._draw();
  }

  /** A canvas as a picture: Chromium prints one that was drawn this very moment on white paper. */
  function stillCopy(canvas) {
    var copy = basin.element("img", canvas.className + " basin-still");
    copy.decoding = "sync";
    copy.src = canvas.toDataURL();
    copy.style.cssText = canvas.style.cssText;
    canvas.after(copy);
    return copy;
  }

  basin.preparePrint = function (map, renderer, boxes) {
    var before = null, copies = [], retina = L.Browser.retina;
    map.basinSheet = function (isOn) {
      if (isOn === Boolean(before)) return;
      var root = document.documentElement;
      if (isOn) {
        map.closePopup();
        // what is seen beside the legend is what the sheet shows beside it
        var clear = map.getSize();
        if (!boxes.panel.classList.contains("basin-closed")) clear.x -= boxes.panel.offsetWidth + 10;
        before = {
          center: map.getCenter(),
          zoom: map.getZoom(),
          seen: L.latLngBounds(
            map.containerPointToLatLng([0, clear.y]), map.containerPointToLatLng([clear.x, 0])
          ),
        };
      }
      map.basinPrinting = isOn;
      L.Browser.retina = isOn || retina; // the canvas at twice the dots of a screen
      root.classList.toggle("basin-printing", isOn);
      map.invalidateSize({ animate: false, pan: false });
      boxes.panel.style.zoom = "";
      if (isOn) {
        var room = map.getSize().y - 20;
        boxes.panel.style.zoom = basin.clamp(room / boxes.panel.offsetHeight, SMALLEST, 1);
        map.fitBounds(before.seen, {
          animate: false, paddingBottomRight: [boxes.panel.getBoundingClientRect().width + 10, 0],
        });
      } else {
        map.setView(before.center, before.zoom, { animate: false });
        before = null;
      }
      drawNow(map, renderer);
      copies.forEach(function (copy) { copy.remove(); });
      copies = isOn ? [renderer._container, map.basinLabels._canvas].map(stillCopy) : [];
    };
    window.addEventListener("beforeprint", function () { map.basinSheet(true); });
    window.addEventListener("afterprint", function () { map.basinSheet(false); });
  };

  basin.print = function (map) {
    map.basinSheet(true);
    setTimeout(function () { window.print(); }, 300); // tiles of a base map may still come in
  };
})(basin);
