/*
 * support_as4.h - two gateways and a stranger, with keys made at the start of the program.
 *
 * gw-a sends, gw-b receives, gw-m is another partner of gw-b. Keys and certificates are written
 * to a temporary folder, read back by the real signer, and removed at once.
 */
#ifndef SUPPORT_AS4_H
#define SUPPORT_AS4_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/types.h>

#include "as4/package.h"
#include "as4/receive.h"
#include "as4/response.h"
#include "base/buf.h"
#include "base/err.h"
#include "pki/cert.h"
#include "pki/signer.h"
#include "pki/trust.h"
#include "support/evp_verify.h"

#define NOW    INT64_C(1795478400000) /* 2026-11-24T00:00:00Z */
#define SECOND INT64_C(1000)

enum who {
    GW_A,
    GW_B,
    GW_M,
    WHO_COUNT
};

enum key {
    KEY_SIGN_2048,
    KEY_SIGN_3072,
    KEY_SIGN_EC,
    KEY_OPEN_2048,
    KEY_OPEN_3072,
    KEY_OLD, /* signs; its certificate has expired */
    KEY_COUNT
};

struct gateway {
    struct signer *signer;
    EVP_PKEY *keys[KEY_COUNT];
    struct cert *certs[KEY_COUNT];
    struct certlist sign_certs, own_certs;
    const char *own_ids[2];
    struct as4_own_keys own;
    struct trust *trust; /* what others believe of it */
};

extern struct gateway gateways[WHO_COUNT];
extern struct certlist ca; /* it issued every certificate */

int as4_setup(void **state); /* for cmocka_run_group_tests() */
int as4_teardown(void **state);

const char *key_name(enum key key);
struct as4_signing signing_of(enum who who, enum key key);

/* What `us` has agreed with `partner`. */
struct pmode pmode_of(enum who us, enum who partner);

/* A receiver: one partner list, one memory of what was taken. */
struct receiver {
    struct as4_gate gate;
    struct pmode pmodes[4];
    enum who partners[4];
    size_t count;
    struct signer *signer;
    /* what known() answers */
    enum as4_known known;
    char message_id[256];
    unsigned char fingerprint[AS4_FINGERPRINT];
    bool remembers;
    unsigned asked;
    struct trust *trust;            /* instead of the partner's own; NULL */
    const struct as4_own_keys *own; /* instead of gw-b's; NULL */
    struct source *body;            /* of the last message */
};
void receiver_init(struct receiver *r, enum who us);
void receiver_free(struct receiver *r); /* after the last as4_inbound */

/* A message under construction. */
struct letter {
    struct pmode pmode;
    enum key sign, open;
    struct as4_part_spec parts[PMODE_PARTS_MAX];
    struct source *owned[PMODE_PARTS_MAX];
    size_t part_count;
    struct as4_package *package;
    struct buf wire; /* the request body */
};
void letter_init(struct letter *l);
void letter_add(struct letter *l, const char *type, const char *text,
                enum as4_compress how);
void letter_pack(struct letter *l); /* fails the test when it cannot */
void letter_free(struct letter *l);

/* The canonical two parts: gzipped XML and an octet part. */
void letter_two_parts(struct letter *l);

/* The octets are borrowed until receiver_free(). */
void receive_wire(struct receiver *r, const void *data, size_t len,
                  const char *content_type, struct as4_inbound *ret);
void receive_letter(struct receiver *r, const struct letter *l, struct as4_inbound *ret);

/* Replaces the first `find` by `put` in the buffer, which may hold any octets. */
bool edit(struct buf *text, const char *find, const char *put);
bool edit_octets(struct buf *text, const void *find, size_t find_len, const void *put,
                 size_t put_len);

/* The envelope of the wire body: parsed, signed anew by that key with other code, put back. */
void resign(struct buf *wire, EVP_PKEY *key);
struct str envelope_in(const struct buf *wire);

void load_golden(const char *name, struct buf *out); /* below tests/golden/as4 */
struct buf load_source(const struct source *source, size_t max);
void sha256_hex(const void *data, size_t len, char out[65]);

#endif
