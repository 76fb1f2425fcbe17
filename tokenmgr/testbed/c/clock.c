/* The wall clock, so many seconds on: `tokenmgr testbed shell --at DATE` puts this in front of libc.
 *
 * No other clock is moved: what waits for a while, waits for that while. Only who waits until an absolute moment of the
 * wall clock (pthread_cond_timedwait and its like) is misled: libc compares with the true one. It asks neither malloc nor
 * dlsym: Firefox's allocator wants the time while it holds its own lock.
 */

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long ahead(void) {
    static long seconds;
    static int known;
    if (!known) {
        const char *told = getenv("TESTBED_SECONDS_AHEAD");
        seconds = told ? atol(told) : 0;
        known = environ != NULL;  /* before that, whoever asks is libc itself */
    }
    return seconds;
}

#pragma GCC visibility push(default)

int clock_gettime(clockid_t clock, struct timespec *now) {
    long answer = syscall(SYS_clock_gettime, clock, now);
    if (!answer && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += ahead();
    return (int)answer;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    int answer = clock_gettime(CLOCK_REALTIME, &exact);
    (void)zone;
    if (!answer) {
        now->tv_sec = exact.tv_sec;
        now->tv_usec = exact.tv_nsec / 1000;
    }
    return answer;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
