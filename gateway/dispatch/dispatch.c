/*
 * dispatch.c - lanes, probes and waits.
 *
 * A lane's sender threads take turns at claiming (one claim is a transaction; several senders'
 * transactions share a commit), deliver, settle. What a lane knows of its partner (failures in
 * a row, when the next probe may go) is read from the store at the start and kept there by the
 * settlements, so a restart neither forgets a dead partner nor hammers it. When a partner does
 * not answer, what else its senders had claimed goes back to the queue untried, and the waits
 * grow with each probe, not with each message that met the same outage. An error answered to one
 * message is that message's own: it says nothing about the others, and its spacing stays its own
 * also when the partner comes back.
 *
 * If settling fails (full disk), the claim runs out by itself; the lane waits a while first.
 */
#include "dispatch/dispatch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "as4/pmode.h"
#include "base/err.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "dispatch/attempt.h"
#include "exchange/courier.h"
#include "exchange/partner.h"
#include "http/client.h"
#include "pki/tls.h"
#include "store/partners.h"
#include "store/queue.h"

#define LANES_MAX    PARTNERS_MAX
#define CLAIM_MAX    4               /* messages one sender takes at a time */
#define PER_MIB_MS   (2 * SECOND_MS) /* for each MiB sent, beside settings.total_ms */
#define TROUBLE_WAIT (5 * SECOND_MS) /* after the store refused */
#define USER_AGENT   "trmd"
#define UNANSWERED   "http." /* codes of a message that met no answer, and not a refusal */

struct lane {
    struct dispatch *d;
    char partner[STORE_NAME_TEXT];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t wakes;    /* how often it was woken: each sender compares with what it saw */
    bool probing;      /* one sender is out while failures > 0 */
    unsigned failures; /* in a row */
    int64_t probe_at_ms; /* monotonic; not before, while failures > 0 */
    unsigned threads;
    pthread_t ids[PARTNER_SENDERS_MAX];
};

struct dispatch {
    struct exchange x;
    struct dispatch_settings settings;
    pthread_mutex_t lock; /* over lanes */
    struct lane *lanes[LANES_MAX];
    size_t lane_count;
    atomic_bool stopping;
    atomic_bool abort; /* calls under way end */
};

void dispatch_defaults(struct dispatch_settings *s)
{
    *s = (struct dispatch_settings){
        .spacing_ms = { 10 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS,
                        HOUR_MS },
        .spacing_count = 5,
        .jitter_percent = 10,
        .lease_ms = 10 * MINUTE_MS,
        .poll_ms = 5 * SECOND_MS,
        .connect_ms = 10 * SECOND_MS,
        .total_ms = 60 * SECOND_MS,
    };
}

int64_t dispatch_wait(const struct dispatch_settings *s, unsigned failures)
{
    size_t step = failures == 0 ? 0 : failures - 1;

    if (step >= s->spacing_count)
        step = s->spacing_count - 1;
    return s->spacing_ms[step];
}

static int64_t with_jitter(const struct dispatch_settings *s, int64_t wait_ms)
{
    uint32_t random = 0;
    int64_t span = wait_ms * (int64_t)s->jitter_percent / 100;

    random_octets(&random, sizeof random);
    return span == 0 ? wait_ms
                     : wait_ms - span + (int64_t)(random % (uint64_t)(2 * span + 1));
}

/* --- what a lane knows -------------------------------------------------------------------- */

struct lane_ctx {
    struct lane *lane;
    struct partner_row row;
    int64_t due_ms; /* 0: nothing waits */
    struct message_list claimed;
    size_t max;
    uint64_t hurried;
};

static bool read_partner(struct store_tx *tx, void *ctx, struct err *err)
{
    struct lane_ctx *c = ctx;

    return partner_get(tx, c->lane->partner, &c->row, err);
}

static bool note_due(void *ctx, const struct queue_due *due)
{
    struct lane_ctx *c = ctx;

    if (text_eq(due->partner, c->lane->partner))
        c->due_ms = due->due_ms;
    return true;
}

static bool read_due(struct store_tx *tx, void *ctx, struct err *err)
{
    struct lane_ctx *c = ctx;

    c->due_ms = 0;
    return queue_next_due(tx, note_due, c, err);
}

static bool claim_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct lane_ctx *c = ctx;

    message_list_free(&c->claimed);
    return queue_claim(tx, c->lane->partner, c->lane->d->settings.lease_ms, c->max,
                       &c->claimed, err);
}

static bool hurry_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct lane_ctx *c = ctx;

    return queue_hurry(tx, c->lane->partner, UNANSWERED, &c->hurried, err);
}

/* --- waiting ------------------------------------------------------------------------------ */

/* Until the end of all sending, or it was woken since *seen (NULL: that does not count), or
 * wait_ms have passed; the lane's lock is held. */
static void lane_sleep(struct lane *lane, int64_t wait_ms, const uint64_t *seen)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!atomic_load(&lane->d->stopping) && (seen == NULL || *seen == lane->wakes))
        if (pthread_cond_timedwait(&lane->changed, &lane->lock, &until) == ETIMEDOUT)
            break;
}

static void lane_wait(struct lane *lane, int64_t wait_ms, const uint64_t *seen)
{
    pthread_mutex_lock(&lane->lock);
    lane_sleep(lane, wait_ms, seen);
    pthread_mutex_unlock(&lane->lock);
}

static uint64_t lane_seen(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    uint64_t seen = lane->wakes;
    pthread_mutex_unlock(&lane->lock);
    return seen;
}

static void lane_wake(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->wakes++;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

/* How many a sender may claim now: 0 while another probes or the probe is not due. */
static size_t may_claim(struct lane *lane, bool *ret_probes)
{
    size_t max = CLAIM_MAX;

    pthread_mutex_lock(&lane->lock);
    if (lane->failures > 0)
        max = !lane->probing && clock_monotonic() >= lane->probe_at_ms ? 1 : 0;
    *ret_probes = max == 1;
    lane->probing |= *ret_probes;
    pthread_mutex_unlock(&lane->lock);
    return max;
}

static bool lane_probes(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    bool probing = lane->probing;
    pthread_mutex_unlock(&lane->lock);
    return probing;
}

static void end_probe(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->probing = false;
    pthread_mutex_unlock(&lane->lock);
}

/* --- after an attempt --------------------------------------------------------------------- */

static void partner_is_back(struct lane *lane)
{
    struct lane_ctx c = { .lane = lane };
    struct err err = { 0 };

    log_notice("partner.back", log_s("partner", lane->partner));
    if (!store_run(lane->d->x.store, hurry_work, &c, &err))
        log_warn("partner.hurry", log_s("partner", lane->partner), log_fault(&err));
    lane_wake(lane);
}

/* A failure before the next probe is due is the same outage met by another message. */
static void note_failure(struct lane *lane)
{
    int64_t now_ms = clock_monotonic();

    if (lane->failures > 0 && now_ms < lane->probe_at_ms)
        return;
    lane->failures++;
    lane->probe_at_ms =
        now_ms + with_jitter(&lane->d->settings,
                             dispatch_wait(&lane->d->settings, lane->failures));
}

static void learn(struct lane *lane, const struct attempt_result *result)
{
    bool back = false;

    pthread_mutex_lock(&lane->lock);
    if (result->reached) {
        back = lane->failures > 0;
        lane->failures = 0;
    } else if (result->failed) {
        note_failure(lane);
    }
    pthread_mutex_unlock(&lane->lock);
    if (back)
        partner_is_back(lane);
}

/* --- one sender --------------------------------------------------------------------------- */

struct sender {
    struct lane *lane;
    struct http_client *client;
    struct tls_client *tls; /* what the client was made with */
};

/* The client is made anew when the partner's TLS settings are. */
static void sender_client(struct sender *s, const struct partner *partner)
{
    const struct dispatch *d = s->lane->d;

    if (s->client != NULL && s->tls == partner->tls)
        return;
    http_client_free(&s->client);
    tls_client_free(&s->tls);
    s->tls = tls_client_ref(partner->tls);
    const struct http_client_settings settings = { .tls = s->tls,
                                                   .user_agent = USER_AGENT,
                                                   .connect_ms = d->settings.connect_ms,
                                                   .total_ms = d->settings.total_ms,
                                                   .total_per_mib_ms = PER_MIB_MS,
                                                   .abort = &d->abort };
    s->client = http_client_new(&settings);
}

static bool claim(struct lane *lane, size_t max, struct message_list *ret)
{
    struct lane_ctx c = { .lane = lane, .max = max };
    struct err err = { 0 };

    if (store_run(lane->d->x.store, claim_work, &c, &err)) {
        *ret = c.claimed;
        return true;
    }
    log_warn("queue.claim", log_s("partner", lane->partner), log_fault(&err));
    message_list_free(&c.claimed);
    lane_wait(lane, TROUBLE_WAIT, NULL);
    return false;
}

/* How long there is nothing to do. */
static int64_t rest(struct lane *lane)
{
    struct lane_ctx c = { .lane = lane };
    struct err err = { 0 };
    int64_t wait = lane->d->settings.poll_ms;

    if (!store_read(lane->d->x.store, read_due, &c, &err) || c.due_ms == 0)
        return wait;
    int64_t due_in = c.due_ms - clock_now(lane->d->x.clock);
    pthread_mutex_lock(&lane->lock);
    int64_t probe_in = lane->failures > 0 ? lane->probe_at_ms - clock_monotonic() : 0;
    pthread_mutex_unlock(&lane->lock);
    if (due_in < probe_in)
        due_in = probe_in;
    if (due_in < wait)
        wait = due_in > 20 ? due_in : 20;
    return wait;
}

/* --- claimed and not tried ---------------------------------------------------------------- */

struct put_back {
    const struct message *items;
    size_t count;
};

/* A claim that is ours no longer needs no putting back. */
static bool put_back_work(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct put_back *p = ctx;

    for (size_t i = 0; i < p->count; i++) {
        const struct message *m = &p->items[i];
        const struct queue_verdict verdict = { .outcome = QUEUE_RETRY,
                                               .next_ms = m->next_ms,
                                               .not_an_attempt = true };

        if (!queue_settle(tx, m->row, m->fence, &verdict, err) &&
            !text_eq(err->code, "queue.fence"))
            return false;
    }
    return true;
}

/* Due again at once, as they were: the next probe may take any of them. */
static void put_back(struct lane *lane, const struct message *items, size_t count)
{
    struct put_back p = { items, count };
    struct err err = { 0 };

    if (count > 0 && !store_run(lane->d->x.store, put_back_work, &p, &err))
        log_warn("queue.put-back", log_s("partner", lane->partner), log_fault(&err));
}

/* Its call would have ended, well or not, before the claim runs out. The size of an opaque
 * message is not always known (0): it may be the largest. */
static bool lease_lasts(const struct dispatch *d, const struct message *m)
{
    uint64_t octets = m->octets != 0 ? m->octets : PMODE_WIRE_MAX;
    int64_t longest =
        d->settings.total_ms + (int64_t)(octets / (1024 * 1024) + 1) * PER_MIB_MS;

    return m->lease_until_ms - clock_now(d->x.clock) >= longest;
}

/* Messages claimed together share the time of the claim: what the ones before have left too
 * little of goes back and is claimed anew. The first is always tried. */
static void work_through(struct sender *s, const struct snapshot *snap,
                         const struct partner *partner, struct message_list *list)
{
    struct lane *lane = s->lane;
    size_t i = 0;

    while (i < list->count && !atomic_load(&lane->d->stopping)) {
        struct attempt_result result = { 0 };

        if (i > 0 && !lease_lasts(lane->d, &list->items[i]))
            break;
        sender_client(s, partner);
        attempt_one(&lane->d->x, &lane->d->settings, snap, partner, s->client,
                    &list->items[i++], &result);
        learn(lane, &result);
        if (result.trouble)
            lane_wait(lane, TROUBLE_WAIT, NULL);
        if (result.failed)
            break;
    }
    put_back(lane, list->items + i, list->count - i);
}

enum turn {
    TURN_DONE, /* something was claimed and settled */
    TURN_IDLE, /* nothing may be claimed until a time that rest() tells */
    TURN_SHUT, /* whatever is due: paused, unknown, or another sender probes */
};

static enum turn turn(struct sender *s)
{
    struct lane *lane = s->lane;
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(lane->d->x.box);
    AUTO(message_list_free) struct message_list list = { 0 };
    const struct partner *partner = snapshot_partner(snap, lane->partner);
    struct lane_ctx c = { .lane = lane };
    struct err err = { 0 };
    bool probes;

    if (partner == NULL || partner->paused_by_file ||
        !store_read(lane->d->x.store, read_partner, &c, &err) || c.row.paused)
        return TURN_SHUT;
    size_t max = may_claim(lane, &probes);
    if (max == 0)
        return lane_probes(lane) ? TURN_SHUT : TURN_IDLE;
    bool some = claim(lane, max, &list) && list.count > 0;
    if (some)
        work_through(s, snap, partner, &list);
    if (probes)
        end_probe(lane);
    return some ? TURN_DONE : TURN_IDLE;
}

static void *sender_main(void *arg)
{
    struct sender s = { .lane = arg };

    while (!atomic_load(&s.lane->d->stopping)) {
        uint64_t seen = lane_seen(s.lane); /* before looking: no wake is missed */
        enum turn did = turn(&s);

        if (did != TURN_DONE)
            lane_wait(s.lane,
                      did == TURN_IDLE ? rest(s.lane) : s.lane->d->settings.poll_ms,
                      &seen);
    }
    http_client_free(&s.client);
    tls_client_free(&s.tls);
    return NULL;
}

/* --- lanes -------------------------------------------------------------------------------- */

static void lane_open(struct dispatch *d, const struct partner *partner)
{
    struct lane *lane = mem_alloc(sizeof *lane);
    pthread_condattr_t attr;
    struct lane_ctx c = { .lane = lane };
    struct err err = { 0 };

    lane->d = d;
    (void)STORE_COPY(lane->partner, partner->id);
    pthread_mutex_init(&lane->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&lane->changed, &attr);
    pthread_condattr_destroy(&attr);
    /* A dead partner is probed at once after a restart: the operator may just have mended it. */
    if (store_read(d->x.store, read_partner, &c, &err))
        lane->failures = c.row.failures > 0 ? 1 : 0;
    d->lanes[d->lane_count++] = lane;
    for (unsigned i = 0; i < partner->senders; i++)
        if (pthread_create(&lane->ids[lane->threads], NULL, sender_main, lane) == 0)
            lane->threads++;
}

static struct lane *lane_find(struct dispatch *d, const char *partner)
{
    for (size_t i = 0; i < d->lane_count; i++)
        if (text_eq(d->lanes[i]->partner, partner))
            return d->lanes[i];
    return NULL;
}

void dispatch_reload(struct dispatch *d)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(d->x.box);

    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < snap->partner_count; i++)
        if (lane_find(d, snap->partners[i]->id) == NULL && d->lane_count < LANES_MAX)
            lane_open(d, snap->partners[i]);
    for (size_t i = 0; i < d->lane_count; i++)
        lane_wake(d->lanes[i]);
    pthread_mutex_unlock(&d->lock);
}

static bool take_back_work(struct store_tx *tx, void *ctx, struct err *err)
{
    return queue_take_back(tx, ctx, err);
}

struct dispatch *dispatch_start(const struct exchange *x,
                                const struct dispatch_settings *settings, struct err *err)
{
    uint64_t count = 0;

    if (!store_run(x->store, take_back_work, &count, err))
        return NULL;
    if (count > 0)
        log_notice("queue.taken-back", log_u("messages", count));
    struct dispatch *d = mem_alloc(sizeof *d);

    d->x = *x;
    d->settings = *settings;
    pthread_mutex_init(&d->lock, NULL);
    dispatch_reload(d);
    return d;
}

void dispatch_wake(struct dispatch *d, const char *partner)
{
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->lane_count; i++)
        if (partner == NULL || text_eq(d->lanes[i]->partner, partner))
            lane_wake(d->lanes[i]);
    pthread_mutex_unlock(&d->lock);
}

static void lane_close(struct lane *lane)
{
    for (unsigned i = 0; i < lane->threads; i++)
        pthread_join(lane->ids[i], NULL);
    pthread_mutex_destroy(&lane->lock);
    pthread_cond_destroy(&lane->changed);
    mem_free(&lane);
}

/* Sets abort after drain_ms unless all senders have ended by then. */
struct reaper {
    struct dispatch *d;
    int64_t drain_ms;
    atomic_bool done;
};

static void *reaper_main(void *arg)
{
    struct reaper *r = arg;
    int64_t end = clock_monotonic() + r->drain_ms;
    const struct timespec nap = { .tv_nsec = 20 * 1000000 };

    while (!atomic_load(&r->done) && clock_monotonic() < end)
        nanosleep(&nap, NULL);
    atomic_store(&r->d->abort, true);
    return NULL;
}

void dispatch_stop(struct dispatch **dispatch, int64_t drain_ms)
{
    struct dispatch *d = *dispatch;
    struct reaper reaper = { .d = d, .drain_ms = drain_ms };
    pthread_t id;

    if (d == NULL)
        return;
    atomic_store(&d->stopping, true);
    dispatch_wake(d, NULL);
    if (pthread_create(&id, NULL, reaper_main, &reaper) != 0)
        id = pthread_self();
    for (size_t i = 0; i < d->lane_count; i++)
        lane_close(d->lanes[i]);
    atomic_store(&reaper.done, true);
    if (!pthread_equal(id, pthread_self()))
        pthread_join(id, NULL);
    pthread_mutex_destroy(&d->lock);
    mem_free(dispatch);
}
