/*
 * quarantine.c - inputs at work, in a mapped file; inputs that ended the process, in a table.
 *
 * The file `inflight` has a fixed number of slots. Noting an input is a copy into shared memory,
 * which outlives the process without any sync; so it costs nothing on the path of a message. When
 * the machine itself goes down, the boot id in the head differs and nothing is counted: power
 * cuts say nothing about inputs.
 */
#include "store/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/record.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define MAGIC        "TRMQ0001"

struct slot {
    _Atomic uint32_t used; /* set last, cleared first */
    char kind[28];
    uint8_t digest[32];
};

struct page {
    char magic[8];
    char boot[56];
    struct slot slots[QUARANTINE_SLOTS];
};

struct inflight {
    struct page *page;
    pthread_mutex_t lock; /* for finding a free slot */
};

/* clang-format off */
static const struct record_field fields[] = {
    FIELD_TEXT(quarantine_row, "digest", digest),
    FIELD_TEXT(quarantine_row, "kind", kind),
    FIELD_UNSIGNED(quarantine_row, "deaths", deaths),
    FIELD_I64(quarantine_row, "last_ms", last_ms),
};
/* clang-format on */

static const struct record rows = {
    .table = "quarantine",
    .fields = fields,
    .count = COUNT_OF(fields),
    .size = sizeof(struct quarantine_row),
};

/* --- the file -------------------------------------------------------------------------------------- */

static void read_boot(char out[56])
{
    AUTO(buf_free) struct buf text = BUF_INIT(128);
    struct err ignored = { 0 };

    memset(out, 0, 56);
    if (file_read(BOOT_ID_FILE, &text, &ignored))
        snprintf(out, 56, "%.55s", buf_str(&text));
}

static bool map(const char *path, struct inflight *inflight, struct err *err)
{
    AUTO(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *page;

    if (fd < 0 || ftruncate(fd, sizeof(struct page)) != 0)
        return err_set(err, ERR_RETRY, "store.io", "making %s: %s", path,
                       strerror(errno));
    errno = posix_fallocate(fd, 0, sizeof(struct page));
    if (errno != 0)
        return err_set(err, ERR_RETRY, "store.disk-full", "making %s: %s", path,
                       strerror(errno));
    page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return err_set(err, ERR_RETRY, "store.io", "mapping %s: %s", path,
                       strerror(errno));
    inflight->page = page;
    return true;
}

/* Another boot, or never used: nothing in it says anything. */
static void forget_if_old(struct page *page)
{
    char boot[56];

    read_boot(boot);
    if (memcmp(page->magic, MAGIC, sizeof page->magic) != 0 ||
        memcmp(page->boot, boot, sizeof boot) != 0)
        memset(page, 0, sizeof *page);
    memcpy(page->magic, MAGIC, sizeof page->magic);
    memcpy(page->boot, boot, sizeof boot);
}

bool inflight_open(const char *folder, struct inflight **ret, struct err *err)
{
    AUTO(inflight_free) struct inflight *inflight = mem_alloc(sizeof *inflight);
    AUTO(mem_free) char *path = path_join(folder, "inflight");

    pthread_mutex_init(&inflight->lock, NULL);
    if (!map(path, inflight, err))
        return false;
    forget_if_old(inflight->page);
    *ret = TAKE(inflight);
    return true;
}

void inflight_free(struct inflight **inflight)
{
    if (*inflight == NULL)
        return;
    if ((*inflight)->page != NULL)
        munmap((*inflight)->page, sizeof(struct page));
    pthread_mutex_destroy(&(*inflight)->lock);
    mem_free(inflight);
}

/* --- deaths ---------------------------------------------------------------------------------------- */

static void digest_print(const uint8_t digest[32], char out[STORE_HASH_TEXT])
{
    AUTO(buf_free) struct buf hex = BUF_INIT(STORE_HASH_TEXT);

    hex_add(&hex, digest, 32);
    snprintf(out, STORE_HASH_TEXT, "%s", buf_str(&hex));
}

static bool count_death(struct store_tx *tx, const struct slot *slot, struct err *err)
{
    char digest[STORE_HASH_TEXT], kind[sizeof slot->kind];

    digest_print(slot->digest, digest);
    snprintf(kind, sizeof kind, "%.*s", (int)sizeof slot->kind - 1, slot->kind);
    return sql_do(tx,
                  "INSERT INTO quarantine (digest, kind, deaths, last_ms)"
                  " VALUES (?, ?, 1, ?) ON CONFLICT (digest) DO UPDATE SET"
                  " deaths = quarantine.deaths + 1, last_ms = excluded.last_ms",
                  SQL_ARGS(sql_t(digest), sql_t(kind), sql_i(tx->now_ms)), NULL, err);
}

bool inflight_count_deaths(struct store_tx *tx, struct inflight *inflight,
                           struct err *err)
{
    for (size_t i = 0; i < QUARANTINE_SLOTS; i++) {
        const struct slot *slot = &inflight->page->slots[i];

        if (atomic_load(&slot->used) != 0 && !count_death(tx, slot, err))
            return false;
    }
    return true;
}

void inflight_clear(struct inflight *inflight)
{
    for (size_t i = 0; i < QUARANTINE_SLOTS; i++)
        atomic_store(&inflight->page->slots[i].used, 0);
}

/* --- begin, end ------------------------------------------------------------------------------------ */

struct asking {
    char digest[STORE_HASH_TEXT];
    struct quarantine_row row;
    bool found;
};

static bool ask(struct store_tx *tx, void *ctx, struct err *err)
{
    struct asking *asking = ctx;

    return record_get(tx, &rows, " WHERE digest = ?", SQL_ARGS(sql_t(asking->digest)),
                      &asking->row, &asking->found, err);
}

static int take_slot(struct inflight *inflight, const uint8_t digest[32],
                     const char *kind)
{
    int taken = -1;

    pthread_mutex_lock(&inflight->lock);
    for (int i = 0; i < QUARANTINE_SLOTS && taken < 0; i++) {
        struct slot *slot = &inflight->page->slots[i];

        if (atomic_load(&slot->used) != 0)
            continue;
        memcpy(slot->digest, digest, sizeof slot->digest);
        snprintf(slot->kind, sizeof slot->kind, "%s", kind);
        atomic_store(&slot->used, 1);
        taken = i;
    }
    pthread_mutex_unlock(&inflight->lock);
    return taken;
}

bool quarantine_begin(struct store *store, const uint8_t digest[32], const char *kind,
                      unsigned *ret_deaths, struct quarantine_ticket *ret,
                      struct err *err)
{
    struct asking asking = { .found = false };

    digest_print(digest, asking.digest);
    if (!store_read(store, ask, &asking, err))
        return false;
    *ret_deaths = asking.found ? asking.row.deaths : 0;
    ret->slot = -1;
    if (*ret_deaths >= QUARANTINE_DEATHS)
        return true;
    ret->slot = take_slot(store_inflight(store), digest, kind);
    return ret->slot >= 0 || err_set(err, ERR_RETRY, "quarantine.full",
                                     "%d inputs are at work already", QUARANTINE_SLOTS);
}

void quarantine_end(struct store *store, struct quarantine_ticket *ticket)
{
    if (ticket->slot >= 0)
        atomic_store(&store_inflight(store)->page->slots[ticket->slot].used, 0);
    ticket->slot = -1;
}

/* --- for a person ---------------------------------------------------------------------------------- */

struct handing {
    quarantine_cb *each;
    void *ctx;
};

static bool hand(void *ctx, const void *row)
{
    struct handing *handing = ctx;

    return handing->each(handing->ctx, row);
}

bool quarantine_each(struct store_tx *tx, quarantine_cb *each, void *ctx, struct err *err)
{
    struct handing handing = { each, ctx };
    struct quarantine_row scratch;

    return record_each(tx, &rows, " ORDER BY last_ms, digest", SQL_NO_ARGS, &scratch,
                       hand, &handing, err);
}

struct clearing {
    const char *digest;
    int64_t changed;
};

static bool clear(struct store_tx *tx, void *ctx, struct err *err)
{
    struct clearing *clearing = ctx;

    return sql_do(tx, "DELETE FROM quarantine WHERE digest = ?",
                  SQL_ARGS(sql_t(clearing->digest)), &clearing->changed, err);
}

bool quarantine_clear(struct store *store, const char *digest, bool *ret_changed,
                      struct err *err)
{
    struct clearing clearing = { .digest = digest };

    if (!store_run(store, clear, &clearing, err))
        return false;
    *ret_changed = clearing.changed > 0;
    return true;
}
