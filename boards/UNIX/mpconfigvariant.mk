# The unix port built from Debian's packages alone, without anything that needs a library or a git submodule.

FIRMWARE_DIR := $(abspath $(VARIANT_DIR)/../../firmware)

MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_SOCKET = 0
MICROPY_PY_SSL = 0
MICROPY_PY_THREAD = 0
MICROPY_VFS_FAT = 0
MICROPY_VFS_LFS1 = 0
MICROPY_VFS_LFS2 = 0

# Compile the library's machine code for the host.
NATIVE_ARCH_x86_64 = x64
NATIVE_ARCH_i686 = x86
NATIVE_ARCH := $(NATIVE_ARCH_$(shell uname -m))
ifeq ($(NATIVE_ARCH),)
$(error MicroPython's unix port has no machine code emitter for $(shell uname -m): use a PC, or make BOARD=... on QEMU)
endif
MPY_CROSS_FLAGS += -march=$(NATIVE_ARCH)

SRC_C += $(FIRMWARE_DIR)/boot_stage.c

FROZEN_MANIFEST = $(FIRMWARE_DIR)/manifest.py
MICROPY_MANIFEST_PHYSMEM_BOARD_DIR = $(VARIANT_DIR)
