/*
 * store.h - what must not be lost: opened once, written in groups, read from a small pool.
 *
 * The store keeps records, octets and states; it knows nothing of referrals. Every write is a
 * work: a function that the one writer runs inside a transaction. Works that arrive together
 * share one commit (WAL, synchronous=FULL); each runs in a savepoint of its own, so one that
 * fails is undone alone. When store_run() returns true the work is on disk.
 *
 * The typed operations stand in cases.h, messages.h, queue.h, bodies.h, duplicates.h,
 * deliverables.h, idempotency.h, audit.h, facts.h, tasks.h, bundles.h, partners.h,
 * quarantine.h, meta.h. All take the transaction first; all times they write are the
 * transaction's own (store_tx_now).
 *
 * Errors of every operation: ERR_RETRY "store.disk-full", "store.io", "store.busy";
 * ERR_BUG "store.sql", "store.text" (a name longer than its column), "store.read-only",
 * "store.nested"; ERR_REJECT "store.sealed" (a stored cell or piece is not what was written
 * there). What a caller expects to happen (absent, already there) is an output, not an error.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "store/seal.h"

struct buf;
struct clock;
struct err;
struct store;
struct store_tx;

/* Sizes of texts in records, with their NUL. A longer text is refused, never cut. */
#define STORE_ROW_TEXT    37  /* row ids: ours, rising with time */
#define STORE_NAME_TEXT   128 /* offices, gateways, agreements, cases, message ids */
#define STORE_CODE_TEXT   64  /* kinds, codes, states, versions */
#define STORE_EB_ID_TEXT  256 /* eb:MessageId */
#define STORE_HASH_TEXT   65  /* 32 octets in hexadecimal */
#define STORE_REASON_TEXT 480 /* a sentence for the operator: no case data */
#define STORE_PAGE_MAX    500 /* rows of one list call; 0 asks for this many */

struct store_settings {
    const char *folder;        /* made with mode 0700 if absent; one process at a time */
    const char *node;          /* name of this node: owner of leases, of an audit chain */
    const struct clock *clock; /* NULL: the real one; must outlive the store */
    struct seal_hooks seal;    /* copied; its ctx must outlive the store */
    unsigned readers;          /* read connections; 0: 4 */
    unsigned gather_ms;        /* wait for company, only when others wait; 0: 1 */
    uint64_t octets_max;       /* ceiling of the database file; 0: the disk's */
    unsigned audit_every;      /* rows between two signed checkpoints; 0: 256 */
};

/*
 * Opens or makes the store, brings its schema up to date by numbered steps, drops what was
 * staged and never attached, counts the deaths of inputs (quarantine.h). Does not take back
 * claimed messages: queue_take_back() does.
 * ERR_CONFIG "store.locked" (another process has the folder), "store.newer" (written by a newer
 * program), "store.folder", "store.key" (the wrapping key is not the one it was made with).
 */
struct store *store_open(const struct store_settings *settings,
                         struct err *err) NODISCARD;

/* Ends the writer after what is queued; no call may be running. For AUTO. */
void store_close(struct store **store);

/*
 * Runs the work in a transaction and returns when it is on disk. The work must only touch tx
 * and its ctx, be short, and set its outputs in ctx afresh each time: it may run more than
 * once, and only its last run counts. When it returns false it is undone and its error handed
 * over. Not to be called from inside a work or a read.
 */
typedef bool store_work(struct store_tx *tx, void *ctx, struct err *err);
NODISCARD bool store_run(struct store *store, store_work *work, void *ctx,
                         struct err *err);

/*
 * Runs fn on a consistent view of what is on disk; writing in it is ERR_BUG. May be called
 * inside a work or another read, and then sees that one's view. Keep it short: it waits in no
 * way for others, and an erasure waits for it.
 */
NODISCARD bool store_read(struct store *store, store_work *fn, void *ctx,
                          struct err *err);

int64_t store_tx_now(const struct store_tx *tx); /* the instant this transaction writes */
const char *store_tx_node(const struct store_tx *tx);

/*
 * Housekeeping, at start and hourly: drops staged bodies older than an hour, uploads past their
 * time, octets of erased cases, in small transactions. *ret_dropped: bodies.
 */
NODISCARD bool store_sweep(struct store *store, uint64_t *ret_dropped, struct err *err);

struct store_stats {
    uint64_t commits;        /* transactions synced */
    uint64_t works;          /* works in them */
    uint64_t works_failed;   /* undone alone */
    uint64_t commits_failed; /* whole groups the disk refused */
    unsigned group_max;      /* most works in one commit */
    uint64_t octets;         /* size of database and log */
};
void store_stats(struct store *store, struct store_stats *ret);

/* A write that only shows that writing works now: for /readyz. */
NODISCARD bool store_probe(struct store *store, struct err *err);

/* Row ids: UUID form, rising with time within a node. */
void store_row_id(int64_t now_ms, char out[STORE_ROW_TEXT]);

/* Copies a text into a field of a record; NULL is "". False (and nothing) when too long. */
bool store_text_fits(char *field, size_t size, const char *text);
#define STORE_COPY(field, text) store_text_fits((field), sizeof(field), (text))

/*
 * What must be found without being readable: HMAC-SHA-256 under the gateway's key, of a label
 * ("national-number", "identifier.MD.IDNP") and a text that the caller has normalised. "" for
 * an empty text.
 */
NODISCARD bool store_keyed_hash(struct store_tx *tx, const char *label, const char *text,
                                char out[STORE_HASH_TEXT], struct err *err);

#endif
