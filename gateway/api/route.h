/*
 * route.h - which operation a method and a path mean.
 */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "http/request.h"

struct err;

enum route_kind {
    ROUTE_OPERATION,
    ROUTE_LIVE,    /* the process runs */
    ROUTE_READY,   /* it can accept and send */
    ROUTE_METRICS, /* Prometheus text */
    ROUTE_OPENAPI, /* the description of this interface */
};

struct route {
    enum http_method method;
    const char
        *pattern; /* "/v1/messages/{id}/why": {id} and {sub} stand for one segment */
    enum route_kind kind;
    const char *operation; /* of ops/table.c */
};

struct route_match {
    const struct route *route;
    char *id, *sub; /* decoded; NULL: not in the pattern */
};
void route_match_free(struct route_match *match); /* for AUTO */

/* ERR_REJECT "api.path" (404: there is no such path), "api.method" (405: not with this method;
 * *ret_allow lists those there are), and those of http/field.h for paths that cannot be read. */
bool route_find(enum http_method method, const char *path, struct route_match *ret,
                char ret_allow[64], struct err *err) NODISCARD;

const struct route *route_at(size_t index); /* NULL: past the end */

#endif
