/* Lanes: when messages are tried, by how many senders, through outages, pauses and restarts. */
#include "support_dispatch.h"

#include <time.h>

#include "dispatch/dispatch.h"
#include "exchange/wire.h"
#include "store/queue.h"

#define SOON 15000 /* ms that a test waits for what must happen */

static void nap(int ms)
{
    const struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

    nanosleep(&t, NULL);
}

/* Time runs from NOW on: lanes sleep for real. */
static void run_clock(struct desk *d)
{
    d->clock = (struct clock){ .offset_ms = NOW - clock_now(NULL) };
}

static struct dispatch_settings quick(void)
{
    struct dispatch_settings s;

    dispatch_defaults(&s);
    s.spacing_ms[0] = 500;
    s.spacing_ms[1] = 60000;
    s.spacing_count = 2;
    s.jitter_percent = 0;
    s.poll_ms = 60000; /* nothing happens because somebody looked again */
    return s;
}

static struct dispatch *start(struct desk *d, const struct dispatch_settings *s)
{
    struct dispatch *running = NULL;

    OK((running = dispatch_start(&d->x, s, &err)) != NULL);
    return running;
}

#define WAIT_FOR(condition) \
    do { \
        int64_t end_ = clock_monotonic() + SOON; \
        while (!(condition) && clock_monotonic() < end_) \
            nap(10); \
        assert_true(condition); \
    } while (0)

/* --- waits ----------------------------------------------------------------------------------- */

static void test_wait(void **state)
{
    static const int64_t want[] = { 10, 10, 60, 300, 900, 3600, 3600, 3600 };
    struct dispatch_settings s;

    (void)state;
    dispatch_defaults(&s);
    for (unsigned i = 0; i < COUNT_OF(want); i++)
        assert_int_equal(dispatch_wait(&s, i), want[i] * SECOND_MS);
    assert_int_equal(dispatch_wait(&s, UINT32_MAX), HOUR_MS);
    s.spacing_count = 1;
    assert_int_equal(dispatch_wait(&s, 7), 10 * SECOND_MS);
}

/* --- a partner that is there ----------------------------------------------------------------- */

#define MANY 12

struct pair {
    struct desk md, ua;
    unsigned port;
};

static void pair_open(struct pair *p, bool reachable)
{
    AUTO(mem_free) char *opaque = mem_printf(OPAQUE, "UA-COORD");

    desk_open(&p->ua, &desk_ua);
    desk_partner(&p->ua, &desk_md, 1, opaque);
    desk_snapshot(&p->ua);
    run_clock(&p->ua);
    p->port = desk_listen(&p->ua);
    sender_open(&p->md, reachable ? p->port : closed_port(), "");
    run_clock(&p->md);
}

static void pair_close(struct pair *p)
{
    desk_close(&p->md);
    desk_close(&p->ua);
}

static void assert_all_delivered(struct pair *p, char (*rows)[STORE_ROW_TEXT],
                                 size_t count)
{
    struct message in;
    size_t there;

    for (size_t i = 0; i < count; i++)
        WAIT_FOR(message_of(&p->md, rows[i]).state == MESSAGE_DELIVERED);
    assert_true(newest_in(&p->ua, &in, &there));
    assert_int_equal(there, count); /* none missing, none twice */
}

static void test_all_arrive(void **state)
{
    struct pair p;
    char rows[MANY][STORE_ROW_TEXT];
    const struct dispatch_settings s = quick();

    (void)state;
    pair_open(&p, true);
    for (size_t i = 0; i < MANY; i++)
        enqueue(&p.md, rows[i], 0, "one of many");
    struct dispatch *d = start(&p.md, &s);
    assert_all_delivered(&p, rows, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(message_of(&p.md, rows[i]).attempts, 1);
    /* What comes later needs a word. */
    enqueue(&p.md, rows[0], 0, "a late one");
    dispatch_wake(d, "UA-GW1");
    WAIT_FOR(message_of(&p.md, rows[0]).state == MESSAGE_DELIVERED);
    dispatch_stop(&d, 1000);
    assert_null(d);
    pair_close(&p);
}

/* Claimed by a process that died: taken back at the start, under the same id. */
static void test_taken_back(void **state)
{
    struct pair p;
    char row[STORE_ROW_TEXT];
    AUTO(message_list_free) struct message_list list = { 0 };
    const struct dispatch_settings s = quick();

    (void)state;
    pair_open(&p, true);
    enqueue(&p.md, row, 0, "claimed");
    claim_due(&p.md, 1, &list);
    assert_int_equal(message_of(&p.md, row).state, MESSAGE_SENDING);
    desk_restart(&p.md);
    struct dispatch *d = start(&p.md, &s);
    WAIT_FOR(message_of(&p.md, row).state == MESSAGE_DELIVERED);
    dispatch_stop(&d, 1000);
    pair_close(&p);
}

/* Back from an outage: one probe, then everything at once, and not after each one's own wait. */
static void test_back_again(void **state)
{
    struct pair p;
    char rows[MANY][STORE_ROW_TEXT];
    AUTO(mem_free) char *opaque = mem_printf(OPAQUE, "MD-COORD");
    struct dispatch_settings s = quick();

    (void)state;
    pair_open(&p, false);
    for (size_t i = 0; i < MANY; i++)
        enqueue(&p.md, rows[i], 0, "waits for its partner");
    struct dispatch *d = start(&p.md, &s);
    WAIT_FOR(partner_of(&p.md).failures > 0);
    desk_partner(&p.md, &desk_ua, p.port, opaque);
    desk_snapshot(&p.md);
    dispatch_reload(d);
    assert_all_delivered(&p, rows, MANY);
    assert_int_equal(partner_of(&p.md).failures, 0);
    dispatch_stop(&d, 1000);
    pair_close(&p);
}

/* --- a partner that is not ------------------------------------------------------------------- */

/* Each sender meets the outage once; then one message at a time asks whether it is over. What
 * else was claimed goes back untried, and the waits do not grow with the number of messages. */
static void test_outage(void **state)
{
    const struct saying busy = { .status = 503, .wait_ms = 100 };
    struct desk d;
    struct fake fake;
    char rows[MANY][STORE_ROW_TEXT];
    const struct dispatch_settings s = quick();
    unsigned attempts = 0, tried = 0;

    (void)state;
    fake_start(&fake, &busy, 1);
    sender_open(&d, fake.port, "");
    run_clock(&d);
    for (size_t i = 0; i < MANY; i++)
        enqueue(&d, rows[i], 0, "meets an outage");
    struct dispatch *running = start(&d, &s);
    WAIT_FOR(atomic_load(&fake.requests) >= 3); /* both senders, and the first probe */
    nap(700);
    /* The next probe is a minute away, whatever else waits. */
    assert_int_equal(atomic_load(&fake.requests), 3);
    assert_true(atomic_load(&fake.at_work_max) <= 2);
    dispatch_stop(&running, 1000);
    for (size_t i = 0; i < MANY; i++) {
        const struct message m = message_of(&d, rows[i]);

        assert_int_equal(m.state, MESSAGE_WAITING);
        attempts += m.attempts;
        tried += m.attempts > 0;
    }
    assert_int_equal(attempts, 3); /* put back is not an attempt */
    assert_true(tried <= 3);
    desk_close(&d);
    fake_stop(&fake);
}

/* An error for one message holds up no other: they go at once, it keeps its own wait. */
static void test_one_refused(void **state)
{
    const struct saying says[] = {
        { .status = 500 }, { .status = 200, .type = "text/plain", .body = "hm" }
    };
    struct desk d;
    struct fake fake;
    char rows[MANY][STORE_ROW_TEXT];
    struct dispatch_settings s = quick();
    unsigned waiting = 0;

    (void)state;
    s.spacing_ms[0] = 60000;
    fake_start(&fake, says, COUNT_OF(says));
    sender_open(&d, fake.port, ", \"senders\": 1");
    run_clock(&d);
    for (size_t i = 0; i < MANY; i++)
        enqueue(&d, rows[i], 0, "beside a bad one");
    struct dispatch *running = start(&d, &s);
    WAIT_FOR(atomic_load(&fake.requests) == MANY);
    dispatch_stop(&running, 1000);
    for (size_t i = 0; i < MANY; i++) {
        const struct message m = message_of(&d, rows[i]);

        assert_int_equal(m.attempts, 1);
        waiting += m.state == MESSAGE_WAITING;
    }
    assert_int_equal(waiting, 1);
    desk_close(&d);
    fake_stop(&fake);
}

/* A clock set back does not put the next probe off. */
static void test_clock_set_back(void **state)
{
    const struct saying busy = { .status = 503 };
    struct desk d;
    struct fake fake;
    char rows[2][STORE_ROW_TEXT];
    struct dispatch_settings s = quick();

    (void)state;
    s.spacing_ms[0] = 2000;
    fake_start(&fake, &busy, 1);
    sender_open(&d, fake.port, ", \"senders\": 1");
    run_clock(&d);
    enqueue(&d, rows[0], 0, "meets an outage");
    struct dispatch *running = start(&d, &s);
    WAIT_FOR(partner_of(&d).failures > 0);
    nap(200); /* the sender rests */
    d.clock.offset_ms -= HOUR_MS;
    enqueue(&d, rows[1], 0, "is due by the new time");
    dispatch_wake(running, NULL);
    WAIT_FOR(atomic_load(&fake.requests) == 2);
    dispatch_stop(&running, 1000);
    assert_int_equal(message_of(&d, rows[1]).attempts, 1);
    desk_close(&d);
    fake_stop(&fake);
}

static bool sweep_work(struct store_tx *tx, void *ctx, struct err *err)
{
    return queue_sweep_leases(tx, ctx, err);
}

/* Claimed together, answered slowly: none is still under way when its claim runs out. */
static void test_slow_ones_share_a_claim(void **state)
{
    const struct saying slow = {
        .status = 200, .type = "text/plain", .body = "hm", .wait_ms = 1500
    };
    struct desk d;
    struct fake fake;
    char rows[4][STORE_ROW_TEXT];
    struct dispatch_settings s = quick();
    uint64_t lost = 0, count = 0;
    const int64_t end = clock_monotonic() + 2 * SOON;

    (void)state;
    s.total_ms = 2500;
    s.lease_ms = 5000; /* the fourth would end after 6000 */
    fake_start(&fake, &slow, 1);
    sender_open(&d, fake.port, ", \"senders\": 1");
    run_clock(&d);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        enqueue(&d, rows[i], 0, "takes its time");
    struct dispatch *running = start(&d, &s);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        while (message_of(&d, rows[i]).state != MESSAGE_HELD && clock_monotonic() < end) {
            desk_run(&d, sweep_work, &count);
            lost += count;
            nap(20);
        }
    dispatch_stop(&running, 1000);
    assert_int_equal(lost, 0);
    assert_int_equal(atomic_load(&fake.requests), COUNT_OF(rows));
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(message_of(&d, rows[i]).attempts, 1); /* put back is none */
    desk_close(&d);
    fake_stop(&fake);
}

/* Whose size is not known may need the time of the largest. */
static void test_size_not_known(void **state)
{
    const struct saying quickly = { .status = 200, .type = "text/plain", .body = "hm" };
    struct desk d;
    struct fake fake;
    char rows[2][STORE_ROW_TEXT];
    struct dispatch_settings s = quick();
    int64_t claims = 0;

    (void)state;
    s.lease_ms = 5 * MINUTE_MS;
    fake_start(&fake, &quickly, 1);
    sender_open(&d, fake.port, ", \"senders\": 1");
    run_clock(&d);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        enqueue(&d, rows[i], 0, "of some size");
    struct dispatch *running = start(&d, &s);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        WAIT_FOR(message_of(&d, rows[i]).state == MESSAGE_HELD);
        claims += message_of(&d, rows[i]).fence;
    }
    dispatch_stop(&running, 1000);
    assert_int_equal(claims, 3); /* one of them twice */
    desk_close(&d);
    fake_stop(&fake);
}

/* A restart asks at once whether a partner that was dead is back, with one message. */
static void test_probe_after_restart(void **state)
{
    const struct saying busy = { .status = 503 };
    struct desk d;
    struct fake fake;
    char rows[MANY][STORE_ROW_TEXT];
    const struct dispatch_settings s = quick();

    (void)state;
    fake_start(&fake, &busy, 1);
    sender_open(&d, fake.port, "");
    run_clock(&d);
    enqueue(&d, rows[0], 0, "the first");
    struct dispatch *running = start(&d, &s);
    WAIT_FOR(partner_of(&d).failures > 0);
    dispatch_stop(&running, 1000);
    const unsigned before = atomic_load(&fake.requests);
    for (size_t i = 1; i < MANY; i++)
        enqueue(&d, rows[i], 0, "came meanwhile");
    running = start(&d, &s);
    WAIT_FOR(atomic_load(&fake.requests) > before);
    nap(250);
    assert_int_equal(atomic_load(&fake.requests), before + 1);
    dispatch_stop(&running, 1000);
    desk_close(&d);
    fake_stop(&fake);
}

static int64_t cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A word that comes while every sender is busy is heard once, and rested upon afterwards. */
static void test_woken_while_busy(void **state)
{
    const struct saying slow = { .status = 503, .wait_ms = 400 };
    struct desk d;
    struct fake fake;
    char rows[2][STORE_ROW_TEXT];
    struct dispatch_settings s = quick();

    (void)state;
    s.spacing_ms[0] = 60000;
    fake_start(&fake, &slow, 1);
    sender_open(&d, fake.port, ", \"senders\": 1");
    run_clock(&d);
    enqueue(&d, rows[0], 0, "slow");
    struct dispatch *running = start(&d, &s);
    WAIT_FOR(atomic_load(&fake.at_work) == 1);
    dispatch_wake(running, NULL);
    dispatch_wake(running, "UA-GW1");
    WAIT_FOR(message_of(&d, rows[0]).state == MESSAGE_WAITING);
    nap(200);
    const int64_t before = cpu_ms();
    nap(1000);
    assert_true(cpu_ms() - before < 400);
    dispatch_stop(&running, 1000);
    desk_close(&d);
    fake_stop(&fake);
}

/* --- pauses ---------------------------------------------------------------------------------- */

static bool pause_work(struct store_tx *tx, void *ctx, struct err *err)
{
    return partner_set_paused(tx, "UA-GW1", *(bool *)ctx, "test", err);
}

static void test_paused(void **state)
{
    struct pair p;
    char row[STORE_ROW_TEXT];
    const struct dispatch_settings s = quick();
    bool paused = true;

    (void)state;
    pair_open(&p, true);
    desk_run(&p.md, pause_work, &paused);
    enqueue(&p.md, row, 0, "not now");
    struct dispatch *d = start(&p.md, &s);
    const int64_t before = cpu_ms();
    dispatch_wake(d, NULL);
    nap(500);
    assert_int_equal(message_of(&p.md, row).state, MESSAGE_WAITING);
    assert_int_equal(message_of(&p.md, row).attempts, 0);
    assert_true(cpu_ms() - before < 300);
    paused = false;
    desk_run(&p.md, pause_work, &paused);
    dispatch_wake(d, "UA-GW1");
    WAIT_FOR(message_of(&p.md, row).state == MESSAGE_DELIVERED);
    dispatch_stop(&d, 1000);
    pair_close(&p);
}

static void test_paused_by_file(void **state)
{
    struct pair p;
    char row[STORE_ROW_TEXT];
    AUTO(mem_free) char *open = mem_printf(OPAQUE, "MD-COORD");
    AUTO(mem_free) char *shut = mem_printf(OPAQUE ", \"paused\": true", "MD-COORD");
    const struct dispatch_settings s = quick();

    (void)state;
    pair_open(&p, true);
    desk_partner(&p.md, &desk_ua, p.port, shut);
    desk_snapshot(&p.md);
    enqueue(&p.md, row, 0, "not now");
    struct dispatch *d = start(&p.md, &s);
    nap(300);
    assert_int_equal(message_of(&p.md, row).attempts, 0);
    desk_partner(&p.md, &desk_ua, p.port, open);
    desk_snapshot(&p.md);
    dispatch_reload(d);
    WAIT_FOR(message_of(&p.md, row).state == MESSAGE_DELIVERED);
    dispatch_stop(&d, 1000);
    pair_close(&p);
}

/* --- a new partner, an end ------------------------------------------------------------------- */

static void test_new_partner(void **state)
{
    struct pair p;
    struct desk *md = &p.md;
    char row[STORE_ROW_TEXT];
    AUTO(mem_free) char *opaque = mem_printf(OPAQUE, "MD-COORD");
    AUTO(mem_free) char *path = NULL;
    const struct dispatch_settings s = quick();

    (void)state;
    pair_open(&p, true);
    path = mem_printf("%s/UA-GW1.json", md->partners);
    remove(path);
    desk_snapshot(md);
    struct dispatch *d = start(md, &s);
    enqueue(md, row, 0, "for somebody new");
    dispatch_wake(d, NULL);
    nap(200);
    assert_int_equal(message_of(md, row).state, MESSAGE_WAITING);
    desk_partner(md, &desk_ua, p.port, opaque);
    desk_snapshot(md);
    dispatch_reload(d);
    WAIT_FOR(message_of(md, row).state == MESSAGE_DELIVERED);
    /* Its file goes: the lane rests, and nothing breaks. */
    remove(path);
    desk_snapshot(md);
    dispatch_reload(d);
    enqueue(md, row, 0, "for nobody");
    dispatch_wake(d, NULL);
    nap(200);
    assert_int_equal(message_of(md, row).state, MESSAGE_WAITING);
    dispatch_stop(&d, 1000);
    pair_close(&p);
}

/* An end does not wait for a partner that does not answer; nothing stays claimed. */
static void test_stop(void **state)
{
    const struct saying never = { .status = 200, .wait_ms = 4000 };
    struct desk d;
    struct fake fake;
    char rows[MANY][STORE_ROW_TEXT];
    const struct dispatch_settings s = quick();

    (void)state;
    fake_start(&fake, &never, 1);
    sender_open(&d, fake.port, "");
    run_clock(&d);
    for (size_t i = 0; i < MANY; i++)
        enqueue(&d, rows[i], 0, "in vain");
    struct dispatch *running = start(&d, &s);
    WAIT_FOR(atomic_load(&fake.at_work) == 2);
    const int64_t before = clock_monotonic();
    dispatch_stop(&running, 100);
    assert_true(clock_monotonic() - before < 3500);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(message_of(&d, rows[i]).state, MESSAGE_WAITING);
    desk_close(&d);
    fake_stop(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_all_arrive),
        cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_back_again),
        cmocka_unit_test(test_outage),
        cmocka_unit_test(test_one_refused),
        cmocka_unit_test(test_clock_set_back),
        cmocka_unit_test(test_slow_ones_share_a_claim),
        cmocka_unit_test(test_size_not_known),
        cmocka_unit_test(test_probe_after_restart),
        cmocka_unit_test(test_woken_while_busy),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_paused_by_file),
        cmocka_unit_test(test_new_partner),
        cmocka_unit_test(test_stop),
    };

    return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
