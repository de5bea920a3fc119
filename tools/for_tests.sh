#!/bin/sh
# Installs what some tests need beside the package: Debian packages. The argument says for which tests.
set -eu
case "${1:-}" in
    browser) packages="chromium chromium-driver" ;;  # the report's page, 350 MB
    database) packages="postgresql" ;;  # studies in a database, 60 MB
    hosts) packages="openssh-server openssh-client rsync iproute2 util-linux" ;;  # a cluster of two hosts, 10 MB
    *) echo "for_tests: give browser, database or hosts" >&2; exit 2 ;;
esac
root=
[ "$(id -u)" = 0 ] || root="sudo -n"
$root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086  # a list of words, not one
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
echo "for_tests: installed $packages"
