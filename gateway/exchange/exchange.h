/*
 * exchange.h - what every step in the life of a message needs at hand.
 *
 * Made once by main, immutable, borrowed by all: intake, inbound, outbound, handover, answers.
 */
#ifndef EXCHANGE_EXCHANGE_H
#define EXCHANGE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "exchange/snapshot.h"
#include "store/audit.h"
#include "store/store.h"

struct exchange {
    struct store *store;
    struct snapshot_box *box;
    const struct clock *clock;
    int64_t give_up_ms; /* how long a message may wait for its partner; 45 days */
    /* Something is due for a partner / lies ready for an office; any thread. May be NULL. */
    void (*wake_partner)(void *ctx, const char *partner);
    void (*wake_office)(void *ctx, const char *office);
    void *wake_ctx;
};

#define EXCHANGE_GIVE_UP_MS (45 * DAY_MS)

void exchange_wake_partner(const struct exchange *x, const char *partner);
void exchange_wake_office(const struct exchange *x, const char *office);

/* The gateway itself, for what no person does. */
extern const struct audit_actor actor_gateway; /* role gateway, channel timer */
extern const struct audit_actor actor_wire;    /* role gateway, channel as4 */

/* One audit row; ids and codes only. */
bool exchange_audit(struct store_tx *tx, const struct audit_actor *actor,
                    const char *action, const char *case_id, const char *message_id,
                    const char *outcome, const char *detail, struct err *err) NODISCARD;

/* A task for a person: office "" is the operator. */
bool exchange_task(struct store_tx *tx, const char *kind, const char *office,
                   const char *case_id, const char *message_id, const char *partner,
                   const char *code, const char *text, struct err *err) NODISCARD;

/* A row for the yearly figures; year and month from the transaction's instant. */
bool exchange_fact(struct store_tx *tx, const char *agreement, const char *from,
                   const char *to, const char *kind, const char *dims,
                   struct err *err) NODISCARD;

/* SHA-256 of octets, in lower-case hexadecimal (65 octets with NUL). */
void exchange_sha256(const void *data, size_t len, char out[STORE_HASH_TEXT]);

#endif
