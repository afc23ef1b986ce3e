#!/bin/sh
# check_checkout.sh micropython TREE: check that TREE is a MicroPython source tree, 1.25 or later, that physmem can build.
# check_checkout.sh stm32lib TREE BOARD: check that MicroPython's source tree TREE has ST's files, which BOARD needs.
# check_checkout.sh pico-sdk SDK TREE: check that SDK is a Pico SDK, 2.1 or later. It must contain TinyUSB unless
# MicroPython's source tree TREE does.
set -eu
. "$(dirname "$0")/common.sh"

# number FILE NAME: print the number that FILE, in C or for CMake, gives NAME.
number() {
    sed -n -e "s/^#define $2 *\\([0-9]*\\).*/\\1/p" -e "s/^ *set($2 *\\([0-9]*\\)).*/\\1/p" "$1"
}

# recent MAJOR MINOR LEAST_MAJOR LEAST_MINOR: succeed if a version is the least one or later.
recent() {
    [ "$(($1 * 1000 + $2))" -ge "$(($3 * 1000 + $4))" ]
}

check_micropython() {
    tree=$1
    [ -f "$tree/py/mpconfig.h" ] && [ -f "$tree/ports/qemu/Makefile" ] && [ -d "$tree/mpy-cross" ] ||
        fail "MICROPYTHON_DIR=$tree is not a MicroPython checkout with ports/qemu: set it to the folder that contains py, ports and mpy-cross."
    major=$(number "$tree/py/mpconfig.h" MICROPY_VERSION_MAJOR)
    minor=$(number "$tree/py/mpconfig.h" MICROPY_VERSION_MINOR)
    recent "$major" "$minor" 1 25 ||
        fail "MICROPYTHON_DIR=$tree is MicroPython $major.$minor, which is too old: check out v1.25.0 or later there."
}

check_pico_sdk() {
    sdk=$1
    tree=$2
    [ -f "$sdk/pico_sdk_init.cmake" ] && [ -f "$sdk/pico_sdk_version.cmake" ] ||
        fail "PICO_SDK_PATH=$sdk is not a Pico SDK: set it to the folder that contains pico_sdk_init.cmake."
    major=$(number "$sdk/pico_sdk_version.cmake" PICO_SDK_VERSION_MAJOR)
    minor=$(number "$sdk/pico_sdk_version.cmake" PICO_SDK_VERSION_MINOR)
    recent "$major" "$minor" 2 1 ||
        fail "PICO_SDK_PATH=$sdk is Pico SDK $major.$minor, which is too old: check out 2.1.0 or later there."
    [ -f "$tree/lib/tinyusb/src/tusb.h" ] || [ -f "$sdk/lib/tinyusb/src/tusb.h" ] ||
        fail "PICO_SDK_PATH=$sdk has no TinyUSB: run 'git submodule update --init lib/tinyusb' there."
}

check_stm32lib() {
    tree=$1
    board=$2
    [ -d "$tree/lib/stm32lib/CMSIS" ] ||
        fail "$board needs ST's drivers, and $tree/lib/stm32lib is empty: run 'git submodule update --init lib/stm32lib' in a MicroPython checkout and set MICROPYTHON_DIR to it."
}

what=$1
shift
case $what in
    micropython) check_micropython "$@" ;;
    stm32lib) check_stm32lib "$@" ;;
    pico-sdk) check_pico_sdk "$@" ;;
esac
