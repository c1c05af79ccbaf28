/*
 * consent.h - what a person agreed to, and whether it holds at an instant.
 *
 * A mapping writes a Consent with form, item, state, giver, dates, and what the person restricted.
 * The agreement declares per form and item what a "yes" covers; coverage is always declared ∩
 * restricted, so no document can widen it, and a form or item that is not declared covers nothing.
 * A declaration counts only for the form of the party that took the consent.
 */
#ifndef AGREEMENT_CONSENT_H
#define AGREEMENT_CONSENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libxml/tree.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/str.h"
#include "model/category.h"

struct agreement;
struct consent_form_item;
struct err;
struct message_type;
struct report;

#define CONSENTS_MAX 50 /* of a document, as the schema allows */

/* consent_purpose, as bits in this order. */
enum purpose {
    PURPOSE_RETURN,
    PURPOSE_IDENTITY,
    PURPOSE_TRACING,
    PURPOSE_ASSIST,
    PURPOSE_HEALTH,
    PURPOSE_CRIMINAL,
    PURPOSE_FOLLOWUP,
    PURPOSE_STATS,
};
#define PURPOSE_COUNT 8
const char *purpose_name(enum purpose purpose); /* "RETURN" */
bool purpose_find(const char *name, enum purpose *ret);
static inline unsigned purpose_bit(enum purpose purpose)
{
    return 1u << purpose;
}

/* How old the person may be on a day, in years: both the same when the birth date is whole. */
struct age {
    bool known;      /* false: nothing says whether it is a child */
    int least, most; /* valid when known by date; else child: 0..17, adult: 18..150 */
};
/* birth: YYYY[-MM[-DD]] or NULL; beneficiary: a code or NULL, used when there is no date. */
struct age consent_age(const char *birth, const char *beneficiary, struct civil day);

enum consent_fault {
    CONSENT_VALID,
    CONSENT_UNDECLARED, /* form or item is not in the agreement, or of another party */
    CONSENT_REFUSED,
    CONSENT_WITHDRAWN,
    CONSENT_EXPIRED,   /* its term, or the agreement's maximum age */
    CONSENT_UNDATED,   /* no day of giving */
    CONSENT_FUTURE,    /* given after the instant */
    CONSENT_SIGNER,    /* not given by who must sign */
    CONSENT_RECIPIENT, /* not for this recipient */
    CONSENT_OVERRULED, /* a later refusal or withdrawal of the same purpose */
    CONSENT_PURPOSE,   /* no purpose that this message may serve */
};
const char *consent_fault_name(enum consent_fault fault); /* "expired" ... */

/* One consent, read from a document or assumed. Texts are borrowed from it. */
struct consent {
    const char *form, *item, *state, *giver;
    const char *given_on, *valid_until, *withdrawn_on; /* YYYY-MM-DD; NULL: absent */
    unsigned purposes;                                 /* covered */
    unsigned categories;        /* covered, as far as a purpose needs them */
    const char *recipients[64]; /* ids of offices covered */
    size_t recipient_count;
    const struct consent_form_item *declared; /* NULL: undeclared */
    const char *clause; /* of the agreement, or of the form's annex */
    unsigned index;     /* from 1, as they stand in the document */
};
struct consents {
    struct consent items[CONSENTS_MAX];
    size_t count;
};

/*
 * Reads the Consent sections of a document, with coverage by the agreement. taker: party that took
 * the consents (that of the M01's sender); recipient: party they were to be shared with. NULL doc:
 * none.
 */
void consents_read(const struct agreement *a, const xmlDoc *doc, const char *taker,
                   const char *recipient, struct consents *ret);

/*
 * Last day on which a consent holds by its dates: its term, or the agreement's maximum age counted
 * from the day of giving, whichever is earlier. False: it has no day of giving.
 */
bool consent_last_day(const struct agreement *a, const struct consent *c,
                      struct civil *ret);

/* Who must sign for a person of that age, as bits of consent_giver in list order; clause may be NULL. */
const char *const *consent_signers(const struct agreement *a, int age, size_t *ret_count,
                                   const char **ret_clause);

/*
 * Does it hold on that day, signed by one who may sign at that age, for that office? office NULL:
 * recipients are not looked at. A later refusal is not looked at either: see consents_cover().
 */
enum consent_fault consent_fault_on(const struct agreement *a, const struct consent *c,
                                    struct civil day, int age, const char *office);

/* What a consent is looked for. */
struct cover {
    struct civil day;
    int age;                /* of the person, in years */
    const char *office;     /* recipient; NULL: none need be named */
    unsigned purposes;      /* one of these */
    enum category category; /* NONE: any */
    const char *path;       /* plain, for fields a purpose covers besides; NULL */
    const struct message_type *message; /* in which it would go; NULL: any */
    bool child;                         /* the person may be one */
};

/* The first valid consent among all that covers it; NULL: none, *ret_fault is the reason that came
 * nearest. */
const struct consent *consents_cover(const struct agreement *a,
                                     const struct consents *all, const struct cover *what,
                                     enum consent_fault *ret_fault);

/*
 * Writes Purpose, Category and Recipient of each Consent as declared ∩ restricted and marks it
 * expanded; an undeclared one is left with none and a finding W-CONSENT-UNDECLARED. Recipients are
 * offices of the recipient party. Doing it twice changes nothing.
 */
void agreement_expand_consents(const struct agreement *a, xmlDoc *doc, const char *taker,
                               const char *recipient, struct report *ret);

#endif
