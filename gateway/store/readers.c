/*
 * readers.c - a small pool of connections that only read.
 *
 * A connection is opened when all others are busy, up to the ceiling, and then kept. A read
 * inside a work or another read uses that one's connection and view. An erasure closes the pool
 * for the moment in which the log is emptied.
 */
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "store/store_inside.h"

#define DRAIN_S 10 /* an erasure waits so long for reads to end */

_Thread_local struct store_tx *store_current;

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
    store_current = &tx;
    ok = fn(&tx, ctx, err);
    store_current = NULL;
    connection_rollback(conn);
    return ok;
}

/* Inside a work its connection serves, but a read may not write even there. */
static bool read_inside(store_work *fn, void *ctx, struct err *err)
{
    struct store_tx *outer = store_current;
    struct store_tx tx = *outer;
    bool ok;

    tx.writes = false;
    store_current = &tx;
    ok = fn(&tx, ctx, err);
    store_current = outer;
    return ok;
}

bool store_read(struct store *store, store_work *fn, void *ctx, struct err *err)
{
    struct connection_settings settings = { .path = store->path };
    struct connection *conn;
    bool open_one, ok;

    if (store_current != NULL && store_current->store == store)
        return read_inside(fn, ctx, err);
    if (store_current != NULL)
        return err_set(err, ERR_BUG, "store.nested",
                       "two stores were used in one transaction");
    conn = take_idle(store, &open_one);
    ok = !open_one || connection_open(&settings, &conn, err);
    ok = ok && read_on(store, conn, fn, ctx, err);
    give_back(store, conn);
    return ok;
}

/* --- opening and closing the pool --------------------------------------------------------------- */

bool readers_close(struct store *store)
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

void readers_open(struct store *store)
{
    pthread_mutex_lock(&store->pool_lock);
    store->closed_for_erasure = false;
    pthread_cond_broadcast(&store->pool_changed);
    pthread_mutex_unlock(&store->pool_lock);
}

void readers_free(struct store *store)
{
    for (unsigned i = 0; i < store->idle_count; i++)
        connection_close(&store->idle[i]);
}
