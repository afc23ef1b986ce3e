#!/bin/sh
# fetch_pico_sdk.sh SDK_VERSION SDK_SHA256 TINYUSB_VERSION TINYUSB_SHA256 CACHE TREE: Raspberry Pi's Pico SDK and
# TinyUSB from Debian's packages, unpacked in TREE, as TREE/usr/src/pico-sdk with TinyUSB in its lib/tinyusb.
#
# The archives stay in CACHE. TREE is there whole or not at all.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/debian.sh"
sdk_version=$1
sdk_sha256=$2
tinyusb_version=$3
tinyusb_sha256=$4
cache=$5
tree=$6

sdk=$cache/pico-sdk-source_${sdk_version}_all.deb
tinyusb=$cache/tinyusb-source_${tinyusb_version}_all.deb
log=$(dirname "$tree")/fetch_pico_sdk.log
own="run make PICO_SDK_PATH=... with a Pico SDK of your own"

unpack_both() {
    dpkg-deb -x "$sdk" "$tree.part" && dpkg-deb -x "$tinyusb" "$tree.part" &&
        [ -f "$tree.part/usr/src/pico-sdk/lib/tinyusb/src/tusb.h" ]
}

fetch "the Pico SDK ${sdk_version%-*}" "$sdk" "$sdk_sha256" "$log" "$own" \
    deb download "pico-sdk-source=$sdk_version"
fetch "TinyUSB ${tinyusb_version%-*}" "$tinyusb" "$tinyusb_sha256" "$log" "$own" \
    deb download "tinyusb-source=$tinyusb_version"
unpack "the Pico SDK ${sdk_version%-*}" "$tree" "$log" unpack_both
