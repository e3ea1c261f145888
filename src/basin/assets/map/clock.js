/*
 * clock.js: a slider over the hours of what changes with time, such as the front of a spill.
 *
 * A timed feature is on the map while from <= hour < to; without `to` it stays.
 */
(function (basin) {
  "use strict";

  var element = basin.element;
  var FRAME_MS = 700;

  function shown(feature, hour) {
    var span = feature.basinSpan;
    return span[0] <= hour && (span[1] === null || hour < span[1]);
  }

  basin.addClock = function (map, clock, groups, labels, words) {
    var timed = groups.filter(function (group) { return group.basinTimed; });
    var node = element("div", "basin-box basin-clock");
    var play = element("button", "basin-play"), slider = element("input"), told = element("output");
    play.type = "button";
    play.setAttribute("aria-label", words.play);
    play.title = words.play;
    slider.type = "range";
    slider.min = 0;
    slider.max = clock.hours.length - 1;
    slider.step = 1;
    slider.setAttribute("aria-label", clock.name);
    node.append(play, slider, told);
    var at = 0, running = null;

    function set(k) {
      at = basin.clamp(Math.round(k), 0, clock.hours.length - 1);
      var hour = clock.hours[at];
      slider.value = at;
      told.textContent = clock.texts[at];
      slider.setAttribute("aria-valuetext", clock.texts[at]);
      timed.forEach(function (group) {
        group.basinTimed.forEach(function (feature) {
          var wanted = shown(feature, hour);
          if (wanted === group.hasLayer(feature)) return;
          if (wanted) group.addLayer(feature); else group.removeLayer(feature);
        });
      });
      // what came anew lies on top: those above it are raised again
      var first = groups.indexOf(timed[0]);
      groups.slice(first).forEach(function (group) { if (map.hasLayer(group)) group.bringToFront(); });
      labels.redraw();
      map.fire("basinhour");
    }

    function stop() {
      clearInterval(running);
      running = null;
      play.classList.remove("basin-running");
    }

    slider.addEventListener("input", function () { stop(); set(Number(slider.value)); });
    play.addEventListener("click", function () {
      if (running) { stop(); return; }
      if (at >= clock.hours.length - 1) set(0);
      play.classList.add("basin-running");
      running = setInterval(function () {
        set(at + 1);
        if (at >= clock.hours.length - 1) stop();
      }, FRAME_MS);
    });
    map.getContainer().appendChild(node);
    L.DomEvent.disableClickPropagation(node);
    L.DomEvent.disableScrollPropagation(node);
    map.basinClock = {
      hour: function () { return clock.hours[at]; },
      show: function (hour) {
        var k = clock.hours.reduce(function (best, h, i) { return h <= hour ? i : best; }, 0);
        set(k);
      },
    };
    set(clock.opens || 0);
  };
})(basin);
