/*
 * Killed at every crash point of the store: what was told is there, what is there is whole, and
 * the same work done again does nothing twice. Also: inputs that ended the process.
 */
#include "support_store.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "store/audit.h"
#include "store/duplicates.h"
#include "store/quarantine.h"
#include "store/store_private.h"

#define MESSAGES 12

/* --- a receiving transaction, as exchange will do it ------------------------------------------- */

struct receiving {
    int number;
    struct body_stage *stage;
    enum duplicate duplicate;
};

static bool receive(struct store_tx *tx, void *ctx, struct err *err)
{
    struct receiving *r = ctx;
    struct message m;
    char id[16], delivery[STORE_ROW_TEXT];
    const struct audit_entry entry = { .action = "message.received", .message_id = id };
    bool taken;

    snprintf(id, sizeof id, "m%d", r->number);
    m = some_in(id, "A", r->number);
    if (!duplicate_wire_find(tx, "UA-GW1", id, "digest", &r->duplicate, NULL, err))
        return false;
    if (r->duplicate != DUPLICATE_NONE)
        return true;
    return message_add(tx, &m, &taken, err) &&
           duplicate_wire_add(tx, "UA-GW1", id, "digest", m.row, &r->duplicate, err) &&
           body_attach(tx, m.row, "attachment/1", r->stage, err) &&
           body_put(tx, m.row, "canonical", id, strlen(id), err) &&
           deliverable_add(tx, m.row, "MD-COORD", delivery, err) &&
           audit_add(tx, &entry, err);
}

static bool receive_one(struct store *store, int number, struct err *err)
{
    AUTO(body_stage_free) struct body_stage *stage = NULL;
    struct receiving r = { .number = number };
    static const char octets[BODY_ROW_OCTETS + 10];

    if (!body_stage_open(store, &stage, err) ||
        !body_stage_sink(stage)->write(body_stage_sink(stage), octets, sizeof octets,
                                       err) ||
        !body_stage_finish(stage, err))
        return false;
    r.stage = stage;
    return store_run(store, receive, &r, err);
}

static bool add_case_a(struct store_tx *tx, void *ctx, struct err *err)
{
    struct case_row row = some_case("A");
    bool taken;

    (void)ctx;
    return case_add(tx, &row, &taken, err);
}

static bool tells_too_early; /* the mistake that these tests must find */

/* The child: receives them all and tells of each over the pipe; dies at the point. */
static NORETURN void child_main(struct bench *b, const char *fault, int told)
{
    struct err err = { 0 };

    b->store = store_open(&b->settings, &err);
    if (b->store == NULL || !store_run(b->store, add_case_a, NULL, &err))
        _exit(10);
    setenv("TRM_FAULT", fault, 1);
    for (int i = 1; i <= MESSAGES; i++) {
        unsigned char number = (unsigned char)i;

        if (tells_too_early && write(told, &number, 1) != 1)
            _exit(12);
        if (!receive_one(b->store, i, &err))
            _exit(11);
        if (!tells_too_early && write(told, &number, 1) != 1)
            _exit(12);
    }
    _exit(0);
}

/* Runs it, gives the highest number that was told and whether it was killed. */
static bool run_child(struct bench *b, const char *fault, int *ret_told)
{
    int pipes[2], status;
    unsigned char number;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        close(pipes[0]);
        child_main(b, fault, pipes[1]);
    }
    close(pipes[1]);
    *ret_told = 0;
    while (read(pipes[0], &number, 1) == 1)
        *ret_told = number;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        fail_msg("%s: the child ended with %d", fault, WEXITSTATUS(status));
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Message i is there whole, or not at all. */
static bool is_there(struct store_tx *tx, int number)
{
    AUTO(buf_free) struct buf canonical = BUF_INIT(64);
    AUTO(buf_free) struct buf attachment = BUF_INIT(2 * BODY_ROW_OCTETS);
    struct message m;
    enum duplicate d;
    char id[16];
    bool found, body;

    snprintf(id, sizeof id, "m%d", number);
    OK(message_find(tx, MESSAGE_IN, id, &m, &found, &err));
    OK(duplicate_wire_find(tx, "UA-GW1", id, "digest", &d, NULL, &err));
    assert_int_equal(d, found ? DUPLICATE_SAME : DUPLICATE_NONE);
    if (!found)
        return false;
    OK(body_load(tx, m.row, "canonical", &canonical, &body, &err));
    assert_true(body);
    assert_string_equal(buf_str(&canonical), id);
    OK(body_load(tx, m.row, "attachment/1", &attachment, &body, &err));
    assert_true(body);
    assert_int_equal(attachment.len, BODY_ROW_OCTETS + 10);
    return true;
}

static int64_t count_of(struct store_tx *tx, const char *sql)
{
    int64_t count = -1;
    bool found;

    OK(sql_int(tx, sql, SQL_NO_ARGS, &count, &found, &err));
    return count;
}

static void assert_all_once(struct bench *b)
{
    struct store_tx *tx = tx_begin(b);
    struct audit_verdict verdict;

    assert_int_equal(count_of(tx, "SELECT COUNT(*) FROM message"), MESSAGES);
    assert_int_equal(count_of(tx, "SELECT COUNT(*) FROM deliverable"), MESSAGES);
    assert_int_equal(count_of(tx, "SELECT COUNT(*) FROM wire_seen"), MESSAGES);
    assert_int_equal(count_of(tx, "SELECT COUNT(*) FROM body WHERE state = 'attached'"),
                     2 * MESSAGES);
    assert_int_equal(count_of(tx, "SELECT expected_in FROM cases"), MESSAGES + 1);
    OK(audit_verify(tx, NULL, NULL, NULL, &verdict, &err));
    assert_true(verdict.intact);
    assert_int_equal(verdict.rows, MESSAGES);
    tx_end(b, true);
}

static void assert_nothing_left_over(struct bench *b)
{
    struct store_tx *tx;
    uint64_t dropped;

    OK(store_sweep(b->store, &dropped, &err));
    tx = tx_begin(b);
    assert_int_equal(count_of(tx, "SELECT COUNT(*) FROM body WHERE state <> 'attached'"),
                     0);
    assert_int_equal(count_of(tx, "SELECT COUNT(*) FROM body_piece"), 3 * MESSAGES);
    assert_int_equal(count_of(tx, "SELECT COUNT(*) FROM seal_key"), MESSAGES + 2);
    tx_end(b, true);
}

static void kill_at(const char *point, int nth)
{
    AUTO(mem_free) struct bench *b = mem_alloc(sizeof *b);
    AUTO(mem_free) char *fault = mem_printf("%s:%d", point, nth);
    struct store_tx *tx;
    char folder[64];
    int told;

    bench_new_folder(folder);
    bench_prepare(b, folder);
    if (!run_child(b, fault, &told))
        fail_msg("%s was not passed", fault);
    assert_true(told < MESSAGES);
    bench_open(b);
    tx = tx_begin(b);
    for (int i = 1; i <= told; i++)
        if (!is_there(tx, i))
            fail_msg("%s: message %d was told and is lost", fault, i);
    for (int i = told + 2; i <= MESSAGES; i++)
        assert_false(is_there(tx, i));
    is_there(tx, told + 1); /* whole or not at all */
    tx_end(b, true);
    for (int i = told + 1; i <= MESSAGES; i++) /* the partner sends again */
        OK(receive_one(b->store, i, &err));
    assert_all_once(b);
    assert_nothing_left_over(b);
    bench_close(b);
    bench_remove_folder(folder);
}

static void test_killed_at_each_point(void **state)
{
    static const char *const points[] = { "store.begin", "store.work-done",
                                          "store.committed", "store.staged" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(points); i++)
        for (int nth = 1; nth <= 13; nth += 3)
            kill_at(points[i], nth);
}

/* Every point of the store that the list of all knows is tested somewhere here or beside. */
static void test_all_points_are_known(void **state)
{
    static const char *const tested[] = { "store.begin",        "store.work-done",
                                          "store.committed",    "store.staged",
                                          "store.commit-fails", "store.erased" };
    int of_store = 0;

    (void)state;
    for (const char *const *at = fault_names(); *at != NULL; at++)
        of_store += strncmp(*at, "store.", 6) == 0;
    assert_int_equal(of_store, COUNT_OF(tested));
}

/* The test itself must be able to find loss: a child that tells before the commit loses one. */
static void test_it_would_see_loss(void **state)
{
    AUTO(mem_free) struct bench *b = mem_alloc(sizeof *b);
    char folder[64];
    int told;

    (void)state;
    bench_new_folder(folder);
    bench_prepare(b, folder);
    tells_too_early = true;
    assert_true(run_child(b, "store.work-done:9", &told));
    tells_too_early = false;
    bench_open(b);
    assert_true(told >= 2);
    assert_true(is_there(tx_begin(b), told - 1));
    assert_false(is_there(tx_next(b), told));
    tx_end(b, true);
    bench_close(b);
    bench_remove_folder(folder);
}

/* --- a random moment under load ------------------------------------------------------------------- */

struct sender {
    struct store *store;
    int from, fd;
};

static bool add_out(struct store_tx *tx, void *ctx, struct err *err)
{
    const int *number = ctx;
    struct message m;
    char id[16];
    bool taken;

    snprintf(id, sizeof id, "out%d", *number);
    m = some_out(id, "", 0);
    return message_add(tx, &m, &taken, err);
}

static void *sender_main(void *arg)
{
    struct sender *s = arg;
    struct err err = { 0 };

    for (int i = s->from; i < s->from + 10000; i++)
        if (!store_run(s->store, add_out, &i, &err) ||
            write(s->fd, &i, sizeof i) != sizeof i)
            break;
    return NULL;
}

static NORETURN void load_main(struct bench *b, int fd)
{
    struct sender senders[4];
    pthread_t threads[4];
    struct err err = { 0 };

    b->store = store_open(&b->settings, &err);
    if (b->store == NULL)
        _exit(1);
    for (int i = 0; i < 4; i++) {
        senders[i] = (struct sender){ b->store, i * 10000, fd };
        pthread_create(&threads[i], NULL, sender_main, &senders[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    _exit(1);
}

static void test_killed_under_load(void **state)
{
    struct bench *b = *state;
    int told = 0;

    for (int round = 0; round < 8; round++) {
        AUTO(mem_free) int *numbers = mem_array(40000, sizeof *numbers);
        int pipes[2], count = 0, status;
        struct store_tx *tx;
        pid_t child;

        bench_close(b);
        assert_int_equal(pipe(pipes), 0);
        child = fork();
        if (child == 0)
            load_main(b, pipes[1]);
        close(pipes[1]);
        while (count < 40 + 25 * round &&
               read(pipes[0], &numbers[count], sizeof *numbers) == sizeof *numbers)
            count++;
        kill(child, SIGKILL);
        while (read(pipes[0], &numbers[count], sizeof *numbers) == sizeof *numbers)
            count++;
        close(pipes[0]);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        bench_open(b);
        tx = tx_begin(b);
        for (int i = 0; i < count; i++) {
            char id[16];
            struct message m;
            bool found;

            snprintf(id, sizeof id, "out%d", numbers[i]);
            OK(message_find(tx, MESSAGE_OUT, id, &m, &found, &err));
            assert_true(found);
        }
        tx_end(b, true);
        told += count;
    }
    assert_true(told > 8 * 40);
}

/* --- inputs that end the process --------------------------------------------------------------------- */

static const uint8_t poison[32] = { 1, 2, 3 }, harmless[32] = { 4, 5, 6 };

static void die_on(struct bench *b, const uint8_t digest[32], unsigned want_deaths)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct quarantine_ticket ticket, other;
        struct err err = { 0 };
        unsigned deaths;

        b->store = store_open(&b->settings, &err);
        if (b->store == NULL ||
            !quarantine_begin(b->store, harmless, "as4", &deaths, &other, &err))
            _exit(1);
        quarantine_end(b->store, &other); /* it was over well before */
        if (!quarantine_begin(b->store, digest, "as4", &deaths, &ticket, &err) ||
            deaths != want_deaths)
            _exit(2);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static unsigned deaths_of(struct bench *b, const uint8_t digest[32], bool *ret_noted)
{
    struct quarantine_ticket ticket;
    unsigned deaths = 99;

    OK(quarantine_begin(b->store, digest, "as4", &deaths, &ticket, &err));
    *ret_noted = ticket.slot >= 0;
    quarantine_end(b->store, &ticket);
    return deaths;
}

static bool keep_digest(void *ctx, const struct quarantine_row *row)
{
    memcpy(ctx, row->digest, sizeof row->digest);
    assert_string_equal(row->kind, "as4");
    assert_int_equal(row->deaths, 2);
    return true;
}

static void test_twice_is_quarantined(void **state)
{
    struct bench *b = *state;
    char digest[STORE_HASH_TEXT] = "";
    bool noted, changed;

    bench_close(b);
    die_on(b, poison, 0);
    die_on(b, poison, 1);
    bench_open(b);
    assert_int_equal(deaths_of(b, poison, &noted), 2);
    assert_false(noted); /* not touched any more */
    assert_int_equal(deaths_of(b, harmless, &noted), 0);
    assert_true(noted);
    OK(quarantine_each(tx_begin(b), keep_digest, digest, &err));
    tx_end(b, true);
    OK(quarantine_clear(b->store, digest, &changed, &err));
    assert_true(changed);
    assert_int_equal(deaths_of(b, poison, &noted), 0);
    bench_close(b); /* an orderly end counts nothing */
    bench_open(b);
    assert_int_equal(deaths_of(b, poison, &noted), 0);
}

static void test_slots_end_and_come_back(void **state)
{
    struct bench *b = *state;
    struct quarantine_ticket tickets[QUARANTINE_SLOTS], more;
    unsigned deaths;

    for (int i = 0; i < QUARANTINE_SLOTS; i++)
        OK(quarantine_begin(b->store, harmless, "rest", &deaths, &tickets[i], &err));
    FAILS(quarantine_begin(b->store, harmless, "rest", &deaths, &more, &err), ERR_RETRY,
          "quarantine.full");
    quarantine_end(b->store, &tickets[7]);
    OK(quarantine_begin(b->store, harmless, "rest", &deaths, &more, &err));
    assert_int_equal(more.slot, 7);
    for (int i = 0; i < QUARANTINE_SLOTS; i++)
        quarantine_end(b->store, &tickets[i]);
    quarantine_end(b->store, &more);
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_each_point),
        cmocka_unit_test(test_all_points_are_known),
        cmocka_unit_test(test_it_would_see_loss),
        WITH_BENCH(test_killed_under_load),
        WITH_BENCH(test_twice_is_quarantined),
        WITH_BENCH(test_slots_end_and_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
