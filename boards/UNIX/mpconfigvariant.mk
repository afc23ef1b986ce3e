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

# Compile the library's machine code for the host. On hosts for which MicroPython has no emitter, and with
# PHYSMEM_BYTECODE on any, the library is bytecode.
NATIVE_ARCH_x86_64 = x64
NATIVE_ARCH_i686 = x86
ifeq ($(PHYSMEM_BYTECODE),)
NATIVE_ARCH := $(NATIVE_ARCH_$(shell uname -m))
endif
ifneq ($(NATIVE_ARCH),)
MPY_CROSS_FLAGS += -march=$(NATIVE_ARCH)
FROZEN_MANIFEST = $(FIRMWARE_DIR)/manifest.py
else
CFLAGS += -DMICROPY_EMIT_X64=0 -DMICROPY_EMIT_X86=0 -DMICROPY_EMIT_THUMB=0 -DMICROPY_EMIT_ARM=0
FROZEN_MANIFEST = $(FIRMWARE_DIR)/manifest_bytecode.py
endif

SRC_C += $(FIRMWARE_DIR)/boot_stage.c

MICROPY_MANIFEST_PHYSMEM_BOARD_DIR = $(VARIANT_DIR)
