#!/bin/sh
# check_pico_sdk.sh SDK TREE: SDK is a Pico SDK, 2.1 or later, that physmem can build with: with TinyUSB, if
# MicroPython's source tree TREE has none of its own.
set -eu
. "$(dirname "$0")/common.sh"
sdk=$1
tree=$2

[ -f "$sdk/pico_sdk_init.cmake" ] && [ -f "$sdk/pico_sdk_version.cmake" ] ||
    fail "PICO_SDK_PATH=$sdk is no Pico SDK: give the folder that has pico_sdk_init.cmake in it."
number() {
    sed -n "s/^ *set(PICO_SDK_VERSION_$1 *\\([0-9]*\\)).*/\\1/p" "$sdk/pico_sdk_version.cmake"
}
major=$(number MAJOR)
minor=$(number MINOR)
[ "$((major * 1000 + minor))" -ge 2001 ] ||
    fail "PICO_SDK_PATH=$sdk is the Pico SDK $major.$minor: check out 2.1.0 or later there."
[ -f "$tree/lib/tinyusb/src/tusb.h" ] || [ -f "$sdk/lib/tinyusb/src/tusb.h" ] ||
    fail "PICO_SDK_PATH=$sdk has no TinyUSB: run 'git submodule update --init lib/tinyusb' there."
