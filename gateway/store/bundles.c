/*
 * bundles.c - installed agreements and what an operator said of their legs.
 *
 * A bundle's octets are written once and checked against their digest then. Every change of what
 * is in force raises one number (meta "bundle-generation"), so that those who hold a copy can
 * ask cheaply whether it is still right.
 */
#include "store/bundles.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "store/meta.h"
#include "store/record.h"

#define GENERATION "bundle-generation"

/* clang-format off */
static const struct record_field bundle_fields[] = {
    FIELD_TEXT(bundle_row, "digest", digest),
    FIELD_TEXT(bundle_row, "agreement", agreement),
    FIELD_TEXT(bundle_row, "version", version),
    FIELD_I64(bundle_row, "installed_ms", installed_ms),
    FIELD_TEXT(bundle_row, "installed_by", installed_by),
    FIELD_BOOL(bundle_row, "in_force", in_force),
    FIELD_I64(bundle_row, "octets", octets),
};
static const struct record_field leg_fields[] = {
    FIELD_TEXT(leg_override, "agreement", agreement),
    FIELD_TEXT(leg_override, "from_party", from),
    FIELD_TEXT(leg_override, "to_party", to),
    FIELD_TEXT(leg_override, "state", state),
    FIELD_TEXT(leg_override, "reason", reason),
    FIELD_I64(leg_override, "since_ms", since_ms),
    FIELD_TEXT(leg_override, "by_whom", by),
};
/* clang-format on */

static const struct record bundles = {
    .table = "bundle",
    .fields = bundle_fields,
    .count = COUNT_OF(bundle_fields),
    .size = sizeof(struct bundle_row),
};
static const struct record legs = {
    .table = "leg_override",
    .fields = leg_fields,
    .count = COUNT_OF(leg_fields),
    .size = sizeof(struct leg_override),
};

/* --- the generation ------------------------------------------------------------------------------- */

bool bundle_generation(struct store_tx *tx, int64_t *ret, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_INIT(STORE_CODE_TEXT);
    bool found;

    if (!meta_get(tx, GENERATION, &text, &found, err))
        return false;
    *ret = 0;
    if (found && !str_i64((struct str){ buf_str(&text), text.len }, ret))
        return err_set(err, ERR_BUG, "store.text", "%s is not a number", GENERATION);
    return true;
}

static bool raise_generation(struct store_tx *tx, struct err *err)
{
    int64_t generation;
    char text[24];

    if (!bundle_generation(tx, &generation, err))
        return false;
    snprintf(text, sizeof text, "%lld", (long long)generation + 1);
    return meta_set(tx, GENERATION, text, err);
}

/* --- bundles -------------------------------------------------------------------------------------- */

static bool check_octets(const char *digest, const void *data, size_t len,
                         struct err *err)
{
    char sha256[STORE_HASH_TEXT];

    if (len > STORE_BUNDLE_MAX)
        return err_set(err, ERR_REJECT, "bundle.too-large",
                       "a bundle has %zu octets, over %d", len, STORE_BUNDLE_MAX);
    if (!octets_sha256(data, len, sha256, err))
        return false;
    return text_eq(sha256, digest) ||
           err_set(err, ERR_REJECT, "bundle.digest",
                   "the bundle's octets have the digest %s, not %s", sha256, digest);
}

bool bundle_add(struct store_tx *tx, const char *digest, const char *agreement,
                const char *version, const void *data, size_t len, const char *by,
                bool *ret_already, struct err *err)
{
    struct bundle_row row = { .installed_ms = tx->now_ms, .octets = len };

    if (!check_octets(digest, data, len, err))
        return false;
    if (!STORE_COPY(row.digest, digest) || !STORE_COPY(row.agreement, agreement) ||
        !STORE_COPY(row.version, version) || !STORE_COPY(row.installed_by, by))
        return err_set(err, ERR_BUG, "store.text",
                       "a bundle's name or version is too long");
    if (!record_insert(tx, &bundles, &row, ret_already, err))
        return false;
    if (*ret_already)
        return true;
    return sql_do(tx, "INSERT INTO bundle_data (digest, data) VALUES (?, ?)",
                  SQL_ARGS(sql_t(digest), sql_b(data, len)), NULL, err) &&
           raise_generation(tx, err);
}

bool bundle_load(struct store_tx *tx, const char *digest, struct buf *out,
                 bool *ret_found, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    const void *data;
    size_t len;

    if (!sql_query(tx, "SELECT data FROM bundle_data WHERE digest = ?",
                   SQL_ARGS(sql_t(digest)), &query, err) ||
        !query_next(query, ret_found, err))
        return false;
    if (!*ret_found)
        return true;
    data = query_blob(query, 0, &len);
    if (!check_octets(digest, data, len, err))
        return err_context(err, "a stored bundle was changed");
    return buf_add(out, data, len) || buf_check(out, "a bundle", err);
}

bool bundle_set_in_force(struct store_tx *tx, const char *digest, struct err *err)
{
    struct bundle_row row;
    bool found;

    if (!record_get(tx, &bundles, " WHERE digest = ?", SQL_ARGS(sql_t(digest)), &row,
                    &found, err))
        return false;
    if (!found)
        return err_set(err, ERR_REJECT, "bundle.unknown",
                       "no bundle %.16s... is installed", digest);
    return sql_do(tx,
                  "UPDATE bundle SET in_force = 0 WHERE agreement = ? AND in_force = 1",
                  SQL_ARGS(sql_t(row.agreement)), NULL, err) &&
           sql_do(tx, "UPDATE bundle SET in_force = 1 WHERE digest = ?",
                  SQL_ARGS(sql_t(digest)), NULL, err) &&
           raise_generation(tx, err);
}

bool bundle_in_force(struct store_tx *tx, const char *agreement, struct bundle_row *ret,
                     bool *ret_found, struct err *err)
{
    return record_get(tx, &bundles, " WHERE in_force = 1 AND agreement = ?",
                      SQL_ARGS(sql_t(agreement)), ret, ret_found, err);
}

struct handing_bundle {
    bundle_cb *each;
    void *ctx;
};

static bool hand_bundle(void *ctx, const void *row)
{
    struct handing_bundle *handing = ctx;

    return handing->each(handing->ctx, row);
}

bool bundle_each(struct store_tx *tx, bundle_cb *each, void *ctx, struct err *err)
{
    struct handing_bundle handing = { each, ctx };
    struct bundle_row scratch;

    return record_each(tx, &bundles, " ORDER BY agreement, installed_ms, digest",
                       SQL_NO_ARGS, &scratch, hand_bundle, &handing, err);
}

/* --- legs ----------------------------------------------------------------------------------------- */

static bool delete_leg(struct store_tx *tx, const char *agreement, const char *from,
                       const char *to, int64_t *ret_changed, struct err *err)
{
    return sql_do(tx,
                  "DELETE FROM leg_override"
                  " WHERE agreement = ? AND from_party = ? AND to_party = ?",
                  SQL_ARGS(sql_t(agreement), sql_t(from), sql_t(to)), ret_changed, err);
}

bool leg_set(struct store_tx *tx, const struct leg_override *leg, struct err *err)
{
    struct leg_override new = *leg;
    bool taken;

    new.since_ms = tx->now_ms;
    return delete_leg(tx, leg->agreement, leg->from, leg->to, NULL, err) &&
           record_insert(tx, &legs, &new, &taken, err) && raise_generation(tx, err);
}

bool leg_clear(struct store_tx *tx, const char *agreement, const char *from,
               const char *to, bool *ret_changed, struct err *err)
{
    int64_t changed;

    if (!delete_leg(tx, agreement, from, to, &changed, err))
        return false;
    *ret_changed = changed > 0;
    return !*ret_changed || raise_generation(tx, err);
}

bool leg_get(struct store_tx *tx, const char *agreement, const char *from, const char *to,
             struct leg_override *ret, bool *ret_found, struct err *err)
{
    return record_get(
        tx, &legs, " WHERE agreement = ? AND from_party = ? AND to_party = ?",
        SQL_ARGS(sql_t(agreement), sql_t(from), sql_t(to)), ret, ret_found, err);
}

struct handing_leg {
    leg_cb *each;
    void *ctx;
};

static bool hand_leg(void *ctx, const void *row)
{
    struct handing_leg *handing = ctx;

    return handing->each(handing->ctx, row);
}

bool leg_each(struct store_tx *tx, leg_cb *each, void *ctx, struct err *err)
{
    struct handing_leg handing = { each, ctx };
    struct leg_override scratch;

    return record_each(tx, &legs, " ORDER BY agreement, from_party, to_party",
                       SQL_NO_ARGS, &scratch, hand_leg, &handing, err);
}
