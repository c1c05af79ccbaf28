/*
 * snapshot.h - who we are, our offices, our partners, the bundles in force: one counted,
 * immutable whole.
 *
 * A message holds the snapshot it began with until it is done. A reload builds a new snapshot
 * from the files and the store and puts it in place in one step, or changes nothing and says
 * why. Everything reached through a snapshot lives as long as it is held.
 */
#ifndef EXCHANGE_SNAPSHOT_H
#define EXCHANGE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "as4/fault.h"
#include "as4/receive.h"
#include "base/attr.h"
#include "base/str.h"

struct bundles;
struct cert;
struct certlist;
struct clock;
struct err;
struct partner;
struct signer;
struct store;
struct xsd;
struct zone;

#define OFFICES_MAX  64
#define PARTNERS_MAX 256

/* How the daemon's own gateway is known. Borrowed texts of the settings that made it. */
struct own {
    const char *id;          /* "MD-GW1", also its eb:PartyId */
    const char *party_type;  /* of eb:PartyId */
    const char *country;     /* ISO 3166-1 alpha-2; "" for an organisation's gateway */
    const char *host;        /* right of '@' in ids on the wire */
    const char *environment; /* "live", "training", "demo" */
    const char *zone;        /* "Europe/Chisinau": the office's days and times */
    const char *node;
};

struct office {
    const char *id;   /* "MD-COORD" */
    const char *name; /* in its own language */
    const char
        *form; /* "MD-referral/1.2"; "IOM-canonical/1": the canonical document itself */
    const char *language;       /* BCP 47, for texts to people */
    const char *folder;         /* its incoming/, outgoing/ ...; NULL: none */
    const char *notice_mail;    /* a notice without content; NULL: none */
    const char *notice_webhook; /* NULL: none */
    const char *notice_secret;  /* file with the HMAC key of the webhook */
    const char *role;           /* "coordinator", "consulate", ... */
};

/* Our message keys at the signer. */
struct own_keys {
    struct as4_signing sign;     /* signs messages, receipts, errors */
    struct as4_own_keys decrypt; /* current first, then those that were replaced */
    const char *seal_key;
    const struct cert *seal_cert;
    const struct certlist *own_seals; /* seals of ours that are still believed */
};

/* What a snapshot is built from. All texts are copied. */
struct snapshot_source {
    struct own own;
    const struct office *offices;
    size_t office_count;
    const char *partners_dir; /* one JSON file per partner */
    struct signer *signer;
    const char *sign_key, *seal_key;
    const struct strlist *decrypt_keys;
    const char *tls_cert, *tls_key; /* our client certificate towards partners */
    const struct clock *clock;
};

struct snapshot {
    struct own own;
    struct own_keys keys;
    struct signer *signer;
    const struct clock *clock;
    struct office *offices;
    size_t office_count;
    struct partner **partners;
    size_t partner_count;
    struct bundles *bundles; /* every installed one, compiled when first used */
    struct snapshot_private *private;
};

/* Reads partner files, takes the installed bundles from the store, compiles what is in force. */
struct snapshot *snapshot_build(const struct snapshot_source *from, struct store *store,
                                struct err *err) NODISCARD;

const struct office *snapshot_office(const struct snapshot *s,
                                     const char *id); /* or NULL */
const struct partner *snapshot_partner(const struct snapshot *s, const char *id);

/* --- the one in force --------------------------------------------------------------------- */

struct snapshot_box;
struct snapshot_box *snapshot_box_new(struct snapshot *first) NODISCARD; /* takes it */
void snapshot_box_free(struct snapshot_box **box);
const struct snapshot *snapshot_hold(struct snapshot_box *box) NODISCARD;
void snapshot_release(const struct snapshot **held);                    /* for AUTO */
void snapshot_replace(struct snapshot_box *box, struct snapshot *next); /* takes it */

#endif
