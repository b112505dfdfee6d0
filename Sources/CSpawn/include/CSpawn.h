#ifndef C_SPAWN_H
#define C_SPAWN_H

#include <sys/types.h>

/// Makes a pipe whose ends no program inherits by itself: `ends[0]` to read, `ends[1]` to write. Returns 0, or the number
/// of the error.
int spawn_pipe(int ends[2]);

/// Starts `arguments[0]`, looked up in PATH, with these arguments, variables and standard streams, and nothing else:
/// no other descriptor is open, no signal blocked or ignored, and it leads a process group of its own. It may have 1024
/// files open, which programs that use select(2) can bear, whatever we may. Both lists end with a null pointer.
///
/// Returns 0 with the number of the process in `process`, or the number of the error.
int spawn_program(
    char *const arguments[], char *const variables[], int input, int output, int errors, pid_t *process);

#endif
