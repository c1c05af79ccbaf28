/* The HTTP face over a real control socket: statuses, problems, headers, who calls. */
#include "unit/exchange/support_exchange.h"

#include <unistd.h>

#include "api/api.h"
#include "base/body.h"
#include "format/json.h"
#include "http/client.h"
#include "http/server.h"
#include "ops/ops.h"

struct post {
    struct desk md;
    struct ops *ops;
    struct api *api;
    struct http_service service;
    struct http_server *server;
    struct http_client *client;
    struct http_result result;
    char socket[160];
};

static int post_setup(void **state)
{
    struct post *p = mem_alloc(sizeof *p);
    const struct http_limits limits = { .spool_dir = work_dir };
    const struct http_client_settings settings = { .answer_max = 8 << 20 };
    char sha[STORE_HASH_TEXT];

    desk_open(&p->md, &desk_md);
    desk_partner(&p->md, &desk_ua, 1, "");
    desk_install(&p->md, "MDUA-1");
    desk_snapshot(&p->md);
    const struct ops_env env = { .x = &p->md.x, .version = "test" };
    p->ops = ops_new(&env);
    exchange_sha256("officer-key", strlen("officer-key"), sha);
    const struct ops_client one = { "sys", "MD-COORD", "officer", NULL, sha, NULL };
    OK(ops_set_clients(p->ops, &one, 1, &err));
    p->api = api_new(p->ops, NULL, 0);
    p->service = api_control_service(p->api);
    snprintf(p->socket, sizeof p->socket, "%s/c.sock", p->md.folder);
    const struct http_listener listener = { .name = "control",
                                            .unix_path = p->socket,
                                            .service = &p->service };
    OK((p->server = http_server_start(&listener, 1, &limits, &err)) != NULL);
    p->client = http_client_new(&settings);
    p->result = (struct http_result)HTTP_RESULT_INIT;
    *state = p;
    return 0;
}

static int post_teardown(void **state)
{
    struct post *p = *state;

    http_result_free(&p->result);
    http_client_free(&p->client);
    http_server_stop(&p->server, 1000);
    api_free(&p->api);
    ops_free(&p->ops);
    desk_close(&p->md);
    mem_free(&p);
    return 0;
}

static int call(struct post *p, const char *method, const char *path, const char *key,
                const char *idempotency, const struct source *body)
{
    AUTO(mem_free) char *bearer = key != NULL ? mem_printf("Bearer %s", key) : NULL;
    struct http_header headers[2];
    size_t count = 0;

    if (bearer != NULL)
        headers[count++] = (struct http_header){ "Authorization", bearer };
    if (idempotency != NULL)
        headers[count++] = (struct http_header){ "Idempotency-Key", idempotency };
    const struct http_call c = { .method = method,
                                 .url = path,
                                 .headers = headers,
                                 .header_count = count,
                                 .body = body };
    http_local_call(p->client, p->socket, &c, &p->result);
    assert_int_equal(p->result.outcome, HTTP_ANSWERED);
    return p->result.status;
}

static json_t *answer(struct post *p)
{
    struct err err = { 0 };
    json_t *value = json_parse(buf_str(&p->result.body), p->result.body.len, NULL, &err);

    if (value == NULL)
        fail_msg("no JSON: %s", buf_str(&p->result.body));
    return value;
}

static void is_problem(struct post *p, const char *code)
{
    AUTO(json_drop) json_t *value = answer(p);
    AUTO(mem_free) char *type = mem_printf("urn:trm:problem:%s", code);

    assert_string_equal(p->result.content_type, "application/problem+json");
    assert_string_equal(json_string_value(json_object_get(value, "code")), code);
    assert_string_equal(json_string_value(json_object_get(value, "type")), type);
    assert_int_equal(json_integer_value(json_object_get(value, "status")),
                     p->result.status);
    assert_non_null(json_object_get(value, "title"));
    assert_non_null(json_object_get(value, "detail"));
}

static void test_health(void **state)
{
    struct post *p = *state;

    assert_int_equal(call(p, "GET", "/livez", NULL, NULL, NULL), 200);
    assert_int_equal(call(p, "GET", "/readyz", NULL, NULL, NULL), 200);
    assert_string_equal(buf_str(&p->result.body), "ready\n");
    assert_int_equal(call(p, "GET", "/metrics", NULL, NULL, NULL), 200);
    assert_non_null(strstr(buf_str(&p->result.body), "trm_build_info{version=\"test\""));
    assert_int_equal(call(p, "GET", "/openapi.yaml", NULL, NULL, NULL), 200);
    assert_non_null(strstr(buf_str(&p->result.body), "openapi: 3.1"));
}

static void test_refusals(void **state)
{
    struct post *p = *state;
    static const struct {
        const char *method, *path, *key;
        int status;
        const char *code;
    } rows[] = {
        { "GET", "/v1/nothing", "officer-key", 404, "api.path" },
        { "DELETE", "/v1/messages", "officer-key", 405, "api.method" },
        { "GET", "/v1/messages", "wrong", 401, "api.key" },
        { "GET", "/v1/status", "officer-key", 403, "ops.not-allowed" },
        { "GET", "/v1/messages?stat=held", "officer-key", 400, "ops.argument" },
        { "GET", "/v1/messages?state=held&state=ready", "officer-key", 400,
          "http.query-repeated" },
        { "GET", "/v1/messages/nix", "officer-key", 404, "message.unknown" },
        { "GET", "/v1/deliverables", NULL, 403, "ops.not-allowed" },
        { "POST", "/v1/cases/K7QX-92MD-4RTE-5/burn", "officer-key", 404, "ops.unknown" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(call(p, rows[i].method, rows[i].path, rows[i].key, NULL, NULL),
                         rows[i].status);
        is_problem(p, rows[i].code);
    }
}

/* The user of the process is operator without a key. */
static void test_operator(void **state)
{
    struct post *p = *state;

    assert_int_equal(call(p, "GET", "/v1/status", NULL, NULL, NULL), 200);
    AUTO(json_drop) json_t *value = answer(p);
    assert_string_equal(json_string_value(json_object_get(value, "gateway")), "MD-GW1");
}

static void test_submit(void **state)
{
    struct post *p = *state;
    AUTO(buf_free)
    struct buf text = tree_file("mappings/national/MD/samples/m01-adult-full.json");
    AUTO(source_free) struct source *body = source_of_memory(buf_str(&text), text.len);
    AUTO(source_free) struct source *other = source_of_memory("{}", 2);
    static const char path[] = "/v1/messages?to=UA-COORD&agreement=MDUA-1";

    assert_int_equal(call(p, "POST", path, "officer-key", "k1", body), 202);
    AUTO(json_drop) json_t *first = answer(p);
    assert_int_equal(call(p, "POST", path, "officer-key", "k1", body), 202);
    AUTO(json_drop) json_t *second = answer(p);
    assert_string_equal(json_string_value(json_object_get(first, "messageId")),
                        json_string_value(json_object_get(second, "messageId")));
    assert_true(json_is_true(json_object_get(second, "repeated")));
    assert_int_equal(call(p, "POST", path, "officer-key", "", body), 400);
    assert_int_equal(call(p, "POST", path, "officer-key", NULL, other), 422);
    is_problem(p, "intake.findings");
}

/* By its length, before an octet of it is read. */
static void test_too_large(void **state)
{
    struct post *p = *state;
    AUTO(mem_free) char *room = mem_alloc(9 << 20);
    AUTO(source_free) struct source *body = source_of_memory(room, 9 << 20);

    assert_int_equal(call(p, "POST", "/v1/messages", "officer-key", NULL, body), 413);
    is_problem(p, "buf.too-large");
    assert_int_equal(call(p, "GET", "/v1/messages", "officer-key", NULL, NULL), 200);
}

static void test_json_bodies(void **state)
{
    struct post *p = *state;
    static const struct {
        const char *text;
        int status;
        const char *code;
    } rows[] = {
        { "[]", 400, "ops.argument" },
        { "{\"acte\": 1}", 400, "ops.argument" },
        { "{", 400, "json.malformed" },
        { "{}", 404, "intake.case-unknown" },
        { "{\"fields\": [{}]}", 400, "ops.argument" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(source_free)
        struct source *body = source_of_memory(rows[i].text, strlen(rows[i].text));

        assert_int_equal(
            call(p, "POST", "/v1/cases/K7QX-92MD-4RTE-5/take", "officer-key", NULL, body),
            rows[i].status);
        is_problem(p, rows[i].code);
    }
}

/* Many clients send {} with every POST; anything else is no body of such an operation. */
static void test_no_body(void **state)
{
    struct post *p = *state;
    static const struct {
        const char *text;
        int status;
        const char *code;
    } rows[] = {
        { "{}", 404, "deliverable.unknown" },
        { "{\"a\":1}", 400, "api.body" },
        { "[]", 400, "api.body" },
        { "{", 400, "api.body" },
        { "{\"acknowledged\": true}", 413, "api.body" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(source_free)
        struct source *body = source_of_memory(rows[i].text, strlen(rows[i].text));

        assert_int_equal(call(p, "POST", "/v1/deliverables/nix/acknowledge",
                              "officer-key", NULL, body),
                         rows[i].status);
        is_problem(p, rows[i].code);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, post_setup, post_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_health), T(test_refusals),  T(test_operator),
        T(test_submit), T(test_too_large), T(test_json_bodies),
        T(test_no_body),
    };

    return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
