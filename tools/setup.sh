#!/bin/sh
# Makes .venv with the package and its pinned dependencies, and installs ffmpeg. Run from the project's root.
# The argument is the extra to install: "dev", everything that the tests need, or "report", what the demo needs.
set -eu

say() { printf 'setup: %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null 2>&1; then sudo -n "$@"; else return 1; fi
}

# $1: what it is for; the rest: Debian packages. One line says what to install where we cannot.
debian() {
    purpose=$1; shift
    if command -v apt-get >/dev/null 2>&1 && as_root true 2>/dev/null; then
        say "installing $* ($purpose)"
        if as_root env DEBIAN_FRONTEND=noninteractive sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends $*" >/dev/null; then
            return 0
        fi
    fi
    say "please install: $* ($purpose)" >&2
    return 1
}

if ! command -v ffmpeg >/dev/null 2>&1 || ! command -v ffprobe >/dev/null 2>&1; then
    debian "reads m4a, aac, wma and stem.mp4" ffmpeg || true
fi

extra=${1:-dev}

if [ "$extra" = dev ] && ! ls /usr/share/sounds/sf2/*.sf2 /usr/share/hydrogen/data/drumkits >/dev/null 2>&1; then
    say "installing a few instruments for synthetic songs"
    ./tools/instruments.sh small || say "without instruments there are no synthetic songs; see docs/data.md" >&2
fi

python=${PYTHON:-python3}
command -v "$python" >/dev/null 2>&1 || debian "Python 3.11 or newer" python3 python3-venv
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "Python 3.11 or newer is needed, and $python is $("$python" -V 2>&1): set PYTHON to a newer one" >&2
    exit 1
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    debian "makes .venv" python3-venv
fi

[ -x .venv/bin/python ] || { rm -rf .venv; "$python" -m venv .venv; }
say "installing the package and its pinned dependencies into .venv (some minutes, once)"
.venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e ".[$extra]"
# a part of ViSQOL has no wheel: only where it can be compiled
[ "$extra" != dev ] || .venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[perceptual]' 2>/dev/null \
    || say "without a C compiler and Python's headers there is no ViSQOL, and its tests are skipped"
say "done"
