#ifndef C_ALLOCATION_COUNTER_H
#define C_ALLOCATION_COUNTER_H

#include <stdint.h>

/// How often any thread of this process asked for memory since it began: malloc, calloc, realloc and the aligned forms.
/// Linking this target replaces the allocator's entry points, which sanitizers do too: only postern-bench links it.
uint64_t allocation_count(void);

/// Bytes that this process has asked for and not given back, as the allocator rounds them up; 0 where it cannot tell.
uint64_t allocation_bytes(void);

#endif
