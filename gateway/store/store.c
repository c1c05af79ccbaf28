/*
 * store.c - one folder: opened by one process, its schema brought up to date, closed in order.
 *
 * The writer stands in writer.c, the readers in readers.c. Opening does in one transaction what
 * a crash may have left: steps of the schema, deaths of inputs, staged octets; then it empties
 * the log, which completes an erasure that was cut short.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"
#include "store/meta.h"
#include "store/store_inside.h"

#define READERS_DEFAULT     4
#define GATHER_DEFAULT_MS   1
#define AUDIT_EVERY_DEFAULT 256

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

    writer_run_group(store, jobs, 1);
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
    return writer_start(store, err);
}

static unsigned or_default(unsigned value, unsigned otherwise, unsigned most)
{
    if (value == 0)
        return otherwise;
    return value < most ? value : most;
}

/* Waits of the store are by the monotonic clock. */
static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
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

void store_close(struct store **store)
{
    struct store *s = *store;

    *store = NULL;
    if (s == NULL)
        return;
    writer_stop(s);
    readers_free(s);
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
    char value
        [STORE_ROW_TEXT]; /* a new one each time: what does not change is not written */

    (void)ctx;
    store_row_id(tx->now_ms, value);
    return meta_set(tx, "probe", value, err);
}

bool store_probe(struct store *store, struct err *err)
{
    return store_run(store, write_probe, NULL, err);
}
