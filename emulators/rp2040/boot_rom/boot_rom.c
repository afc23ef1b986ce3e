// The part of the emulator's boot ROM that does not need assembler.
#include <stddef.h>
#include <stdint.h>

#define WATCHDOG_SCRATCH ((volatile uint32_t *)0x4005800c)
#define WATCHDOG_MAGIC 0xb007c0d3u

// RP2040 datasheet 2.8.1.1: before a watchdog reset, a program can set where core 0 continues.
void watchdog_start(void) {
    uint32_t magic = WATCHDOG_SCRATCH[4], mixed = WATCHDOG_SCRATCH[5];
    uint32_t stack = WATCHDOG_SCRATCH[6], entry = WATCHDOG_SCRATCH[7];
    if (magic != WATCHDOG_MAGIC || mixed != (entry ^ -WATCHDOG_MAGIC)) {
        return;
    }
    WATCHDOG_SCRATCH[4] = 0;
    __asm volatile("msr msp, %0\n blx %1" : : "r"(stack), "r"(entry | 1));
}

void *memcpy(void *target, const void *source, size_t size) {
    uint8_t *to = target;
    const uint8_t *from = source;
    if ((((uintptr_t)to | (uintptr_t)from) & 3) == 0) {
        for (; size >= 16; size -= 16, to += 16, from += 16) {
            const uint32_t *words = (const uint32_t *)from;
            uint32_t a = words[0], b = words[1], c = words[2], d = words[3];
            uint32_t *place = (uint32_t *)to;
            place[0] = a, place[1] = b, place[2] = c, place[3] = d;
        }
    }
    while (size--) {
        *to++ = *from++;
    }
    return target;
}

void *memset(void *target, int value, size_t size) {
    uint8_t *to = target;
    while (size && ((uintptr_t)to & 3)) {
        *to++ = value, size--;
    }
    uint32_t word = (uint8_t)value * 0x01010101u;
    for (; size >= 4; size -= 4, to += 4) {
        *(uint32_t *)to = word;
    }
    while (size--) {
        *to++ = value;
    }
    return target;
}

// The ROM's float2int rounds towards minus infinity (datasheet 2.8.3.2.1), but __aeabi_f2iz rounds towards zero.
int32_t float_to_int(float x) {
    int32_t whole = (int32_t)x;
    return x < (float)whole ? whole - 1 : whole;
}
