#!/bin/sh
# build.sh PRODUCT TREE BUILD [SDK]: build PRODUCT in BUILD/PRODUCT. PRODUCT is mpy-cross, UNIX (the unix port),
# UNIX_BYTECODE (the same without machine code, as on a host for which MicroPython has no emitter), a board of ports/qemu,
# ports/rp2 or ports/stm32, or stock/BOARD: MicroPython's own board of that name, without physmem. TREE is
# a MicroPython source tree. SDK is a Pico SDK, which rp2 boards need, or ST's HAL, which stm32 boards for QEMU need; the
# other stm32 boards take it from TREE. Both are only read.
set -eu
. "$(dirname "$0")/common.sh"
product=$1
tree=$2
build=$3
sdk=${4:-}

root=$(cd "$(dirname "$0")/.." && pwd)
out=$build/$product
log=$build/$product.log
mpy_cross=$build/mpy-cross/mpy-cross
export PYTHONDONTWRITEBYTECODE=1
# Keep the variables of the caller's make and shell away from MicroPython's makefiles and from cmake.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES BOARD BOARD_DIR VARIANT BUILD CFLAGS CPPFLAGS LDFLAGS CROSS_COMPILE DEBUG || true
unset ASMFLAGS CXXFLAGS CMAKE_GENERATOR CMAKE_TOOLCHAIN_FILE || true
# ccache compiles a source once, in whichever clone: it sees paths from the project on, and no folder. Headers that were
# unpacked or generated a moment ago are no reason to compile again, as it compares what is in them.
export CCACHE_BASEDIR="$root" CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=2G
export CCACHE_SLOPPINESS=include_file_ctime,include_file_mtime
export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache CMAKE_ASM_COMPILER_LAUNCHER=ccache
# A tree that is not a git checkout must report its own version, not that of the repository around it.
GIT_CEILING_DIRECTORIES=$(dirname "$tree")
export GIT_CEILING_DIRECTORIES
# The date in the firmware is that of the commit, so that the same sources always give the same bytes.
if [ -z "${SOURCE_DATE_EPOCH:-}" ] && committed=$(git -C "$root" log -1 --format=%ct 2>/dev/null); then
    SOURCE_DATE_EPOCH=$committed
    export SOURCE_DATE_EPOCH
fi

case $product in
    stock/*) board=$root/firmware/$product ;;
    UNIX_BYTECODE) board=$root/boards/UNIX ;;
    *) board=$root/boards/$product ;;
esac
if [ -f "$board/mpconfigboard.cmake" ]; then
    port=rp2
elif grep -q '/firmware/stm32/board\.mk' "$board/mpconfigboard.mk" 2>/dev/null; then
    port=stm32
elif [ -f "$board/mpconfigboard.mk" ]; then
    port=qemu
else
    port=
fi

[ -z "$port" ] || "$root/scripts/check_checkout.sh" thumb "$tree"
[ "$port" != rp2 ] || "$root/scripts/check_checkout.sh" pico-sdk "$sdk" "$tree"

# MicroPython's makefiles do not notice changed flags or another tree, so rebuild from scratch in that case.
configuration=$(
    printf '%s\n' "$tree" "$sdk"
    if [ "$product" != mpy-cross ]; then
        cat "$build/mpy-cross/.configuration"
    fi
    case $port in
        rp2) cat "$board"/*.cmake "$board"/*.h "$root"/firmware/rp2/*.cmake "$root"/firmware/rp2/*.h ;;
        qemu) cat "$board"/*.mk "$root"/firmware/qemu/*.mk ;;
        stm32) cat "$board"/*.mk "$root"/firmware/stm32/*.mk "$root"/firmware/stm32/stand_ins/*.mk ;;
        *) [ "$product" = mpy-cross ] || cat "$board"/*.mk ;;
    esac
)
if [ "$configuration" != "$(cat "$out/.configuration" 2>/dev/null)" ]; then
    rm -rf "$out"
    mkdir -p "$out"
    printf '%s\n' "$configuration" >"$out/.configuration"
fi

# Debian's source package lacks micropython-lib, but MicroPython's makefiles need a README.md in that folder.
if [ -f "$tree/lib/micropython-lib/README.md" ]; then
    micropython_lib=$tree/lib/micropython-lib
else
    micropython_lib=$tree
fi

if [ -f "$board/physmem_board.py" ] && [ -n "$port" ]; then
    python3 "$root/scripts/memory_map_header.py" "$port" "$board/physmem_board.py" "$out" ||
        fail "the memory plan in boards/$product/physmem_board.py cannot be used: correct it and run make again."
fi

python3 "$root/scripts/expand_thumb.py" "$root/lib" "$root/firmware/thumb" "$build/thumb" ||
    fail "the assembler in firmware/thumb cannot be expanded: correct what the line above names and run make again."
python3 "$root/scripts/bytecode_twins.py" "$root/lib" "$root/firmware/bytecode" "$build/bytecode" ||
    fail "the engine cannot be written as bytecode: correct what the line above names and run make again."

# make_uf2 FILE: make FILE, the flash image in the form that you copy to the boot ROM's drive. It carries the ID of the
# chip family, and the boot ROM accepts no other.
make_uf2() {
    if grep -q '^PICO_PLATFORM:.*=rp2040$' "$out/CMakeCache.txt"; then
        family=0xe48bff56 # RP2040
    else
        family=0xe48bff59 # RP2350, Arm cores, secure
    fi
    arm-none-eabi-objcopy -O binary "$out/firmware.elf" "$out/firmware.bin" &&
        python3 "$tree/tools/uf2conv.py" -b 0x10000000 -f "$family" -c -o "$1" "$out/firmware.bin"
}

build_rp2() {
    export MICROPY_MPYCROSS="$mpy_cross"
    cmake -S "$tree/ports/rp2" -B "$out" -G "Unix Makefiles" -D "PICO_SDK_PATH_OVERRIDE=$sdk" \
        -D "MICROPY_BOARD=${product##*/}" -D "MICROPY_BOARD_DIR=$board" &&
        make -C "$out" "-j$(nproc)" && make_uf2 "$1"
}

# build_stm32 FILE COMMAND...: run COMMAND, which makes firmware.elf, and make FILE, what the chip's boot loader writes to
# its flash. The numbers are that boot loader's on USB.
build_stm32() {
    dfu=$1
    shift
    "$@" && pieces=$("$build/venv/bin/python" "$root/scripts/stm32_image.py" "$out/firmware.elf" "$out") || return
    # shellcheck disable=SC2086
    python3 "$tree/tools/dfu.py" -D 0x0483:0xDF11 $pieces "$dfu"
}

set -- make "BUILD=$out" "MICROPY_MPYCROSS=$mpy_cross" "MPY_LIB_DIR=$micropython_lib" "-j$(nproc)"
case $port in
    qemu)
        target=$out/firmware.elf
        set -- "$@" "CC=ccache arm-none-eabi-gcc" -C "$tree/ports/qemu" "BOARD=${product##*/}" "BOARD_DIR=$board" \
            "$target"
        ;;
    rp2)
        target=$out/firmware.uf2
        set -- build_rp2 "$target"
        ;;
    stm32)
        target=$out/firmware.elf
        set -- "$@" "CC=ccache arm-none-eabi-gcc" -C "$tree/ports/stm32" "BOARD=$product" "BOARD_DIR=$board" \
            "MICROPY_MPYCROSS_DEPENDENCY=$mpy_cross" "PHYSMEM_HAL=$sdk" "$target"
        [ -n "$sdk" ] || set -- build_stm32 "$out/firmware.dfu" "$@"
        ;;
    *)
        set -- "$@" "CC=ccache gcc"
        case $product in
            mpy-cross)
                target=$out/mpy-cross
                set -- "$@" -C "$tree/mpy-cross" "$target"
                ;;
            UNIX | UNIX_BYTECODE)
                target=$out/micropython
                set -- "$@" -C "$tree/ports/unix" "VARIANT_DIR=$board" "$target"
                [ "$product" = UNIX ] || set -- "$@" PHYSMEM_BYTECODE=1
                ;;
        esac
        ;;
esac
step "Building $product" "$log" "$@" ||
    fail "the build of $product failed: find the first error in $log, correct it and run make again."
touch "$target"
