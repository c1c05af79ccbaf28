/*
 * api.h - the HTTP face: the office listener and the control socket, with the same routes.
 *
 * A caller of the office listener shows an API key (Authorization: Bearer) or a client
 * certificate; one of the control socket is known by the kernel's word of its user, or shows a
 * key too. Routes and refusals stand in api/route.c; what is done, in ops.
 */
#ifndef API_API_H
#define API_API_H

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "http/server.h"

struct api;
struct ops;

#define API_OPERATORS_MAX 64

/* Users of the control socket who are operators without a key. ops is borrowed. */
struct api *api_new(struct ops *ops, const uid_t *operators, size_t count) NODISCARD;
void api_free(struct api **api); /* for AUTO */

/* The services for the listeners; ctx is the api. */
struct http_service api_office_service(struct api *api, unsigned workers, unsigned queue);
struct http_service api_control_service(struct api *api);

#endif
