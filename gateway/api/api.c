/*
 * api.c - a request becomes a call of ops, its result an answer.
 *
 * The gate (on the loop thread) decides what needs no store: the route, who calls, how large the
 * body may be. The handler reads arguments and calls. Every refusal is a problem document (RFC
 * 9457), also of the gate. Nothing of a request is logged but route, outcome and code.
 */
#include "api/api.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/openapi.h"
#include "api/result.h"
#include "api/route.h"
#include "base/body.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"
#include "http/field.h"
#include "ops/ops.h"
#include "pki/cert.h"

#define KEY_NAME_MAX    255 /* octets of an Idempotency-Key */
#define CONTROL_WORKERS 2
#define CONTROL_QUEUE   64
#define PROBLEM_TYPE    "application/problem+json"
#define METRICS_MAX     (4 * 1024 * 1024)
#define ANSWER_MAX      (64 * 1024 * 1024)
#define REQUEST_ID_MAX  128
#define EMPTY_MAX       16 /* octets of "{}", which many clients send with every POST */
#define HEADERS_MAX     (OPS_HEADERS_MAX + 5)

struct api {
    struct ops *ops;
    uid_t operators[API_OPERATORS_MAX];
    size_t operator_count;
};

/* What the gate found out, for the handler. */
struct note {
    struct route_match match;
    struct ops_caller caller;
};

static void note_free(void **note)
{
    struct note *n = *note;

    route_match_free(&n->match);
    mem_free(note);
}

/* --- who calls ---------------------------------------------------------------------------- */

static bool is_operator(const struct api *api, uid_t uid)
{
    for (size_t i = 0; i < api->operator_count; i++)
        if (api->operators[i] == uid)
            return true;
    return uid == 0 || uid == geteuid();
}

/* A key that is shown counts, right or wrong; only without one the certificate, then the user. */
static bool identify(const struct api *api, const struct http_head *head,
                     const struct http_peer *peer, struct ops_caller *ret)
{
    const char *channel = peer->local ? "ctl" : "rest";
    const char *credentials = http_header(head, "authorization");

    if (credentials != NULL)
        return strncasecmp(credentials, "Bearer ", 7) == 0 &&
               ops_client_by_key(api->ops, credentials + 7 + strspn(credentials + 7, " "),
                                 channel, ret);
    if (peer->cert != NULL)
        return ops_client_by_certificate(api->ops, cert_sha256(peer->cert), channel, ret);
    if (!peer->local || !is_operator(api, peer->uid))
        return false;
    *ret = (struct ops_caller){ .role = OPS_OPERATOR, .channel = channel };
    snprintf(ret->person, sizeof ret->person, "uid:%u", (unsigned)peer->uid);
    return true;
}

/* --- the gate ----------------------------------------------------------------------------- */

/* The text must outlive the call of the gate: the loop thread has one. */
static void refuse(struct http_gate *gate, int status, const struct err *why)
{
    static _Thread_local char text[1200];
    AUTO(buf_free) struct buf printed = BUF_INIT(sizeof text - 1);
    struct ops_result result = { .why = *why };
    AUTO(json_drop) json_t *problem = ops_problem(&result, status, http_reason(status));

    json_print(problem, &printed);
    snprintf(text, sizeof text, "%s", buf_str(&printed));
    gate->verdict = HTTP_GATE_REFUSE;
    gate->status = status;
    gate->headers[0] = (struct http_header){ "Content-Type", PROBLEM_TYPE };
    gate->text = text;
}

static void refuse_unknown(struct http_gate *gate)
{
    struct err why = { 0 };

    err_set(&why, ERR_DENIED, "api.key",
            "show the API key of a client of this gateway (Authorization: Bearer KEY), "
            "or its "
            "certificate");
    refuse(gate, 401, &why);
    gate->headers[1] = (struct http_header){ "WWW-Authenticate", "Bearer" };
}

static uint64_t body_limit(const struct ops_entry *entry)
{
    return entry->body == OPS_BODY_NONE ? EMPTY_MAX : entry->body_max;
}

static bool body_fits(const struct ops_entry *entry, const struct http_head *head,
                      struct http_gate *gate)
{
    struct err why = { 0 };

    if (head->framing != HTTP_BODY_LENGTH || head->length <= body_limit(entry))
        return true;
    if (entry->body == OPS_BODY_NONE)
        err_set(&why, ERR_REJECT, "api.body", "%s takes no body", entry->name);
    else
        err_set(&why, ERR_REJECT, "buf.too-large",
                "the body has %llu octets; %s takes at most %llu",
                (unsigned long long)head->length, entry->name,
                (unsigned long long)entry->body_max);
    refuse(gate, 413, &why);
    return false;
}

static void gate_operation(struct api *api, const struct http_head *head,
                           const struct http_peer *peer, struct route_match *match,
                           struct http_gate *gate)
{
    const struct ops_entry *entry = ops_find(match->route->operation);
    struct ops_caller caller = { 0 };

    if (!identify(api, head, peer, &caller)) {
        refuse_unknown(gate);
        return;
    }
    if (!body_fits(entry, head, gate))
        return;
    struct note *note = mem_alloc(sizeof *note);
    note->match = *match;
    note->caller = caller;
    *match = (struct route_match){ 0 };
    gate->verdict = HTTP_GATE_ACCEPT;
    gate->body_max = body_limit(entry);
    gate->needs_length = entry->body == OPS_BODY_OCTETS;
    gate->seal_spool = true;
    gate->note = note;
    gate->note_free = note_free;
}

static void gate_plain(struct route_match *match, struct http_gate *gate)
{
    if (match->route->kind == ROUTE_LIVE) {
        gate->verdict = HTTP_GATE_REFUSE;
        gate->status = 200;
        gate->headers[0] = (struct http_header){ "Content-Type", "text/plain" };
        gate->text = "alive\n";
        return;
    }
    struct note *note = mem_alloc(sizeof *note);
    note->match = *match;
    *match = (struct route_match){ 0 };
    gate->verdict = HTTP_GATE_ACCEPT;
    gate->note = note;
    gate->note_free = note_free;
}

static void api_gate(void *ctx, const char *listener, const struct http_head *head,
                     const struct http_peer *peer, struct http_gate *gate)
{
    struct api *api = ctx;
    AUTO(route_match_free) struct route_match match = { 0 };
    static _Thread_local char allow[64];
    struct err why = { 0 };

    (void)listener;
    if (!route_find(head->method, head->path, &match, allow, &why)) {
        bool method = text_eq(why.code, "api.method");

        refuse(gate, method ? 405 : text_eq(why.code, "api.path") ? 404 : 400, &why);
        if (method)
            gate->headers[1] = (struct http_header){ "Allow", allow };
    } else if (match.route->kind == ROUTE_OPERATION) {
        gate_operation(api, head, peer, &match, gate);
    } else {
        gate_plain(&match, gate);
    }
}

/* --- arguments ---------------------------------------------------------------------------- */

static bool read_query(const struct ops_entry *entry, const char *query, json_t *args,
                       struct err *err)
{
    static const char *const none[] = { NULL };
    const char *const *known = entry->params != NULL ? entry->params : none;
    AUTO(buf_free) struct buf unknown = BUF_INIT(256);

    if (http_query_unknown(query, known, &unknown))
        return err_set(err, ERR_REJECT, "ops.argument", "%s has no such query parameter",
                       entry->name);
    for (size_t i = 0; known[i] != NULL; i++) {
        AUTO(buf_free) struct buf value = BUF_INIT(8 * 1024);
        bool found = false;

        if (!http_query(query, known[i], &value, &found, err))
            return false;
        if (found)
            json_object_set_new(args, known[i], json_string(buf_str(&value)));
    }
    return true;
}

static bool read_json(const struct ops_entry *entry, const struct source *body,
                      json_t *args, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(entry->body_max);
    AUTO(json_drop) json_t *object = NULL;

    if (body->size == 0)
        return true;
    if (!source_load(body, &text, err))
        return false;
    object = json_parse(buf_str(&text), text.len, NULL, err);
    if (object == NULL)
        return false;
    if (!json_is_object(object))
        return err_set(err, ERR_REJECT, "ops.argument", "the body must be a JSON object");
    json_object_update_missing(args, object);
    return true;
}

/* No body, or an object with nothing in it. */
static bool read_nothing(const struct ops_entry *entry, const struct source *body,
                         struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_INIT(EMPTY_MAX);
    AUTO(json_drop) json_t *object = NULL;
    struct err why = { 0 };

    if (body->size == 0)
        return true;
    if (!source_load(body, &text, err))
        return false;
    object = json_parse(buf_str(&text), text.len, NULL, &why);
    return (json_is_object(object) && json_object_size(object) == 0) ||
           err_set(err, ERR_REJECT, "api.body", "%s takes no body", entry->name);
}

/* --- answering ---------------------------------------------------------------------------- */

struct answering {
    struct http_exchange *e;
    struct http_header headers[HEADERS_MAX];
    size_t count;
};

static void add_header(struct answering *a, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0' && a->count < HEADERS_MAX &&
        http_value_valid(value))
        a->headers[a->count++] = (struct http_header){ name, value };
}

/* The caller's own number of the request, so that two logs can be laid side by side. */
static void add_request_id(struct answering *a)
{
    const char *id = http_header(&a->e->head, "x-request-id");

    if (id != NULL && strlen(id) <= REQUEST_ID_MAX)
        add_header(a, "X-Request-Id", id);
}

static void respond(struct answering *a, int status, const char *type, struct buf *body,
                    struct source *source)
{
    add_header(a, "Content-Type", type);
    add_header(a, "Cache-Control", "no-store");
    /* A file from abroad under the type its sender named: a browser must not think better. */
    add_header(a, "X-Content-Type-Options", "nosniff");
    add_request_id(a);
    const struct http_answer answer = { .status = status,
                                        .headers = a->headers,
                                        .header_count = a->count,
                                        .body = body,
                                        .source = source };
    http_respond(a->e, &answer);
}

static void respond_json(struct answering *a, int status, const char *type,
                         const json_t *value)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(ANSWER_MAX);

    json_print(value, &text);
    buf_addc(&text, '\n');
    respond(a, status, type, &text, NULL);
}

static void respond_result(struct answering *a, struct ops_result *r)
{
    int status = result_status(r->outcome);

    for (size_t i = 0; i < r->header_count; i++)
        add_header(a, r->headers[i].name, r->headers[i].value);
    if (!ops_worked(r->outcome)) {
        AUTO(json_drop) json_t *problem = result_json(r);

        if (r->outcome == OPS_TROUBLE)
            add_header(a, "Retry-After", "10");
        respond_json(a, status, PROBLEM_TYPE, problem);
    } else if (r->json != NULL) {
        respond_json(a, status, "application/json", r->json);
    } else if (r->content != NULL) {
        respond(a, status, r->media_type, NULL, TAKE(r->content));
    } else {
        respond(a, status, r->media_type, &r->octets, NULL);
    }
}

/* --- the handler -------------------------------------------------------------------------- */

static bool read_key(const struct http_head *head, const char **ret, struct err *err)
{
    *ret = http_header(head, "idempotency-key");
    if (*ret == NULL || (**ret != '\0' && strlen(*ret) <= KEY_NAME_MAX))
        return true;
    return err_set(err, ERR_REJECT, "ops.argument",
                   "an Idempotency-Key has 1 to %d octets", KEY_NAME_MAX);
}

static void run(struct api *api, struct http_exchange *e, const struct note *note,
                struct ops_result *ret)
{
    const struct ops_entry *entry = ops_find(note->match.route->operation);
    AUTO(json_drop) json_t *args = json_object();
    struct ops_call call = { .caller = &note->caller,
                             .id = note->match.id,
                             .sub = note->match.sub,
                             .args = args,
                             .content_type = http_header(&e->head, "content-type"),
                             .file = http_header(&e->head, "trm-file-name"),
                             .scope = note->caller.channel };
    struct err err = { 0 };

    if (!read_query(entry, e->head.query, args, &err) ||
        (entry->body == OPS_BODY_JSON && !read_json(entry, e->body, args, &err)) ||
        (entry->body == OPS_BODY_NONE && !read_nothing(entry, e->body, &err)) ||
        !read_key(&e->head, &call.key, &err)) {
        *ret = (struct ops_result){ .outcome =
                                        err.kind == ERR_REJECT ? OPS_BAD : OPS_TROUBLE,
                                    .why = err };
        return;
    }
    if (entry->body == OPS_BODY_OCTETS)
        call.body = e->body;
    ops_run(api->ops, entry->name, &call, ret);
}

static void log_call(const struct note *note, const struct ops_result *r)
{
    if (ops_worked(r->outcome))
        log_debug("api.call", log_s("operation", note->match.route->operation),
                  log_s("outcome", ops_outcome_name(r->outcome)),
                  log_s("channel", note->caller.channel));
    else
        log_info("api.refused", log_s("operation", note->match.route->operation),
                 log_s("outcome", ops_outcome_name(r->outcome)),
                 log_s("code", r->why.code), log_s("office", note->caller.office),
                 log_s("channel", note->caller.channel));
}

static void handle_operation(struct api *api, struct http_exchange *e)
{
    AUTO(ops_result_free) struct ops_result result = { 0 };
    struct answering a = { .e = e };

    run(api, e, e->note, &result);
    log_call(e->note, &result);
    respond_result(&a, &result);
}

static void handle_ready(struct api *api, struct answering *a)
{
    AUTO(buf_free) struct buf text = BUF_INIT(1024);
    struct err why = { 0 };
    bool ready = ops_ready(api->ops, &why);

    /* A stranger may ask: the code says enough, the words are in the log and in `status`. */
    buf_addf(&text, "%s\n", ready ? "ready" : why.code);
    if (!ready)
        log_warn("gateway.not-ready", log_fault(&why));
    respond(a, ready ? 200 : 503, "text/plain", &text, NULL);
}

static void handle_metrics(struct api *api, struct answering *a)
{
    AUTO(buf_free) struct buf text = BUF_INIT(METRICS_MAX);

    ops_metrics(api->ops, &text);
    respond(a, 200, "text/plain; version=0.0.4; charset=utf-8", &text, NULL);
}

static void handle_openapi(struct answering *a)
{
    AUTO(buf_free) struct buf text = BUF_INIT(METRICS_MAX);

    buf_adds(&text, openapi_text());
    respond(a, 200, "application/yaml; charset=utf-8", &text, NULL);
}

static void api_handle(void *ctx, struct http_exchange *e)
{
    struct api *api = ctx;
    const struct note *note = e->note;
    struct answering a = { .e = e };

    switch (note->match.route->kind) {
    case ROUTE_OPERATION:
        handle_operation(api, e);
        return;
    case ROUTE_READY:
        handle_ready(api, &a);
        return;
    case ROUTE_METRICS:
        handle_metrics(api, &a);
        return;
    case ROUTE_OPENAPI:
    case ROUTE_LIVE:
        handle_openapi(&a);
        return;
    }
}

/* --- life --------------------------------------------------------------------------------- */

struct api *api_new(struct ops *ops, const uid_t *operators, size_t count)
{
    struct api *api = mem_alloc(sizeof *api);

    api->ops = ops;
    for (size_t i = 0; i < count && i < API_OPERATORS_MAX; i++)
        api->operators[api->operator_count++] = operators[i];
    return api;
}

void api_free(struct api **api)
{
    mem_free(api);
}

struct http_service api_office_service(struct api *api, unsigned workers, unsigned queue)
{
    return (struct http_service){ .name = "office",
                                  .ctx = api,
                                  .gate = api_gate,
                                  .handle = api_handle,
                                  .workers = workers,
                                  .queue_max = queue };
}

struct http_service api_control_service(struct api *api)
{
    struct http_service service = api_office_service(api, CONTROL_WORKERS, CONTROL_QUEUE);

    service.name = "control";
    return service;
}
