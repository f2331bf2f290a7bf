/*
 * Included by the compiler in front of every file (-include): what must not be used here does
 * not compile.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GNUC__
/* clang's fortified headers have macros of these names */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol atoll gets strncpy strncat
#endif
