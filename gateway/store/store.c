/*
 * store.c - one writer with group commit, a small pool of readers, one folder.
 *
 * The writer thread takes every work that waits, runs each in a savepoint of one transaction,
 * commits, and only then tells the callers. When the group cannot be committed (disk full, a
 * statement that ended the transaction) it is undone and each work is tried alone, so that one
 * too large does not take others with it. A work therefore may run more than once.
 *
 * Crash points: store.begin, store.work-done, store.committed, store.erased. In each, what was
 * told to a caller is on disk, and what is on disk may not have been told.
 *
 * Erasure: a work that deleted keys is told only when the log they stood in is empty. For that
 * the writer keeps new reads waiting for a moment.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/meta.h"
#include "store/store_private.h"

#define READERS_DEFAULT     4
#define READERS_MAX         32
#define GROUP_MAX           64 /* works of one commit */
#define GATHER_DEFAULT_MS   1
#define AUDIT_EVERY_DEFAULT 256
#define DRAIN_S             10 /* an erasure waits so long for reads to end */

/* A work that waits, on its caller's stack. */
struct job {
    store_work *work;
    void *ctx;
    struct err err;
    bool ok, done;
    bool erases;
    pthread_cond_t told;
    struct job *next;
};

struct store {
    struct seal_hooks hooks;
    const struct clock *clock;
    char *folder, *path;
    char node[STORE_NAME_TEXT];
    unsigned audit_every;
    int lock_fd;
    struct key_cache *keys;
    struct inflight *inflight;

    /* the writer */
    struct connection *writer;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t work_waits;
    struct job *head, **tail;
    unsigned waiting, last_group, gather_ms;
    bool stop;
    struct store_stats stats;

    /* the readers */
    pthread_mutex_t pool_lock;
    pthread_cond_t pool_changed;
    struct connection *idle[READERS_MAX];
    unsigned idle_count, open_count, readers;
    bool closed_for_erasure;
};

/* The transaction this thread is in, for reads inside works and reads. */
static _Thread_local struct store_tx *current;

/* --- what the other files ask ---------------------------------------------------------------- */

struct seal_hooks *store_seal_hooks(struct store *store)
{
    return &store->hooks;
}

struct key_cache *store_key_cache(struct store *store)
{
    return store->keys;
}

struct inflight *store_inflight(struct store *store)
{
    return store->inflight;
}

unsigned store_audit_every(const struct store *store)
{
    return store->audit_every;
}

struct store *store_tx_store(const struct store_tx *tx)
{
    return tx->store;
}

int64_t store_tx_now(const struct store_tx *tx)
{
    return tx->now_ms;
}

const char *store_tx_node(const struct store_tx *tx)
{
    return tx->store->node;
}

size_t page_limit(size_t asked)
{
    return asked == 0 || asked > STORE_PAGE_MAX ? STORE_PAGE_MAX : asked;
}

bool store_text_fits(char *field, size_t size, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    if (len >= size)
        return false;
    if (len > 0)
        memcpy(field, text, len);
    field[len] = '\0';
    return true;
}

bool text_column(char *field, size_t size, const char *text, struct err *err)
{
    return store_text_fits(field, size, text) ||
           err_set(err, ERR_BUG, "store.text",
                   "a stored text is longer than its %zu octets", size - 1);
}

bool text_check(const char *text, size_t size, const char *what, struct err *err)
{
    if (text == NULL || strlen(text) < size)
        return true;
    return err_set(err, ERR_BUG, "store.text", "%s has %zu octets, over %zu", what,
                   strlen(text), size - 1);
}

/* Milliseconds in front, then a counter of twelve bits, then chance: rises within a process. */
void store_row_id(int64_t now_ms, char out[STORE_ROW_TEXT])
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t last; /* ms << 12 | counter */
    uint64_t at = (uint64_t)now_ms << 12, chance;

    pthread_mutex_lock(&lock);
    at = at > last ? at : last + 1;
    last = at;
    pthread_mutex_unlock(&lock);
    random_octets(&chance, sizeof chance);
    snprintf(out, STORE_ROW_TEXT, "%08llx-%04llx-7%03llx-%04llx-%012llx",
             (unsigned long long)(at >> 28) & 0xffffffff,
             (unsigned long long)(at >> 12) & 0xffff, (unsigned long long)at & 0xfff,
             0x8000 | (unsigned long long)(chance >> 50),
             (unsigned long long)chance & 0xffffffffffff);
}

/* --- the writer: one group ------------------------------------------------------------------- */

static bool lost_transaction(struct store *store, struct err *err)
{
    if (connection_in_transaction(store->writer))
        return false;
    if (err->kind == ERR_NONE)
        err_set(err, ERR_RETRY, "store.io", "the transaction ended by itself");
    return true;
}

/* True when the group's transaction still stands. */
static bool run_in_savepoint(struct store *store, struct job *job)
{
    struct store_tx tx = { .store = store,
                           .conn = store->writer,
                           .now_ms = clock_now(store->clock),
                           .writes = true };

    job->err = (struct err){ 0 };
    job->erases = false;
    job->ok = connection_savepoint(store->writer, &job->err);
    if (!job->ok)
        return false;
    current = &tx;
    job->ok = job->work(&tx, job->ctx, &job->err);
    current = NULL;
    if (lost_transaction(store, &job->err)) {
        job->ok = false;
        return false;
    }
    job->erases = job->ok && tx.erases;
    if (!job->ok) {
        connection_undo_savepoint(store->writer);
        return true;
    }
    job->ok = connection_release(store->writer, &job->err);
    return job->ok;
}

static bool run_works(struct store *store, struct job *jobs[], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!run_in_savepoint(store, jobs[i]))
            return false;
    return true;
}

static bool any_ok(struct job *jobs[], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (jobs[i]->ok)
            return true;
    return false;
}

static bool commit(struct store *store, struct err *err)
{
    fault_point("store.work-done");
    if (fault_fails("store.commit-fails"))
        return err_set(err, ERR_RETRY, "store.io", "COMMIT: failed by a test");
    if (!connection_commit(store->writer, err))
        return false;
    fault_point("store.committed");
    pthread_mutex_lock(&store->lock);
    store->stats.commits++;
    pthread_mutex_unlock(&store->lock);
    return true;
}

static void fail_all(struct job *jobs[], unsigned count, const struct err *err)
{
    for (unsigned i = 0; i < count; i++)
        if (jobs[i]->ok) {
            jobs[i]->ok = false;
            jobs[i]->err = *err;
        }
}

static void count_group(struct store *store, struct job *jobs[], unsigned count,
                        bool committed)
{
    pthread_mutex_lock(&store->lock);
    store->stats.commits_failed += !committed;
    if (committed && count > store->stats.group_max)
        store->stats.group_max = count;
    for (unsigned i = 0; i < count; i++) {
        store->stats.works += jobs[i]->ok;
        store->stats.works_failed += !jobs[i]->ok;
    }
    pthread_mutex_unlock(&store->lock);
}

/* False when nothing of the group is on disk and each should be tried alone. */
static bool try_group(struct store *store, struct job *jobs[], unsigned count)
{
    struct err err = { 0 };

    if (!connection_begin(store->writer, &err)) {
        for (unsigned i = 0; i < count; i++)
            jobs[i]->ok = true;
        fail_all(jobs, count, &err);
        return false;
    }
    fault_point("store.begin");
    if (!run_works(store, jobs, count)) {
        connection_rollback(store->writer);
        return false;
    }
    if (!any_ok(jobs, count)) {
        connection_rollback(store->writer);
        return true;
    }
    if (commit(store, &err))
        return true;
    connection_rollback(store->writer);
    fail_all(jobs, count, &err);
    return false;
}

static void run_group(struct store *store, struct job *jobs[], unsigned count)
{
    bool committed = try_group(store, jobs, count);

    if (!committed && count > 1) {
        for (unsigned i = 0; i < count; i++)
            run_group(store, &jobs[i], 1);
        return;
    }
    count_group(store, jobs, count, committed);
}

/* --- the writer: erasure ----------------------------------------------------------------------- */

/* Waits until no read runs and lets none begin; false when one does not end. */
static bool close_pool(struct store *store)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += DRAIN_S;
    pthread_mutex_lock(&store->pool_lock);
    store->closed_for_erasure = true;
    while (store->idle_count < store->open_count && rc == 0)
        rc = pthread_cond_timedwait(&store->pool_changed, &store->pool_lock, &until);
    pthread_mutex_unlock(&store->pool_lock);
    return rc == 0;
}

static void open_pool(struct store *store)
{
    pthread_mutex_lock(&store->pool_lock);
    store->closed_for_erasure = false;
    pthread_cond_broadcast(&store->pool_changed);
    pthread_mutex_unlock(&store->pool_lock);
}

static bool empty_log(struct store *store, struct err *err)
{
    bool done = close_pool(store);
    bool ok = !done || connection_truncate_log(store->writer, &done, err);

    open_pool(store);
    key_cache_wipe(store->keys);
    if (ok && !done)
        return err_set(err, ERR_UNSURE, "store.log-kept",
                       "keys are deleted but still stand in the log, which is in use: "
                       "erase again");
    return ok;
}

static void finish_erasures(struct store *store, struct job *jobs[], unsigned count)
{
    struct err err = { 0 };
    bool erases = false;

    for (unsigned i = 0; i < count; i++)
        erases = erases || (jobs[i]->ok && jobs[i]->erases);
    if (!erases)
        return;
    fault_point("store.erased");
    if (empty_log(store, &err))
        return;
    for (unsigned i = 0; i < count; i++)
        if (jobs[i]->ok && jobs[i]->erases) {
            jobs[i]->ok = false;
            jobs[i]->err = err;
        }
}

/* --- the writer: its thread ---------------------------------------------------------------------- */

/* When works came together last time, a little patience lets them share this commit too. */
static void gather(struct store *store)
{
    struct timespec until;
    int rc = 0;

    if (store->last_group < 2 || store->waiting >= store->last_group || store->stop)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)store->gather_ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (rc == 0 && store->waiting < store->last_group && !store->stop)
        rc = pthread_cond_timedwait(&store->work_waits, &store->lock, &until);
}

/* Takes what waits, up to GROUP_MAX; 0 when it is time to stop. Called locked. */
static unsigned take_jobs(struct store *store, struct job *jobs[GROUP_MAX])
{
    unsigned count = 0;

    while (store->head == NULL && !store->stop)
        pthread_cond_wait(&store->work_waits, &store->lock);
    gather(store);
    while (store->head != NULL && count < GROUP_MAX) {
        jobs[count++] = store->head;
        store->head = store->head->next;
        store->waiting--;
    }
    if (store->head == NULL)
        store->tail = &store->head;
    store->last_group = count;
    return count;
}

static void *writer_main(void *arg)
{
    struct store *store = arg;
    struct job *jobs[GROUP_MAX];
    unsigned count;

    pthread_mutex_lock(&store->lock);
    while ((count = take_jobs(store, jobs)) > 0) {
        pthread_mutex_unlock(&store->lock);
        run_group(store, jobs, count);
        finish_erasures(store, jobs, count);
        pthread_mutex_lock(&store->lock);
        for (unsigned i = 0; i < count; i++) {
            jobs[i]->done = true;
            pthread_cond_signal(&jobs[i]->told);
        }
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

bool store_run(struct store *store, store_work *work, void *ctx, struct err *err)
{
    struct job job = { .work = work, .ctx = ctx };

    if (current != NULL)
        return err_set(err, ERR_BUG, "store.nested",
                       "a write was asked for inside a transaction");
    pthread_cond_init(&job.told, NULL);
    pthread_mutex_lock(&store->lock);
    *store->tail = &job;
    store->tail = &job.next;
    store->waiting++;
    pthread_cond_signal(&store->work_waits);
    while (!job.done)
        pthread_cond_wait(&job.told, &store->lock);
    pthread_mutex_unlock(&store->lock);
    pthread_cond_destroy(&job.told);
    if (!job.ok)
        *err = job.err;
    return job.ok;
}

/* --- the readers ----------------------------------------------------------------------------------- */

static struct connection *take_idle(struct store *store, bool *ret_open_one)
{
    struct connection *conn = NULL;

    pthread_mutex_lock(&store->pool_lock);
    while (store->closed_for_erasure ||
           (store->idle_count == 0 && store->open_count == store->readers))
        pthread_cond_wait(&store->pool_changed, &store->pool_lock);
    *ret_open_one = store->idle_count == 0;
    if (*ret_open_one)
        store->open_count++;
    else
        conn = store->idle[--store->idle_count];
    pthread_mutex_unlock(&store->pool_lock);
    return conn;
}

static void give_back(struct store *store, struct connection *conn)
{
    pthread_mutex_lock(&store->pool_lock);
    if (conn != NULL)
        store->idle[store->idle_count++] = conn;
    else
        store->open_count--;
    pthread_cond_broadcast(&store->pool_changed);
    pthread_mutex_unlock(&store->pool_lock);
}

static bool read_on(struct store *store, struct connection *conn, store_work *fn,
                    void *ctx, struct err *err)
{
    struct store_tx tx = { .store = store,
                           .conn = conn,
                           .now_ms = clock_now(store->clock) };
    bool ok;

    if (!connection_begin(conn, err))
        return false;
    current = &tx;
    ok = fn(&tx, ctx, err);
    current = NULL;
    connection_rollback(conn);
    return ok;
}

/* Inside a work its connection serves, but a read may not write even there. */
static bool read_inside(store_work *fn, void *ctx, struct err *err)
{
    struct store_tx *outer = current;
    struct store_tx tx = *outer;
    bool ok;

    tx.writes = false;
    current = &tx;
    ok = fn(&tx, ctx, err);
    current = outer;
    return ok;
}

bool store_read(struct store *store, store_work *fn, void *ctx, struct err *err)
{
    struct connection_settings settings = { .path = store->path };
    struct connection *conn;
    bool open_one, ok;

    if (current != NULL && current->store == store)
        return read_inside(fn, ctx, err);
    if (current != NULL)
        return err_set(err, ERR_BUG, "store.nested",
                       "two stores were used in one transaction");
    conn = take_idle(store, &open_one);
    ok = !open_one || connection_open(&settings, &conn, err);
    ok = ok && read_on(store, conn, fn, ctx, err);
    give_back(store, conn);
    return ok;
}

/* --- opening and closing ----------------------------------------------------------------------------- */

static bool lock_folder(struct store *store, struct err *err)
{
    AUTO(mem_free) char *path = path_join(store->folder, "lock");

    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return err_set(err, ERR_CONFIG, "store.folder", "opening %s: %s", path,
                       strerror(errno));
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_CONFIG, "store.locked",
                       "another process uses the store in %s", store->folder);
    return true;
}

static bool make_folder(struct store *store, struct err *err)
{
    struct stat st;

    if (!dir_make(store->folder, 0700, err))
        return false;
    if (stat(store->folder, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFIG, "store.folder", "%s is not a folder",
                       store->folder);
    if ((st.st_mode & 077) != 0)
        return err_set(err, ERR_CONFIG, "store.folder",
                       "others can look into the store's folder %s: chmod 700 it",
                       store->folder);
    return true;
}

/* The gateway's key, made at the first start, must open with today's wrapping key. */
static bool check_key(struct store_tx *tx, struct err *err)
{
    AUTO(seal_key_wipe) struct seal_key key = { 0 };
    struct err why = { 0 };

    if (seal_key_of_case(tx, "", &key, &why))
        return true;
    if (why.kind == ERR_RETRY) {
        *err = why;
        return false;
    }
    return err_set(
        err, ERR_CONFIG, "store.key",
        "the wrapping key does not open this store (%s): use the key file that it "
        "was made with",
        why.text);
}

static bool start_up(struct store_tx *tx, void *ctx, struct err *err)
{
    struct store *store = ctx;

    return schema_update(tx, err) && check_key(tx, err) &&
           inflight_count_deaths(tx, store->inflight, err) &&
           body_drop_staged(tx, INT64_MAX, err);
}

/* An erasure that the end of the process cut short is completed by emptying the log. */
static bool first_commit(struct store *store, struct err *err)
{
    struct job job = { .work = start_up, .ctx = store };
    struct job *jobs[] = { &job };
    bool done;

    run_group(store, jobs, 1);
    if (!job.ok) {
        *err = job.err;
        return err_context(err, "opening the store in %s", store->folder);
    }
    inflight_clear(store->inflight);
    return connection_truncate_log(store->writer, &done, err);
}

static bool open_all(struct store *store, const struct store_settings *settings,
                     struct err *err)
{
    struct connection_settings writer = { .path = store->path,
                                          .writes = true,
                                          .octets_max = settings->octets_max };

    if (!text_check(settings->node, sizeof store->node, "the node's name", err))
        return false;
    snprintf(store->node, sizeof store->node, "%s", settings->node);
    if (!make_folder(store, err) || !lock_folder(store, err) ||
        !inflight_open(store->folder, &store->inflight, err) ||
        !connection_open(&writer, &store->writer, err) || !first_commit(store, err))
        return false;
    if (pthread_create(&store->thread, NULL, writer_main, store) != 0)
        return err_set(err, ERR_RETRY, "store.io", "starting the store's writer: %s",
                       strerror(errno));
    store->running = true;
    return true;
}

static unsigned or_default(unsigned value, unsigned otherwise, unsigned most)
{
    if (value == 0)
        return otherwise;
    return value < most ? value : most;
}

static struct store *store_new(const struct store_settings *settings)
{
    struct store *store = mem_alloc(sizeof *store);

    store->hooks = settings->seal;
    store->clock = settings->clock;
    store->folder = mem_strdup(settings->folder);
    store->path = path_join(settings->folder, "store.db");
    store->lock_fd = -1;
    store->audit_every =
        or_default(settings->audit_every, AUDIT_EVERY_DEFAULT, UINT32_MAX);
    store->readers = or_default(settings->readers, READERS_DEFAULT, READERS_MAX);
    store->gather_ms = or_default(settings->gather_ms, GATHER_DEFAULT_MS, 1000);
    store->tail = &store->head;
    store->keys = key_cache_new();
    pthread_mutex_init(&store->lock, NULL);
    cond_init(&store->work_waits);
    pthread_mutex_init(&store->pool_lock, NULL);
    cond_init(&store->pool_changed);
    return store;
}

struct store *store_open(const struct store_settings *settings, struct err *err)
{
    AUTO(store_close) struct store *store = store_new(settings);

    if (!open_all(store, settings, err))
        return NULL;
    return TAKE(store);
}

static void stop_writer(struct store *store)
{
    if (!store->running)
        return;
    pthread_mutex_lock(&store->lock);
    store->stop = true;
    pthread_cond_signal(&store->work_waits);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);
}

void store_close(struct store **store)
{
    struct store *s = *store;

    *store = NULL;
    if (s == NULL)
        return;
    stop_writer(s);
    for (unsigned i = 0; i < s->idle_count; i++)
        connection_close(&s->idle[i]);
    connection_close(&s->writer);
    key_cache_free(&s->keys);
    inflight_free(&s->inflight);
    fd_close(&s->lock_fd);
    pthread_cond_destroy(&s->pool_changed);
    pthread_mutex_destroy(&s->pool_lock);
    pthread_cond_destroy(&s->work_waits);
    pthread_mutex_destroy(&s->lock);
    mem_free(&s->path);
    mem_free(&s->folder);
    mem_free(&s);
}

/* --- looking after it ----------------------------------------------------------------------------------- */

static uint64_t file_octets(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void store_stats(struct store *store, struct store_stats *ret)
{
    AUTO(mem_free) char *log = mem_printf("%s-wal", store->path);

    pthread_mutex_lock(&store->lock);
    *ret = store->stats;
    pthread_mutex_unlock(&store->lock);
    ret->octets = file_octets(store->path) + file_octets(log);
}

static bool write_probe(struct store_tx *tx, void *ctx, struct err *err)
{
    char now[24];

    (void)ctx;
    snprintf(now, sizeof now, "%lld", (long long)tx->now_ms);
    return meta_set(tx, "probe", now, err);
}

bool store_probe(struct store *store, struct err *err)
{
    return store_run(store, write_probe, NULL, err);
}
