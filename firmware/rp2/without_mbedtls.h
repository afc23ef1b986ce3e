// Included after the port's configuration: what a tree without mbedtls cannot have (debian_tree.cmake).
#if PHYSMEM_WITHOUT_MBEDTLS
#undef MICROPY_SSL_MBEDTLS
#undef MICROPY_PY_CRYPTOLIB
#define MICROPY_PY_CRYPTOLIB (0)
#undef MICROPY_PY_HASHLIB_MD5
#define MICROPY_PY_HASHLIB_MD5 (0)
#undef MICROPY_PY_HASHLIB_SHA1
#define MICROPY_PY_HASHLIB_SHA1 (0)
#endif
