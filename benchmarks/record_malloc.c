/* Records what a program asks of malloc, between two calls, for record_traces.py; a library to preload (glibc).
 *
 * record_start(path) begins, record_stop() ends. The file gets one line a call: "+ADDRESS BYTES" for memory handed out,
 * "-ADDRESS" for memory given back; a realloc is both, the new memory first if it has moved. One thread only.
 */
#include <stdio.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static FILE *file; /* NULL: nothing is recorded; also while a line is being written, as writing may allocate */

static void record(char sign, void *address, size_t bytes) {
    FILE *f = file;
    if (f == NULL || address == NULL) {
        return;
    }
    file = NULL;
    if (sign == '+') {
        fprintf(f, "+%p %zu\n", address, bytes);
    } else {
        fprintf(f, "-%p\n", address);
    }
    file = f;
}

void record_start(const char *path) {
    file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        abort();
    }
}

void record_stop(void) {
    FILE *f = file;
    file = NULL;
    if (f == NULL || fclose(f) != 0) {
        perror("record_malloc: the record is not complete");
        abort();
    }
}

void *malloc(size_t bytes) {
    void *address = __libc_malloc(bytes);
    record('+', address, bytes);
    return address;
}

void *calloc(size_t n, size_t bytes) {
    void *address = __libc_calloc(n, bytes);
    record('+', address, n * bytes);
    return address;
}

void *realloc(void *old, size_t bytes) {
    void *address = __libc_realloc(old, bytes);
    if (address == old || (address == NULL && bytes != 0)) {
        /* In place, or nothing happened. In place the size may have changed: given back and handed out. */
        if (address != NULL) {
            record('-', old, 0);
            record('+', address, bytes);
        }
        return address;
    }
    record('+', address, bytes);
    record('-', old, 0);
    return address;
}

void *memalign(size_t alignment, size_t bytes) {
    void *address = __libc_memalign(alignment, bytes);
    record('+', address, bytes);
    return address;
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    return memalign(alignment, bytes);
}

int posix_memalign(void **result, size_t alignment, size_t bytes) {
    *result = memalign(alignment, bytes);
    return *result == NULL ? 12 : 0; /* ENOMEM */
}

void free(void *address) {
    record('-', address, 0);
    __libc_free(address);
}
