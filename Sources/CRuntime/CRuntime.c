#define _GNU_SOURCE
#include "CRuntime.h"

#include <stdbool.h>
#include <stddef.h>

// stdlib/public/runtime/Exclusivity.cpp of Swift: read at the begin of every access. Weak: a runtime may be without it.
extern bool _swift_disableExclusivityChecking __attribute__((weak));

void skip_exclusivity_checks(void) {
    if (&_swift_disableExclusivityChecking != NULL) _swift_disableExclusivityChecking = true;
}

#if defined(__linux__)

#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// The third figure of /proc/self/statm, in pages: proc(5). Read by hand: what a library reads files with would come back
// into memory each time.
size_t file_backed_resident_bytes(void) {
    int descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return 0;
    char text[128];
    ssize_t count = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    if (count <= 0) return 0;
    text[count] = 0;
    char *rest = text;
    unsigned long pages = 0;
    for (int figure = 0; figure < 3; figure++) pages = strtoul(rest, &rest, 10);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int release_code_of(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size;
    (void)context;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        // Code that nobody may write to: nothing is lost with its pages, since a private mapping of a file is read from
        // the file again (madvise(2), MADV_DONTNEED). Whole pages only: the first and the last may hold more than code.
        if (segment->p_type != PT_LOAD || segment->p_flags != (PF_R | PF_X)) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) / page * page;
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz) / page * page;
        // A refusal, as for the code that the kernel itself lends to every process, leaves the pages where they are.
        if (start < end) madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void release_code_pages(void) { dl_iterate_phdr(release_code_of, NULL); }

#else

size_t file_backed_resident_bytes(void) { return 0; }

void release_code_pages(void) {}

#endif

#if defined(__GLIBC__)

#include <malloc.h>

// Pages within the heap go back only when they are asked for: malloc_trim(3).
void return_free_memory(size_t least) {
    struct mallinfo2 info = mallinfo2();
    if (info.fordblks >= least) malloc_trim(0);
}

#else

void return_free_memory(size_t least) { (void)least; }

#endif
