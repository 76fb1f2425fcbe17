/* The floor: the same PKCS#11 calls with nothing around them. usage: peer LIBRARY OPERATION ROUNDS <PIN
 * Prints one line per round: microseconds. A warm-up round comes first and is not printed. */
#define CRYPTOKI_GNU
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct ck_function_list *p;
static ck_slot_id_t slot;
static ck_session_handle_t session;

static void must(ck_rv_t answer, const char *what) {
  if (answer != CKR_OK) { fprintf(stderr, "%s: 0x%lx\n", what, answer); exit(1); }
}

static ck_object_handle_t private_key(const char *id) {
  ck_object_class_t class = CKO_PRIVATE_KEY;
  struct ck_attribute template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, (void *)id, strlen(id)}};
  ck_object_handle_t found;
  unsigned long count = 0;
  must(p->C_FindObjectsInit(session, template, 2), "C_FindObjectsInit");
  must(p->C_FindObjects(session, &found, 1, &count), "C_FindObjects");
  must(p->C_FindObjectsFinal(session), "C_FindObjectsFinal");
  if (!count) exit(2);
  return found;
}

static void sign(ck_mechanism_type_t type, const char *id) {
  static ck_object_handle_t key;
  struct ck_mechanism mechanism = {type, NULL, 0};
  unsigned char data[32] = {1}, signature[512];
  unsigned long length = sizeof signature;
  if (!key) key = private_key(id);
  must(p->C_SignInit(session, &mechanism, key), "C_SignInit");
  must(p->C_Sign(session, data, sizeof data, signature, &length), "C_Sign");
}

static void generate_rsa(void) {
  struct ck_mechanism mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
  unsigned long bits = 2048;
  unsigned char yes = 1, no = 0, exponent[] = {1, 0, 1};
  struct ck_attribute public_[] = {{CKA_TOKEN, &yes, 1}, {CKA_MODULUS_BITS, &bits, sizeof bits},
                                   {CKA_PUBLIC_EXPONENT, exponent, 3}, {CKA_ID, "peer", 4}};
  struct ck_attribute private_[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1},
                                    {CKA_EXTRACTABLE, &no, 1}, {CKA_SIGN, &yes, 1}, {CKA_ID, "peer", 4}};
  ck_object_handle_t pub, priv;
  must(p->C_GenerateKeyPair(session, &mechanism, public_, 4, private_, 6, &pub, &priv), "C_GenerateKeyPair");
  must(p->C_DestroyObject(session, pub), "C_DestroyObject");
  must(p->C_DestroyObject(session, priv), "C_DestroyObject");
}

static void write_data(void) {
  ck_object_class_t class = CKO_DATA;
  unsigned char yes = 1, no = 0, value[1500] = {0};
  struct ck_attribute template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &no, 1},
                                    {CKA_LABEL, "peer", 4}, {CKA_VALUE, value, sizeof value}};
  ck_object_handle_t made;
  must(p->C_CreateObject(session, template, 5, &made), "C_CreateObject");
  must(p->C_DestroyObject(session, made), "C_DestroyObject");
}

static void once(const char *operation) {
  struct ck_token_info info;
  ck_session_handle_t other;
  if (!strcmp(operation, "token")) must(p->C_GetTokenInfo(slot, &info), "C_GetTokenInfo");
  else if (!strcmp(operation, "open")) {
    must(p->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &other), "C_OpenSession");
    must(p->C_CloseSession(other), "C_CloseSession");
  } else if (!strcmp(operation, "sign-p256")) sign(CKM_ECDSA, "p256");
  else if (!strcmp(operation, "sign-rsa")) sign(CKM_SHA256_RSA_PKCS, "rsa");
  else if (!strcmp(operation, "write")) write_data();
  else if (!strcmp(operation, "generate-rsa")) generate_rsa();
  else exit(3);
}

int main(int argc, char **argv) {
  char pin[64];
  if (argc != 4 || !fgets(pin, sizeof pin, stdin)) return 64;
  pin[strcspn(pin, "\n")] = 0;
  void *library = dlopen(argv[1], RTLD_NOW);
  ck_rv_t (*list)(struct ck_function_list **) = library ? dlsym(library, "C_GetFunctionList") : NULL;
  unsigned long count = 1;
  if (!list || list(&p) != CKR_OK) return 65;
  must(p->C_Initialize(NULL), "C_Initialize");
  must(p->C_GetSlotList(1, NULL, &count), "C_GetSlotList");
  ck_slot_id_t slots[8];
  if (count > 8) return 66;
  must(p->C_GetSlotList(1, slots, &count), "C_GetSlotList");
  slot = slots[0];
  must(p->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), "C_OpenSession");
  must(p->C_Login(session, CKU_USER, (unsigned char *)pin, strlen(pin)), "C_Login");
  for (long round = 0, rounds = atol(argv[3]); round <= rounds; round++) {
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    once(argv[2]);
    clock_gettime(CLOCK_MONOTONIC, &b);
    if (round) printf("%.1f\n", (b.tv_sec - a.tv_sec) * 1e6 + (b.tv_nsec - a.tv_nsec) / 1e3);
  }
  return 0;
}
