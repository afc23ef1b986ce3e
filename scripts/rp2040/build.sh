#!/bin/sh
# build.sh BUILD: fetches rp2040js from npm and builds the stand-in's boot ROM, everything in BUILD/rp2040.
set -eu
cd "$(dirname "$0")"
. ../common.sh
out=$1/rp2040
log=$1/rp2040.log

fetch_packages() {
    cp package.json "$out" &&
        npm install --prefix "$out" --no-package-lock --no-audit --no-fund --loglevel=error
}

build_boot_rom() {
    arm-none-eabi-gcc -mcpu=cortex-m0plus -mthumb -Os -Wall -Wextra -Werror -ffreestanding -fno-builtin \
        -fno-tree-loop-distribute-patterns -nostdlib -T boot_rom/boot_rom.ld \
        -o "$out/boot_rom.elf" boot_rom/boot_rom.S boot_rom/boot_rom.c -lgcc &&
        arm-none-eabi-objcopy -O binary "$out/boot_rom.elf" "$out/boot_rom.bin"
}

mkdir -p "$out"
step "Fetching the emulator of the RP2040" "$log" fetch_packages ||
    fail "npm could not install rp2040js: see $log, give npm a registry that it can reach, and run make again."
step "Building the emulator's boot ROM" "$log" build_boot_rom ||
    fail "the emulator's boot ROM could not be built: see $log for the first error, correct it and run make again."
