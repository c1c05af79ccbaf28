/*
 * quarantine.h - an input that ended the process is known when it comes again.
 *
 * Before an input is parsed its digest is noted in a small mapped file (no sync needed: the
 * death of a process loses nothing that was written there), and taken out when the work is
 * over, well or badly. What still stands there when the store is opened was at work when the
 * process died: its count of deaths rises by one, on disk.
 */
#ifndef STORE_QUARANTINE_H
#define STORE_QUARANTINE_H

#include "store/store.h"

#define QUARANTINE_DEATHS 2 /* an input that ended the process so often is not touched */
#define QUARANTINE_SLOTS  256 /* inputs at work at one time */

/*
 * Notes it and tells how often it ended the process before. At QUARANTINE_DEATHS and more
 * nothing is noted: answer 503 and keep it away from the parsers. One with 1 death had perhaps
 * only bad company: do it alone. ERR_RETRY "quarantine.full".
 */
struct quarantine_ticket {
    int slot; /* -1: nothing noted */
};
NODISCARD bool quarantine_begin(struct store *store, const uint8_t digest[32],
                                const char *kind, unsigned *ret_deaths,
                                struct quarantine_ticket *ret, struct err *err);
void quarantine_end(struct store *store, struct quarantine_ticket *ticket);

struct quarantine_row {
    char digest[STORE_HASH_TEXT];
    char kind[STORE_CODE_TEXT]; /* "as4", "rest", "folder" */
    unsigned deaths;
    int64_t last_ms;
};
typedef bool quarantine_cb(void *ctx, const struct quarantine_row *row);
NODISCARD bool quarantine_each(struct store_tx *tx, quarantine_cb *each, void *ctx,
                               struct err *err);
/* A person has looked: it may come again. */
NODISCARD bool quarantine_clear(struct store *store, const char *digest,
                                bool *ret_changed, struct err *err);

#endif
