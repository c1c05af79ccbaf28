/*
 * support_exchange.h - gateways for the tests: real keys, a real store in a folder of its own, a
 * real listener on loopback.
 *
 * The throw-away authority of certs/make-test-ca.sh is made once per program by keys_setup().
 * A desk is one gateway without a daemon around it: store, signer, snapshot, exchange, and on
 * demand the partners' listener. Time stands at NOW unless a test moves it.
 */
#ifndef SUPPORT_EXCHANGE_H
#define SUPPORT_EXCHANGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/types.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "exchange/exchange.h"
#include "exchange/partner.h"
#include "exchange/snapshot.h"
#include "pki/signer.h"
#include "store/store.h"

#define NOW INT64_C(1795510800000) /* 2026-11-24T09:00:00Z */

struct http_server;
struct http_service;
struct wire;

/* A folder with everything of this program in it, removed at the end. */
extern char work_dir[64];
extern char
    keys_dir[80]; /* work_dir/keys: ca.pem, MD-GW1/, UA-GW1/, expired/, other/ ... */

int keys_setup(void **state); /* of a group */
int keys_teardown(void **state);

/* The call did what it should, or the test ends with its words. */
#define OK(call) \
    do { \
        struct err err = { 0 }; \
        if (!(call)) \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, err.code, err.text); \
    } while (0)

/* The call fails with exactly this code and kind. */
#define FAILS(call, kind_, code_) \
    do { \
        struct err err = { 0 }; \
        assert_false(call); \
        assert_non_null(err.code); \
        assert_string_equal(err.code, code_); \
        assert_int_equal(err.kind, kind_); \
    } while (0)

/* --- one gateway --------------------------------------------------------------------------- */

struct desk_kind {
    const char *gateway, *country, *zone, *office, *form, *language;
};
extern const struct desk_kind desk_md, desk_ua;

struct desk {
    const struct desk_kind *kind;
    char folder[112];        /* below work_dir */
    char partners[128];      /* its partner files */
    const char *environment; /* "demo" */
    struct clock clock;
    struct store *store;
    struct signer *signer;
    struct office offices[4];
    size_t office_count;
    struct strlist decrypt;
    struct snapshot_source source;
    char tls_cert[160], tls_key[160];
    struct exchange x;
    struct wire *wire;
    struct http_service *service;
    SSL_CTX *tls;
    struct http_server *server;
};

/* Store and keys, no partners, no snapshot yet. */
void desk_open(struct desk *d, const struct desk_kind *kind);
/* A partner file of the other gateway at that port; more: further members, "" or ", ...". */
void desk_partner(struct desk *d, const struct desk_kind *other, unsigned port,
                  const char *more);
/* A snapshot of what is there now, in force. */
void desk_snapshot(struct desk *d);
/* Reads keys and opens the store anew, as after a restart; and the snapshot. */
void desk_restart(struct desk *d);
/* The partners' listener (the real one); its port. */
unsigned desk_listen(struct desk *d);
void desk_close(struct desk *d);

/* Bundles an agreement of this tree and puts it in force. */
void desk_install(struct desk *d, const char *agreement);
/* The same agreement under another digest, in force instead. */
void desk_install_other(struct desk *d, const char *agreement);
/* The operator's word about a leg. */
void desk_leg(struct desk *d, const char *agreement, const char *from, const char *to,
              const char *state);

/* --- small things ---------------------------------------------------------------------------- */

/* Runs a work and fails the test when it fails. */
void desk_run(struct desk *d, store_work *work, void *ctx);
/* A file below work_dir, 0600. */
void write_text(const char *path, const char *text);
/* A file of the tree. */
struct buf tree_file(const char *path);
/* How many rows of the audit have that action. */
unsigned audited(struct desk *d, const char *action);
/* Open tasks of a kind. */
unsigned tasks_of(struct desk *d, const char *kind);

#endif
