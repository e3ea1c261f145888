#!/bin/sh
# What the tests need beyond Python: a browser, a Chinese font and a PostGIS server. Installed where we may, named where we may not.
set -eu

missing=""
has_postgis() { ls /usr/share/postgresql/*/extension/postgis.control >/dev/null 2>&1; }
command -v chromium >/dev/null 2>&1 || [ -n "${BASIN_CHROMIUM:-}" ] || missing="chromium"
fc-list :lang=zh 2>/dev/null | grep -q . || missing="$missing fontconfig fonts-wqy-microhei"
has_postgis || missing="$missing postgresql postgresql-postgis"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "tests: please install:$missing" >&2
elif [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
elif sudo -n true 2>/dev/null; then
    sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "tests: please run: sudo apt-get install $missing" >&2
fi
