/*
 * store_inside.h - the parts of struct store: for store.c, writer.c and readers.c alone.
 */
#ifndef STORE_STORE_INSIDE_H
#define STORE_STORE_INSIDE_H

#include "store/store_private.h"

#define READERS_MAX 32

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
extern _Thread_local struct store_tx *store_current;

/* --- writer.c ---------------------------------------------------------------------------- */

/* Runs the works in one transaction, or each alone when the group cannot be committed. */
void writer_run_group(struct store *store, struct job *jobs[], unsigned count);
NODISCARD bool writer_start(struct store *store, struct err *err);
void writer_stop(struct store *store); /* after what is queued */

/* --- readers.c --------------------------------------------------------------------------- */

void readers_free(struct store *store);
/* Waits until no read runs and lets none begin; false when one does not end. */
bool readers_close(struct store *store);
void readers_open(struct store *store);

#endif
