/*
 * route.c - the table of paths, and how one is found in it.
 *
 * The first row that fits is taken. A path that fits with another method is 405, not 404.
 */
#include "api/route.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/field.h"

#define SEGMENTS_MAX 8
#define SEGMENT_MAX  1024 /* octets of one, decoded */

#define OP(method, pattern, operation) \
    { \
        HTTP_##method, pattern, ROUTE_OPERATION, operation \
    }

/* clang-format off */
static const struct route routes[] = {
    { HTTP_GET, "/livez", ROUTE_LIVE, NULL },
    { HTTP_GET, "/readyz", ROUTE_READY, NULL },
    { HTTP_GET, "/metrics", ROUTE_METRICS, NULL },
    { HTTP_GET, "/openapi.yaml", ROUTE_OPENAPI, NULL },

    OP(POST, "/v1/messages", "message.submit"),
    OP(GET,  "/v1/messages", "message.list"),
    OP(GET,  "/v1/messages/{id}", "message.show"),
    OP(GET,  "/v1/messages/{id}/losses", "message.losses"),
    OP(GET,  "/v1/messages/{id}/why", "message.why"),
    OP(GET,  "/v1/messages/{id}/evidence", "message.evidence"),
    OP(PUT,  "/v1/attachments/{id}", "attachment.put"),
    OP(POST, "/v1/preview", "preview"),
    OP(POST, "/v1/opaque", "message.opaque"),

    OP(GET,  "/v1/deliverables", "deliverable.list"),
    OP(GET,  "/v1/deliverables/{id}", "deliverable.get"),
    OP(GET,  "/v1/deliverables/{id}/losses", "deliverable.losses"),
    OP(GET,  "/v1/deliverables/{id}/attachments", "deliverable.attachments"),
    OP(GET,  "/v1/deliverables/{id}/attachments/{sub}", "deliverable.attachment"),
    OP(POST, "/v1/deliverables/{id}/acknowledge", "deliverable.acknowledge"),

    OP(GET,  "/v1/cases", "case.list"),
    OP(GET,  "/v1/cases/{id}", "case.show"),
    OP(POST, "/v1/cases/{id}/assign", "case.assign"),
    OP(POST, "/v1/cases/{id}/{sub}", "case.act"),

    OP(GET,  "/v1/partners", "partner.list"),
    OP(POST, "/v1/partners/{id}/test", "partner.test"),
    OP(POST, "/v1/partners/{id}/pause", "partner.pause"),
    OP(POST, "/v1/partners/{id}/resume", "partner.resume"),

    OP(GET,  "/v1/queue", "queue.list"),
    OP(POST, "/v1/queue/{id}/retry", "queue.retry"),
    OP(POST, "/v1/queue/{id}/hold", "queue.hold"),
    OP(POST, "/v1/queue/{id}/release", "queue.release"),
    OP(POST, "/v1/queue/{id}/cancel", "queue.cancel"),

    OP(GET,  "/v1/agreements", "agreement.list"),
    OP(POST, "/v1/agreements", "agreement.install"),
    OP(POST, "/v1/agreements/{id}/legs", "agreement.leg"),

    OP(GET,  "/v1/tasks", "task.list"),
    OP(POST, "/v1/tasks/{id}/close", "task.close"),
    OP(GET,  "/v1/status", "status"),
    OP(POST, "/v1/reload", "reload"),
};
/* clang-format on */

const struct route *route_at(size_t index)
{
    return index < COUNT_OF(routes) ? &routes[index] : NULL;
}

struct segments {
    char *items[SEGMENTS_MAX];
    size_t count;
};

static void segments_free(struct segments *s)
{
    for (size_t i = 0; i < s->count; i++)
        mem_free(&s->items[i]);
    s->count = 0;
}

static bool split(const char *path, struct segments *ret, struct err *err)
{
    struct str rest = str_of(path);

    for (;;) {
        AUTO(buf_free) struct buf segment = BUF_INIT(SEGMENT_MAX);
        bool end = false;

        if (!http_path_next(&rest, &segment, &end, err))
            return false;
        if (end)
            return true;
        if (ret->count == SEGMENTS_MAX || segment.over)
            return err_set(err, ERR_REJECT, "api.path",
                           "there is no path of that length");
        ret->items[ret->count++] = mem_strdup(buf_str(&segment));
    }
}

/* Does the pattern fit? Its {id} and {sub} are borrowed from the segments. */
static bool fits(const char *pattern, const struct segments *s, char **ret_id,
                 char **ret_sub)
{
    struct str rest = str_of(pattern + 1), item;
    size_t i = 0;

    *ret_id = *ret_sub = NULL;
    while (str_next(&rest, '/', &item)) {
        if (i == s->count)
            return false;
        if (str_is(item, "{id}"))
            *ret_id = s->items[i];
        else if (str_is(item, "{sub}"))
            *ret_sub = s->items[i];
        else if (!str_is(item, s->items[i]))
            return false;
        i++;
    }
    return i == s->count;
}

static void add_method(char allow[64], enum http_method method)
{
    size_t len = strlen(allow);

    if (strstr(allow, http_method_name(method)) == NULL)
        snprintf(allow + len, 64 - len, "%s%s", len > 0 ? ", " : "",
                 http_method_name(method));
}

bool route_find(enum http_method method, const char *path, struct route_match *ret,
                char ret_allow[64], struct err *err)
{
    AUTO(segments_free) struct segments s = { 0 };
    char *id, *sub;

    ret_allow[0] = '\0';
    if (!split(path, &s, err))
        return false;
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (!fits(routes[i].pattern, &s, &id, &sub))
            continue;
        if (routes[i].method == method) {
            *ret = (struct route_match){ &routes[i], mem_strdup(id), mem_strdup(sub) };
            return true;
        }
        add_method(ret_allow, routes[i].method);
    }
    if (ret_allow[0] != '\0')
        return err_set(err, ERR_REJECT, "api.method", "this path takes %s, not %s",
                       ret_allow, http_method_name(method));
    return err_set(err, ERR_REJECT, "api.path",
                   "there is no such path: /openapi.yaml lists them");
}

void route_match_free(struct route_match *match)
{
    mem_free(&match->id);
    mem_free(&match->sub);
    match->route = NULL;
}
