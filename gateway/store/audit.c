/*
 * audit.c - the hash chain: each row's hash covers the one before.
 *
 *     hash(n) = SHA-256( hash(n-1) in hexadecimal || line(n) ),  hash(0) = 64 zeros
 *     line    = every field as "length:octets,", in the order of the columns
 *     checkpoint text = "trm-audit-checkpoint|node|number|hash"
 *
 * Changing, removing or inserting a row breaks the chain from there on; cutting off the end is
 * seen by the first checkpoint that has lost its row. What was never covered by a checkpoint
 * is as strong as the folder's access rights.
 */
#include "store/audit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "store/record.h"

#define LINE_MAX_OCTETS 4096
#define CHECKPOINT_TEXT 512
#define SIGNATURE_MAX   4096
#define GENESIS         "0000000000000000000000000000000000000000000000000000000000000000"

/* clang-format off */
static const struct record_field fields[] = {
    FIELD_TEXT(audit_row, "node", node),
    FIELD_I64(audit_row, "number", number),
    FIELD_I64(audit_row, "at_ms", at_ms),
    FIELD_TEXT(audit_row, "office", office),
    FIELD_TEXT(audit_row, "person", person),
    FIELD_TEXT(audit_row, "role", role),
    FIELD_TEXT(audit_row, "channel", channel),
    FIELD_TEXT(audit_row, "action", action),
    FIELD_TEXT(audit_row, "case_id", case_id),
    FIELD_TEXT(audit_row, "message_id", message_id),
    FIELD_TEXT(audit_row, "outcome", outcome),
    FIELD_TEXT(audit_row, "detail", detail),
    FIELD_TEXT(audit_row, "hash", hash),
};
/* clang-format on */

static const struct record audit = {
    .table = "audit",
    .fields = fields,
    .count = COUNT_OF(fields),
    .size = sizeof(struct audit_row),
};

/* --- the chain ---------------------------------------------------------------------------------- */

static void field_add(struct buf *line, const char *text)
{
    buf_addf(line, "%zu:%s,", strlen(text), text);
}

static void number_add(struct buf *line, int64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)number);
    field_add(line, text);
}

static bool hash_row(const char *before, const struct audit_row *row,
                     char out[STORE_HASH_TEXT], struct err *err)
{
    AUTO(buf_free) struct buf line = BUF_INIT(LINE_MAX_OCTETS);

    buf_adds(&line, before);
    field_add(&line, row->node);
    number_add(&line, row->number);
    number_add(&line, row->at_ms);
    field_add(&line, row->office);
    field_add(&line, row->person);
    field_add(&line, row->role);
    field_add(&line, row->channel);
    field_add(&line, row->action);
    field_add(&line, row->case_id);
    field_add(&line, row->message_id);
    field_add(&line, row->outcome);
    field_add(&line, row->detail);
    return buf_check(&line, "an audit line", err) &&
           octets_sha256(line.data, line.len, out, err);
}

static void checkpoint_print(const char *node, int64_t number, const char *hash,
                             char out[CHECKPOINT_TEXT])
{
    snprintf(out, CHECKPOINT_TEXT, "trm-audit-checkpoint|%s|%lld|%s", node,
             (long long)number, hash);
}

static bool mac_of(struct store_tx *tx, const char *text, struct buf *out,
                   struct err *err)
{
    struct seal_hooks *hooks = store_seal_hooks(tx->store);
    uint8_t mac[SEAL_MAC_OCTETS];

    if (!hooks->mac(hooks->ctx, "audit-checkpoint", text, strlen(text), mac, err))
        return false;
    buf_add(out, mac, sizeof mac);
    return true;
}

static bool sign(struct store_tx *tx, const char *text, struct buf *out, struct err *err)
{
    struct seal_hooks *hooks = store_seal_hooks(tx->store);

    if (hooks->sign != NULL)
        return hooks->sign(hooks->ctx, text, strlen(text), out, err);
    return mac_of(tx, text, out, err);
}

static bool add_checkpoint(struct store_tx *tx, const struct audit_row *row,
                           struct err *err)
{
    AUTO(buf_free) struct buf signature = BUF_INIT(SIGNATURE_MAX);
    char text[CHECKPOINT_TEXT];

    checkpoint_print(row->node, row->number, row->hash, text);
    if (!sign(tx, text, &signature, err))
        return err_context(err, "signing an audit checkpoint");
    return sql_do(tx,
                  "INSERT INTO audit_checkpoint (node, number, at_ms, hash, signature)"
                  " VALUES (?, ?, ?, ?, ?)",
                  SQL_ARGS(sql_t(row->node), sql_i(row->number), sql_i(tx->now_ms),
                           sql_t(row->hash), sql_b(signature.data, signature.len)),
                  NULL, err);
}

/* --- adding -------------------------------------------------------------------------------------- */

static bool last_of(struct store_tx *tx, const char *node, int64_t *ret_number,
                    char ret_hash[STORE_HASH_TEXT], struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool row;

    if (!sql_query(tx,
                   "SELECT number, hash FROM audit WHERE node = ?"
                   " ORDER BY number DESC LIMIT 1",
                   SQL_ARGS(sql_t(node)), &query, err) ||
        !query_next(query, &row, err))
        return false;
    *ret_number = row ? query_int(query, 0) : 0;
    return text_column(ret_hash, STORE_HASH_TEXT, row ? query_text(query, 1) : GENESIS,
                       err);
}

static bool fill(struct audit_row *row, const struct audit_entry *entry)
{
    return STORE_COPY(row->office, entry->actor.office) &&
           STORE_COPY(row->person, entry->actor.person) &&
           STORE_COPY(row->role, entry->actor.role) &&
           STORE_COPY(row->channel, entry->actor.channel) &&
           STORE_COPY(row->action, entry->action) &&
           STORE_COPY(row->case_id, entry->case_id) &&
           STORE_COPY(row->message_id, entry->message_id) &&
           STORE_COPY(row->outcome, entry->outcome) &&
           STORE_COPY(row->detail, entry->detail);
}

bool audit_add(struct store_tx *tx, const struct audit_entry *entry, struct err *err)
{
    struct audit_row row = { .at_ms = tx->now_ms };
    char before[STORE_HASH_TEXT];
    bool taken;

    if (!STORE_COPY(row.node, store_tx_node(tx)) || !fill(&row, entry))
        return err_set(err, ERR_BUG, "store.text",
                       "an audit entry (%s) has a field too long", entry->action);
    if (!last_of(tx, row.node, &row.number, before, err))
        return false;
    row.number++;
    if (!hash_row(before, &row, row.hash, err) ||
        !record_insert(tx, &audit, &row, &taken, err))
        return false;
    if (taken)
        return err_set(err, ERR_RETRY, "store.busy", "two audit rows took one number");
    return row.number % store_audit_every(tx->store) != 0 ||
           add_checkpoint(tx, &row, err);
}

/* --- reading ------------------------------------------------------------------------------------- */

struct handing {
    audit_row_cb *each;
    void *ctx;
};

static bool hand(void *ctx, const void *row)
{
    struct handing *handing = ctx;

    return handing->each(handing->ctx, row);
}

bool audit_select(struct store_tx *tx, const struct audit_filter *filter,
                  audit_row_cb *each, void *ctx, struct err *err)
{
    struct sql_where where = { 0 };
    struct audit_row scratch;
    struct handing handing = { each, ctx };

    where_text(&where, "node = ?",
               filter->node != NULL ? filter->node : store_tx_node(tx));
    where_text(&where, "case_id = ?", filter->case_id);
    where_text(&where, "message_id = ?", filter->message_id);
    if (filter->after > 0)
        where_value(&where, filter->newest_first ? "number < ?" : "number > ?",
                    sql_i(filter->after));
    where_order(&where,
                filter->newest_first ? " ORDER BY number DESC LIMIT ?"
                                     : " ORDER BY number LIMIT ?",
                page_limit(filter->limit));
    return record_each(tx, &audit, where_sql(&where), where_args(&where), &scratch, hand,
                       &handing, err);
}

/* --- verifying ------------------------------------------------------------------------------------ */

struct verification {
    struct store_tx *tx;
    audit_check_cb *check;
    void *ctx;
    struct audit_verdict *verdict;
    char before[STORE_HASH_TEXT];
    struct err err; /* ours, not the chain's */
};

static bool broken(struct audit_verdict *verdict, int64_t number, const char *what)
{
    verdict->intact = false;
    verdict->bad_number = number;
    snprintf(verdict->what, sizeof verdict->what, "row %lld: %s", (long long)number,
             what);
    return false;
}

static bool verify_row(void *ctx, const void *record)
{
    struct verification *v = ctx;
    const struct audit_row *row = record;
    char want[STORE_HASH_TEXT];

    if (row->number != v->verdict->rows + 1)
        return broken(v->verdict, v->verdict->rows + 1, "missing");
    if (!hash_row(v->before, row, want, &v->err))
        return false;
    if (!text_eq(want, row->hash))
        return broken(v->verdict, row->number, "was changed, or one before it");
    memcpy(v->before, row->hash, sizeof v->before);
    v->verdict->rows++;
    return true;
}

static bool good_signature(struct verification *v, const char *text,
                           const void *signature, size_t len)
{
    AUTO(buf_free) struct buf mac = BUF_INIT(SEAL_MAC_OCTETS);

    if (v->check != NULL)
        return v->check(v->ctx, text, strlen(text), signature, len);
    return mac_of(v->tx, text, &mac, &v->err) && mac.len == len &&
           octets_equal(mac.data, signature, len);
}

/* The checkpoint's row must be there with that hash, under a good signature. */
static bool verify_checkpoint(struct verification *v, const char *node,
                              struct query *query, struct err *err)
{
    int64_t number = query_int(query, 0);
    char text[CHECKPOINT_TEXT], hash[STORE_HASH_TEXT];
    const void *signature;
    size_t len;

    if (!text_column(hash, sizeof hash, query_text(query, 1), err))
        return false;
    signature = query_blob(query, 2, &len);
    checkpoint_print(node, number, hash, text);
    v->verdict->checkpoints++;
    if (!text_eq(hash, query_text(query, 3)))
        broken(v->verdict, number, "is not what the checkpoint over it says");
    else if (!good_signature(v, text, signature, len))
        broken(v->verdict, number, "the signature of the checkpoint over it is wrong");
    return true;
}

static bool verify_checkpoints(struct verification *v, const char *node, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool row;

    if (!sql_query(v->tx,
                   "SELECT c.number, c.hash, c.signature, COALESCE(a.hash, '')"
                   " FROM audit_checkpoint c LEFT JOIN audit a"
                   " ON a.node = c.node AND a.number = c.number"
                   " WHERE c.node = ? ORDER BY c.number",
                   SQL_ARGS(sql_t(node)), &query, err))
        return false;
    while (v->verdict->intact) {
        if (!query_next(query, &row, err))
            return false;
        if (!row)
            break;
        if (!verify_checkpoint(v, node, query, err))
            return false;
    }
    return true;
}

bool audit_verify(struct store_tx *tx, const char *node, audit_check_cb *check, void *ctx,
                  struct audit_verdict *ret, struct err *err)
{
    struct audit_verdict verdict = { .intact = true };
    struct verification v = {
        .tx = tx, .check = check, .ctx = ctx, .verdict = &verdict, .before = GENESIS
    };
    struct audit_row scratch;

    node = node != NULL ? node : store_tx_node(tx);
    if (!record_each(tx, &audit, " WHERE node = ? ORDER BY number", SQL_ARGS(sql_t(node)),
                     &scratch, verify_row, &v, err) ||
        !verify_checkpoints(&v, node, err))
        return false;
    if (v.err.kind != ERR_NONE) {
        *err = v.err;
        return false;
    }
    *ret = verdict;
    return true;
}
