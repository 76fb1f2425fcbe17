/* What a stick has and SoftHSM has not, and the way of each call. (After rules.c.) */

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
    if (*state->pin) token->flags &= ~(W)CKF_LOGIN_REQUIRED;
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
    if (function == F_OpenSession && !answer) {
        /* A browser asks for a PIN in a dialog of its own, which nobody sees where it has no screen. */
        if (*state->pin) out[F_Login]((W[]){*(W *)a[4], CKU_USER, (W)state->pin, strlen(state->pin)});
        *(W *)a[4] |= own << EPOCH_SHIFT;
    }
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
    leave(alone);
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
