/*
 * ops.h - every operation of the gateway, once: who may call it, what it does, what it leaves in
 * the audit trail.
 *
 * REST, the exchange folder and the command line are faces of this: a face turns its transport
 * into a caller, the name of an operation, arguments and octets, and prints the result. What
 * "retry" means, and who may say it, stands here alone.
 *
 * An operation never fails in C: *ret tells what came of it, in words and as data.
 */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "exchange/exchange.h"
#include "store/store.h"

struct http_counters;
struct ops;
struct source;
struct wire_counters;

/* --- who calls ---------------------------------------------------------------------------- */

enum ops_role {
    OPS_OFFICER = 1,
    OPS_CONSUL = 2,
    OPS_TEAM = 4,
    OPS_AUDITOR = 8,
    OPS_OPERATOR = 16, /* ids and states, never content */
    OPS_NOBODY = 32,   /* without a key: health and figures */
};
bool ops_role_parse(const char *name, enum ops_role *ret); /* "officer", ... */
const char *ops_role_name(enum ops_role role);

struct ops_caller {
    enum ops_role role;
    char office[STORE_NAME_TEXT]; /* "": of none */
    char person[STORE_NAME_TEXT];
    const char *channel; /* literal: "rest", "folder", "ctl" */
};

/* Somebody who may call with a key or a client certificate. All texts are copied. */
struct ops_client {
    const char *name;
    const char *office;
    const char *role;
    const char *person;
    const char *key_sha256;  /* hexadecimal; NULL: none */
    const char *certificate; /* SHA-256 fingerprint, hexadecimal; NULL: none */
};
#define OPS_CLIENTS_MAX 256
#define OPS_KEY_MAX     512 /* octets of an API key */

/* --- what it works on --------------------------------------------------------------------- */

/* Everything but `x` may be NULL. Borrowed; must outlive the ops. */
struct ops_env {
    const struct exchange *x;
    const struct wire_counters *wire;
    int64_t again_ms; /* a document handed over may be shown again after */
    const char *version;
    /* A new snapshot of the settings in force, after bundles changed. */
    bool (*refresh)(void *ctx, struct err *err);
    /* Files read anew, all or nothing; one sentence per change. */
    bool (*reload)(void *ctx, struct strlist *ret_changes, struct err *err);
    void (*figures)(void *ctx, struct http_counters *ret);
    bool (*draining)(void *ctx);
    void *ctx;
};

struct ops *ops_new(const struct ops_env *env) NODISCARD;
void ops_free(struct ops **ops); /* for AUTO */

/* Replaces all clients, or nothing: ERR_CONFIG "ops.client" names the one that is wrong. */
bool ops_set_clients(struct ops *ops, const struct ops_client *clients, size_t count,
                     struct err *err) NODISCARD;
/* Constant time over all clients. False: nobody has that key / certificate. */
bool ops_client_by_key(const struct ops *ops, const char *key, const char *channel,
                       struct ops_caller *ret);
bool ops_client_by_certificate(const struct ops *ops, const char *sha256,
                               const char *channel, struct ops_caller *ret);

/* --- the table ---------------------------------------------------------------------------- */

enum ops_body {
    OPS_BODY_NONE,
    OPS_BODY_JSON,   /* its members are arguments */
    OPS_BODY_OCTETS, /* as it is, in call->body */
};

struct ops_entry {
    const char *name; /* "message.submit" */
    unsigned roles;   /* set of enum ops_role */
    bool office;      /* the caller must act for an office */
    const char *const
        *params; /* arguments by name, NULL-terminated; "id" and "sub" aside */
    enum ops_body body;
    uint64_t body_max; /* octets */
    const char *help;  /* a sentence */
};
const struct ops_entry *ops_find(const char *name); /* NULL: no such operation */
const struct ops_entry *ops_at(size_t index);       /* NULL: past the end */

/* --- calling ------------------------------------------------------------------------------ */

struct ops_call {
    const struct ops_caller *caller;
    const char *id, *sub;      /* of what; NULL: does not say */
    json_t *args;              /* an object, or NULL; borrowed */
    const struct source *body; /* octets; NULL */
    const char *content_type;  /* of the octets; NULL */
    const char *file;          /* name of the document for findings; NULL */
    const char *scope, *key;   /* idempotency; NULL */
};

enum ops_outcome {
    OPS_DONE,
    OPS_CREATED,
    OPS_ACCEPTED, /* on disk; the rest comes later */
    OPS_BAD,      /* the call itself is not right */
    OPS_UNKNOWN_CALLER,
    OPS_NOT_ALLOWED,
    OPS_NOT_FOUND,
    OPS_CONFLICT,
    OPS_TOO_LARGE,
    OPS_FINDINGS, /* the content cannot pass; each problem in `details` */
    OPS_FAILED,   /* our own fault */
    OPS_TROUBLE,  /* try again later */
};
#define OPS_OUTCOMES (OPS_TROUBLE + 1)
const char *ops_outcome_name(enum ops_outcome outcome);

#define OPS_HEADERS_MAX 8

struct ops_result {
    enum ops_outcome outcome;
    json_t *json;           /* the answer; or octets: */
    struct buf octets;      /* or: */
    struct source *content; /* large ones */
    char media_type[128];   /* of octets or content */
    struct {
        const char *name; /* literal, of an HTTP header field */
        char value[256];
    } headers[OPS_HEADERS_MAX];
    size_t header_count;
    struct err why;  /* when it did not work */
    json_t *details; /* then: findings, losses, clause ...; an object or NULL */
};
void ops_result_free(struct ops_result *result); /* for AUTO; wipes */

static inline bool ops_worked(enum ops_outcome outcome)
{
    return outcome <= OPS_ACCEPTED;
}

/* *ret is filled from zero. An unknown name is OPS_NOT_FOUND. */
void ops_run(struct ops *ops, const char *name, const struct ops_call *call,
             struct ops_result *ret);

/* RFC 9457: {type, title, status, detail, code, ...details}. Owned. */
json_t *ops_problem(const struct ops_result *result, int status,
                    const char *title) NODISCARD;

/* Prometheus text: ids of gateways and offices, states, counts; nothing of a case. */
void ops_metrics(struct ops *ops, struct buf *out);

/* Can it accept and send? The reason when not. Asks the store at most once a second. */
bool ops_ready(struct ops *ops, struct err *err);

/* What stands to be done now and then: gaps, leases, old entries. Called every minute. */
void ops_housekeeping(struct ops *ops);

/* "M01" documents and the like handed over by the exchange folder are acknowledged and opened
 * through these, so that face needs nothing else: see exchange/handover.h. */
const struct exchange *ops_exchange(const struct ops *ops);
int64_t ops_again_ms(const struct ops *ops);

#endif
