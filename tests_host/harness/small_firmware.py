"""Link a small ELF file that is laid out as MicroPython's stm32 port lays out a firmware."""

import pathlib
import subprocess
import sys

from emulated_board import ROOT

# Sections and symbols as in ports/stm32/boards/*.ld and common_*.ld. No word is in it twice.
SOURCE = """
    .syntax unified
    .thumb
    .section .isr_vector, "a"
    .word 0x20020000, Reset_Handler + 1
    .set i, 0
    .rept {vector_words}
    .word 0xA0000000 + i
    .set i, i + 1
    .endr
    .text
    .global Reset_Handler
    .type Reset_Handler, %function
Reset_Handler:
    b Reset_Handler
    .global {block_device}, {usb}
{block_device}:
    .asciz "{banner}"
    .balign 4
    .set i, 0
    .rept {text_words}
    .word 0xB0000000 + i
    .set i, i + 1
    .endr
    .section .external, "ax"
    .rept {external_bytes}
    .byte 0x5A
    .endr
    .data
{usb}:
    .set i, 0
    .rept {data_words}
    .word 0xD0000000 + i
    .set i, i + 1
    .endr
    .bss
    .space 4096
"""
SCRIPT = """
SECTIONS
{{
    .isr_vector {vector} : {{ KEEP(*(.isr_vector)) }}
    .text {text} : {{ *(.text*) . = ALIGN(4); }}
    .data 0x20000000 : AT(LOADADDR(.text) + SIZEOF(.text) + {data_gap}) {{ *(.data*) }}
    .bss : {{ *(.bss*) }}
    .external 0x90000000 : AT(0x90000000) {{ *(.external) }}
}}
_micropy_hw_internal_flash_storage_start = {file_system_start};
_micropy_hw_internal_flash_storage_end = {file_system_end};
"""
# The pyboard's: the vector table in the first sector, the file system in the next four, all else behind it.
PYBOARD = {
    "banner": "PYBv1.1 with STM32F405RG",
    "vector": "0x08000000",
    "text": "0x08020000",
    "file_system_start": "0x08004000",
    "file_system_end": "0x08020000",
    "vector_words": 96,
    "text_words": 50000,
    "data_words": 13,
    "data_gap": 0,
    "external_bytes": 0,
    "block_device": "flash_bdev_ioctl",
    "usb": "pcd_fs_handle",
}
# A board whose file system is not in this flash: everything is one piece, over the sectors that the symbols name.
ONE_PIECE = {
    "banner": "F769DISC with STM32F769",
    "text": "0x08000200",
    "file_system_start": "0x08008000",
    "block_device": "not_a_block_device",
    "data_gap": 24,
    "usb": "pcd_hs_handle",
}


def make_dfu(elf, folder):
    """Make a .dfu file of the ELF file in *folder*, as scripts/build.sh does. Return its path."""
    command = [sys.executable, ROOT / "scripts" / "stm32_image.py", elf, folder]
    pieces = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    dfu = folder / "firmware.dfu"
    tree = pathlib.Path((ROOT / "build" / "tree").read_text().strip())
    command = [sys.executable, tree / "tools" / "dfu.py", "-D", "0x0483:0xDF11", *pieces, dfu]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return dfu


def link_firmware(folder, **differences):
    """Link PYBOARD with *differences* in *folder*. Return the path of the ELF file."""
    values = PYBOARD | differences
    (folder / "firmware.s").write_text(SOURCE.format(**values))
    (folder / "firmware.ld").write_text(SCRIPT.format(**values))
    elf = folder / "firmware.elf"
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-nostdlib", "-Wl,-z,noexecstack"]
    command += ["-Wl,-e,Reset_Handler", "-T", folder / "firmware.ld", folder / "firmware.s", "-o", elf]
    subprocess.run(command, check=True)
    return elf
