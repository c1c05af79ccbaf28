/*
 * result.h - a result of ops as the HTTP face and the exchange folder show it: one form for both.
 */
#ifndef API_RESULT_H
#define API_RESULT_H

#include <jansson.h>

#include "base/attr.h"
#include "ops/ops.h"

/* The HTTP status of an outcome. */
int result_status(enum ops_outcome outcome);

/* What stands in the body: the answer's JSON, or the problem document. Owned; NULL for octets. */
json_t *result_json(const struct ops_result *result) NODISCARD;

#endif
