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
 * layer.py puts before this text: the functions' count, their numbers F_*, their names[], for each a trampoline into
 * pass() and a way out to SoftHSM, out[]; and State, the page.
 */

enum {
    CKR_OK = 0, CKR_SLOT_ID_INVALID = 3, CKR_GENERAL_ERROR = 5, CKR_ARGUMENTS_BAD = 7, CKR_NO_EVENT = 8,
    CKR_DEVICE_ERROR = 0x30, CKR_DEVICE_MEMORY = 0x31, CKR_PIN_INCORRECT = 0xA0, CKR_PIN_EXPIRED = 0xA3,
    CKR_PIN_LOCKED = 0xA4, CKR_SESSION_HANDLE_INVALID = 0xB3, CKR_TOKEN_NOT_PRESENT = 0xE0,
    CKR_TOKEN_WRITE_PROTECTED = 0xE2, CKR_BUFFER_TOO_SMALL = 0x150, CKR_CRYPTOKI_NOT_INITIALIZED = 0x190,
};
enum { CKF_TOKEN_PRESENT = 1, CKF_REMOVABLE_DEVICE = 2, CKF_RW_SESSION = 2, CKF_DONT_BLOCK = 1, CKF_OS_LOCKING_OK = 2 };
enum { CKF_WRITE_PROTECTED = 2, CKF_USER_PIN_INITIALIZED = 8, CKF_TOKEN_INITIALIZED = 0x400 };
enum { CKU_SO = 0, CKU_CONTEXT_SPECIFIC = 2, CKS_RW_SO_FUNCTIONS = 4, CKA_VALUE = 0x11 };
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
#define ALL (-1)         /* a rule's function */
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

/* Waits for its turn, among all processes and threads; close() ends it. */
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
    return turn(in_folder(path, "token.lock"), O_RDWR | O_CREAT);
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
    if (token >= 0) close(token);
    if (before) setenv("SOFTHSM2_CONF", before, 1);
    else unsetenv("SOFTHSM2_CONF");
    free(before);
    if (alone >= 0) close(alone);
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
    int hand = turn(in_folder(path, "plug.lock"), O_RDWR | O_CREAT);
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
    if (hand >= 0) close(hand);
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

/* --- the rules --- */

static int function_named(const char *name) {
    int function = FUNCTIONS;
    while (function-- > 0 && !is(names[function], name)) {}
    return function;  /* -1 is ALL: the only other word in the file is "all" (faults.py) */
}

static void read_rules(void) {
    char path[4096 + 64], line[200], function[64], when[8];
    rules_read = state->rules;
    rule_count = 0;
    FILE *file = fopen(in_folder(path, "rules"), "re");
    while (file && rule_count < RULES && fgets(line, sizeof line, file)) {
        Rule *rule = &rules[rule_count];
        if (sscanf(line, "%lu %63s %11s %lu %7s %lu %lu", &rule->id, function, rule->action, &rule->value, when,
                   &rule->skip, &rule->times) != 7 || rule->id >= RULES) continue;
        rule->after = is(when, "after");
        rule->function = function_named(function);
        rule_count++;
    }
    if (file) fclose(file);
}

/* Those that are meant for this moment of this call. */
static int meant(int function, int after, Rule *found) {
    int count = 0;
    pthread_mutex_lock(&reading);
    if (rules_read != state->rules) read_rules();
    for (int i = 0; i < rule_count; i++) {
        Rule *rule = &rules[i];
        if (rule->after == after && (rule->function == ALL || rule->function == function)) found[count++] = *rule;
    }
    pthread_mutex_unlock(&reading);
    return count;
}

/* Asked, and counted, in whatever process: whether it is its turn. */
static int holds(const Rule *rule) {
    W asked = __atomic_add_fetch(&state->asked[rule->id], 1, __ATOMIC_SEQ_CST);
    return asked > rule->skip && (!rule->times || asked - rule->skip <= rule->times);
}

static int stands(W id) {
    int found = 0;
    pthread_mutex_lock(&reading);
    if (rules_read != state->rules) read_rules();
    for (int i = 0; i < rule_count; i++) found |= rules[i].id == id;
    pthread_mutex_unlock(&reading);
    return found;
}

/* Open once; but some programs close descriptors that they do not know, and the number may be a file of theirs by now. */
static int list_of_calls(void) {
    static int file = -1;
    static struct stat opened;
    static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
    char path[4096 + 64];
    struct stat now;
    pthread_mutex_lock(&opening);
    if (file < 0 || fstat(file, &now) || now.st_ino != opened.st_ino || now.st_dev != opened.st_dev) {
        file = open(in_folder(path, "calls"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (file >= 0) fstat(file, &opened);
    }
    pthread_mutex_unlock(&opening);
    return file;
}

static void record(int function, const char *answer, W microseconds, W rule) {
    char line[160];
    if (!state->log) return;
    int file = list_of_calls();
    /* Whole numbers: a program's locale may put a comma into others. */
    int length = snprintf(line, sizeof line, "%d %s %s %lu.%03lu %ld\n", getpid(), names[function], answer,
                          microseconds / 1000, microseconds % 1000, (long)rule);
    if (write(file, line, length) == length && lseek(file, 0, SEEK_END) > LONGEST_LOG && ftruncate(file, 0)) {}
}

static W clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000UL + now.tv_nsec / 1000;
}

/* Every rule for this moment of this call, up to the one that says what the answer is to be: it waits, it ends the process,
 * it changes the medium. */
static Verdict judge(int function, int after) {
    Verdict verdict = {.rule = NO_RULE};
    Rule found[RULES];
    int count = meant(function, after, found);
    for (int i = 0; i < count && !*verdict.action; i++) {
        Rule *rule = &found[i];
        if (!holds(rule)) continue;
        verdict.rule = rule->id;
        if (is(rule->action, "hang") || is(rule->action, "crash") || is(rule->action, "exit"))
            record(function, rule->action, 0, rule->id);  /* it may never come to the line that a call has at its end */
        if (is(rule->action, "delay")) {
            milliseconds(rule->value);
        } else if (is(rule->action, "hang")) {
            while (stands(rule->id)) milliseconds(5);
        } else if (is(rule->action, "crash")) {
            abort();
        } else if (is(rule->action, "exit")) {
            _exit(rule->value);
        } else if (is(rule->action, "set")) {
            ((W *)state)[rule->value >> 32] = rule->value & 0xFFFFFFFF;  /* which word, and what it is to be */
        } else if (is(rule->action, "unplug")) {
            pull();
            verdict.pulled = 1;
        } else {
            memcpy(verdict.action, rule->action, sizeof verdict.action);
            verdict.value = rule->value;
        }
    }
    return verdict;
}

/* --- what a stick has and SoftHSM has not --- */

static void show(unsigned char *field, const char *as, size_t size) {
    if (*as) memcpy(field, as, size);
}

static W pin_states(W wrong, W tries) {
    if (!tries || !wrong) return 0;
    if (wrong >= tries) return LOCKED;
    return wrong == tries - 1 ? LOW | FINAL_TRY : LOW;
}

/* The flags that tell of PINs: ours where we count, SoftHSM's own where we do not. */
static W with_pin_states(W flags) {
    const W user = (W)ALL_STATES << USER_STATES, officer = (W)ALL_STATES << SO_STATES;
    if (state->flags_hidden) return flags & ~(user | officer);
    if (state->user_tries) {
        flags &= ~user;
        if (flags & CKF_USER_PIN_INITIALIZED) flags |= pin_states(state->user_wrong, state->user_tries) << USER_STATES;
    }
    if (state->so_tries) flags = (flags & ~officer) | pin_states(state->so_wrong, state->so_tries) << SO_STATES;
    return state->to_be_changed ? flags | (W)TO_BE_CHANGED << USER_STATES : flags;
}

static W token_info(TokenInfo *token) {
    W answer = out[F_GetTokenInfo]((W[]){slot, (W)token});
    if (answer) return answer;
    show(token->serial, state->serial, 16);
    if (state->other_serial) {
        char digits[17];
        snprintf(digits, sizeof digits, "%016lx", state->other_serial);
        memcpy(token->serial, digits, 16);
    }
    show(token->maker, state->maker, 32);
    show(token->model, state->model, 16);
    token->flags = with_pin_states(token->flags);
    if (state->read_only) token->flags |= CKF_WRITE_PROTECTED;
    token->flags = (token->flags | state->flags_on) & ~state->flags_off;
    if (state->longest_pin) token->longest_pin = state->longest_pin;
    if (state->capacity) {
        W taken = used();
        token->total_public = token->total_private = state->capacity;
        token->free_public = token->free_private = taken < state->capacity ? state->capacity - taken : 0;
    }
    if (state->free_memory) token->free_public = token->free_private = state->free_memory;
    return CKR_OK;
}

static W slot_info(SlotInfo *info) {
    W answer = out[F_GetSlotInfo]((W[]){slot, (W)info});
    if (answer) return answer;
    show(info->description, state->reader, 64);
    show(info->maker, state->maker, 32);
    info->flags |= CKF_REMOVABLE_DEVICE | CKF_TOKEN_PRESENT;
    if (!state->plugged) info->flags &= ~(W)CKF_TOKEN_PRESENT;
    return CKR_OK;
}

static W slot_list(W present, W *list, W *count) {
    W room, shown = !(present & 0xFF) || state->plugged;
    if (!count) return CKR_ARGUMENTS_BAD;
    room = *count;
    *count = shown;
    if (list && room < shown) return CKR_BUFFER_TOO_SMALL;
    if (list && shown) *list = 0;
    return CKR_OK;
}

static W wait_for_event(W flags, W *where) {
    for (;; milliseconds(20)) {
        if (!initialised) return CKR_CRYPTOKI_NOT_INITIALIZED;
        if (plugging_told != state->plugging) {
            plugging_told = state->plugging;
            *where = 0;
            return CKR_OK;
        }
        if (flags & CKF_DONT_BLOCK) return CKR_NO_EVENT;
    }
}

/* A PIN that is asked of SoftHSM, whose answer is counted. */
static W count_pin(int function, W *a, int officer) {
    W *wrong = officer ? &state->so_wrong : &state->user_wrong, tries = officer ? state->so_tries : state->user_tries;
    if (tries && *wrong >= tries) return CKR_PIN_LOCKED;
    W answer = out[function](a);
    if (answer == CKR_PIN_INCORRECT) __atomic_add_fetch(wrong, 1, __ATOMIC_SEQ_CST);
    if (answer == CKR_OK) *wrong = 0;
    return answer;
}

static int is_officer(W session) {
    SessionInfo info = {0};
    return !out[F_GetSessionInfo]((W[]){session, (W)&info}) && info.state == CKS_RW_SO_FUNCTIONS;
}

/* Where a function puts the handles of what it has made. */
static int made(int function, const W *a, W **handles) {
    switch (function) {
    case F_CreateObject: handles[0] = (W *)a[3]; return 1;
    case F_CopyObject: case F_GenerateKey: handles[0] = (W *)a[4]; return 1;
    case F_DeriveKey: handles[0] = (W *)a[5]; return 1;
    case F_UnwrapKey: handles[0] = (W *)a[7]; return 1;
    case F_GenerateKeyPair: handles[0] = (W *)a[6]; handles[1] = (W *)a[7]; return 2;
    default: return 0;
    }
}

static int is_too_much(W before) {
    W now = used();
    return now > before && now > state->capacity;
}

/* What was made is not to be: it did not fit, or the stick was pulled before it was done. */
static void take_back(int function, W *a) {
    W *handles[2];
    for (int i = made(function, a, handles); i-- > 0;) out[F_DestroyObject]((W[]){a[0], *handles[i]});
}

/* After what did not fit exactly so much is there as before. */
static W make(int function, W *a) {
    W before = used(), answer = out[function](a);
    if (answer || !is_too_much(before)) return answer;
    take_back(function, a);
    return CKR_DEVICE_MEMORY;
}

/* As above, for a longer value in the place of another: the old ones are read first, and written back. */
static W change(W *a) {
    Attribute *wanted = (Attribute *)a[2], old[MOST_ATTRIBUTES];
    W count = a[3], before = used(), answer;
    if (!wanted || count > MOST_ATTRIBUTES) return out[F_SetAttributeValue](a);
    for (W i = 0; i < count; i++) old[i] = (Attribute){.type = wanted[i].type};
    W unread = out[F_GetAttributeValue]((W[]){a[0], a[1], (W)old, count});
    for (W i = 0; i < count && !unread; i++) unread = !(old[i].value = malloc(old[i].length + 1));
    if (!unread) unread = out[F_GetAttributeValue]((W[]){a[0], a[1], (W)old, count});
    answer = out[F_SetAttributeValue](a);
    if (!answer && !unread && is_too_much(before)) {
        out[F_SetAttributeValue]((W[]){a[0], a[1], (W)old, count});
        answer = CKR_DEVICE_MEMORY;
    }
    for (W i = 0; i < count; i++) free(old[i].value);
    return answer;
}

/* Half of it is written: a certificate's first half, or the public key without the private one. */
static W tear(int function, W *a) {
    Attribute *template = (Attribute *)a[1], torn[MOST_ATTRIBUTES];
    W *handles[2], answer;
    if (function == F_CreateObject && template && a[2] <= MOST_ATTRIBUTES) {
        for (W i = 0; i < a[2]; i++) {
            torn[i] = template[i];
            if (torn[i].type == CKA_VALUE) torn[i].length /= 2;
        }
        return out[function]((W[]){a[0], (W)torn, a[2], a[3]});
    }
    answer = out[function](a);
    if (!answer && function == F_GenerateKeyPair && made(function, a, handles))
        out[F_DestroyObject]((W[]){a[0], *handles[1]});
    return answer;
}

/* It says that it is done, and nothing is: handles of nothing, a signature of noughts, nothing found. */
static W lie(int function, W *a) {
    W *handles[2];
    if (function == F_Sign || function == F_SignFinal) {
        unsigned char *signature = (unsigned char *)a[function == F_Sign ? 3 : 1];
        W answer = out[function](a);
        if (!answer && signature) memset(signature, 0, *(W *)a[function == F_Sign ? 4 : 2]);
        return answer;
    }
    if (function == F_FindObjects && a[3]) *(W *)a[3] = 0;
    for (int i = made(function, a, handles); i-- > 0;)
        if (handles[i]) *handles[i] = NO_HANDLE;
    return CKR_OK;
}

static int is_write(int function) {
    W *handles[2], a[8] = {0};
    return function == F_DestroyObject || function == F_SetAttributeValue || made(function, a, handles);
}

/* A call that belongs to a session. Its handle is SoftHSM's with the epoch before it. */
static W in_session(int function, W *a, Verdict verdict) {
    W handle = a[0], own = epoch, answer;
    if (!state->plugged) return CKR_DEVICE_ERROR;
    if (handle >> EPOCH_SHIFT != own || is_pulled()) return CKR_SESSION_HANDLE_INVALID;
    a[0] = handle & ((1UL << EPOCH_SHIFT) - 1);
    if (state->to_be_changed && (is_write(function) || function == F_SignInit || function == F_DecryptInit)
        && !is_officer(a[0])) return CKR_PIN_EXPIRED;
    if (is(verdict.action, "torn")) {
        answer = tear(function, a);
        return answer ? answer : verdict.value;
    }
    if (is(verdict.action, "lie")) return lie(function, a);
    switch (function) {
    case F_Login:
        return a[1] > CKU_CONTEXT_SPECIFIC ? out[function](a) : count_pin(function, a, a[1] == CKU_SO);
    case F_SetPIN: {
        int officer = is_officer(a[0]);
        answer = count_pin(function, a, officer);
        if (!answer && !officer) state->to_be_changed = 0;
        return answer;
    }
    case F_InitPIN:
        answer = out[function](a);
        if (!answer) state->user_wrong = 0;
        return answer;
    case F_GetSessionInfo:
        answer = out[function](a);
        if (!answer) ((SessionInfo *)a[1])->slot = 0;  /* ours, not SoftHSM's */
        return answer;
    default:
        if (!state->capacity || !is_write(function)) return out[function](a);
        return function == F_SetAttributeValue ? change(a) : make(function, a);
    }
}

static W init_token(W *a) {
    TokenInfo token;
    int has_officer = !out[F_GetTokenInfo]((W[]){slot, (W)&token}) && token.flags & CKF_TOKEN_INITIALIZED;
    if (state->read_only) return CKR_TOKEN_WRITE_PROTECTED;
    a[0] = slot;
    W answer = has_officer ? count_pin(F_InitToken, a, 1) : out[F_InitToken](a);
    if (!answer) state->user_wrong = state->so_wrong = state->to_be_changed = 0;
    return answer;
}

static W in_slot(int function, W *a) {
    if (a[0]) return CKR_SLOT_ID_INVALID;
    if (function == F_GetSlotInfo) return a[1] ? slot_info((SlotInfo *)a[1]) : CKR_ARGUMENTS_BAD;
    if (is_pulled()) return CKR_TOKEN_NOT_PRESENT;
    if (function == F_GetTokenInfo) return a[1] ? token_info((TokenInfo *)a[1]) : CKR_ARGUMENTS_BAD;
    if (function == F_InitToken) return init_token(a);
    if (function == F_OpenSession && state->read_only && a[1] & CKF_RW_SESSION) return CKR_TOKEN_WRITE_PROTECTED;
    W own = epoch, answer = out[function]((W[]){slot, a[1], a[2], a[3], a[4], a[5], a[6], a[7]});
    if (function == F_OpenSession && !answer) *(W *)a[4] |= own << EPOCH_SHIFT;
    return answer;
}

static W initialise(W *a) {
    pthread_rwlock_wrlock(&running);
    W plugging = state->plugging, answer = start(a);
    if (!answer) {
        initialised = 1;
        plugging_seen = plugging_told = plugging;
        epoch++;
    }
    pthread_rwlock_unlock(&running);
    return answer;
}

static W finalise(W *a) {
    pthread_rwlock_wrlock(&running);
    W answer = out[F_Finalize](a);
    if (!answer) initialised = 0;
    pthread_rwlock_unlock(&running);
    return answer;
}

static W function_list(void **list) {
    static struct { unsigned char version[8]; void *call[FUNCTIONS]; } ours = {{2, 40}, {TRAMPOLINES}};
    if (!list) return CKR_ARGUMENTS_BAD;
    *list = &ours;
    return CKR_OK;
}

static W answer_of(int function, W *a, Verdict verdict) {
    switch (function) {
    case F_GetInfo:
    case F_GetFunctionStatus:
    case F_CancelFunction:
        return out[function](a);
    case F_GetSlotList:
        return slot_list(a[0], (W *)a[1], (W *)a[2]);
    default:
        return IN_SLOT(function) ? in_slot(function, a) : in_session(function, a, verdict);
    }
}

static W serve(int function, W *a, Verdict verdict) {
    if (function == F_GetFunctionList) return function_list((void **)a[0]);
    if (function == F_Initialize) return initialise(a);
    if (function == F_Finalize) return finalise(a);
    if (!initialised) return CKR_CRYPTOKI_NOT_INITIALIZED;
    if (function == F_WaitForSlotEvent) return a[1] ? wait_for_event(a[0], (W *)a[1]) : CKR_ARGUMENTS_BAD;
    if (state->plugged && plugging_seen != state->plugging) start_again();
    pthread_rwlock_rdlock(&running);
    int alone = is_about_token(function) ? token_alone() : -1;
    W before = state->plugging, answer = answer_of(function, a, verdict);
    if (alone >= 0) close(alone);
    if (before != state->plugging && function != F_GetSlotList) {  /* pulled meanwhile, and perhaps back already */
        if (!answer) take_back(function, a);
        answer = CKR_DEVICE_ERROR;
    }
    pthread_rwlock_unlock(&running);
    return answer;
}

static W pass(int function, W *a) {
    char code[24];
    if (over) return function == F_Finalize || function == F_CloseAllSessions ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED;
    W began = clock_now();
    Verdict before = judge(function, 0);
    W answer = is(before.action, "answer") ? before.value : serve(function, a, before);
    Verdict after = judge(function, 1);
    if (*after.action) answer = after.value;
    else if (after.pulled) answer = CKR_DEVICE_ERROR;
    snprintf(code, sizeof code, "0x%lx", answer);
    record(function, code, clock_now() - began, after.rule != NO_RULE ? after.rule : before.rule);
    return answer;
}

__attribute__((visibility("default"))) W C_GetFunctionList(void **list) {
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&once);
    int there = attach();
    pthread_mutex_unlock(&once);
    return there ? in_GetFunctionList(list) : CKR_GENERAL_ERROR;
}
