// The size of the GC heap unless -X heapsize= says otherwise. It has room for the regions, which boot allocates in it.

extern long heap_size;

__attribute__((constructor)) static void set_heap_size(void) {
    heap_size = 64 * 1024 * 1024;
}
