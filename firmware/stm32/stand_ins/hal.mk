# ST's HAL for the STM32F4 from the npm package in PHYSMEM_HAL, and stand-ins for the files that the package lacks.
STM32CUBE := $(PHYSMEM_HAL)/stm32cubemx
STAND_INS := $(abspath $(BOARD_DIR)/../../firmware/stm32/stand_ins)

STM32LIB_CMSIS_DIR = $(STM32CUBE)/Drivers/CMSIS/Device/ST/STM32F4xx
STM32LIB_HAL_DIR = $(STM32CUBE)/Drivers/STM32F4xx_HAL_Driver
SYSTEM_FILE = $(STM32CUBE)/Core/Src/system_stm32f4xx.o
STARTUP_FILE = $(STAND_INS)/vectors.o

# Those of the files that the port would compile.
override HAL_SRC_C = $(wildcard $(STM32LIB_HAL_BASE)/Src/*.c)

CFLAGS_EXTRA += -I$(STAND_INS)
# ARM's headers for the core, if the tree has them in a submodule that is missing.
CFLAGS_EXTRA += -idirafter $(STM32CUBE)/Drivers/CMSIS/Include
SRC_C += $(STAND_INS)/hal_stand_ins.c
LDFLAGS += -Wl,--wrap=rng_get
# The port's table of further areas for the collector, in versions that take it from the linker script: an empty one.
LDFLAGS += -Wl,--defsym=_gc_blocks_table_start=0,--defsym=_gc_blocks_table_end=0
