#!/bin/sh
# check_micropython.sh TREE: TREE is a MicroPython source tree that physmem can build, 1.25 or later.
set -eu
. "$(dirname "$0")/common.sh"
tree=$1

[ -f "$tree/py/mpconfig.h" ] && [ -f "$tree/ports/qemu/Makefile" ] && [ -d "$tree/mpy-cross" ] ||
    fail "MICROPYTHON_DIR=$tree is no MicroPython checkout with ports/qemu: give the folder that has py, ports and mpy-cross in it."
number() {
    sed -n "s/^#define MICROPY_VERSION_$1 *\\([0-9]*\\).*/\\1/p" "$tree/py/mpconfig.h"
}
major=$(number MAJOR)
minor=$(number MINOR)
[ "$((major * 1000 + minor))" -ge 1025 ] ||
    fail "MICROPYTHON_DIR=$tree is MicroPython $major.$minor: check out v1.25.0 or later there."
