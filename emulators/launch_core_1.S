/* What the boot ROM does on core 1: RP2040 datasheet 2.8.2, RP2350 datasheet 5.3. Both boot ROMs include this file and
 * define its symbols. It keeps to the instructions of a Cortex-M0+.
 */
@ Core 1 sleeps until core 0 sends 0, 0, 1, vector table, stack pointer, entry. It echoes each word; a word out of order
@ restarts the sequence. r4: SIO, r5: words received in order, r6, r7, r8: the last three.
        .thumb_func
core_1:
        ldr     r4, =SIO
drain:
        ldr     r0, [r4, #SIO_FIFO_STATUS]
        movs    r1, #FIFO_VALID
        tst     r0, r1
        beq     drained
        ldr     r0, [r4, #SIO_FIFO_READ]
        b       drain
drained:
        movs    r0, #0
        str     r0, [r4, #SIO_FIFO_WRITE]       @ tells core 0 that the FIFO is empty
        sev
restart:
        movs    r5, #0
next_word:
        ldr     r0, [r4, #SIO_FIFO_STATUS]
        movs    r1, #FIFO_VALID
        tst     r0, r1
        bne     1f
        wfe
        b       next_word
1:      ldr     r0, [r4, #SIO_FIFO_READ]
        str     r0, [r4, #SIO_FIFO_WRITE]
        sev
        cmp     r5, #2
        bhi     take                            @ words 3, 4, 5 can have any value
        beq     2f
        cmp     r0, #0                          @ words 0 and 1 must be 0
        bne     restart
        b       take
2:      cmp     r0, #1                          @ word 2 must be 1
        bne     not_one
take:
        mov     r6, r7
        mov     r7, r8
        mov     r8, r0
        adds    r5, #1
        cmp     r5, #6
        bne     next_word
        ldr     r1, =VTOR
        str     r6, [r1]
        msr     msp, r7
        mov     r0, r8
        blx     r0
1:      wfi                                     @ the program has returned: wait for a reset
        b       1b
not_one:
        cmp     r0, #0                          @ a third 0 counts as the second one
        bne     restart
        b       next_word
