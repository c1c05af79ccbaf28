/*
 * handover.h - what lies ready for an office, and that it has it.
 *
 * Whatever the face (REST, folder, tool), the office sees the same deliverable under the same
 * delivery id; a second hand-over is marked as a repeat. It is gone from here only after the
 * office has acknowledged it.
 */
#ifndef EXCHANGE_HANDOVER_H
#define EXCHANGE_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "exchange/exchange.h"
#include "store/deliverables.h"
#include "store/messages.h"

struct err;
struct source;

#define HANDOVER_MAX (8 * 1024 * 1024) /* octets of a document in an office's form */

struct handover_file {
    char *id;         /* Attachment/@id; "1", "2" ... of an opaque message */
    char *name;       /* as the sender called it, without folders; NULL */
    char *media_type; /* NULL: not known */
    struct source *content;
};

struct handover {
    struct deliverable deliverable;
    struct message message;
    bool repeat;    /* handed over before under this id */
    bool canonical; /* the canonical view: the form could not say it */
    const char *media_type;
    const char *extension; /* "xml", "json" */
    struct buf document;   /* empty for an opaque message */
    struct buf losses;     /* JSON: what the translation here could not carry */
    struct buf travelled;  /* JSON: what the sender says was not carried */
    struct handover_file *files;
    size_t file_count;
};
void handover_free(struct handover **handover); /* for AUTO; wipes */

/* Reads it, changes nothing but the audit (every read of a case is logged). *ret NULL: unknown, or
 * not this office's. */
bool handover_open(const struct exchange *x, const char *office,
                   const struct audit_actor *actor, const char *delivery_id,
                   struct handover **ret, struct err *err) NODISCARD;

/* It is given now: on disk before the face shows it as given. again_ms: when it may be repeated. */
bool handover_given(const struct exchange *x, const struct audit_actor *actor,
                    const char *delivery_id, int64_t again_ms, struct err *err) NODISCARD;

/* The office has it. A repeat is harmless: *ret_already. */
bool handover_acknowledge(const struct exchange *x, const char *office,
                          const struct audit_actor *actor, const char *delivery_id,
                          bool *ret_already, struct err *err) NODISCARD;

#endif
