#!/bin/sh
# Installs the browser that the tests of the report's page drive: Debian packages, some 350 MB.
set -eu
root=
[ "$(id -u)" = 0 ] || root="sudo -n"
$root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null
echo "browser: installed chromium and chromium-driver"
