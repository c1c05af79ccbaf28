/*
 * rights.h - what an office may see of a document that has arrived, and what it may send.
 *
 * The rights of an office are those of its role in the agreement, and, where the case is assigned to
 * it, what the consent's recipients reach. Same verdicts as the decision, so the same pruning.
 */
#ifndef AGREEMENT_RIGHTS_H
#define AGREEMENT_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "agreement/decide.h"

struct rights_input {
    const struct agreement *agreement;
    const xmlDoc *doc;
    const char *office;
    /* A coordinator hands the case on to another office of its party: the consents must name that
     * office as recipient. NULL consents: those of doc. */
    bool assigned;
    const xmlDoc *consents;
    const char *case_sender,
        *case_receiver;                   /* parties; NULL: by the document's offices */
    const char *birth_date, *beneficiary; /* kept of the case; NULL: doc's */
    int64_t now_ms;
};

/* False when the office is of no party (refusal agreement.office-unknown): nothing may be shown. */
bool rights_filter(const struct rights_input *input, struct verdicts *ret);

/* May the office send this kind of message in that state of the case? clause may be NULL. */
bool rights_may_send(const struct agreement *a, const char *office, const char *kind,
                     const char *case_state, const char **ret_clause);
/* Categories the office may see, as bits; 0: of no party. */
unsigned rights_sees(const struct agreement *a, const char *office);

#endif
