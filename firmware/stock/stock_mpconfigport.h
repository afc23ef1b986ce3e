// The port's own configuration, for a tree that may lack mbedtls.
#include "mpconfigport.h"
#include "../rp2/without_mbedtls.h"
