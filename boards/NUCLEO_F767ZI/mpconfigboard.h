#include "boards/NUCLEO_F767ZI/mpconfigboard.h"
#include "physmem_mpconfigboard.h"
