/* The wall clock, an hour behind as soon as the file named by CLOCK_IS_BACK exists; other clocks run on.
   To be loaded by LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int (*true_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void find(void) {
    true_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t id, struct timespec *now) {
    if (!true_clock) find();
    int failed = true_clock(id, now);
    const char *file = getenv("CLOCK_IS_BACK");
    if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) && file && access(file, F_OK) == 0)
        now->tv_sec -= 3600;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec found;
    int failed = clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *now) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (now) *now = found.tv_sec;
    return found.tv_sec;
}
