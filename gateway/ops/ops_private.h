/*
 * ops_private.h - what the operations share: arguments in, JSON out.
 */
#ifndef OPS_PRIVATE_H
#define OPS_PRIVATE_H

#include <pthread.h>
#include <time.h>

#include "exchange/intake.h"
#include "exchange/snapshot.h"
#include "model/findings.h"
#include "model/loss.h"
#include "ops/ops.h"
#include "store/audit.h"
#include "store/cases.h"
#include "store/deliverables.h"
#include "store/messages.h"
#include "store/tasks.h"

struct client_copy {
    struct ops_caller caller;
    unsigned char key[32], certificate[32];
    bool has_key, has_certificate;
};

struct ops {
    struct ops_env env;
    const struct exchange *x;
    int64_t started_ms;
    pthread_rwlock_t lock; /* of the clients */
    struct client_copy *clients;
    size_t client_count;
    pthread_mutex_t ready_lock;
    int64_t ready_at_ms; /* monotonic; of the answer below */
    bool ready;
    struct err ready_err;
};

typedef void ops_handler(struct ops *o, const struct ops_call *c, struct ops_result *r);

/* --- table.c ------------------------------------------------------------------------------ */

struct ops_row {
    struct ops_entry entry;
    ops_handler *handler;
};
const struct ops_row *ops_row(const char *name);

ops_handler op_submit, op_upload, op_opaque, op_preview;
ops_handler op_messages, op_message, op_message_losses, op_message_why, op_evidence;
ops_handler op_deliverables, op_deliverable, op_deliverable_losses, op_deliverable_files,
    op_deliverable_file, op_deliverable_ack;
ops_handler op_cases, op_case, op_case_act, op_case_assign;
ops_handler op_partners, op_partner_test, op_partner_pause, op_partner_resume;
ops_handler op_queue, op_queue_retry, op_queue_hold, op_queue_release, op_queue_cancel;
ops_handler op_agreements, op_agreement_install, op_agreement_leg;
ops_handler op_tasks, op_task_close;
ops_handler op_status, op_reload;

/* --- arguments ---------------------------------------------------------------------------- */

const char *op_text(const struct ops_call *c, const char *name); /* NULL: absent or "" */
bool op_flag(const struct ops_call *c, const char *name); /* true, "1", "true", "yes" */
/* Of a list, 1..STORE_PAGE_MAX. */
size_t op_limit(const struct ops_call *c);

struct audit_actor op_actor(const struct ops_caller *caller);
/* Sees everything of its office; an operator or auditor of no office sees ids of all. */
bool op_may_see(const struct ops_caller *caller, const char *office);
/* Only the office's own people see what a case is about. */
bool op_sees_content(const struct ops_caller *caller);

/* --- results ------------------------------------------------------------------------------ */

void op_fail(struct ops_result *r, const struct err *why);
#define FAIL(r, kind, code, ...) \
    do { \
        struct err why_ = { 0 }; \
        err_set(&why_, kind, code, __VA_ARGS__); \
        op_fail((r), &why_); \
    } while (0)

/* The answer; takes the value. */
void op_done(struct ops_result *r, json_t *value);
void op_detail(struct ops_result *r, const char *name, json_t *taken);
void op_header(struct ops_result *r, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* One audit row of its own transaction; its failure is logged, never hidden in the result. */
void op_audit(struct ops *o, const struct ops_caller *caller, const char *action,
              const char *case_id, const char *message_id, const char *outcome,
              const char *detail);
/* The same, but without it nothing is shown: every read of a case is logged. */
bool op_audit_read(struct ops *o, const struct ops_caller *caller, const char *action,
                   const char *case_id, const char *message_id,
                   struct err *err) NODISCARD;

/* --- print.c: records as JSON ------------------------------------------------------------- */

void op_put(json_t *object, const char *name,
            const char *text); /* absent when NULL or "" */
void op_put_int(json_t *object, const char *name, int64_t value);
void op_put_bool(json_t *object, const char *name, bool value);
void op_put_instant(json_t *object, const char *name, int64_t ms); /* absent when 0 */
json_t *op_page(json_t *items, const char *next) NODISCARD;        /* takes the array */

json_t *op_message_json(const struct message *m) NODISCARD;
json_t *op_case_json(const struct case_row *row) NODISCARD;
json_t *op_deliverable_json(const struct deliverable *d) NODISCARD;
json_t *op_task_json(const struct task *t) NODISCARD;
/* What may not pass, with the clause that says so. */
json_t *op_withheld_json(const struct losses *losses) NODISCARD;

/* --- shared steps ------------------------------------------------------------------------- */

/* By message id, or the row's own id. Fails with "message.unknown" when the caller may not see
 * it, as if it were not there. */
bool op_find_message(struct ops *o, const struct ops_caller *caller, const char *id,
                     struct message *ret, struct err *err) NODISCARD;
/* The result of an intake, accepted or refused. */
void op_intake_result(struct ops *o, const struct ops_caller *caller,
                      struct intake_result *result, struct ops_result *r);
/* The whole of call->body, at most `max` octets. */
bool op_load_body(const struct ops_call *c, size_t max, struct buf *out,
                  struct err *err) NODISCARD;

#endif
