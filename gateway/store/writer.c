/*
 * writer.c - the one that writes: works gathered into groups, one commit for each group.
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
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fault.h"
#include "store/store_inside.h"

#define GROUP_MAX 64 /* works of one commit */

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
    store_current = &tx;
    job->ok = job->work(&tx, job->ctx, &job->err);
    store_current = NULL;
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

void writer_run_group(struct store *store, struct job *jobs[], unsigned count)
{
    bool committed = try_group(store, jobs, count);

    if (!committed && count > 1) {
        for (unsigned i = 0; i < count; i++)
            writer_run_group(store, &jobs[i], 1);
        return;
    }
    count_group(store, jobs, count, committed);
}

/* --- the writer: erasure ----------------------------------------------------------------------- */

static bool empty_log(struct store *store, struct err *err)
{
    bool done = readers_close(store);
    bool ok = !done || connection_truncate_log(store->writer, &done, err);

    readers_open(store);
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
        writer_run_group(store, jobs, count);
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

bool store_run(struct store *store, store_work *work, void *ctx, struct err *err)
{
    struct job job = { .work = work, .ctx = ctx };

    if (store_current != NULL)
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

/* --- start and end --------------------------------------------------------------------------- */

bool writer_start(struct store *store, struct err *err)
{
    int rc = pthread_create(&store->thread, NULL, writer_main, store);

    if (rc != 0)
        return err_set(err, ERR_RETRY, "store.io", "starting the store's writer: %s",
                       strerror(rc));
    store->running = true;
    return true;
}

void writer_stop(struct store *store)
{
    if (!store->running)
        return;
    pthread_mutex_lock(&store->lock);
    store->stop = true;
    pthread_cond_signal(&store->work_waits);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);
}
