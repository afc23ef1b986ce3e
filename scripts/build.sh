#!/bin/sh
# build.sh PRODUCT TREE BUILD: builds mpy-cross, UNIX (the unix port) or a board of ports/qemu from the MicroPython
# sources in TREE, everything in BUILD/PRODUCT. TREE is only read.
set -eu
. "$(dirname "$0")/common.sh"
product=$1
tree=$2
build=$3

root=$(cd "$(dirname "$0")/.." && pwd)
out=$build/$product
log=$build/$product.log
mpy_cross=$build/mpy-cross/mpy-cross
export PYTHONDONTWRITEBYTECODE=1
# What the caller's make or shell sets for itself must not reach MicroPython's makefiles.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES BOARD BOARD_DIR VARIANT BUILD CFLAGS CPPFLAGS LDFLAGS CROSS_COMPILE DEBUG || true

# MicroPython's makefiles do not notice a change of flags or of the tree: then start afresh.
configuration=$(
    echo "$tree"
    if [ "$product" != mpy-cross ]; then
        cat "$root/boards/$product"/*.mk "$root"/firmware/qemu/*.mk "$build/mpy-cross/.configuration"
    fi
)
if [ "$configuration" != "$(cat "$out/.configuration" 2>/dev/null)" ]; then
    rm -rf "$out"
    mkdir -p "$out"
    printf '%s\n' "$configuration" >"$out/.configuration"
fi

# Debian's source package comes without micropython-lib; MicroPython only wants to see a README there.
if [ -f "$tree/lib/micropython-lib/README.md" ]; then
    micropython_lib=$tree/lib/micropython-lib
else
    micropython_lib=$tree
fi
set -- "BUILD=$out" "MICROPY_MPYCROSS=$mpy_cross" "MPY_LIB_DIR=$micropython_lib" "-j$(nproc)"

case $product in
    mpy-cross)
        target=$out/mpy-cross
        set -- -C "$tree/mpy-cross" "$@"
        ;;
    UNIX)
        target=$out/micropython
        set -- -C "$tree/ports/unix" "VARIANT_DIR=$root/boards/UNIX" "$@"
        ;;
    *)
        target=$out/firmware.elf
        set -- -C "$tree/ports/qemu" "BOARD=$product" "BOARD_DIR=$root/boards/$product" "$@"
        python3 "$root/scripts/memory_map.py" "$root/boards/$product/physmem_board.py" "$out" ||
            fail "the memory map boards/$product/physmem_board.py cannot be used: correct it and run make again."
        ;;
esac
step "Building $product" "$log" make "$@" "$target" ||
    fail "the build of $product failed: see $log for the first error, correct it and run make again."
touch "$target"
