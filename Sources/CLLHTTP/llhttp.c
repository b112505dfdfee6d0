#include "where.h"

#if !POSTERN_LLHTTP_IS_LIBRARY
#include "/usr/share/llhttp/llhttp.c"
#endif
