/* A disk that is slow or failing, preloaded into a program: fsync and fdatasync take POSTERN_TEST_SYNC_MS milliseconds,
 * and fail with EIO while there is a file at POSTERN_TEST_SYNC_FAILS. Nothing is synced. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int sync_slowly(void)
{
    const char *delay = getenv("POSTERN_TEST_SYNC_MS");
    const char *failing = getenv("POSTERN_TEST_SYNC_FAILS");
    long milliseconds = delay ? atol(delay) : 0;
    struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    while (nanosleep(&pause, &pause) == -1 && errno == EINTR)
        ;
    if (failing && access(failing, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return 0;
}

int fsync(int descriptor)
{
    (void)descriptor;
    return sync_slowly();
}

int fdatasync(int descriptor)
{
    (void)descriptor;
    return sync_slowly();
}
