#!/bin/sh
# build.sh BUILD: fetch rp2040js from npm and build the emulator's boot ROM, both in BUILD/rp2040.
set -eu
cd "$(dirname "$0")"
. ../../scripts/common.sh
out=$1/rp2040
log=$1/rp2040.log

fetch_packages() {
    cp package.json "$out" &&
        npm install --prefix "$out" --no-package-lock --no-audit --no-fund --loglevel=error
}

build_boot_rom() {
    arm-none-eabi-gcc -mcpu=cortex-m0plus -mthumb -Os -Wall -Wextra -Werror -ffreestanding -fno-builtin \
        -fno-tree-loop-distribute-patterns -nostdlib -Wa,-I.. -T boot_rom/boot_rom.ld \
        -o "$out/boot_rom.elf" boot_rom/boot_rom.S boot_rom/boot_rom.c -lgcc &&
        arm-none-eabi-objcopy -O binary "$out/boot_rom.elf" "$out/boot_rom.bin"
}

mkdir -p "$out"
step "Fetching the RP2040 emulator" "$log" fetch_packages ||
    fail "npm could not install rp2040js: see $log for the reason, make sure that npm can reach a registry, and run make again."
step "Building the emulator's boot ROM" "$log" build_boot_rom ||
    fail "the build of the RP2040 emulator's boot ROM failed: find the first error in $log, correct it and run make again."
