#ifndef C_RUNTIME_H
#define C_RUNTIME_H

#include <stddef.h>

/// Turns off the Swift runtime's checks of exclusive access in this process, for good.
///
/// SwiftNIO is compiled with these checks, and no setting of a package reaches its dependencies: they took an eighth of
/// the instructions of a request. Our own modules go without them in release, and all tests run with them. Does nothing
/// where the runtime has no such switch.
void skip_exclusivity_checks(void);

/// Resident memory of this process that is backed by files, in bytes; 0 where the system does not say (Linux does).
size_t file_backed_resident_bytes(void);

/// Takes the machine code of the program and its libraries out of the process. It stays in the page cache, and each
/// page is mapped again at its next use. Does nothing on other systems than Linux.
void release_code_pages(void);

/// Gives memory back to the system that was freed and lies between what is in use, if it is `least` bytes or more. Does
/// nothing where the C library keeps none.
void return_free_memory(size_t least);

#endif
