/*
 * exchange.c - the small things that several steps share: wake-ups, audit rows, tasks, facts.
 */
#include "exchange/exchange.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/facts.h"
#include "store/tasks.h"

const struct audit_actor actor_gateway = { .role = "gateway", .channel = "timer" };
const struct audit_actor actor_wire = { .role = "gateway", .channel = "as4" };

void exchange_wake_partner(const struct exchange *x, const char *partner)
{
    if (x->wake_partner != NULL)
        x->wake_partner(x->wake_ctx, partner);
}

void exchange_wake_office(const struct exchange *x, const char *office)
{
    if (x->wake_office != NULL)
        x->wake_office(x->wake_ctx, office);
}

bool exchange_audit(struct store_tx *tx, const struct audit_actor *actor,
                    const char *action, const char *case_id, const char *message_id,
                    const char *outcome, const char *detail, struct err *err)
{
    const struct audit_entry entry = { .actor = *actor,
                                       .action = action,
                                       .case_id = case_id,
                                       .message_id = message_id,
                                       .outcome = outcome,
                                       .detail = detail };

    return audit_add(tx, &entry, err);
}

bool exchange_task(struct store_tx *tx, const char *kind, const char *office,
                   const char *case_id, const char *message_id, const char *partner,
                   const char *code, const char *text, struct err *err)
{
    struct task task = { 0 };
    bool already;

    if (!STORE_COPY(task.kind, kind) || !STORE_COPY(task.office, office) ||
        !STORE_COPY(task.case_id, case_id) || !STORE_COPY(task.message_id, message_id) ||
        !STORE_COPY(task.partner, partner) || !STORE_COPY(task.code, code) ||
        !STORE_COPY(task.text, text))
        return err_set(err, ERR_BUG, "task.text", "task %s: a text is too long", kind);
    return task_open(tx, &task, &already, err);
}

bool exchange_fact(struct store_tx *tx, const char *agreement, const char *from,
                   const char *to, const char *kind, const char *dims, struct err *err)
{
    struct civil day = civil_of_days(store_tx_now(tx) / DAY_MS);
    const struct fact fact = { .year = day.year,
                               .month = day.month,
                               .agreement = agreement,
                               .from = from,
                               .to = to,
                               .kind = kind,
                               .dims = dims };

    return fact_add(tx, &fact, err);
}

void exchange_sha256(const void *data, size_t len, char out[STORE_HASH_TEXT])
{
    AUTO(buf_free) struct buf hex = BUF_INIT(STORE_HASH_TEXT);
    unsigned char digest[32];

    EVP_Digest(len ? data : "", len, digest, NULL, EVP_sha256(), NULL);
    hex_add(&hex, digest, sizeof digest);
    memcpy(out, buf_str(&hex), STORE_HASH_TEXT);
}
