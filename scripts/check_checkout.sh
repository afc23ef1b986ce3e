#!/bin/sh
# check_checkout.sh micropython TREE: check that TREE is a MicroPython source tree, 1.25 or later, that physmem can build.
# Print a warning if it is later than what has been tried.
# check_checkout.sh thumb TREE: check that the viper compiler of MicroPython's source tree TREE makes right code for ARM.
# With ACCEPT_WRONG_VIPER=1 in the environment, only print a warning.
# check_checkout.sh stm32lib TREE BOARD: check that MicroPython's source tree TREE has ST's files, which BOARD needs.
# check_checkout.sh pico-sdk SDK TREE: check that SDK is a Pico SDK, 2.1 or later, with the parts that MicroPython's source
# tree TREE uses. It must contain TinyUSB unless TREE does, and that must be as recent as TREE needs.
set -eu
. "$(dirname "$0")/common.sh"

NEWEST_TRIED=29 # of MicroPython 1: docs/micropython_versions.md

# number FILE NAME: print the number that FILE, in C or for CMake, gives NAME.
number() {
    sed -n -e "s/^#define $2 *\\([0-9]*\\).*/\\1/p" -e "s/^ *set($2 *\\([0-9]*\\)).*/\\1/p" "$1"
}

# recent MAJOR MINOR LEAST_MAJOR LEAST_MINOR: succeed if a version is the least one or later.
recent() {
    [ "$(($1 * 1000 + $2))" -ge "$(($3 * 1000 + $4))" ]
}

# version TREE: print MAJOR.MINOR of MicroPython's source tree TREE.
version() {
    echo "$(number "$1/py/mpconfig.h" MICROPY_VERSION_MAJOR).$(number "$1/py/mpconfig.h" MICROPY_VERSION_MINOR)"
}

check_micropython() {
    tree=$1
    [ -f "$tree/py/mpconfig.h" ] && [ -f "$tree/ports/qemu/Makefile" ] && [ -d "$tree/mpy-cross" ] ||
        fail "MICROPYTHON_DIR=$tree is not a MicroPython checkout with ports/qemu: set it to the folder that contains py, ports and mpy-cross."
    major=$(number "$tree/py/mpconfig.h" MICROPY_VERSION_MAJOR)
    minor=$(number "$tree/py/mpconfig.h" MICROPY_VERSION_MINOR)
    recent "$major" "$minor" 1 25 ||
        fail "MICROPYTHON_DIR=$tree is MicroPython $major.$minor, which is too old: check out v1.25.0 or later there."
    ! recent "$major" "$minor" 1 $((NEWEST_TRIED + 1)) ||
        warn "MICROPYTHON_DIR=$tree is MicroPython $major.$minor, later than 1.$NEWEST_TRIED, the newest that has been tried: if something fails, check out that one there."
}

# The macro loads p[i] through a ptr32. In the wrong versions it shifts the register of the index itself.
check_thumb() {
    tree=$1
    ! sed -n '/define ASM_LOAD32_REG_REG_REG/,/while (0)/p' "$tree/py/asmthumb.h" | grep -qF '(reg_index), (reg_index)' ||
        wrong_viper "MicroPython $(version "$tree") in $tree compiles viper code for ARM wrongly: p[i] through a ptr16 or ptr32 changes i."
}

wrong_viper() {
    [ "${ACCEPT_WRONG_VIPER:-}" = 1 ] || fail "$1 Check out v1.25.0, or v1.28.0 or later, or set ACCEPT_WRONG_VIPER=1 if your program has no such code."
    warn "$1 physmem has no such code; yours must have none either."
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
    for part in $(sdk_components "$tree/ports/rp2/CMakeLists.txt"); do
        [ -n "$(find "$sdk/src" -maxdepth 2 -name "$part")" ] ||
            fail "PICO_SDK_PATH=$sdk is Pico SDK $major.$minor and lacks $part, which MicroPython $(version "$tree") uses: run 'git submodule update --init lib/pico-sdk lib/tinyusb' in MICROPYTHON_DIR, or check out a later Pico SDK."
    done
    tinyusb=$tree/lib/tinyusb
    [ -f "$tinyusb/src/tusb.h" ] || tinyusb=$sdk/lib/tinyusb
    [ -f "$tinyusb/src/tusb.h" ] ||
        fail "PICO_SDK_PATH=$sdk has no TinyUSB: run 'git submodule update --init lib/tinyusb' there."
    ! grep -qs 'tud_cdc_configure_t ' "$tree/shared/tinyusb/mp_usbd.h" ||
        grep -q 'tud_cdc_configure_t;' "$tinyusb/src/class/cdc/cdc_device.h" ||
        fail "TinyUSB in $tinyusb is too old for MicroPython $(version "$tree"): run 'git submodule update --init lib/tinyusb' in MICROPYTHON_DIR, or check out TinyUSB 0.19 or later."
}

# sdk_components FILE: print the parts of the Pico SDK that ports/rp2/CMakeLists.txt names, but for those that come from
# elsewhere. Print nothing if there is no FILE.
sdk_components() {
    [ ! -f "$1" ] || awk '
        /PICO_SDK_COMPONENTS *$/ { names = 1; next }
        /\)/ { names = 0 }
        names && $1 !~ /^(cmsis|tinyusb)_|^[$#]|^$/ { print $1 }
    ' "$1"
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
    thumb) check_thumb "$@" ;;
    stm32lib) check_stm32lib "$@" ;;
    pico-sdk) check_pico_sdk "$@" ;;
esac
