#!/bin/sh
# fetch_sources.sh micropython VERSION SHA256 CACHE TREE: unpack MicroPython's sources, from Debian's source package, in
# TREE.
# fetch_sources.sh pico-sdk SDK_VERSION SDK_SHA256 TINYUSB_VERSION TINYUSB_SHA256 CACHE TREE: unpack Raspberry Pi's Pico
# SDK and TinyUSB, from Debian's packages, as TREE/usr/src/pico-sdk with TinyUSB in its lib/tinyusb.
#
# The archives stay in CACHE. TREE is either complete or absent.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/debian.sh"

fetch_micropython() {
    version=$1
    sha256=$2
    cache=$3
    tree=$4
    archive=$cache/micropython_${version%-*}.orig.tar.xz
    log=$(dirname "$tree")/fetch_micropython.log
    title="MicroPython ${version%%+*}"

    fetch "$title" "$archive" "$sha256" "$log" "run make MICROPYTHON_DIR=... with your own MicroPython checkout" \
        deb-src source --download-only "micropython=$version"
    unpack "$title" "$tree" "$log" tar -xJf "$archive" -C "$tree.part" --strip-components=1
}

unpack_pico_sdk() {
    dpkg-deb -x "$sdk" "$tree.part" && dpkg-deb -x "$tinyusb" "$tree.part" &&
        [ -f "$tree.part/usr/src/pico-sdk/lib/tinyusb/src/tusb.h" ]
}

fetch_pico_sdk() {
    sdk_version=$1
    sdk_sha256=$2
    tinyusb_version=$3
    tinyusb_sha256=$4
    cache=$5
    tree=$6
    sdk=$cache/pico-sdk-source_${sdk_version}_all.deb
    tinyusb=$cache/tinyusb-source_${tinyusb_version}_all.deb
    log=$(dirname "$tree")/fetch_pico_sdk.log
    own="run make PICO_SDK_PATH=... with your own Pico SDK"

    fetch "the Pico SDK ${sdk_version%-*}" "$sdk" "$sdk_sha256" "$log" "$own" \
        deb download "pico-sdk-source=$sdk_version"
    fetch "TinyUSB ${tinyusb_version%-*}" "$tinyusb" "$tinyusb_sha256" "$log" "$own" \
        deb download "tinyusb-source=$tinyusb_version"
    unpack "the Pico SDK ${sdk_version%-*}" "$tree" "$log" unpack_pico_sdk
}

what=$1
shift
case $what in
    micropython) fetch_micropython "$@" ;;
    pico-sdk) fetch_pico_sdk "$@" ;;
esac
