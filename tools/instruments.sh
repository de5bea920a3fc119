#!/bin/sh
# Installs the instruments that synthetic songs are played on: Debian packages, some 400 MB with everything.
# "small" as first argument takes only what the tests need (about 15 MB).
set -eu
small="libfluidsynth3 timgm6mb-soundfont hydrogen-data espeak-ng"
large="fluid-soundfont-gm hydrogen-drumkits avldrums.lv2-soundfont sonic-pi-samples"
packages=$small
[ "${1:-}" = small ] || packages="$small $large"
root=
[ "$(id -u)" = 0 ] || root="sudo -n"
$root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086  # a list of words, not one
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
echo "instruments: installed $packages"
