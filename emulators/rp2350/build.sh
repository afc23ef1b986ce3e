#!/bin/sh
# build.sh BUILD: compile what the RP2350 emulator does before each instruction, and its boot ROM, both in BUILD/rp2350.
set -eu
cd "$(dirname "$0")"
. ../../scripts/common.sh
out=$1/rp2350
log=$1/rp2350.log

build_native() {
    unicorn=$("$1/venv/bin/python" -c "import pathlib, unicorn; print(pathlib.Path(unicorn.__file__).parent)") &&
        gcc -O2 -Wall -Wextra -Wno-unused-parameter -Werror -shared -fPIC -I"$unicorn/include" each_instruction.c turns.c \
            "$unicorn/lib/libunicorn.so.2" -Wl,-rpath,"$unicorn/lib" -o "$out/native.so"
}

build_boot_rom() {
    arm-none-eabi-gcc -mcpu=cortex-m33 -mthumb -Wall -Wextra -Werror -nostdlib -Wa,-I.. -T boot_rom/boot_rom.ld \
        -o "$out/boot_rom.elf" boot_rom/boot_rom.S &&
        arm-none-eabi-objcopy -O binary "$out/boot_rom.elf" "$out/boot_rom.bin"
}

mkdir -p "$out"
step "Building the RP2350 emulator" "$log" build_native "$1" ||
    fail "the build of the RP2350 emulator failed: find the first error in $log, correct it and run make again."
step "Building the emulator's boot ROM" "$log" build_boot_rom ||
    fail "the build of the RP2350 emulator's boot ROM failed: find the first error in $log, correct it and run make again."
