/* A stand-in for the RP2040's boot ROM: the functions that the Pico SDK and MicroPython call, where they look for them
 * (RP2040 datasheet 2.8.2.1 start-up of core 1, 2.8.3 ROM functions and their tables). Functions that use the flash
 * chip, or that would take too many bytes, ask the emulator by BKPT; boot_rom.mjs has the same numbers.
 */
        .syntax unified
        .cpu    cortex-m0plus
        .thumb

        .equ    STACK_TOP, 0x20041f00           @ below where the second stage lies
        .equ    SECOND_STAGE, 0x20041f00
        .equ    SECOND_STAGE_WORDS, 64
        .equ    FLASH, 0x10000000
        .equ    SIO, 0xd0000000
        .equ    SIO_CPUID, 0x00
        .equ    SIO_FIFO_STATUS, 0x50
        .equ    SIO_FIFO_WRITE, 0x54
        .equ    SIO_FIFO_READ, 0x58
        .equ    FIFO_VALID, 1
        .equ    VTOR, 0xe000ed08

        .section .vectors, "ax"
        .word   STACK_TOP
        .word   reset + 1
        .word   hard_fault + 1                  @ NMI
        .word   hard_fault + 1
        .byte   'M', 'u', 1, 2                  @ 0x10: magic; version 2 is the table layout of chip B1
        .hword  function_table                  @ 0x14
        .hword  data_table                      @ 0x16
        .hword  table_lookup + 1                @ 0x18
        .hword  0

        .section .text.start, "ax"
        .thumb_func
hard_fault:
        bkpt    #0                              @ a fault in a fault handler: the core locks up
        b       hard_fault

        .global reset
        .thumb_func
reset:
        ldr     r0, =SIO
        ldr     r0, [r0, #SIO_CPUID]
        cmp     r0, #0
        bne     core_1
        bl      watchdog_start                  @ returns unless the watchdog's scratch registers name a start address
        ldr     r0, =SECOND_STAGE
        ldr     r1, =FLASH
        movs    r2, #SECOND_STAGE_WORDS
        mov     r4, r0
1:      ldmia   r1!, {r3}
        stmia   r0!, {r3}
        subs    r2, #1
        bne     1b
        movs    r0, #0
        mov     lr, r0                          @ 0: the second stage continues at the vector table in flash
        adds    r4, #1
        bx      r4

        .include "launch_core_1.S"
        .ltorg

@ void *table_lookup(uint16_t *table, uint32_t code)
        .thumb_func
table_lookup:
        ldrh    r2, [r0]
        cmp     r2, #0
        beq     1f
        ldrh    r3, [r0, #2]
        adds    r0, #4
        cmp     r2, r1
        bne     table_lookup
        mov     r0, r3
        bx      lr
1:      movs    r0, #0
        bx      lr

@ The bit functions change only r0 to r3: their callers in the SDK keep a value in ip.
        .thumb_func
count_ones:
        movs    r1, #0
        movs    r2, #0
1:      cmp     r0, #0
        beq     2f
        lsrs    r0, #1
        adcs    r1, r2
        b       1b
2:      mov     r0, r1
        bx      lr

        .thumb_func
reverse_bits:
        movs    r1, #0
        movs    r2, #32
1:      lsrs    r0, #1
        adcs    r1, r1
        subs    r2, #1
        bne     1b
        mov     r0, r1
        bx      lr

        .thumb_func
leading_zeros:
        movs    r1, #32
1:      cmp     r0, #0
        beq     2f
        lsrs    r0, #1
        subs    r1, #1
        b       1b
2:      mov     r0, r1
        bx      lr

        .thumb_func
trailing_zeros:
        movs    r1, #0
        cmp     r0, #0
        beq     2f
1:      lsrs    r0, #1
        bcs     3f
        adds    r1, #1
        b       1b
2:      movs    r1, #32
3:      mov     r0, r1
        bx      lr

@ Functions that the emulator does. Their arguments are in r0 to r3.
        .macro  emulator_does name, number
        .thumb_func
\name:  bkpt    #\number
        bx      lr
        .endm
        emulator_does flash_range_erase, 0xe0
        emulator_does flash_range_program, 0xe1
        emulator_does reset_to_usb_boot, 0xe2
        emulator_does missing, 0xe3
        emulator_does float_sqrt, 0xe4
        emulator_does float_sin, 0xe5           @ also returns the cosine, in r1
        emulator_does float_cos, 0xe6
        emulator_does float_tan, 0xe7
        emulator_does float_exp, 0xe8
        emulator_does float_log, 0xe9
        emulator_does float_atan2, 0xea
        .thumb_func
nothing:
        bx      lr                              @ the emulated flash can always be read

        .macro  entry first, second, function
        .byte   \first, \second
        .hword  \function + 1
        .endm
        .section .rodata.tables, "a"
        .balign 4
function_table:
        entry   'P', '3', count_ones
        entry   'R', '3', reverse_bits
        entry   'L', '3', leading_zeros
        entry   'T', '3', trailing_zeros
        entry   'M', 'S', memset
        entry   'S', '4', memset
        entry   'M', 'C', memcpy
        entry   'C', '4', memcpy
        entry   'U', 'B', reset_to_usb_boot
        entry   'I', 'F', nothing               @ connect_internal_flash
        entry   'E', 'X', nothing               @ flash_exit_xip
        entry   'R', 'E', flash_range_erase
        entry   'R', 'P', flash_range_program
        entry   'F', 'C', nothing               @ flash_flush_cache
        entry   'C', 'X', nothing               @ flash_enter_cmd_xip
        .hword  0
        .balign 4
data_table:
        .ascii  "CR"
        .hword  copyright
        .ascii  "SF"
        .hword  float_table
        .ascii  "SD"
        .hword  double_table
        .hword  0
copyright:
        .asciz  "physmem's stand-in for the RP2040's boot ROM"

@ The tables of 2.8.3.2: libgcc and the emulator do what the ROM's functions do. Left out is what the SDK does itself or
@ MicroPython does not call.
        .balign 4
        .hword  0
        .byte   0x20, 0                         @ number of words of a table; it lies 2 bytes before the first
float_table:
        .word   __aeabi_fadd + 1, __aeabi_fsub + 1, __aeabi_fmul + 1, __aeabi_fdiv + 1
        .word   missing + 1, missing + 1, float_sqrt + 1, float_to_int + 1
        .word   missing + 1, __aeabi_f2uiz + 1, missing + 1, __aeabi_i2f + 1
        .word   missing + 1, __aeabi_ui2f + 1, missing + 1, float_cos + 1
        .word   float_sin + 1, float_tan + 1, missing + 1, float_exp + 1
        .word   float_log + 1, missing + 1, float_atan2 + 1, __aeabi_l2f + 1
        .word   missing + 1, __aeabi_ul2f + 1, missing + 1, missing + 1
        .word   missing + 1, __aeabi_f2ulz + 1, missing + 1, __aeabi_f2d + 1
double_table:
        .word   __aeabi_dadd + 1, __aeabi_dsub + 1, __aeabi_dmul + 1, __aeabi_ddiv + 1
        .word   missing + 1, missing + 1, missing + 1, missing + 1
        .word   missing + 1, __aeabi_d2uiz + 1, missing + 1, __aeabi_i2d + 1
        .word   missing + 1, __aeabi_ui2d + 1, missing + 1, missing + 1
        .word   missing + 1, missing + 1, missing + 1, missing + 1
        .word   missing + 1, missing + 1, missing + 1, __aeabi_l2d + 1
        .word   missing + 1, __aeabi_ul2d + 1, missing + 1, missing + 1
        .word   missing + 1, __aeabi_d2ulz + 1, missing + 1, __aeabi_d2f + 1
