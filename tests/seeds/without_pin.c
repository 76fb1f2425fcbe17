/* A medium that asks nobody for its PIN: it stands before the library that WITHOUT_PIN names, and is for tests alone.
 *
 * Chromium asks for a medium's PIN in a dialog of its own, which headless nobody sees. Here every session is logged in as
 * it is opened, and the token says that it wants no login. What is signed is signed by the medium.
 */

#define CRYPTOKI_GNU  /* the names of the header in small letters */
#include <dlfcn.h>
#include <p11-kit-1/p11-kit/pkcs11.h>
#include <stdlib.h>

static struct ck_function_list own, *medium;

static ck_rv_t asks_for_nothing(ck_slot_id_t slot, struct ck_token_info *token) {
    ck_rv_t answer = medium->C_GetTokenInfo(slot, token);
    if (answer == CKR_OK) token->flags &= ~(ck_flags_t)CKF_LOGIN_REQUIRED;
    return answer;
}

static ck_rv_t logged_in(
    ck_slot_id_t slot, ck_flags_t flags, void *application, ck_notify_t notify, ck_session_handle_t *session
) {
    static unsigned char pin[] = PIN;
    ck_rv_t answer = medium->C_OpenSession(slot, flags, application, notify, session);
    if (answer == CKR_OK) medium->C_Login(*session, CKU_USER, pin, sizeof pin - 1);
    return answer;
}

__attribute__((visibility("default"))) ck_rv_t C_GetFunctionList(struct ck_function_list **list) {
    if (medium == NULL) {
        const char *named = getenv("WITHOUT_PIN");
        void *library = named ? dlopen(named, RTLD_NOW | RTLD_LOCAL) : NULL;
        ck_rv_t (*ask)(struct ck_function_list **) = NULL;
        if (library) *(void **)&ask = dlsym(library, "C_GetFunctionList");
        if (ask == NULL || ask(&medium) != CKR_OK) return CKR_GENERAL_ERROR;
        own = *medium;
        own.C_GetFunctionList = C_GetFunctionList;
        own.C_GetTokenInfo = asks_for_nothing;
        own.C_OpenSession = logged_in;
    }
    *list = &own;
    return CKR_OK;
}
