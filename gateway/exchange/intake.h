/*
 * intake.h - an office's document becomes a message that waits, or is refused with every reason.
 *
 * The order of steps is fixed: read and check the document, find its case, decide, finish the
 * canonical document, seal it, then one transaction: case, message, octets, losses, audit,
 * figures, idempotency. Only then is it accepted. The same content handed in again gives the
 * first ids and changes nothing.
 */
#ifndef EXCHANGE_INTAKE_H
#define EXCHANGE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "exchange/draft.h"
#include "exchange/exchange.h"
#include "store/audit.h"

struct err;

struct intake {
    const char *office; /* who hands it in */
    struct audit_actor actor;
    const char *scope; /* "rest", "folder", "ctl": of the key; NULL: no key */
    const char *key;   /* idempotency key; NULL: none */
    const void *data;  /* the document; NULL with `doc` */
    size_t len;
    xmlDoc
        *doc; /* instead: a canonical document made for the office (answers); borrowed */
    const char
        *digest; /* with doc: of what it was made from, in hex; NULL: never a repeat */
    const char *file;        /* its name in findings; NULL */
    const char *to;          /* receiving office; NULL: as the document says */
    const char *agreement;   /* NULL: as the document says */
    const char *linked_case; /* the case this one goes on from; NULL */
    bool check_only;         /* everything but sending */
};

enum intake_verdict {
    INTAKE_ACCEPTED, /* waits for its partner, on disk */
    INTAKE_REPEATED, /* was accepted before: the first ids */
    INTAKE_CHECKED,  /* check_only, and nothing stands against it */
    INTAKE_REFUSED,  /* findings, or *why */
};

struct intake_result {
    enum intake_verdict verdict;
    struct draft draft; /* findings, losses, header */
    char message_id[UUID_TEXT];
    char case_id[CASE_ID_TEXT];
    char partner[STORE_NAME_TEXT];
    struct err why; /* of a refusal that is not a finding: code, text, kind */
};
void intake_result_free(struct intake_result *result); /* for AUTO */

/*
 * False with *err only for trouble of our own (the caller may try again). Codes of refusals in
 * result->why: "intake.findings", "intake.case-unknown" (names the command that lists cases),
 * "intake.other-content", "intake.number-used", "intake.no-agreement", "intake.ambiguous",
 * "intake.attachment", "case.state", "loss.blocking", and those of the decision.
 */
bool intake_take(const struct exchange *x, const struct intake *in,
                 struct intake_result *ret, struct err *err) NODISCARD;

#endif
