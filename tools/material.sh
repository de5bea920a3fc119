#!/bin/sh
# Lays out what synthetic songs can be made of beside the instruments of `make instruments`: recorded instruments,
# amplifiers, drummers' performances and songs as MIDI files. Everything is somebody's and has its licence: see docs/data.md.
#
#     tools/material.sh CHECKOUTS MATERIAL
#
# CHECKOUTS holds clones of the repositories below, each under its own name; for what is missing it says what to type.
# MATERIAL gets `drummers`, `midi` and `environment`, which sets DSSGAN_INSTRUMENTS when a shell reads it.
set -eu
[ $# = 2 ] || { echo "material: give a folder of checkouts and one to write to" >&2; exit 2; }
checkouts=$(cd "$1" && pwd) || { echo "material: $1: no such folder" >&2; exit 2; }
mkdir -p "$2"
material=$(cd "$2" && pwd)
instruments=
missing=0
# songs that are bundled to validate or test on, in other renderings: nothing is to learn from them
bundled="d_e1m2.mid d_e1m5.mid d_e3m2.mid"

# $1: repository; $2 and more: paths in it that are instruments
instrument() {
    repository=$1; shift
    if [ ! -d "$checkouts/${repository#*/}" ]; then
        echo "missing: git clone https://github.com/$repository"
        missing=$((missing + 1))
        return 0
    fi
    for path in "$@"; do
        if [ -e "$checkouts/${repository#*/}/$path" ]; then
            instruments="$instruments:$checkouts/${repository#*/}/$path"
        else
            echo "missing: $path in $checkouts/${repository#*/}; fetch the whole repository"
            missing=$((missing + 1))
        fi
    done
}

# $1: repository; $2: folder in it; $3: what it becomes; $4: whose it is
performances() {
    if [ ! -d "$checkouts/${1#*/}/$2" ]; then
        echo "missing: git clone https://github.com/$1"
        missing=$((missing + 1))
        return 0
    fi
    rm -rf "$material/$3.part" "$material/$3"
    mkdir "$material/$3.part"
    cp -R "$checkouts/${1#*/}/$2/." "$material/$3.part/"
    for file in $bundled; do rm -f "$material/$3.part/$file"; done
    printf '%s\n' "$4" > "$material/$3.part/credits.txt"
    mv "$material/$3.part" "$material/$3"
    echo "$3: $(find "$material/$3" -iname '*.mid' | wc -l) MIDI files"
}

# drum kits
instrument sfzinstruments/DrumGizmo.MuldjordKit DrumGizmo/MuldjordKit/Stereo
instrument SoerenSofke/Salamander-Drumkit-Trim "Salamander Drumkit Trim.sfz"
instrument sfzinstruments/SamsSonor SamsSonor.sfz
instrument sfzinstruments/karoryfer.gogodze-phu-vol-i Programs/Cajon.sfz Programs/Bobobo.sfz
instrument sfzinstruments/karoryfer.gogodze-phu-vol-ii Programs/Kit.sfz
# basses
instrument sfzinstruments/karoryfer.growlybass growlybass_clean.sfz
instrument sfzinstruments/karoryfer.swagbass swagbass_clean.sfz
instrument sfzinstruments/karoryfer.fashionbass fashionbass_clean.sfz
instrument sfzinstruments/karoryfer.pastabass spaghetti.sfz linguine.sfz
instrument sfzinstruments/karoryfer.meatbass Programs/pizz_basic.sfz
# guitars, pianos, winds
instrument sfzinstruments/karoryfer.emilyguitar emily_clean.sfz
instrument sfzinstruments/BengtNilsson.HeadroomPiano "Headroom Piano (NoFX).sfz"
instrument sfzinstruments/SplendidGrandPiano "Splendid Grand Piano.sfz"
instrument sfzinstruments/GregSullivan.E-Pianos "Pianet T/Pianet T.sfz" "Wurlitzer EP200/Wurlitzer EP200.sfz" CP80/CP80.sfz
instrument sfzinstruments/karoryfer.weresax Programs/Sax.sfz
instrument sfzinstruments/MTG.SoloSax "MTG Solo Saxophones/MTG Alto Sax.sfz" "MTG Solo Saxophones/MTG Baritone Sax.sfz" \
    "MTG Solo Saxophones/MTG Soprano Sax.sfz" "MTG Solo Saxophones/MTG Tenor Sax.sfz"
instrument sfzinstruments/Ixox.Flute "Ixox Flute.sfz"
instrument sfzinstruments/karoryfer.war-tuba Programs/2-solo-poly.sfz
# amplifiers; of the second, what came with commit ff19b005ee08 under ui/public
instrument pelennor2170/NAM_models .
instrument tone-3000/neural-amp-modeler-wasm ui/public/models ui/public/irs ui/public/inputs

performances zharry29/drums-with-llm groove drummers \
    "Groove MIDI Dataset: CC BY 4.0 (Jon Gillick, Adam Roberts, Jesse Engel, Douglas Eck and David Bamman)"
performances freedoom/freedoom musics midi "Freedoom's music: 3-clause BSD (contributors to the Freedoom project)"

printf 'export DSSGAN_INSTRUMENTS="%s"\n' "${instruments#:}" > "$material/environment.part"
mv "$material/environment.part" "$material/environment"
echo "environment: $(printf '%s' "${instruments#:}" | tr ':' '\n' | grep -c .) instruments; $missing missing"
echo "Next: . $material/environment && dssgan data synth songs --drummers $material/drummers --midi $material/midi"
