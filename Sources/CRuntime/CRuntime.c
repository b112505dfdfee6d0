#include "CRuntime.h"

#include <stdbool.h>
#include <stddef.h>

// stdlib/public/runtime/Exclusivity.cpp of Swift: read at the begin of every access. Weak: a runtime may be without it.
extern bool _swift_disableExclusivityChecking __attribute__((weak));

void skip_exclusivity_checks(void) {
    if (&_swift_disableExclusivityChecking != NULL) _swift_disableExclusivityChecking = true;
}
