/*
 * partner_test.c - the way to a partner, step by step, until the first thing that fails.
 *
 * Name, TCP, our certificates, TLS with the partner's certificate, then the AS4 test service
 * (ebMS3 core 5.2.2.8): a signed and encrypted message without content, whose signed receipt
 * proves that both sides' keys, clocks and P-Modes agree. Each step says in words what was
 * tried, what was found and what to do.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "as4/package.h"
#include "as4/response.h"
#include "base/body.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"
#include "exchange/partner.h"
#include "http/client.h"
#include "ops/ops_private.h"
#include "pki/cert.h"
#include "pki/trust.h"

#define CONNECT_MS   5000
#define ANSWER_MS    30000
#define EXPIRY_WARNS (30 * DAY_MS)

struct test {
    const struct ops *o;
    const struct snapshot *snap;
    const struct partner *partner;
    const struct pmode *pmode;
    char host[256], port[8];
    json_t *steps;
    bool failed;
};

static void step(struct test *t, const char *name, bool ok, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static void step(struct test *t, const char *name, bool ok, const char *fmt, ...)
{
    char text[600];
    json_t *j = json_object();
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    op_put(j, "step", name);
    op_put_bool(j, "ok", ok);
    op_put(j, "text", text);
    json_array_append_new(t->steps, j);
    t->failed = t->failed || !ok;
}

/* --- name and TCP ------------------------------------------------------------------------- */

/* "https://host[:port]/..." or connectTo "host:port", brackets of IPv6 taken off. */
static void split_target(struct test *t)
{
    const char *text = t->partner->connect_to;

    if (text == NULL) {
        text = t->partner->url + strlen("https://");
        snprintf(t->port, sizeof t->port, "443");
    }
    size_t end = strcspn(text, "/?");
    size_t host = text[0] == '[' ? strcspn(text, "]") : strcspn(text, ":/?");
    const char *rest = text + host + (text[0] == '[');
    if (*rest == ':' && rest < text + end)
        snprintf(t->port, sizeof t->port, "%.*s", (int)(text + end - rest - 1), rest + 1);
    snprintf(t->host, sizeof t->host, "%.*s", (int)(host - (text[0] == '[')),
             text + (text[0] == '['));
}

static struct addrinfo *resolve(struct test *t)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(t->host, t->port, &hints, &list);
    size_t count = 0;

    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        count++;
    if (rc != 0)
        step(t, "dns", false,
             "the name %s cannot be resolved (%s): check the partner's "
             "endpoint and this machine's resolver",
             t->host, gai_strerror(rc));
    else
        step(t, "dns", true, "%s has %zu address%s", t->host, count,
             count == 1 ? "" : "es");
    return list;
}

static bool connects(const struct addrinfo *a, int *ret_errno)
{
    AUTO(fd_close)
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd wait = { .fd = fd, .events = POLLOUT };
    socklen_t len = sizeof *ret_errno;

    *ret_errno = errno;
    if (fd < 0)
        return false;
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return true;
    *ret_errno = errno;
    if (errno != EINPROGRESS)
        return false;
    *ret_errno = ETIMEDOUT;
    return poll(&wait, 1, CONNECT_MS) == 1 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, ret_errno, &len) == 0 && *ret_errno == 0;
}

static void try_tcp(struct test *t)
{
    struct addrinfo *list = resolve(t);
    int why = 0;
    bool ok = false;

    for (const struct addrinfo *a = list; a != NULL && !ok; a = a->ai_next)
        ok = connects(a, &why);
    if (list != NULL)
        freeaddrinfo(list);
    if (t->failed)
        return;
    if (ok)
        step(t, "tcp", true, "port %s of %s takes connections", t->port, t->host);
    else
        step(t, "tcp", false,
             "port %s of %s: %s; is the partner's gateway running, and do both firewalls "
             "let "
             "this through?",
             t->port, t->host, strerror(why));
}

/* --- certificates ------------------------------------------------------------------------- */

static void one_cert(struct test *t, const char *whose, const char *use,
                     const struct cert *cert, int64_t now)
{
    char day[25];
    int64_t until = cert_not_after_ms(cert);

    instant_print(until, day);
    if (now > until || now < cert_not_before_ms(cert))
        step(t, "certificates", false, "%s %s certificate is %s (ends %s): renew it",
             whose, use, now > until ? "expired" : "not valid yet", day);
    else if (until - now < EXPIRY_WARNS)
        step(t, "certificates", true, "%s %s certificate ends soon: %s", whose, use, day);
}

static void try_certificates(struct test *t)
{
    int64_t now = clock_now(t->o->x->clock);
    bool before = t->failed;

    if (t->failed)
        return;
    one_cert(t, "our", "sign", t->snap->keys.sign.cert, now);
    one_cert(t, "our", "seal", t->snap->keys.seal_cert, now);
    one_cert(t, "the partner's", "encrypt", partner_encrypt_cert(t->partner, now), now);
    if (t->failed == before)
        step(t, "certificates", true, "all that are needed are valid today");
}

/* --- the test service --------------------------------------------------------------------- */

static void say_transport(struct test *t, const struct http_result *result)
{
    static const struct {
        const char *code, *name;
    } where[] = { { "http.dns", "dns" },
                  { "http.connect", "tcp" },
                  { "http.tls", "tls" },
                  { "http.tls-verify", "tls" },
                  { "http.tls-refused", "tls" } };
    const char *name = "as4";

    for (size_t i = 0; i < COUNT_OF(where); i++)
        if (text_eq(where[i].code, result->fault.code))
            name = where[i].name;
    step(t, name, false, "%s [%s]", result->fault.text, result->fault.code);
}

static void say_outcome(struct test *t, const struct as4_outcome *outcome, int status)
{
    step(t, "tls", true, "both certificates were accepted");
    if (outcome->kind == AS4_GOT_RECEIPT)
        step(t, "as4", true,
             "the test message came back with a valid signed receipt: keys, clocks and "
             "P-Mode "
             "agree");
    else
        step(t, "as4", false, "the partner answered %d without a receipt (%s): %s%s%s",
             status, as4_outcome_name(outcome->kind), outcome->local.text,
             outcome->code != NULL ? "; its error is " : "",
             outcome->code != NULL ? outcome->code : "");
}

static void send_test(struct test *t, const struct as4_package *package,
                      const struct pmode *pmode)
{
    const struct http_client_settings settings = { .tls = t->partner->tls,
                                                   .connect_ms = CONNECT_MS,
                                                   .total_ms = ANSWER_MS,
                                                   .answer_max = AS4_RESPONSE_MAX };
    AUTO(http_client_free) struct http_client *client = http_client_new(&settings);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    AUTO(source_free) struct source *body = as4_package_wire(package);
    AUTO(as4_outcome_free) struct as4_outcome outcome = { 0 };
    const struct http_call call = { .url = t->partner->url,
                                    .connect_to = t->partner->connect_to,
                                    .content_type = package->content_type,
                                    .body = body };

    http_client_call(client, &call, &result);
    if (result.outcome != HTTP_ANSWERED) {
        say_transport(t, &result);
        return;
    }
    const struct as4_http http = { .status = result.status,
                                   .content_type = result.content_type,
                                   .body = result.body.data,
                                   .len = result.body.len };
    const struct as4_sent sent = { .message_id = package->message_id,
                                   .digests = &package->digests };
    as4_response_read(&http, &sent, pmode, t->partner->trust, clock_now(t->o->x->clock),
                      &outcome);
    say_outcome(t, &outcome, result.status);
}

static void try_service(struct test *t)
{
    AUTO(as4_package_free) struct as4_package *package = NULL;
    char conversation[UUID_TEXT];
    struct err err = { 0 };

    if (t->failed)
        return;
    uuid_make(conversation);
    const struct pmode pmode = pmode_test(t->pmode);
    const struct as4_spec spec = {
        .pmode = &pmode,
        .host = t->snap->own.host,
        .conversation_id = conversation,
        .timestamp_ms = clock_now(t->o->x->clock),
        .signing = &t->snap->keys.sign,
        .encrypt_cert = partner_encrypt_cert(t->partner, clock_now(t->o->x->clock)),
    };
    if (!as4_package_make(&spec, &package, &err))
        step(t, "as4", false, "a test message cannot be made: %s [%s]", err.text,
             err.code);
    else
        send_test(t, package, &pmode);
}

/* --- whole -------------------------------------------------------------------------------- */

static bool choose_pmode(struct test *t, const char *agreement, struct err *err)
{
    if (agreement != NULL)
        t->pmode = partner_pmode(t->partner, agreement);
    else if (t->partner->agreement_count > 0)
        t->pmode = &t->partner->agreements[0];
    else if (t->partner->opaque_count > 0)
        t->pmode = &t->partner->opaque[0].pmode;
    return t->pmode != NULL ||
           err_set(
               err, ERR_REJECT, "partner.no-pmode",
               "partner %s has no P-Mode to test%s%s: install a bundle that names both "
               "gateways, or declare an opaque P-Mode in its file",
               t->partner->id, agreement != NULL ? " for " : "",
               agreement != NULL ? agreement : "");
}

void op_partner_test(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);
    struct test t = { .o = o,
                      .snap = snap,
                      .partner = snapshot_partner(snap, c->id != NULL ? c->id : "") };
    struct err err = { 0 };

    if (t.partner == NULL) {
        FAIL(r, ERR_REJECT, "partner.unknown",
             "there is no such partner: `trmctl partner list` shows them");
        return;
    }
    if (!choose_pmode(&t, op_text(c, "agreement"), &err)) {
        op_fail(r, &err);
        return;
    }
    t.steps = json_array();
    split_target(&t);
    try_tcp(&t);
    try_certificates(&t);
    try_service(&t);
    op_audit(o, c->caller, "partner.tested", NULL, NULL, t.failed ? "failed" : "done",
             c->id);
    json_t *j = json_object();
    op_put(j, "partner", c->id);
    op_put_bool(j, "ok", !t.failed);
    json_object_set_new(j, "steps", t.steps);
    op_done(r, j);
}
