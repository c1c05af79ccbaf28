/* Notices: once per deliverable, signed, without content, later when it could not be told. */
#include "unit/exchange/support_exchange.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdatomic.h>

#include "api/notice_private.h"
#include "base/body.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/id.h"
#include "http/server.h"
#include "store/bodies.h"
#include "store/cases.h"
#include "store/deliverables.h"
#include "store/messages.h"

#define SECRET "a key of sixteen"

struct post {
    struct desk md;
    struct notice_face *face;
    struct http_service hook;
    struct http_server *server;
    atomic_int status;
    atomic_uint heard; /* so many calls are answered with status, those after them 500 */
    unsigned calls; /* written by the one worker, read between rounds */
    struct buf body;
    char signature[128];
    char url[64], secret[160];
};

/* --- the office's end ------------------------------------------------------------------------ */

static void hook_gate(void *ctx, const char *listener, const struct http_head *head,
                      const struct http_peer *peer, struct http_gate *gate)
{
    (void)ctx;
    (void)listener;
    (void)head;
    (void)peer;
    gate->verdict = HTTP_GATE_ACCEPT;
    gate->body_max = 64 * 1024;
}

static void hook_handle(void *ctx, struct http_exchange *e)
{
    struct post *p = ctx;
    const char *signature = http_header(&e->head, "trm-signature");
    struct err err = { 0 };

    buf_clear(&p->body);
    if (!source_load(e->body, &p->body, &err))
        buf_clear(&p->body);
    snprintf(p->signature, sizeof p->signature, "%s", signature != NULL ? signature : "");
    p->calls++;
    http_respond(e, &(struct http_answer){ .status = p->calls > atomic_load(&p->heard)
                                                     ? 500
                                                     : atomic_load(&p->status) });
}

static int post_setup(void **state)
{
    struct post *p = mem_alloc(sizeof *p);
    const struct http_limits limits = { .spool_dir = work_dir };
    const struct notice_settings settings = { .again_ms = DAY_MS };

    atomic_store(&p->status, 204);
    atomic_store(&p->heard, 1000);
    p->body = (struct buf)BUF_INIT(64 * 1024);
    p->hook = (struct http_service){
        .name = "hook", .ctx = p, .gate = hook_gate, .handle = hook_handle, .workers = 1
    };
    const struct http_listener listener = { .name = "hook",
                                            .address = "127.0.0.1",
                                            .service = &p->hook };
    OK((p->server = http_server_start(&listener, 1, &limits, &err)) != NULL);
    snprintf(p->url, sizeof p->url, "http://127.0.0.1:%u/trm",
             (unsigned)http_server_port(p->server, "hook"));
    desk_open(&p->md, &desk_md);
    snprintf(p->secret, sizeof p->secret, "%s/secret", p->md.folder);
    write_text(p->secret, SECRET "\n");
    p->md.offices[0].notice_webhook = p->url;
    p->md.offices[0].notice_secret = p->secret;
    desk_snapshot(&p->md);
    OK((p->face = notice_new(&p->md.x, &settings, &err)) != NULL);
    *state = p;
    return 0;
}

static int post_teardown(void **state)
{
    struct post *p = *state;

    notice_stop(&p->face);
    http_server_stop(&p->server, 1000);
    desk_close(&p->md);
    buf_free(&p->body);
    mem_free(&p);
    return 0;
}

struct in_ctx {
    const char *case_id;
    bool handed;
};

static bool in_work(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct in_ctx *c = ctx;
    struct message m = { .direction = MESSAGE_IN,
                         .state = MESSAGE_RECEIVED,
                         .kind = "opaque",
                         .partner = "UA-GW1",
                         .own_office = "MD-COORD" };
    struct case_row row = { .own_office = "MD-COORD",
                            .partner = "UA-GW1",
                            .role = "receiver",
                            .state = "delivered",
                            .environment = "test" };
    char id[STORE_ROW_TEXT];
    bool taken;

    uuid_make(m.id);
    snprintf(m.case_id, sizeof m.case_id, "%s", c->case_id);
    snprintf(row.id, sizeof row.id, "%s", c->case_id);
    return case_add(tx, &row, &taken, err) && message_add(tx, &m, &taken, err) &&
           message_set_state(tx, m.row, MESSAGE_READY, NULL, NULL, err) &&
           deliverable_add(tx, m.row, "MD-COORD", id, err);
}

static void deliver(struct post *p, const char *case_id)
{
    struct in_ctx c = { .case_id = case_id };

    desk_run(&p->md, in_work, &c);
}

static bool page_work(struct store_tx *tx, void *ctx, struct err *err)
{
    for (int i = 0; i < STORE_PAGE_MAX; i++)
        if (!in_work(tx, ctx, err))
            return false;
    return true;
}

static void start_anew(struct post *p)
{
    const struct notice_settings settings = { .again_ms = DAY_MS };

    notice_stop(&p->face);
    OK((p->face = notice_new(&p->md.x, &settings, &err)) != NULL);
}

/* --- told ------------------------------------------------------------------------------------ */

static void test_once(void **state)
{
    struct post *p = *state;

    (void)notice_round(p->face);
    assert_int_equal(p->calls, 0);
    deliver(p, "K7QX-92MD-4RTE-5");
    (void)notice_round(p->face);
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 1);
    /* Two documents of one case are one notice, another case is another. */
    deliver(p, "K7QX-92MD-4RTE-5");
    deliver(p, "K7QX-92MD-4RTE-5");
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 2);
    deliver(p, "RFSM-4876-FW9H-T");
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 3);
}

static void test_signed(void **state)
{
    struct post *p = *state;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    AUTO(buf_free) struct buf want = BUF_INIT(128);

    deliver(p, "K7QX-92MD-4RTE-5");
    (void)notice_round(p->face);
    HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET),
         (const unsigned char *)buf_str(&p->body), p->body.len, mac, &len);
    buf_adds(&want, "sha256=");
    hex_add(&want, mac, len);
    assert_string_equal(p->signature, buf_str(&want));
    assert_string_equal(
        buf_str(&p->body),
        "{\"at\":\"2026-11-24T09:00:00.000Z\",\"caseId\":\"K7QX-92MD-4RTE-5\","
        "\"event\":\"case-waits\",\"gateway\":\"MD-GW1\",\"office\":\"MD-COORD\"}");
}

static void test_restart(void **state)
{
    struct post *p = *state;
    const struct notice_settings settings = { .again_ms = DAY_MS };

    deliver(p, "K7QX-92MD-4RTE-5");
    (void)notice_round(p->face);
    notice_stop(&p->face);
    OK((p->face = notice_new(&p->md.x, &settings, &err)) != NULL);
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 1);
}

static void test_again(void **state)
{
    struct post *p = *state;

    deliver(p, "K7QX-92MD-4RTE-5");
    (void)notice_round(p->face);
    p->md.clock.fixed_ms += DAY_MS - 1;
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 1);
    p->md.clock.fixed_ms += 1;
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 2);
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 2);
}

/* Not heard: nothing is marked as told, and the next try waits. */
static void test_later(void **state)
{
    struct post *p = *state;
    const struct notice_settings settings = { .again_ms = DAY_MS };

    atomic_store(&p->status, 500);
    deliver(p, "K7QX-92MD-4RTE-5");
    assert_true(notice_round(p->face) <= 10 * SECOND_MS);
    assert_int_equal(p->calls, 1);
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 1);
    atomic_store(&p->status, 200);
    notice_stop(&p->face);
    OK((p->face = notice_new(&p->md.x, &settings, &err)) != NULL);
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 2);
}

/* What was heard before the failure is not told again. */
static void test_half_way(void **state)
{
    struct post *p = *state;

    atomic_store(&p->heard, 2);
    deliver(p, "K7QX-92MD-4RTE-5");
    deliver(p, "RFSM-4876-FW9H-T");
    deliver(p, "K7QX-92MD-4RTE-5");
    deliver(p, "A third case");
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 3);
    atomic_store(&p->heard, 1000);
    start_anew(p);
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 4);
    assert_non_null(strstr(buf_str(&p->body), "A third case"));
}

/* No mail server: the webhook hears it all the same, and once. */
static void test_channels_are_apart(void **state)
{
    struct post *p = *state;

    p->md.offices[0].notice_mail = "office@example.org";
    desk_snapshot(&p->md);
    deliver(p, "K7QX-92MD-4RTE-5");
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 1);
    start_anew(p);
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 1);
}

static void test_behind_a_full_page(void **state)
{
    struct post *p = *state;
    struct in_ctx c = { .case_id = "K7QX-92MD-4RTE-5" };

    desk_run(&p->md, page_work, &c);
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 1);
    deliver(p, "RFSM-4876-FW9H-T");
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 2);
}

static void test_no_secret(void **state)
{
    struct post *p = *state;

    write_text(p->secret, "short");
    deliver(p, "K7QX-92MD-4RTE-5");
    (void)notice_round(p->face);
    assert_int_equal(p->calls, 0);
}

static void test_files(void **state)
{
    struct post *p = *state;
    const struct notice_settings no_ca = { .ca_file = "/nowhere/ca.pem" };
    const struct notice_settings no_password = { .password_file = "/nowhere/password" };

    FAILS(notice_new(&p->md.x, &no_ca, &err) != NULL, ERR_CONFIG, "file.absent");
    FAILS(notice_new(&p->md.x, &no_password, &err) != NULL, ERR_CONFIG, "file.absent");
}

#define T(name) cmocka_unit_test_setup_teardown(name, post_setup, post_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_once),  T(test_signed),    T(test_restart), T(test_again),
        T(test_later), T(test_no_secret), T(test_files),   T(test_half_way),
        T(test_channels_are_apart), T(test_behind_a_full_page),
    };

    return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
