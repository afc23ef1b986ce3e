/* A stand-in for the Arm half of the RP2350's boot ROM: how it starts the cores, and the functions that the Pico SDK and
 * MicroPython call, where they look for them (RP2350 datasheet 5.2, 5.3, 5.4). Functions that need what is outside the
 * core ask the emulator by BKPT; boot_rom.py has the same numbers. Nothing uses a stack before a program runs, because SRAM may have been kept.
 */
        .syntax unified
        .cpu    cortex-m33
        .thumb

        .equ    STACK_TOP, 0x20082000
        .equ    FLASH, 0x10000000
        .equ    IMAGE_SEARCH_WORDS, 4096 / 4    @ where an image has its first block (5.9.5)
        .equ    BLOCK_MARKER, 0xffffded3
        .equ    SIO, 0xd0000000
        .equ    SIO_CPUID, 0x00
        .equ    SIO_FIFO_STATUS, 0x50
        .equ    SIO_FIFO_WRITE, 0x54
        .equ    SIO_FIFO_READ, 0x58
        .equ    FIFO_VALID, 1
        .equ    VTOR, 0xe000ed08
        .equ    WATCHDOG, 0x400d8000
        .equ    WATCHDOG_CTRL, 0x00
        .equ    WATCHDOG_LOAD, 0x04
        .equ    SCRATCH2, 0x14
        .equ    SCRATCH3, 0x18
        .equ    SCRATCH4, 0x1c
        .equ    SCRATCH5, 0x20
        .equ    SCRATCH6, 0x24
        .equ    SCRATCH7, 0x28
        .equ    CTRL_TRIGGER, 1 << 31
        .equ    CTRL_ENABLE, 1 << 30
        .equ    PSM_WDSEL, 0x40018008
        .equ    ALL_BUT_OSCILLATORS, 0x01fffff3
        .equ    BOOT_MAGIC, 0xb007c0d3
        .equ    MINUS_BOOT_MAGIC, 0x4ff83f2d
        .equ    NORMAL, 0                       @ types of boot (5.2.4.1)
        .equ    BOOTSEL, 2
        .equ    PC_SP, 0xd
        .equ    TYPE_MASK, 0xf
        .equ    NO_RETURN, 0x100
        .equ    MICROSECONDS, 1000              @ of a millisecond
        .equ    ARM_SECURE, 0x0004              @ flags of the table's entries (5.4.1)
        .equ    DATA, 0x0040
        .equ    FLASH_DEVICES, 0x0c00           @ FLASH_DEVINFO (13.9): 16 MiB at chip select 0, nothing at 1

        .section .vectors, "ax"
        .word   STACK_TOP
        .word   reset + 1
        .word   fault + 1                       @ NMI
        .word   fault + 1
        .byte   'M', 'u', 2, 2                  @ 0x10: magic; version 2 is that of stepping A2
        .hword  table                           @ 0x14
        .hword  table_lookup_val + 1            @ 0x16
        .hword  table_lookup_entry + 1          @ 0x18
        .hword  0

        .section .text, "ax"
        .thumb_func
fault:
        bkpt    #0                              @ a fault in a fault handler: the core locks up
        b       fault

        .global reset
        .thumb_func
reset:
        ldr     r0, =SIO
        ldr     r0, [r0, #SIO_CPUID]
        cmp     r0, #0
        bne     core_1

@ 5.2.4: before a watchdog reset, a program can set where core 0 continues. It may return.
        ldr     r4, =WATCHDOG
        ldr     r5, =BOOT_MAGIC
        ldr     r0, [r4, #SCRATCH4]
        cmp     r0, r5
        bne     boot_from_flash
        movs    r0, #0
        str     r0, [r4, #SCRATCH4]
        ldr     r0, [r4, #SCRATCH5]
        ldr     r1, [r4, #SCRATCH6]             @ stack pointer
        ldr     r2, [r4, #SCRATCH7]             @ entry point
        ldr     r3, =MINUS_BOOT_MAGIC
        eors    r3, r2
        cmp     r0, r3
        bne     boot_from_flash
        cmp     r2, r5
        beq     special_boot
        tst     r2, #1
        beq     .                               @ not for an Arm core: hang, as the chip does
        msr     msp, r1
        blx     r2
        b       boot_from_flash
special_boot:
        cmp     r1, #BOOTSEL
        beq     usb_boot
        cmp     r1, #NORMAL
        beq     boot_from_flash
        bl      missing

@ 5.2.7, 5.9: an image is there if its first 4 KiB have the marker of a block; its vector table is at the start of flash.
boot_from_flash:
        ldr     r0, =FLASH
        ldr     r1, =BLOCK_MARKER
        ldr     r2, =IMAGE_SEARCH_WORDS
        mov     r3, r0
1:      ldr     r4, [r3], #4
        cmp     r4, r1
        beq     2f
        subs    r2, #1
        bne     1b
        b       usb_boot
2:      ldr     r1, =VTOR
        str     r0, [r1]
        ldr     r1, [r0]
        msr     msp, r1
        ldr     r0, [r0, #4]
        mov     lr, #-1
        bx      r0

        .include "launch_core_1.S"
        .ltorg

@ uint16_t *table_lookup_entry(uint32_t code, uint32_t mask): where the table has the pointer; 0 if it has none.
@ Each entry has the two characters of its code, flags of which one is set, and the pointer.
        .thumb_func
table_lookup_entry:
        ldr     r3, =table
1:      ldrh    r2, [r3], #2
        cbz     r2, 3f
        cmp     r2, r0
        bne     2f
        ldrh    r2, [r3]
        tst     r2, r1
        beq     2f
        adds    r0, r3, #2
        bx      lr
2:      adds    r3, #4
        b       1b
3:      movs    r0, #0
        bx      lr

@ uint32_t table_lookup_val(uint32_t code, uint32_t mask): the pointer.
        .thumb_func
table_lookup_val:
        mov     r12, lr
        bl      table_lookup_entry
        cbz     r0, 1f
        ldrh    r0, [r0]
1:      bx      r12

@ int reboot(uint32_t flags, uint32_t delay_ms, uint32_t p0, uint32_t p1) (5.4.8): by the watchdog, as by 5.2.4.
        .thumb_func
reboot:
        mov     r12, r0
        push    {r4, r5}
        ldr     r4, =WATCHDOG
        movs    r0, #0
        str     r0, [r4, #WATCHDOG_CTRL]
        str     r2, [r4, #SCRATCH2]
        str     r3, [r4, #SCRATCH3]
        and     r5, r12, #TYPE_MASK
        cmp     r5, #PC_SP
        beq     2f
        cmp     r5, #NORMAL
        it      ne
        cmpne   r5, #BOOTSEL
        it      ne
        blne    missing
        mov     r3, r5                          @ the type instead of a stack pointer
        ldr     r2, =BOOT_MAGIC                 @ and instead of an entry point
2:      str     r3, [r4, #SCRATCH6]
        str     r2, [r4, #SCRATCH7]
        ldr     r3, =MINUS_BOOT_MAGIC
        eors    r2, r3
        str     r2, [r4, #SCRATCH5]
        ldr     r2, =BOOT_MAGIC
        str     r2, [r4, #SCRATCH4]
        ldr     r2, =PSM_WDSEL
        ldr     r3, =ALL_BUT_OSCILLATORS
        str     r3, [r2]
        ldr     r0, =MICROSECONDS
        muls    r1, r0
        ldr     r0, =CTRL_ENABLE
        it      eq
        ldreq   r0, =CTRL_TRIGGER
        str     r1, [r4, #WATCHDOG_LOAD]
        str     r0, [r4, #WATCHDOG_CTRL]
        tst     r12, #NO_RETURN
        beq     4f
3:      wfi
        b       3b
4:      movs    r0, #0
        pop     {r4, r5}
        bx      lr
        .ltorg

@ Functions that the emulator does. Their arguments are in r0 to r3.
        .macro  emulator_does name, number
        .thumb_func
\name:  bkpt    #\number
        bx      lr
        .endm
        emulator_does flash_range_erase, 0xe0
        emulator_does flash_range_program, 0xe1
        emulator_does usb_boot, 0xe2
        emulator_does missing, 0xe3
        emulator_does get_sys_info, 0xe4
        emulator_does flash_exit_xip, 0xe5
        emulator_does flash_enter_serial_xip, 0xe6
        emulator_does flash_flush_cache, 0xe7
        .thumb_func
nothing:
        movs    r0, #0
        bx      lr

        .macro  entry first, second, flag, pointer
        .byte   \first, \second
        .hword  \flag, \pointer
        .endm
        .macro  function first, second, name
        entry   \first, \second, ARM_SECURE, \name + 1
        .endm
        .section .rodata, "a"
        .balign 4
flash_devinfo_pointer:
        .word   flash_devinfo
flash_devinfo:
        .hword  FLASH_DEVICES
        .balign 2
table:
        function 'R', 'E', flash_range_erase
        function 'R', 'P', flash_range_program
        function 'E', 'X', flash_exit_xip
        function 'C', 'X', flash_enter_serial_xip
        function 'X', 'M', flash_enter_serial_xip @ flash_select_xip_read_mode
        function 'F', 'C', flash_flush_cache
        function 'I', 'F', nothing              @ connect_internal_flash: its pads are always connected
        function 'R', 'A', nothing              @ flash_reset_address_trans: the emulator translates no addresses
        function 'S', 'R', nothing              @ bootrom_state_reset: the functions here keep no state
        function 'G', 'S', get_sys_info
        function 'R', 'B', reboot
        entry   'F', 'D', DATA, flash_devinfo_pointer
        function 'A', 'B', missing              @ pick_ab_partition
        function 'C', 'I', missing              @ chain_image
        function 'E', 'B', missing              @ explicit_buy
        function 'F', 'A', missing              @ flash_runtime_to_storage_addr
        function 'F', 'O', missing              @ flash_op
        function 'G', 'B', missing              @ get_b_partition
        function 'G', 'P', missing              @ get_partition_table_info
        function 'G', 'U', missing              @ get_uf2_target_partition
        function 'L', 'P', missing              @ load_partition_table
        function 'O', 'A', missing              @ otp_access
        function 'R', 'C', missing              @ set_rom_callback
        function 'S', 'P', missing              @ set_ns_api_permission
        function 'V', 'B', missing              @ validate_ns_buffer
        .hword  0
