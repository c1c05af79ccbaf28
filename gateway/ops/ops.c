/*
 * ops.c - permission first, then the operation, then how its failure is called.
 *
 * A call that is not allowed leaves an audit row and nothing else. What an operation changes it
 * audits itself, in the transaction of the change. The outcome of a failure follows from the
 * error's code (table below) or, without a row, from its kind: faces turn the outcome into a
 * status or an exit code and decide nothing themselves.
 */
#include "ops/ops_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/body.h"
#include "base/log.h"
#include "base/mem.h"
#include "format/json.h"

static const struct {
    const char *code;
    enum ops_outcome outcome;
} outcomes[] = {
    { "ops.argument", OPS_BAD },
    { "ops.not-allowed", OPS_NOT_ALLOWED },
    { "ops.unknown", OPS_NOT_FOUND },
    { "intake.case-unknown", OPS_NOT_FOUND },
    { "intake.other-content", OPS_CONFLICT },
    { "intake.number-used", OPS_CONFLICT },
    { "upload.other-content", OPS_CONFLICT },
    { "case.state", OPS_CONFLICT },
    { "case.role", OPS_CONFLICT },
    { "case.moved", OPS_CONFLICT },
    { "deliverable.order", OPS_CONFLICT },
    { "deliverable.done", OPS_CONFLICT },
    { "deliverable.not-handed", OPS_CONFLICT },
    { "queue.state", OPS_CONFLICT },
    { "buf.too-large", OPS_TOO_LARGE },
    { "body.too-large", OPS_TOO_LARGE },
};

static enum ops_outcome outcome_of(const struct err *why)
{
    for (size_t i = 0; i < COUNT_OF(outcomes); i++)
        if (text_eq(outcomes[i].code, why->code))
            return outcomes[i].outcome;
    if (text_ends(why->code, ".unknown"))
        return OPS_NOT_FOUND;
    switch (why->kind) {
    case ERR_REJECT:
        return OPS_FINDINGS;
    case ERR_DENIED:
        return OPS_NOT_ALLOWED;
    case ERR_RETRY:
    case ERR_UNSURE:
        return OPS_TROUBLE;
    case ERR_CONFIG:
    case ERR_BUG:
    case ERR_NONE:
        break;
    }
    return OPS_FAILED;
}

const char *ops_outcome_name(enum ops_outcome outcome)
{
    static const char *const names[OPS_OUTCOMES] = {
        "done",      "created",  "accepted",  "bad-call", "unknown-caller", "not-allowed",
        "not-found", "conflict", "too-large", "findings", "failed",         "trouble",
    };

    return names[outcome];
}

static const struct {
    const char *name;
    enum ops_role role;
} roles[] = {
    { "officer", OPS_OFFICER }, { "consul", OPS_CONSUL },     { "team", OPS_TEAM },
    { "auditor", OPS_AUDITOR }, { "operator", OPS_OPERATOR }, { "nobody", OPS_NOBODY },
};

bool ops_role_parse(const char *name, enum ops_role *ret)
{
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (roles[i].role != OPS_NOBODY && text_eq(name, roles[i].name)) {
            *ret = roles[i].role;
            return true;
        }
    }
    return false;
}

const char *ops_role_name(enum ops_role role)
{
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (roles[i].role == role)
            return roles[i].name;
    return "nobody";
}

/* --- life --------------------------------------------------------------------------------- */

struct ops *ops_new(const struct ops_env *env)
{
    struct ops *o = mem_alloc(sizeof *o);

    o->env = *env;
    o->x = env->x;
    o->started_ms = clock_now(env->x->clock);
    o->ready_at_ms = INT64_MIN;
    pthread_rwlock_init(&o->lock, NULL);
    pthread_mutex_init(&o->ready_lock, NULL);
    return o;
}

void ops_free(struct ops **ops)
{
    struct ops *o = *ops;

    if (o == NULL)
        return;
    mem_free(&o->clients);
    pthread_rwlock_destroy(&o->lock);
    pthread_mutex_destroy(&o->ready_lock);
    mem_free(ops);
}

const struct exchange *ops_exchange(const struct ops *o)
{
    return o->x;
}

int64_t ops_again_ms(const struct ops *o)
{
    return o->env.again_ms;
}

void ops_result_free(struct ops_result *r)
{
    json_drop(&r->json);
    json_drop(&r->details);
    buf_free(&r->octets);
    source_free(&r->content);
    *r = (struct ops_result){ .outcome = OPS_FAILED };
}

/* --- arguments ---------------------------------------------------------------------------- */

const char *op_text(const struct ops_call *c, const char *name)
{
    const char *text = json_string_value(json_object_get(c->args, name));

    return text_empty(text) ? NULL : text;
}

bool op_flag(const struct ops_call *c, const char *name)
{
    const char *text = op_text(c, name);

    return json_is_true(json_object_get(c->args, name)) || text_eq(text, "1") ||
           text_eq(text, "true") || text_eq(text, "yes");
}

size_t op_limit(const struct ops_call *c)
{
    uint64_t n = 0;
    const json_t *value = json_object_get(c->args, "limit");

    if (json_is_integer(value) && json_integer_value(value) > 0)
        n = (uint64_t)json_integer_value(value);
    else if (!str_u64(str_of(op_text(c, "limit")), &n))
        n = 100;
    return n == 0 || n > STORE_PAGE_MAX ? STORE_PAGE_MAX : (size_t)n;
}

struct audit_actor op_actor(const struct ops_caller *caller)
{
    return (struct audit_actor){ .office = caller->office,
                                 .person = caller->person,
                                 .role = ops_role_name(caller->role),
                                 .channel = caller->channel };
}

bool op_sees_content(const struct ops_caller *caller)
{
    return (caller->role & (OPS_OFFICER | OPS_CONSUL | OPS_TEAM)) != 0 &&
           caller->office[0] != '\0';
}

bool op_may_see(const struct ops_caller *caller, const char *office)
{
    if (caller->office[0] != '\0')
        return text_eq(caller->office, office);
    return (caller->role & (OPS_OPERATOR | OPS_AUDITOR)) != 0;
}

/* --- results ------------------------------------------------------------------------------ */

void op_fail(struct ops_result *r, const struct err *why)
{
    r->why = *why;
    r->outcome = outcome_of(why);
}

void op_done(struct ops_result *r, json_t *value)
{
    r->outcome = OPS_DONE;
    json_drop(&r->json);
    r->json = value;
}

void op_detail(struct ops_result *r, const char *name, json_t *taken)
{
    if (r->details == NULL)
        r->details = json_object();
    json_object_set_new(r->details, name, taken);
}

void op_header(struct ops_result *r, const char *name, const char *fmt, ...)
{
    va_list args;

    if (r->header_count == OPS_HEADERS_MAX)
        return;
    r->headers[r->header_count].name = name;
    va_start(args, fmt);
    vsnprintf(r->headers[r->header_count].value, sizeof r->headers[0].value, fmt, args);
    va_end(args);
    r->header_count++;
}

json_t *ops_problem(const struct ops_result *r, int status, const char *title)
{
    AUTO(mem_free) char *type = mem_printf("urn:trm:problem:%s", r->why.code);
    json_t *problem = r->details != NULL ? json_copy(r->details) : json_object();

    op_put(problem, "type", type);
    op_put(problem, "title", title);
    op_put_int(problem, "status", status);
    op_put(problem, "detail", r->why.text);
    op_put(problem, "code", r->why.code);
    return problem;
}

struct audit_ctx {
    struct audit_actor actor;
    const char *action, *case_id, *message_id, *outcome, *detail;
};

static bool audit_work(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct audit_ctx *a = ctx;

    return exchange_audit(tx, &a->actor, a->action, a->case_id, a->message_id, a->outcome,
                          a->detail, err);
}

bool op_audit_read(struct ops *o, const struct ops_caller *caller, const char *action,
                   const char *case_id, const char *message_id, struct err *err)
{
    struct audit_ctx ctx = {
        op_actor(caller), action, case_id, message_id, "done", NULL
    };

    return store_run(o->x->store, audit_work, &ctx, err);
}

void op_audit(struct ops *o, const struct ops_caller *caller, const char *action,
              const char *case_id, const char *message_id, const char *outcome,
              const char *text)
{
    struct audit_ctx ctx = {
        op_actor(caller), action, case_id, message_id, outcome, text
    };
    struct err err = { 0 };

    if (!store_run(o->x->store, audit_work, &ctx, &err))
        log_error("audit.not-written", log_s("action", action), log_fault(&err));
}

bool op_load_body(const struct ops_call *c, size_t max, struct buf *out, struct err *err)
{
    if (c->body == NULL || c->body->size == 0)
        return err_set(err, ERR_REJECT, "ops.argument", "the call has no body");
    if (c->body->size > max)
        return err_set(err, ERR_REJECT, "buf.too-large",
                       "the document has %llu octets, the limit is %zu",
                       (unsigned long long)c->body->size, max);
    return source_load(c->body, out, err) && buf_check(out, "document", err);
}

/* --- the door ----------------------------------------------------------------------------- */

static bool allowed(const struct ops_row *row, const struct ops_call *c, struct err *why)
{
    const struct ops_caller *caller = c->caller;

    if ((row->entry.roles & OPS_NOBODY) != 0)
        return true;
    if ((row->entry.roles & caller->role) == 0)
        return err_set(why, ERR_DENIED, "ops.not-allowed", "%s is not for the role %s",
                       row->entry.name, ops_role_name(caller->role));
    if (row->entry.office && caller->office[0] == '\0')
        return err_set(why, ERR_DENIED, "ops.not-allowed",
                       "%s is done for an office: call with the key of an office",
                       row->entry.name);
    return true;
}

static bool known_argument(const struct ops_entry *entry, const char *name)
{
    for (size_t i = 0; entry->params != NULL && entry->params[i] != NULL; i++)
        if (text_eq(entry->params[i], name))
            return true;
    return false;
}

/* A misspelt argument must not be passed over: it might have been a limit to what is done. */
static bool arguments_known(const struct ops_entry *entry, json_t *args, struct err *why)
{
    const char *name;
    json_t *value;

    json_object_foreach (args, name, value) {
        if (known_argument(entry, name) || json_is_comment(name))
            continue;
        const char *near =
            entry->params != NULL ? json_nearest(name, entry->params) : NULL;
        return err_set(why, ERR_REJECT, "ops.argument",
                       "%s has no argument of that name%s%s%s", entry->name,
                       near != NULL ? ", perhaps \"" : "", near != NULL ? near : "",
                       near != NULL ? "\" is meant" : "");
    }
    return true;
}

void ops_run(struct ops *o, const char *name, const struct ops_call *call,
             struct ops_result *ret)
{
    const struct ops_row *row = ops_row(name);
    struct err why = { 0 };

    *ret = (struct ops_result){ .outcome = OPS_FAILED };
    if (row == NULL) {
        FAIL(ret, ERR_REJECT, "ops.unknown", "there is no such operation");
        return;
    }
    if (!allowed(row, call, &why)) {
        op_fail(ret, &why);
        op_audit(o, call->caller, name, NULL, NULL, why.code, NULL);
        return;
    }
    if (!arguments_known(&row->entry, call->args, &why)) {
        op_fail(ret, &why);
        return;
    }
    err_set(&ret->why, ERR_BUG, "ops.silent", "%s gave no result", name);
    row->handler(o, call, ret);
    if (!ops_worked(ret->outcome) && ret->outcome >= OPS_FAILED)
        log_error("ops.failed", log_s("operation", name), log_fault(&ret->why));
}
