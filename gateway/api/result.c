/*
 * result.c - outcome to status, result to JSON.
 */
#include "api/result.h"

#include "http/field.h"

int result_status(enum ops_outcome outcome)
{
    static const int statuses[OPS_OUTCOMES] = {
        [OPS_DONE] = 200,      [OPS_CREATED] = 201,        [OPS_ACCEPTED] = 202,
        [OPS_BAD] = 400,       [OPS_UNKNOWN_CALLER] = 401, [OPS_NOT_ALLOWED] = 403,
        [OPS_NOT_FOUND] = 404, [OPS_CONFLICT] = 409,       [OPS_TOO_LARGE] = 413,
        [OPS_FINDINGS] = 422,  [OPS_FAILED] = 500,         [OPS_TROUBLE] = 503,
    };

    return statuses[outcome];
}

json_t *result_json(const struct ops_result *result)
{
    int status = result_status(result->outcome);

    if (ops_worked(result->outcome))
        return json_incref(result->json);
    return ops_problem(result, status, http_reason(status));
}
