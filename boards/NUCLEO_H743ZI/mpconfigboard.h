#include "boards/NUCLEO_H743ZI/mpconfigboard.h"
#include "physmem_mpconfigboard.h"
