/*
 * partners.h - how it stands with each partner gateway.
 */
#ifndef STORE_PARTNERS_H
#define STORE_PARTNERS_H

#include "store/store.h"

struct partner_row {
    char name[STORE_NAME_TEXT];
    bool paused; /* by an operator: nothing is sent */
    char paused_by[STORE_NAME_TEXT];
    unsigned failures; /* attempts that failed since the last that did not */
    int64_t last_success_ms, last_failure_ms, last_heard_ms; /* 0 never */
    char last_error[STORE_CODE_TEXT];
};
/* An unknown partner is all zero, not an error. */
NODISCARD bool partner_get(struct store_tx *tx, const char *name, struct partner_row *ret,
                           struct err *err);
NODISCARD bool partner_note_success(struct store_tx *tx, const char *name,
                                    struct err *err);
NODISCARD bool partner_note_failure(struct store_tx *tx, const char *name,
                                    const char *error_code, struct err *err);
NODISCARD bool partner_note_heard(struct store_tx *tx, const char *name, struct err *err);
NODISCARD bool partner_set_paused(struct store_tx *tx, const char *name, bool paused,
                                  const char *by, struct err *err);
typedef bool partner_cb(void *ctx, const struct partner_row *row);
NODISCARD bool partner_each(struct store_tx *tx, partner_cb *each, void *ctx,
                            struct err *err);

#endif
