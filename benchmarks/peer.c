/* The peer in C: the same PKCS#11 calls with nothing around them (peers.py says how it is spoken to).
 * A round that warms up comes first and is not told; what a generation leaves is destroyed off the clock. */
#define CRYPTOKI_GNU
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MANY = 64, VALUE = 4096 };
static struct ck_function_list *p;
static ck_slot_id_t slot;
static ck_session_handle_t session;
static ck_object_handle_t left[2]; /* by a generation */
static unsigned char subject[VALUE], issuer[VALUE], serial[VALUE], der[VALUE];
static struct ck_attribute copied[] = {{CKA_SUBJECT, subject}, {CKA_ISSUER, issuer}, {CKA_SERIAL_NUMBER, serial},
                                       {CKA_VALUE, der}};

static void must(ck_rv_t answer, const char *what) {
  if (answer != CKR_OK) { fprintf(stderr, "%s: 0x%lx\n", what, answer); exit(1); }
}

static unsigned long find(ck_object_class_t class, const char *id, ck_object_handle_t *found, unsigned long most) {
  struct ck_attribute template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, (void *)id, id ? strlen(id) : 0}};
  unsigned long count;
  must(p->C_FindObjectsInit(session, template, id ? 2 : 1), "C_FindObjectsInit");
  must(p->C_FindObjects(session, found, most, &count), "C_FindObjects");
  must(p->C_FindObjectsFinal(session), "C_FindObjectsFinal");
  if (!count) { fprintf(stderr, "nothing found\n"); exit(2); }
  return count;
}

static void find_and_read(void) { /* sizes first, as python-pkcs11 must */
  static unsigned char values[3][VALUE];
  ck_object_handle_t found[MANY];
  unsigned long count = find(CKO_CERTIFICATE, NULL, found, MANY);
  for (unsigned long i = 0; i < count; i++) {
    struct ck_attribute wanted[] = {{CKA_ID}, {CKA_LABEL}, {CKA_VALUE}};
    must(p->C_GetAttributeValue(session, found[i], wanted, 3), "C_GetAttributeValue");
    for (int j = 0; j < 3; j++) wanted[j].value = values[j];
    must(p->C_GetAttributeValue(session, found[i], wanted, 3), "C_GetAttributeValue");
  }
}

static void sign(ck_mechanism_type_t type, ck_object_handle_t key) {
  struct ck_mechanism mechanism = {type, NULL, 0};
  unsigned char data[32] = {0}, signature[512];
  unsigned long length = sizeof signature;
  must(p->C_SignInit(session, &mechanism, key), "C_SignInit");
  must(p->C_Sign(session, data, sizeof data, signature, &length), "C_Sign");
}

static void generate(ck_mechanism_type_t type, const struct ck_attribute *kind, int count) {
  struct ck_mechanism mechanism = {type, NULL, 0};
  unsigned char yes = 1, no = 0;
  struct ck_attribute public_[5] = {{CKA_TOKEN, &yes, 1}, {CKA_VERIFY, &yes, 1}, {CKA_ID, "peer", 4}};
  struct ck_attribute private_[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1},
                                    {CKA_EXTRACTABLE, &no, 1}, {CKA_SIGN, &yes, 1}, {CKA_ID, "peer", 4}};
  memcpy(public_ + 3, kind, count * sizeof *kind);
  must(p->C_GenerateKeyPair(session, &mechanism, public_, 3 + count, private_, 6, left, left + 1), "C_GenerateKeyPair");
}

static void write_certificate(void) {
  ck_object_class_t class = CKO_CERTIFICATE;
  ck_certificate_type_t type = CKC_X_509;
  unsigned char yes = 1, no = 0;
  struct ck_attribute template[10] = {{CKA_CLASS, &class, sizeof class}, {CKA_CERTIFICATE_TYPE, &type, sizeof type},
                                      {CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &no, 1},
                                      {CKA_ID, "peer", 4}, {CKA_LABEL, "peer", 4}};
  ck_object_handle_t made;
  memcpy(template + 6, copied, sizeof copied);
  must(p->C_CreateObject(session, template, 10, &made), "C_CreateObject");
  must(p->C_DestroyObject(session, made), "C_DestroyObject");
}

static void once(const char *operation, ck_object_handle_t rsa, ck_object_handle_t p256) {
  struct ck_token_info info;
  ck_session_handle_t other;
  unsigned long bits = 2048;
  struct ck_attribute rsa_kind[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}, {CKA_PUBLIC_EXPONENT, "\1\0\1", 3}};
  struct ck_attribute p256_kind[] = {{CKA_EC_PARAMS, "\6\x08\x2a\x86\x48\xce\x3d\3\1\7", 10}};
  if (!strcmp(operation, "token")) must(p->C_GetTokenInfo(slot, &info), "C_GetTokenInfo");
  else if (!strcmp(operation, "open")) {
    must(p->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &other), "C_OpenSession");
    must(p->C_CloseSession(other), "C_CloseSession");
  } else if (!strcmp(operation, "find")) find_and_read();
  else if (!strcmp(operation, "sign-p256")) sign(CKM_ECDSA, p256);
  else if (!strcmp(operation, "sign-rsa")) sign(CKM_SHA256_RSA_PKCS, rsa);
  else if (!strcmp(operation, "write")) write_certificate();
  else if (!strcmp(operation, "generate-p256")) generate(CKM_EC_KEY_PAIR_GEN, p256_kind, 1);
  else if (!strcmp(operation, "generate-rsa")) generate(CKM_RSA_PKCS_KEY_PAIR_GEN, rsa_kind, 2);
  else { fprintf(stderr, "unknown: %s\n", operation); exit(64); }
}

int main(int argc, char **argv) {
  char pin[64], operation[32];
  ck_object_handle_t rsa, p256, certificate;
  unsigned long count = MANY;
  ck_slot_id_t slots[MANY];
  void *library = argc == 2 && fgets(pin, sizeof pin, stdin) ? dlopen(argv[1], RTLD_NOW) : NULL;
  ck_rv_t (*list)(struct ck_function_list **) = library ? dlsym(library, "C_GetFunctionList") : NULL;
  if (!list || list(&p) != CKR_OK) return 65;
  must(p->C_Initialize(NULL), "C_Initialize");
  must(p->C_GetSlotList(1, slots, &count), "C_GetSlotList");
  slot = slots[0];
  must(p->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), "C_OpenSession");
  must(p->C_Login(session, CKU_USER, (unsigned char *)pin, strcspn(pin, "\n")), "C_Login");
  find(CKO_PRIVATE_KEY, "rsa", &rsa, 1);
  find(CKO_PRIVATE_KEY, "p256", &p256, 1);
  find(CKO_CERTIFICATE, NULL, &certificate, 1);
  for (int i = 0; i < 4; i++) copied[i].value_len = VALUE;
  must(p->C_GetAttributeValue(session, certificate, copied, 4), "C_GetAttributeValue");
  for (long rounds; scanf("%31s %ld", operation, &rounds) == 2; putchar('\n'), fflush(stdout))
    for (long round = 0; round <= rounds; round++) {
      struct timespec a, b;
      clock_gettime(CLOCK_MONOTONIC, &a);
      once(operation, rsa, p256);
      clock_gettime(CLOCK_MONOTONIC, &b);
      for (int i = 0; i < 2; left[i++] = 0)
        if (left[i]) must(p->C_DestroyObject(session, left[i]), "C_DestroyObject");
      if (round) printf("%.2f ", (b.tv_sec - a.tv_sec) * 1e6 + (b.tv_nsec - a.tv_nsec) / 1e3);
    }
  return 0;
}
