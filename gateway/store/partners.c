/*
 * partners.c - one row per partner gateway, made when something is first known of it.
 */
#include "store/partners.h"

#include <string.h>

#include "base/err.h"
#include "store/record.h"

/* clang-format off */
static const struct record_field fields[] = {
    FIELD_TEXT(partner_row, "name", name),
    FIELD_BOOL(partner_row, "paused", paused),
    FIELD_TEXT(partner_row, "paused_by", paused_by),
    FIELD_UNSIGNED(partner_row, "failures", failures),
    FIELD_I64(partner_row, "last_success_ms", last_success_ms),
    FIELD_I64(partner_row, "last_failure_ms", last_failure_ms),
    FIELD_I64(partner_row, "last_heard_ms", last_heard_ms),
    FIELD_TEXT(partner_row, "last_error", last_error),
};
/* clang-format on */

static const struct record partners = {
    .table = "partner",
    .fields = fields,
    .count = COUNT_OF(fields),
    .size = sizeof(struct partner_row),
};

bool partner_get(struct store_tx *tx, const char *name, struct partner_row *ret,
                 struct err *err)
{
    bool found;

    if (!record_get(tx, &partners, " WHERE name = ?", SQL_ARGS(sql_t(name)), ret, &found,
                    err))
        return false;
    if (found)
        return true;
    memset(ret, 0, sizeof *ret);
    return STORE_COPY(ret->name, name) ||
           err_set(err, ERR_BUG, "store.text", "a partner's name is too long");
}

static bool put(struct store_tx *tx, const struct partner_row *row, struct err *err)
{
    bool taken;

    return sql_do(tx, "DELETE FROM partner WHERE name = ?", SQL_ARGS(sql_t(row->name)),
                  NULL, err) &&
           record_insert(tx, &partners, row, &taken, err);
}

bool partner_note_success(struct store_tx *tx, const char *name, struct err *err)
{
    struct partner_row row;

    if (!partner_get(tx, name, &row, err))
        return false;
    row.failures = 0;
    row.last_success_ms = row.last_heard_ms = tx->now_ms;
    row.last_error[0] = '\0';
    return put(tx, &row, err);
}

bool partner_note_failure(struct store_tx *tx, const char *name, const char *error_code,
                          struct err *err)
{
    struct partner_row row;

    if (!partner_get(tx, name, &row, err))
        return false;
    row.failures++;
    row.last_failure_ms = tx->now_ms;
    if (!STORE_COPY(row.last_error, error_code))
        return err_set(err, ERR_BUG, "store.text", "an error code is too long");
    return put(tx, &row, err);
}

bool partner_note_heard(struct store_tx *tx, const char *name, struct err *err)
{
    struct partner_row row;

    if (!partner_get(tx, name, &row, err))
        return false;
    row.last_heard_ms = tx->now_ms;
    return put(tx, &row, err);
}

bool partner_set_paused(struct store_tx *tx, const char *name, bool paused,
                        const char *by, struct err *err)
{
    struct partner_row row;

    if (!partner_get(tx, name, &row, err))
        return false;
    row.paused = paused;
    if (!STORE_COPY(row.paused_by, paused ? by : ""))
        return err_set(err, ERR_BUG, "store.text", "a name is too long");
    return put(tx, &row, err);
}

struct handing {
    partner_cb *each;
    void *ctx;
};

static bool hand(void *ctx, const void *row)
{
    struct handing *handing = ctx;

    return handing->each(handing->ctx, row);
}

bool partner_each(struct store_tx *tx, partner_cb *each, void *ctx, struct err *err)
{
    struct handing handing = { each, ctx };
    struct partner_row scratch;

    return record_each(tx, &partners, " ORDER BY name", SQL_NO_ARGS, &scratch, hand,
                       &handing, err);
}
