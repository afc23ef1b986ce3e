// Included before the frozen modules. MicroPython's tools/mpy-tool.py aligns their machine code to 2 bytes. That is not
// enough: its loads of constants are relative to a multiple of 4, and MicroPython reads the first word of a native
// function, which the RP2040 can only do at a multiple of 4.
#define aligned(bytes) aligned((bytes) < 4 ? 4 : (bytes))
