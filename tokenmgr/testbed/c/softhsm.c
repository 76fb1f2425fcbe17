/* The PKCS#11 library of one simulated medium: SoftHSM behind what SoftHSM cannot do.
 *
 * It lies in the medium's folder, and finds everything there by its own path, so that a program needs to be told nothing
 * else. It shows one slot, 0, and adds what a stick has: it can be pulled and plugged, counts wrong PINs and locks, fills
 * up, is read-only, has its own serial number. Then it misbehaves as the rules say.
 *
 *     state      a page that every process maps: what the medium is, and how often each rule was asked (control.py)
 *     rules      a line a rule, read again when the page says that it has changed
 *     calls      a line a call: process, function, answer, milliseconds, rule. Never an argument: some are PINs
 *     tokens/    SoftHSM's own; in unplugged/ while the medium is pulled
 *     plug.lock  held by the hand at the plug, be it a rule's or simulated.py's
 *     token.lock held by who reads or writes PINs and flags
 *
 * It is one text of four parts. layer.py puts its own before them: the functions' count, their numbers F_*, their names[],
 * for each a trampoline into pass() and a way out to SoftHSM, out[]; and State, the page. Then this part: its own SoftHSM;
 * rules.c: what goes wrong, and the list of calls; stick.c: what a stick has and SoftHSM has not.
 */

enum {
    CKR_OK = 0, CKR_SLOT_ID_INVALID = 3, CKR_GENERAL_ERROR = 5, CKR_ARGUMENTS_BAD = 7, CKR_NO_EVENT = 8,
    CKR_DEVICE_ERROR = 0x30, CKR_DEVICE_MEMORY = 0x31, CKR_PIN_INCORRECT = 0xA0, CKR_PIN_EXPIRED = 0xA3,
    CKR_PIN_LOCKED = 0xA4, CKR_SESSION_HANDLE_INVALID = 0xB3, CKR_TOKEN_NOT_PRESENT = 0xE0,
    CKR_TOKEN_WRITE_PROTECTED = 0xE2, CKR_BUFFER_TOO_SMALL = 0x150, CKR_CRYPTOKI_NOT_INITIALIZED = 0x190,
};
enum { CKF_TOKEN_PRESENT = 1, CKF_REMOVABLE_DEVICE = 2, CKF_RW_SESSION = 2, CKF_DONT_BLOCK = 1, CKF_OS_LOCKING_OK = 2 };
enum { CKF_WRITE_PROTECTED = 2, CKF_LOGIN_REQUIRED = 4, CKF_USER_PIN_INITIALIZED = 8, CKF_TOKEN_INITIALIZED = 0x400 };
enum { CKU_SO = 0, CKU_USER = 1, CKU_CONTEXT_SPECIFIC = 2, CKS_RW_SO_FUNCTIONS = 4, CKA_VALUE = 0x11 };
/* A PIN's states in CK_TOKEN_INFO.flags: four bits from USER_STATES on, and the officer's four from SO_STATES on. */
enum { LOW = 1, FINAL_TRY = 2, LOCKED = 4, TO_BE_CHANGED = 8, ALL_STATES = 15, USER_STATES = 16, SO_STATES = 20 };

typedef struct { unsigned char description[64], maker[32]; W flags; unsigned char versions[4]; } SlotInfo;
typedef struct {
    unsigned char label[32], maker[32], model[16], serial[16];
    W flags, sessions[4], longest_pin, shortest_pin, total_public, free_public, total_private, free_private;
    unsigned char versions[4], time[16];
} TokenInfo;
typedef struct { W type; void *value; W length; } Attribute;
typedef struct { W slot, state, flags, error; } SessionInfo;
typedef struct { void *callbacks[4]; W flags; void *reserved; } InitArgs;

typedef struct { W id; int function; char action[12]; W value; int after; W skip, times; } Rule;
typedef struct { char action[12]; W value, rule; int pulled; } Verdict;  /* action: answer, lie, torn; or none */

static State *state;
static void **real;      /* SoftHSM's functions, after the version */
static char folder[4096];
static _Atomic int initialised, over;
static _Atomic W plugging_seen;  /* what SoftHSM was started for */
static _Atomic W plugging_told;  /* to those who wait for an event */
static W epoch;          /* how often SoftHSM was started again here: sessions from before are dead */
static W slot;           /* SoftHSM's slot that holds the medium */
/* Calls share it; who starts or ends SoftHSM has it alone. */
static pthread_rwlock_t running = PTHREAD_RWLOCK_INITIALIZER;

static Rule rules[RULES];
static int rule_count;
static W rules_read = -1;
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;  /* the three above */

#define EPOCH_SHIFT 32   /* a session's handle here: the epoch, and SoftHSM's own handle */
#define NO_HANDLE 0x7FFFFFF0
#define NO_RULE ((W)-1)
#define ALL (-2)         /* a rule's function */
#define LONGEST_LOG (16 << 20)
#define MOST_ATTRIBUTES 64

static int is(const char *word, const char *other) { return !strcmp(word, other); }

static char *in_folder(char *path, const char *name) {
    snprintf(path, 4096 + 64, "%s/%s", folder, name);
    return path;
}

static void milliseconds(W count) {
    struct timespec left = {count / 1000, count % 1000 * 1000000};
    while (nanosleep(&left, &left) && errno == EINTR) {}  /* the program's signals do not shorten it */
}

static void leave(int file) {
    if (file < 0) return;
    flock(file, LOCK_UN);  /* and not only close(): a child that was forked meanwhile has it open too */
    close(file);
}

/* Waits for its turn, among all processes and threads; leave() ends it. */
static int turn(const char *path, int flags) {
    int file = open(path, flags | O_CLOEXEC, 0600);
    if (file >= 0) while (flock(file, LOCK_EX) && errno == EINTR) {}
    return file;
}

/* --- this medium's own SoftHSM --- */

/* A private copy: programs may have SoftHSM loaded for somebody else, or several media at once. */
static void *private_copy(const char *path) {
    char name[64];
    struct stat facts = {0};
    off_t at = 0;
    int original = open(path, O_RDONLY | O_CLOEXEC), copy = memfd_create("softhsm", MFD_CLOEXEC);
    if (original >= 0 && copy >= 0 && !fstat(original, &facts))
        while (at < facts.st_size && sendfile(copy, original, &at, facts.st_size - at) > 0) {}
    if (original >= 0) close(original);
    snprintf(name, sizeof name, "/proc/self/fd/%d", copy);
    void *library = at && at == facts.st_size ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library && copy >= 0) close(copy);  /* else it stays open: the loader knows the copy by this name */
    return library;
}

/* The process ends. OpenSSL's engine still closes sessions then, when SoftHSM's own objects are destroyed already. */
static void end(void) { over = 1; }

static int attach(void) {
    char path[4096 + 64];
    if (real) return 1;
    int file = open(in_folder(path, "state"), O_RDWR | O_CLOEXEC);
    if (file < 0) return 0;
    State *mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED || mapped->magic != MAGIC) return 0;
    void *library = private_copy(mapped->softhsm), **functions;
    W (*list)(void ***) = library ? (W (*)(void ***))dlsym(library, "C_GetFunctionList") : NULL;
    if (!list || list(&functions)) return 0;
    real = functions + 1;  /* the version is as wide as a pointer, with its padding */
    state = mapped;
    atexit(end);
    return 1;
}

__attribute__((constructor)) static void find_folder(void) {
    Dl_info here;
    if (dladdr(&state, &here) && realpath(here.dli_fname, folder)) *strrchr(folder, '/') = 0;
}

/* SoftHSM's slot with a token in it; else the one that waits to be initialised. */
static void find_slot(void) {
    W slots[16], count = 16;
    TokenInfo token;
    if (out[F_GetSlotList]((W[]){1, (W)slots, (W)&count})) return;
    for (W i = 0; i < count; i++) {
        if (out[F_GetTokenInfo]((W[]){slots[i], (W)&token})) continue;
        slot = slots[i];
        if (token.flags & CKF_TOKEN_INITIALIZED) return;
    }
}

/* SoftHSM keeps PINs and flags in one file. Processes that read it while another writes down a login take the token for
 * damaged, or overlook it; a stick has one call at a time. */
static int token_alone(void) {
    char path[4096 + 64];
    return turn(in_folder(path, "token.lock"), O_RDWR);
}

static int is_about_token(int function) {
    switch (function) {
    case F_GetTokenInfo: case F_InitToken: case F_OpenSession: case F_Login: case F_SetPIN: case F_InitPIN: return 1;
    default: return 0;
    }
}

/* SoftHSM asks the environment where its configuration is, and only then. Other media in this process, each with its own
 * copy of this code, do the same: one after the other. */
static W start(W *arguments) {
    int alone = turn("/proc/self/environ", O_RDONLY);
    char path[4096 + 64], *before = getenv("SOFTHSM2_CONF");
    if (before) before = strdup(before);
    setenv("SOFTHSM2_CONF", in_folder(path, "softhsm2.conf"), 1);
    int token = token_alone();
    W answer = out[F_Initialize](arguments);
    if (!answer) find_slot();
    leave(token);
    if (before) setenv("SOFTHSM2_CONF", before, 1);
    else unsetenv("SOFTHSM2_CONF");
    free(before);
    leave(alone);
    return answer;
}

/* As after a real plugging: what was there is read anew, and every session from before is dead. */
static void start_again(void) {
    InitArgs arguments = {.flags = CKF_OS_LOCKING_OK};
    pthread_rwlock_wrlock(&running);
    W plugging = state->plugging;  /* before SoftHSM looks: what happens while it does is seen by the next call */
    if (initialised && state->plugged && plugging_seen != plugging) {
        epoch++;
        out[F_Finalize]((W[]){0});
        if (!start((W[]){(W)&arguments})) plugging_seen = plugging;
    }
    pthread_rwlock_unlock(&running);
}

static int is_pulled(void) { return !state->plugged || plugging_seen != state->plugging; }

static void pull(void) {
    char path[4096 + 64], from[8192], to[8192];
    int hand = turn(in_folder(path, "plug.lock"), O_RDWR);
    if (state->plugged) {
        state->plugged = 0;
        __atomic_add_fetch(&state->plugging, 1, __ATOMIC_SEQ_CST);
        DIR *tokens = opendir(in_folder(path, "tokens"));
        for (struct dirent *entry; tokens && (entry = readdir(tokens));) {
            if (*entry->d_name == '.') continue;
            snprintf(from, sizeof from, "%s/tokens/%s", folder, entry->d_name);
            snprintf(to, sizeof to, "%s/unplugged/%s", folder, entry->d_name);
            rename(from, to);
        }
        if (tokens) closedir(tokens);
    }
    leave(hand);
}

static W bytes_in(const char *path) {
    struct stat facts;
    W bytes = 0;
    DIR *files = opendir(path);
    for (struct dirent *entry; files && (entry = readdir(files));)
        if (!fstatat(dirfd(files), entry->d_name, &facts, 0) && S_ISREG(facts.st_mode)) bytes += facts.st_size;
    if (files) closedir(files);
    return bytes;
}

/* What of the capacity is taken: SoftHSM keeps an object a file, in a folder a token. */
static W used(void) {
    char path[4096 + 64], token[8192];
    W bytes = 0;
    DIR *tokens = opendir(in_folder(path, "tokens"));
    for (struct dirent *entry; tokens && (entry = readdir(tokens));) {
        if (*entry->d_name == '.') continue;
        snprintf(token, sizeof token, "%s/%s", path, entry->d_name);
        bytes += bytes_in(token);
    }
    if (tokens) closedir(tokens);
    return bytes;
}
