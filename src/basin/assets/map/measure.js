/*
 * measure.js: distances and areas by hand, on the ellipsoid of CGCS2000 as the verdicts are.
 */
(function (basin) {
  "use strict";

  var element = basin.element;
  var INK = "#ad1457";
  var ellipsoid = new geodesic.Geodesic.Geodesic(6378137, 1 / 298.257222101); // GB 22021-2008

  basin.length = function (places) {
    var sum = 0;
    for (var i = 1; i < places.length; i++) {
      sum += ellipsoid.Inverse(places[i - 1].lat, places[i - 1].lng, places[i].lat, places[i].lng).s12;
    }
    return sum;
  };

  basin.area = function (places) {
    var ring = ellipsoid.Polygon(false);
    places.forEach(function (p) { ring.AddPoint(p.lat, p.lng); });
    return Math.abs(ring.Compute(false, true).area);
  };

  function metres(d) {
    return d < 10000 ? d.toFixed(1) + " m" : (d / 1000).toFixed(2) + " km";
  }

  function squares(a) {
    return a < 1e6 ? a.toFixed(0) + " m²" : (a / 1e6).toFixed(3) + " km²";
  }

  basin.addMeasure = function (map, renderer, words) {
    var node = element("div", "basin-box basin-measure");
    node.hidden = true;
    node.setAttribute("role", "status");
    var told = element("p", "", words.measure_how);
    var undo = element("button", "", words.undo), end = element("button", "", words.close);
    [undo, end].forEach(function (button) { button.type = "button"; });
    node.append(told, undo, end);
    basin.addBox(map, "bottomleft", node);
    var places = [], drawn = L.layerGroup();

    function draw() {
      drawn.clearLayers();
      [["#ffffff", 5], [INK, 2.2]].forEach(function (pen) {
        L.polyline(places, {
          renderer: renderer, interactive: false, color: pen[0], weight: pen[1], dashArray: pen[1] < 5 ? "7 4" : null,
        }).addTo(drawn);
      });
      places.forEach(function (place) {
        L.circleMarker(place, {
          renderer: renderer, interactive: false, radius: 3.5, color: "#ffffff", weight: 1.5, fillColor: INK, fillOpacity: 1,
        }).addTo(drawn);
      });
      if (places.length < 2) { told.textContent = words.measure_how; return; }
      var text = words.measured + " " + metres(basin.length(places));
      if (places.length > 2) text += "\n" + words.measured_area + " " + squares(basin.area(places));
      told.textContent = text;
    }

    function add(event) {
      if (!map.basinMeasuring) return;
      places.push(event.latlng);
      draw();
    }

    function set(isOn) {
      map.basinMeasuring = isOn;
      node.hidden = !isOn;
      places = [];
      draw();
      map.getContainer().classList.toggle("basin-measuring", isOn);
      if (isOn) { map.closePopup(); drawn.addTo(map); map.doubleClickZoom.disable(); }
      else { drawn.remove(); map.doubleClickZoom.enable(); }
    }

    map.on("click basinpoint", add);
    undo.addEventListener("click", function () { places.pop(); draw(); });
    end.addEventListener("click", function () { set(false); });
    return {
      toggle: function () { set(!map.basinMeasuring); },
      close: function () { if (map.basinMeasuring) set(false); },
    };
  };
})(basin);
