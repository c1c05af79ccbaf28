/*
 * audit.h - who did what: append-only, a hash chain per node, checkpoints signed.
 *
 * Each row's hash is SHA-256 over the previous row's hash and the row's canonical line (every
 * field as `length:octets,`). Every so many rows a checkpoint over (node, number, hash) is
 * signed by the store's hook. Ids and codes only.
 */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "store/store.h"

/* NULL fields are "". */
struct audit_actor {
    const char *office;
    const char *person;  /* the user's id, as the office named it */
    const char *role;    /* officer, consul, team, auditor, operator, gateway */
    const char *channel; /* rest, folder, ctl, console, as4, timer */
};

struct audit_entry {
    struct audit_actor actor;
    const char *action; /* "message.accepted", "case.read" ... */
    const char *case_id;
    const char *message_id;
    const char *outcome; /* "done", or the code of the refusal */
    const char *detail;  /* ids and codes, at most 400 octets */
};
NODISCARD bool audit_add(struct store_tx *tx, const struct audit_entry *entry,
                         struct err *err);

struct audit_row {
    char node[STORE_NAME_TEXT];
    int64_t number; /* from 1 */
    int64_t at_ms;
    char office[STORE_NAME_TEXT], person[STORE_NAME_TEXT];
    char role[STORE_CODE_TEXT], channel[STORE_CODE_TEXT];
    char action[STORE_CODE_TEXT];
    char case_id[STORE_NAME_TEXT], message_id[STORE_NAME_TEXT];
    char outcome[STORE_CODE_TEXT], detail[STORE_REASON_TEXT];
    char hash[STORE_HASH_TEXT];
};
struct audit_filter {
    const char *node;       /* NULL: this one; chains are numbered per node */
    const char *case_id;    /* NULL any */
    const char *message_id; /* NULL any */
    int64_t after;          /* number; 0 from the start */
    bool newest_first;      /* then: numbers below `after`, 0 from the end */
    size_t limit;
};
typedef bool audit_row_cb(void *ctx, const struct audit_row *row); /* false stops */
NODISCARD bool audit_select(struct store_tx *tx, const struct audit_filter *filter,
                            audit_row_cb *each, void *ctx, struct err *err);

/* Checks a checkpoint's signature; NULL in audit_verify() recomputes the mac. */
typedef bool audit_check_cb(void *ctx, const void *data, size_t len,
                            const void *signature, size_t signature_len);
struct audit_verdict {
    int64_t rows, checkpoints; /* that were looked at */
    bool intact;
    int64_t bad_number;           /* the first row that does not fit */
    char what[STORE_REASON_TEXT]; /* in words */
};
/* node NULL: this one. A chain that does not fit is a verdict, not an error. */
NODISCARD bool audit_verify(struct store_tx *tx, const char *node, audit_check_cb *check,
                            void *ctx, struct audit_verdict *ret, struct err *err);

#endif
