/* The disk under some files of a program, at the very call that writes there: LD_PRELOAD.
 *
 * CRASH_DISKS is PART=PAGE;PART=PAGE: a part of the paths of some files, and a file of eight words that whoever arms it
 * maps too (shim.py). Calls are counted in whatever process; the one that is armed for does what it says. A kill is of
 * the whole process group: a power cut. A crash is of the process that writes, alone.
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

enum { WRITE, SYNC, RENAME }; /* the last: whatever changes names, or a length: unlink and ftruncate are two more */
enum { NOTHING, KILL_BEFORE, KILL_WITHIN, KILL_AFTER, FULL, PARTLY_FULL, FAILS, CRASH };
typedef struct { unsigned long count[3], kind, at, action, hits, spare; } Page;
typedef struct { const char *part; Page *page; } Disk;
enum { MOST = 4 };
static Disk disks[MOST];

__attribute__((constructor)) static void attach(void) {
    const char *told = getenv("CRASH_DISKS");
    char *rest = told ? strdup(told) : NULL;
    for (Disk *disk = disks; rest && disk < disks + MOST; disk++) {
        char *path = strsep(&rest, ";"), *part = strsep(&path, "=");
        int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        if (file < 0) continue;
        void *page = mmap(NULL, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close(file);
        if (page != MAP_FAILED) *disk = (Disk){part, page};
    }
}

static Page *page_of(const char *path) {
    for (Disk *disk = disks; disk < disks + MOST; disk++)
        if (disk->page && strstr(path, disk->part)) return disk->page;
    return NULL;
}

static Page *page_of_file(int file) {
    char link[32], path[4096];
    if (!disks[0].page) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    return page_of(path);
}

static void die(void) {
    kill(0, SIGKILL);
    for (;;) pause();
}

/* What is to happen at this call, as far as it has not yet. A full disk stays full. */
static unsigned long judge(Page *page, unsigned long kind) {
    if (!page) return NOTHING;
    unsigned long number = __atomic_add_fetch(&page->count[kind], 1, __ATOMIC_SEQ_CST), action = page->action;
    if (!action || page->kind != kind) return NOTHING;
    int lasts = action == FULL || action == PARTLY_FULL;
    if (number != page->at && !(lasts && number > page->at)) return NOTHING;
    __atomic_add_fetch(&page->hits, 1, __ATOMIC_SEQ_CST);
    if (action == KILL_BEFORE) die();
    if (action == CRASH) kill(getpid(), SIGKILL);
    return action == PARTLY_FULL && number > page->at ? FULL : action;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t put(int file, const void *data, size_t size, off_t at, int has_place) {
    static __typeof__(&write) real_write;
    static __typeof__(&pwrite64) real_pwrite;
    if (!real_write) real_write = REAL(write);
    if (!real_pwrite) real_pwrite = REAL(pwrite64);
    unsigned long action = judge(page_of_file(file), WRITE);
    if (action == FULL) {
        errno = ENOSPC;
        return -1;
    }
    if (action == KILL_WITHIN || action == PARTLY_FULL) size = (size + 1) / 2;
    ssize_t done = has_place ? real_pwrite(file, data, size, at) : real_write(file, data, size);
    if (action == KILL_WITHIN || action == KILL_AFTER) die();
    return done;
}

/* A call that is made, or is refused, whole. */
#define WHOLE(page, kind, call)                      \
    unsigned long action = judge(page, kind);        \
    if (action == FAILS) {                           \
        errno = EIO;                                 \
        return -1;                                   \
    }                                                \
    int answer = call;                               \
    if (action == KILL_AFTER) die();                 \
    return answer;

static Page *page_of_both(const char *from, const char *to) {
    Page *page = page_of(to);
    return page ? page : page_of(from);
}

#define SHOWN __attribute__((visibility("default")))
SHOWN ssize_t write(int file, const void *data, size_t size) { return put(file, data, size, 0, 0); }
SHOWN ssize_t pwrite(int file, const void *data, size_t size, off_t at) { return put(file, data, size, at, 1); }
SHOWN ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) { return put(file, data, size, at, 1); }
SHOWN int fsync(int file) { WHOLE(page_of_file(file), SYNC, REAL(fsync)(file)) }
SHOWN int fdatasync(int file) { WHOLE(page_of_file(file), SYNC, REAL(fdatasync)(file)) }
SHOWN int rename(const char *from, const char *to) { WHOLE(page_of_both(from, to), RENAME, REAL(rename)(from, to)) }
SHOWN int unlink(const char *path) { WHOLE(page_of(path), RENAME, REAL(unlink)(path)) }
SHOWN int ftruncate(int file, off_t size) { WHOLE(page_of_file(file), RENAME, REAL(ftruncate)(file, size)) }
SHOWN int ftruncate64(int file, off64_t size) { WHOLE(page_of_file(file), RENAME, REAL(ftruncate64)(file, size)) }
