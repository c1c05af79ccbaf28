/*
 * support_dispatch.c - see support_dispatch.h.
 */
#include "support_dispatch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "as4/package.h"
#include "base/id.h"
#include "exchange/parts.h"
#include "pki/tls.h"
#include "store/bodies.h"
#include "store/queue.h"

/* --- the partner ----------------------------------------------------------------------------- */

static void fake_gate(void *ctx, const char *listener, const struct http_head *head,
                      const struct http_peer *peer, struct http_gate *ret)
{
    (void)ctx, (void)listener, (void)head, (void)peer;
    ret->verdict = HTTP_GATE_ACCEPT;
    ret->body_max = 64 * 1024 * 1024;
}

static void fake_handle(void *ctx, struct http_exchange *e)
{
    struct fake *f = ctx;
    unsigned number = atomic_fetch_add(&f->requests, 1);
    const struct saying *s = &f->sayings[number < f->count ? number : f->count - 1];
    const struct timespec wait = { s->wait_ms / 1000, s->wait_ms % 1000 * 1000000L };
    struct buf body = BUF_INIT(64 * 1024);
    struct http_header headers[2];
    size_t count = 0;
    unsigned now = atomic_fetch_add(&f->at_work, 1) + 1;

    if (now > atomic_load(&f->at_work_max))
        atomic_store(&f->at_work_max, now);
    if (s->wait_ms > 0)
        nanosleep(&wait, NULL);
    if (s->type != NULL)
        headers[count++] = (struct http_header){ "Content-Type", s->type };
    if (s->retry_after != NULL)
        headers[count++] = (struct http_header){ "Retry-After", s->retry_after };
    if (s->body != NULL)
        buf_adds(&body, s->body);
    atomic_fetch_sub(&f->at_work, 1);
    http_respond(e, &(struct http_answer){ .status = s->status,
                                           .headers = headers,
                                           .header_count = count,
                                           .body = &body });
    buf_free(&body);
}

void fake_start(struct fake *f, const struct saying *sayings, size_t count)
{
    AUTO(mem_free) char *cert = mem_printf("%s/UA-GW1/tls.pem", keys_dir);
    AUTO(mem_free) char *key = mem_printf("%s/UA-GW1/tls.key", keys_dir);
    AUTO(mem_free) char *ca = mem_printf("%s/ca.pem", keys_dir);
    const struct tls_server_settings tls = { .chain_file = cert,
                                             .key_file = key,
                                             .ca_file = ca,
                                             .peer = TLS_PEER_REQUIRED,
                                             .session_name = "fake" };
    const struct http_limits limits = { .spool_dir = work_dir };

    *f = (struct fake){ .count = count };
    memcpy(f->sayings, sayings, count * sizeof *sayings);
    OK((f->tls = tls_server_new(&tls, &err)) != NULL);
    f->service = (struct http_service){
        .name = "fake", .ctx = f, .gate = fake_gate, .handle = fake_handle, .workers = 8
    };
    const struct http_listener listener = {
        .name = "partners", .address = "127.0.0.1", .tls = f->tls, .service = &f->service
    };
    OK((f->server = http_server_start(&listener, 1, &limits, &err)) != NULL);
    f->port = http_server_port(f->server, "partners");
}

void fake_stop(struct fake *f)
{
    http_server_stop(&f->server, 1000);
    tls_ctx_free(&f->tls);
}

unsigned closed_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    return ntohs(at.sin_port);
}

/* --- the sender ------------------------------------------------------------------------------ */

void sender_open(struct desk *d, unsigned port, const char *more)
{
    AUTO(mem_free) char *all = mem_printf(OPAQUE "%s", "MD-COORD", more);

    desk_open(d, &desk_md);
    desk_partner(d, &desk_ua, port, all);
    desk_snapshot(d);
}

struct enqueue_ctx {
    struct message m;
    const char *text;
};

static bool enqueue_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct enqueue_ctx *c = ctx;
    AUTO(parts_free) struct part_list parts = { 0 };
    AUTO(buf_free) struct buf list = BUF_INIT(PARTS_TEXT_MAX);
    bool taken;

    parts_add(&parts, "attachment/1", "text/plain", "UTF-8", NULL, AS4_COMPRESS_AUTO);
    parts_print(&parts, &list);
    return message_add(tx, &c->m, &taken, err) &&
           body_put(tx, c->m.row, "parts", buf_str(&list), list.len, err) &&
           (c->text == NULL ||
            body_put(tx, c->m.row, "attachment/1", c->text, strlen(c->text), err));
}

void enqueue(struct desk *d, char row[STORE_ROW_TEXT], int64_t give_up_ms,
             const char *text)
{
    struct enqueue_ctx c = { .m = { .direction = MESSAGE_OUT,
                                    .state = MESSAGE_WAITING,
                                    .kind = "opaque",
                                    .partner = "UA-GW1",
                                    .own_office = "MD-COORD",
                                    .agreement = "connect",
                                    .give_up_ms = give_up_ms },
                             .text = text };

    uuid_make(c.m.id);
    desk_run(d, enqueue_work, &c);
    memcpy(row, c.m.row, STORE_ROW_TEXT);
}

struct look {
    const char *row, *name;
    struct message m;
    struct partner_row partner;
    struct buf octets;
    struct message_list list;
    size_t max;
    bool found;
};

static bool message_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;

    return message_get(tx, l->row, &l->m, &l->found, err) &&
           partner_get(tx, "UA-GW1", &l->partner, err);
}

struct message message_of(struct desk *d, const char *row)
{
    struct look l = { .row = row };

    OK(store_read(d->store, message_work, &l, &err));
    assert_true(l.found);
    return l.m;
}

struct partner_row partner_of(struct desk *d)
{
    struct look l = { .row = "" };

    OK(store_read(d->store, message_work, &l, &err));
    return l.partner;
}

static bool body_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;

    buf_clear(&l->octets);
    return body_load(tx, l->row, l->name, &l->octets, &l->found, err);
}

struct buf body_of(struct desk *d, const char *row, const char *name, bool *ret_found)
{
    struct look l = { .row = row, .name = name, .octets = BUF_INIT(8 * 1024 * 1024) };

    OK(store_read(d->store, body_work, &l, &err));
    *ret_found = l.found;
    return l.octets;
}

static bool newest_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;
    const struct message_filter filter = { .by_direction = true,
                                           .direction = MESSAGE_IN,
                                           .newest_first = true };

    message_list_free(&l->list);
    return message_select(tx, &filter, &l->list, err);
}

bool newest_in(struct desk *d, struct message *ret, size_t *ret_count)
{
    struct look l = { .row = "" };

    OK(store_read(d->store, newest_work, &l, &err));
    bool some = l.list.count > 0;

    *ret_count = l.list.count;
    if (some)
        *ret = l.list.items[0];
    message_list_free(&l.list);
    return some;
}

static bool claim_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;

    message_list_free(&l->list);
    return queue_claim(tx, "UA-GW1", HOUR_MS, l->max, &l->list, err);
}

void claim_due(struct desk *d, size_t max, struct message_list *ret)
{
    struct look l = { .max = max };

    desk_run(d, claim_work, &l);
    *ret = l.list;
}
