/* Paths and methods: each route found, each near miss refused by its code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "api/openapi.h"
#include "api/route.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "ops/ops.h"

static void test_found(void **state)
{
    static const struct {
        enum http_method method;
        const char *path, *operation, *id, *sub;
    } rows[] = {
        { HTTP_POST, "/v1/messages", "message.submit", NULL, NULL },
        { HTTP_GET, "/v1/messages", "message.list", NULL, NULL },
        { HTTP_GET, "/v1/messages/abc/why", "message.why", "abc", NULL },
        { HTTP_PUT, "/v1/attachments/scan%201.pdf", "attachment.put", "scan 1.pdf",
          NULL },
        { HTTP_GET, "/v1/deliverables/x/attachments/2", "deliverable.attachment", "x",
          "2" },
        { HTTP_POST, "/v1/cases/K7QX-92MD-4RTE-5/assign", "case.assign",
          "K7QX-92MD-4RTE-5", NULL },
        { HTTP_POST, "/v1/cases/K7QX-92MD-4RTE-5/take", "case.act", "K7QX-92MD-4RTE-5",
          "take" },
        { HTTP_GET, "/livez", NULL, NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(route_match_free) struct route_match m = { 0 };
        char allow[64];
        struct err err = { 0 };

        if (!route_find(rows[i].method, rows[i].path, &m, allow, &err))
            fail_msg("%s: %s", rows[i].path, err.text);
        assert_true(text_eq(m.route->operation, rows[i].operation));
        assert_true(text_eq(m.id, rows[i].id));
        assert_true(text_eq(m.sub, rows[i].sub));
    }
}

static void test_refused(void **state)
{
    static const struct {
        enum http_method method;
        const char *path, *code, *allow;
    } rows[] = {
        { HTTP_GET, "/v1/message", "api.path", "" },
        { HTTP_GET, "/v1", "api.path", "" },
        { HTTP_GET, "/V1/messages", "api.path", "" },
        { HTTP_DELETE, "/v1/messages", "api.method", "POST, GET" },
        { HTTP_GET, "/v1/messages/", "http.path", "" },
        { HTTP_GET, "/v1//messages", "http.path", "" },
        { HTTP_GET, "/v1/messages/%zz", "http.percent", "" },
        { HTTP_GET, "/v1/messages/a%2Fb", "http.path", "" },
        { HTTP_GET, "/a/b/c/d/e/f/g/h/i/j", "api.path", "" },
        { HTTP_POST, "/livez", "api.method", "GET" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(route_match_free) struct route_match m = { 0 };
        char allow[64];
        struct err err = { 0 };

        assert_false(route_find(rows[i].method, rows[i].path, &m, allow, &err));
        assert_string_equal(err.code, rows[i].code);
        assert_string_equal(allow, rows[i].allow);
        assert_int_equal(err.kind, ERR_REJECT);
    }
}

/* Each operation can be reached, each route leads to one that exists, and both stand in the
 * description that is served. */
static void test_complete(void **state)
{
    (void)state;
    for (size_t i = 0; ops_at(i) != NULL; i++) {
        bool found = false;

        for (size_t k = 0; route_at(k) != NULL; k++)
            found = found || text_eq(route_at(k)->operation, ops_at(i)->name);
        if (!found)
            fail_msg("%s has no route", ops_at(i)->name);
    }
    for (size_t k = 0; route_at(k) != NULL; k++) {
        const struct route *r = route_at(k);
        AUTO(mem_free) char *line = mem_printf("\n  %s:\n", r->pattern);

        if (r->kind == ROUTE_OPERATION)
            assert_non_null(ops_find(r->operation));
        if (strstr(openapi_text(), line) == NULL)
            fail_msg("%s does not stand in openapi.yaml", r->pattern);
        if (r->operation != NULL) {
            AUTO(mem_free) char *id = mem_printf("operationId: %s\n", r->operation);
            if (strstr(openapi_text(), id) == NULL)
                fail_msg("%s does not stand in openapi.yaml", r->operation);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
