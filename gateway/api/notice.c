/*
 * notice.c - what is new for an office is found by its rising delivery ids; the last one told is
 * kept in the store after each notice, for mail and webhook apart, so that neither a restart nor
 * a failure half way tells twice what was heard, and nothing is forgotten.
 */
#include "api/notice_private.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/body.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "exchange/exchange.h"
#include "exchange/snapshot.h"
#include "format/json.h"
#include "http/client.h"
#include "http/mail.h"
#include "pki/tls.h"
#include "store/deliverables.h"
#include "store/meta.h"

#define REST_MS        MINUTE_MS
#define AGAIN_FIRST_MS (10 * SECOND_MS)
#define AGAIN_LAST_MS  HOUR_MS
#define MAIL_MS        (10 * SECOND_MS) /* for one mail: a stop waits for it */
#define SECRET_MAX     1024             /* octets of a webhook's key, of a password */
#define CASES_AT_ONCE  100              /* notices of one office in a round */

enum channel { BY_MAIL, BY_WEBHOOK, CHANNELS };

struct waiting {
    char *office;
    enum channel channel;
    int64_t not_before_ms; /* monotonic: the last try failed */
    unsigned failures;
};

struct notice_face {
    const struct exchange *x;
    struct strlist texts;
    const char *smtp, *from, *user;
    char *password;
    struct tls_client *tls;
    struct http_client *client;
    int64_t again_ms;
    struct waiting waiting[OFFICES_MAX * CHANNELS];
    size_t waiting_count;
    pthread_t thread;
    bool runs, wake, ends;
    atomic_bool abort; /* calls under way end */
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

/* --- words -------------------------------------------------------------------------------- */

static const struct {
    const char *language, *subject, *text;
} words[] = {
    { "en", "A case waits", "A case waits for your office." },
    { "ru", "Дело ожидает", "Вашего учреждения ожидает дело." },
    { "be", "Справа чакае", "Вашу ўстанову чакае справа." },
    { "ro", "Un caz așteaptă", "Un caz așteaptă instituția dumneavoastră." },
    { "uk", "Справа очікує", "На вашу установу очікує справа." },
    { "sq", "Një rast pret", "Një rast pret për zyrën tuaj." },
};

static size_t words_of(const char *language)
{
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (language != NULL && strncmp(language, words[i].language, 2) == 0)
            return i;
    return 0;
}

/* --- what was told ------------------------------------------------------------------------ */

struct look {
    const struct notice_face *face;
    const char *office;
    char key[STORE_NAME_TEXT + 16];
    char told[STORE_ROW_TEXT]; /* last delivery id told; "" none */
    int64_t told_ms;
    struct deliverable_list open;
};

static bool look_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;
    AUTO(buf_free) struct buf text = BUF_INIT(256);
    bool found;

    deliverable_list_free(&l->open);
    l->told[0] = '\0';
    l->told_ms = 0;
    if (!meta_get(tx, l->key, &text, &found, err))
        return false;
    if (found) {
        struct str rest = str_of(buf_str(&text)), id;

        if (str_next(&rest, ' ', &id) && id.len < sizeof l->told) {
            memcpy(l->told, id.ptr, id.len);
            l->told[id.len] = '\0';
            (void)str_i64(rest, &l->told_ms);
        }
    }
    /* When it is time again, everything that waits is as new. */
    if (l->told_ms > 0 && store_tx_now(tx) - l->told_ms >= l->face->again_ms)
        l->told[0] = '\0';
    return deliverable_open(tx, l->office, l->told[0] != '\0' ? l->told : NULL,
                            STORE_PAGE_MAX, &l->open, err);
}

static bool told_work(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct look *l = ctx;
    AUTO(mem_free)
    char *text = mem_printf("%s %lld", l->told, (long long)store_tx_now(tx));

    return meta_set(tx, l->key, text, err);
}

/* --- telling ------------------------------------------------------------------------------ */

static bool by_mail(const struct notice_face *face, const struct office *office,
                    const char *case_id, const char *gateway, struct err *err)
{
    size_t w = words_of(office->language);
    const struct mail_server server = { .url = face->smtp,
                                        .user = face->user,
                                        .password = face->password,
                                        .tls = face->tls,
                                        .total_ms = MAIL_MS };
    AUTO(mem_free)
    char *subject =
        mem_printf("%s%s%s", words[w].subject, case_id[0] ? ": " : "", case_id);
    AUTO(mem_free)
    char *text = mem_printf("%s\n\n%s%s%s, %s\n", words[w].text, case_id,
                            case_id[0] ? "\n" : "", office->id, gateway);
    const struct mail mail = {
        .from = face->from, .to = office->notice_mail, .subject = subject, .text = text
    };

    if (face->smtp == NULL)
        return err_set(err, ERR_CONFIG, "notice.smtp",
                       "office %s wants mail, but notice.smtp names no server",
                       office->id);
    return mail_send(&server, &mail, err);
}

static bool sign(const struct office *office, const struct buf *body, struct buf *out,
                 struct err *err)
{
    AUTO(buf_free) struct buf secret = BUF_SECRET_INIT(SECRET_MAX);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (office->notice_secret == NULL)
        return err_set(err, ERR_CONFIG, "notice.secret",
                       "office %s: a webhook needs noticeSecret, the file with its key",
                       office->id);
    if (!file_read_secret(office->notice_secret, &secret, err))
        return false;
    struct str key = str_trim((struct str){ buf_str(&secret), secret.len });
    if (key.len < 16)
        return err_set(err, ERR_CONFIG, "notice.secret",
                       "office %s: the key of a webhook has at least 16 octets",
                       office->id);
    HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)buf_str(body),
         body->len, mac, &len);
    buf_adds(out, "sha256=");
    hex_add(out, mac, len);
    return true;
}

static void print_event(const struct office *office, const char *case_id,
                        const char *gateway, int64_t now_ms, struct buf *out)
{
    char at[25];

    instant_print(now_ms, at);
    AUTO(json_drop)
    json_t *event =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "case-waits", "gateway", gateway,
                  "office", office->id, "caseId", case_id, "at", at);
    json_print(event, out);
}

static bool by_webhook(struct notice_face *face, const struct office *office,
                       const char *case_id, const char *gateway, struct err *err)
{
    AUTO(buf_free) struct buf body = BUF_INIT(4096), signature = BUF_INIT(128);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;

    print_event(office, case_id, gateway, clock_now(face->x->clock), &body);
    if (!sign(office, &body, &signature, err))
        return false;
    AUTO(source_free) struct source *content = source_of_memory(buf_str(&body), body.len);
    const struct http_header headers[] = { { "Trm-Event", "case-waits" },
                                           { "Trm-Signature", buf_str(&signature) } };
    const struct http_call call = { .method = "POST",
                                    .url = office->notice_webhook,
                                    .content_type = "application/json",
                                    .headers = headers,
                                    .header_count = COUNT_OF(headers),
                                    .body = content };
    http_client_call(face->client, &call, &result);
    if (result.outcome != HTTP_ANSWERED) {
        *err = result.fault;
        return false;
    }
    return (result.status >= 200 && result.status < 300) ||
           err_set(err, ERR_RETRY, "notice.answer",
                   "the webhook of office %s answered %d", office->id, result.status);
}

static const char *const channel_names[CHANNELS] = { [BY_MAIL] = "mail",
                                                     [BY_WEBHOOK] = "webhook" };

static bool is_wanted(const struct office *office, enum channel channel)
{
    return (channel == BY_MAIL ? office->notice_mail : office->notice_webhook) != NULL;
}

static bool tell(struct notice_face *face, const struct office *office,
                 enum channel channel, const char *case_id, const char *gateway,
                 struct err *err)
{
    return channel == BY_MAIL ? by_mail(face, office, case_id, gateway, err)
                              : by_webhook(face, office, case_id, gateway, err);
}

/* --- rounds ------------------------------------------------------------------------------- */

static struct waiting *waiting_of(struct notice_face *face, const char *office,
                                  enum channel channel)
{
    for (size_t i = 0; i < face->waiting_count; i++)
        if (face->waiting[i].channel == channel &&
            text_eq(face->waiting[i].office, office))
            return &face->waiting[i];
    if (face->waiting_count == COUNT_OF(face->waiting))
        return NULL;
    face->waiting[face->waiting_count] =
        (struct waiting){ .office = mem_strdup(office), .channel = channel };
    return &face->waiting[face->waiting_count++];
}

static void put_off(struct waiting *w, const struct err *why)
{
    int64_t wait = AGAIN_FIRST_MS;

    for (unsigned i = 0; i < w->failures && wait < AGAIN_LAST_MS; i++)
        wait *= 2;
    wait = wait < AGAIN_LAST_MS ? wait : AGAIN_LAST_MS;
    w->failures++;
    w->not_before_ms = clock_monotonic() + wait;
    log_warn("notice.not-sent", log_s("office", w->office),
             log_s("channel", channel_names[w->channel]), log_i("wait-ms", wait),
             log_fault(why));
}

/* One notice for each case in the order of delivery ids, and each is kept as told at once. */
static bool tell_all(struct notice_face *face, const struct office *office,
                     enum channel channel, const char *gateway, struct look *l,
                     struct err *err)
{
    AUTO(strlist_free) struct strlist cases = { 0 };
    const struct deliverable *d;
    size_t i = 0;

    if (!store_read(face->x->store, look_work, l, err))
        return false;
    while (i < l->open.count && cases.count < CASES_AT_ONCE) {
        d = &l->open.items[i];
        if (!tell(face, office, channel, d->case_id, gateway, err))
            return false;
        log_info("notice.sent", log_s("office", office->id),
                 log_s("channel", channel_names[channel]), log_s("case", d->case_id));
        strlist_add(&cases, d->case_id);
        for (; i < l->open.count && strlist_has(&cases, l->open.items[i].case_id); i++)
            (void)STORE_COPY(l->told, l->open.items[i].id);
        if (!store_run(face->x->store, told_work, l, err))
            return false;
    }
    return true;
}

static void serve(struct notice_face *face, const struct office *office,
                  enum channel channel, const char *gateway)
{
    struct waiting *w = waiting_of(face, office->id, channel);
    struct look l = { .face = face, .office = office->id };
    struct err err = { 0 };

    if (w == NULL || clock_monotonic() < w->not_before_ms)
        return;
    snprintf(l.key, sizeof l.key, "notice/%s/%s", office->id, channel_names[channel]);
    if (tell_all(face, office, channel, gateway, &l, &err))
        w->failures = 0;
    else
        put_off(w, &err);
    deliverable_list_free(&l.open);
}

int64_t notice_round(struct notice_face *face)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(face->x->box);
    int64_t now, rest = REST_MS;

    for (size_t i = 0; i < snap->office_count; i++)
        for (enum channel c = BY_MAIL; c < CHANNELS; c++)
            if (is_wanted(&snap->offices[i], c))
                serve(face, &snap->offices[i], c, snap->own.id);
    now = clock_monotonic();
    for (size_t i = 0; i < face->waiting_count; i++) {
        const struct waiting *w = &face->waiting[i];

        if (w->failures > 0 && w->not_before_ms - now < rest)
            rest = w->not_before_ms > now ? w->not_before_ms - now : SECOND_MS;
    }
    return rest;
}

/* --- life --------------------------------------------------------------------------------- */

static bool rest(struct notice_face *face, int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000 + 1;
    pthread_mutex_lock(&face->lock);
    if (!face->wake && !face->ends)
        pthread_cond_timedwait(&face->changed, &face->lock, &until);
    face->wake = false;
    bool goes_on = !face->ends;
    pthread_mutex_unlock(&face->lock);
    return goes_on;
}

static void *notice_main(void *arg)
{
    struct notice_face *face = arg;

    while (rest(face, notice_round(face)))
        ;
    return NULL;
}

static const char *keep(struct notice_face *face, const char *text)
{
    if (text == NULL)
        return NULL;
    strlist_add(&face->texts, text);
    return face->texts.items[face->texts.count - 1];
}

static bool open_files(struct notice_face *face, const struct notice_settings *s,
                       struct err *err)
{
    AUTO(buf_free) struct buf password = BUF_SECRET_INIT(SECRET_MAX);

    if (s->ca_file != NULL) {
        const struct tls_client_settings tls = { .ca_file = s->ca_file };

        face->tls = tls_client_new(&tls, err);
        if (face->tls == NULL)
            return err_context(err, "notices");
    }
    if (s->password_file == NULL)
        return true;
    if (!file_read_secret(s->password_file, &password, err))
        return err_context(err, "notices");
    struct str text = str_trim((struct str){ buf_str(&password), password.len });
    face->password = mem_strndup(text.ptr, text.len);
    return true;
}

struct notice_face *notice_new(const struct exchange *x, const struct notice_settings *s,
                               struct err *err)
{
    struct notice_face *face = mem_alloc(sizeof *face);
    pthread_condattr_t attr;

    face->x = x;
    face->again_ms = s->again_ms;
    face->smtp = keep(face, s->smtp);
    face->from = keep(face, s->from);
    face->user = keep(face, s->user);
    pthread_mutex_init(&face->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&face->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (!open_files(face, s, err)) {
        notice_stop(&face);
        return NULL;
    }
    const struct http_client_settings client = { .tls = face->tls,
                                                 .plain_loopback = true };
    face->client = http_client_new(&client);
    return face;
}

struct notice_face *notice_start(const struct exchange *x,
                                 const struct notice_settings *s, struct err *err)
{
    struct notice_face *face = notice_new(x, s, err);

    if (face == NULL)
        return NULL;
    if (pthread_create(&face->thread, NULL, notice_main, face) == 0) {
        face->runs = true;
        return face;
    }
    err_set(err, ERR_RETRY, "notice.thread", "no thread for notices");
    notice_stop(&face);
    return NULL;
}

void notice_wake(struct notice_face *face)
{
    pthread_mutex_lock(&face->lock);
    face->wake = true;
    pthread_cond_signal(&face->changed);
    pthread_mutex_unlock(&face->lock);
}

void notice_stop(struct notice_face **notice)
{
    struct notice_face *face = *notice;

    if (face == NULL)
        return;
    atomic_store(&face->abort, true);
    pthread_mutex_lock(&face->lock);
    face->ends = true;
    pthread_cond_signal(&face->changed);
    pthread_mutex_unlock(&face->lock);
    if (face->runs)
        pthread_join(face->thread, NULL);
    for (size_t i = 0; i < face->waiting_count; i++)
        mem_free(&face->waiting[i].office);
    http_client_free(&face->client);
    tls_client_free(&face->tls);
    if (face->password != NULL)
        mem_wipe(face->password, strlen(face->password));
    mem_free(&face->password);
    strlist_free(&face->texts);
    pthread_cond_destroy(&face->changed);
    pthread_mutex_destroy(&face->lock);
    mem_free(notice);
}
