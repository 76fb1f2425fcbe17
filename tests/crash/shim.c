/* The disk under some files of a program, at the very call that writes there: LD_PRELOAD.
 *
 * CRASH_FILES is a part of their paths, CRASH_PAGE a file of eight words that whoever arms it maps too (shim.py). Calls
 * are counted in whatever process; the one that is armed for does what it says. A kill is of the whole process group:
 * a power cut.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WRITE, SYNC };
enum { NOTHING, KILL_BEFORE, KILL_WITHIN, KILL_AFTER, FULL, PARTLY_FULL, FAILS };
typedef struct { unsigned long count[2], kind, at, action, hits, spare[2]; } Page;
static Page *page;
static const char *wanted;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("CRASH_PAGE");
    wanted = getenv("CRASH_FILES");
    int file = path && wanted ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) page = NULL;
    close(file);
}

static int is_meant(int file) {
    char link[32], path[4096];
    if (!page) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, wanted) != NULL;
}

/* What is to happen at this call. A full disk stays full. */
static unsigned long judge(int file, unsigned long kind) {
    if (!is_meant(file)) return NOTHING;
    unsigned long number = __atomic_add_fetch(&page->count[kind], 1, __ATOMIC_SEQ_CST), action = page->action;
    if (!action || page->kind != kind) return NOTHING;
    int lasts = action == FULL || action == PARTLY_FULL;
    if (number != page->at && !(lasts && number > page->at)) return NOTHING;
    __atomic_add_fetch(&page->hits, 1, __ATOMIC_SEQ_CST);
    return action == PARTLY_FULL && number > page->at ? FULL : action;
}

static void die(void) {
    kill(0, SIGKILL);
    for (;;) pause();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t put(int file, const void *data, size_t size, off_t at, int has_place) {
    static __typeof__(&write) real_write;
    static __typeof__(&pwrite64) real_pwrite;
    if (!real_write) real_write = REAL(write);
    if (!real_pwrite) real_pwrite = REAL(pwrite64);
    unsigned long action = judge(file, WRITE);
    if (action == KILL_BEFORE) die();
    if (action == FULL) {
        errno = ENOSPC;
        return -1;
    }
    if (action == KILL_WITHIN || action == PARTLY_FULL) size = (size + 1) / 2;
    ssize_t done = has_place ? real_pwrite(file, data, size, at) : real_write(file, data, size);
    if (action == KILL_WITHIN || action == KILL_AFTER) die();
    return done;
}

static int flush(int file, int (*real)(int)) {
    unsigned long action = judge(file, SYNC);
    if (action == KILL_BEFORE) die();
    if (action == FAILS) {
        errno = EIO;
        return -1;
    }
    int answer = real(file);
    if (action == KILL_AFTER) die();
    return answer;
}

#define SHOWN __attribute__((visibility("default")))
SHOWN ssize_t write(int file, const void *data, size_t size) { return put(file, data, size, 0, 0); }
SHOWN ssize_t pwrite(int file, const void *data, size_t size, off_t at) { return put(file, data, size, at, 1); }
SHOWN ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) { return put(file, data, size, at, 1); }
SHOWN int fsync(int file) { return flush(file, REAL(fsync)); }
SHOWN int fdatasync(int file) { return flush(file, REAL(fdatasync)); }
