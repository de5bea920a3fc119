/* The wall clock, an hour behind as soon as the file named by CLOCK_IS_BACK exists; other clocks run on.
   To be loaded by LD_PRELOAD. The kernel's clock stays, so what waits for a time of day waits for the kernel's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define HOUR 3600
#define A_DATE 1000000000 /* seconds; a clock that counts from the machine's start is far below */
#define TRUE(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_back(void) {
    const char *file = getenv("CLOCK_IS_BACK");
    return file && access(file, F_OK) == 0;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*true_clock)(clockid_t, struct timespec *);
    if (!true_clock) true_clock = TRUE(clock_gettime);
    int failed = true_clock(id, now);
    if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) && is_back()) now->tv_sec -= HOUR;
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

/* Give a time of day as the kernel has it. */
static const struct timespec *of_kernel(const struct timespec *until, struct timespec *moved) {
    if (!until || until->tv_sec < A_DATE || !is_back()) return until;
    *moved = *until;
    moved->tv_sec += HOUR;
    return moved;
}

int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m, const struct timespec *restrict t) {
    struct timespec moved;
    return TRUE(pthread_cond_timedwait)(c, m, of_kernel(t, &moved));
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict m, const struct timespec *restrict t) {
    struct timespec moved;
    return TRUE(pthread_mutex_timedlock)(m, of_kernel(t, &moved));
}

int sem_timedwait(sem_t *restrict s, const struct timespec *restrict t) {
    struct timespec moved;
    return TRUE(sem_timedwait)(s, of_kernel(t, &moved));
}

long syscall(long number, ...) {
    static long (*true_syscall)(long, ...);
    if (!true_syscall) true_syscall = TRUE(syscall);
    va_list given;
    va_start(given, number);
    long a[6];
    for (int i = 0; i < 6; i++) a[i] = va_arg(given, long);
    va_end(given);
    struct timespec moved;
    if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME))
        a[3] = (long)of_kernel((const struct timespec *)a[3], &moved);
    return true_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
