/* The rules: what goes wrong at which call; and the list of calls. (After softhsm.c.) */

static int function_named(const char *name) {
    int function = FUNCTIONS;
    while (function-- > 0 && !is(names[function], name)) {}
    return is(name, "all") ? ALL : function;
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
        rule_count += rule->function >= 0 || rule->function == ALL;
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
        file = open(in_folder(path, "calls"), O_WRONLY | O_APPEND | O_CLOEXEC);
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
            if (rule->value >> 32 < WORDS) ((W *)state)[rule->value >> 32] = rule->value & 0xFFFFFFFF;
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
