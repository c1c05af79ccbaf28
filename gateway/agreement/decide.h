/*
 * decide.h - may this message pass, and with which of its fields?
 *
 * A pure function: of agreement, message, consents, state of the case, offices and instant. No clock,
 * no file, no log. Every field needs four yeses: the message type may carry it (model/message), the
 * agreement's matrix allows it there, the receiving office may see it, and a consent covers it; each
 * verdict names the rule that decided. The sender decides at intake and before every attempt, the
 * receiver decides again; what differs between them is only what a "no" means.
 *
 * Refusals of the message as a whole (struct refusal, all of them, the first is the gravest):
 *
 *   agreement.kind-unknown      no such message, or one that is no document
 *   agreement.kind-forbidden    the agreement does not have that message
 *   agreement.environment       live, training and demo never mix
 *   agreement.office-unknown    an office is of no party
 *   agreement.no-leg            no leg between these parties
 *   agreement.direction         the other side of the case sends this message
 *   agreement.not-yet, agreement.expired               the agreement as a whole
 *   agreement.leg-draft, leg-not-yet, leg-expired, leg-suspended, leg-terminated
 *   agreement.office-send       the office may not send this message
 *   agreement.office-receive    the office may not receive it
 *   agreement.case-state        not in this state of the case
 *   agreement.beneficiary       the agreement does not cover such persons
 *   agreement.status            below the minimum status
 *   agreement.third-party       the third party gets no such message
 *   agreement.consent-missing   none covers the message's purpose
 *   agreement.consent-refused, consent-withdrawn, consent-expired, consent-future,
 *   consent-undated, consent-recipient, consent-undeclared
 *   agreement.consent-minor     a child without consent of guardian or authority
 *   agreement.consent-own       the person is of age: the own consent is needed
 *   agreement.age-unknown       child or adult? the birth date does not say
 *   agreement.guardian          a guardian must be named first
 *   agreement.reception         a child does not travel without reception by name
 *   agreement.required          a required category or field has nothing to carry
 *   agreement.forbidden         (receiver) a field is there that may not be
 */
#ifndef AGREEMENT_DECIDE_H
#define AGREEMENT_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <libxml/tree.h>

#include "agreement/agreement.h"
#include "agreement/consent.h"
#include "base/attr.h"
#include "base/str.h"
#include "model/category.h"

struct err;
struct losses;

enum decide_side {
    DECIDE_SENDER,
    DECIDE_RECEIVER, /* a field that may not be there refuses the message */
};

/* Everything the decision depends on. All borrowed; NULL where it says so. */
struct decide_input {
    const struct agreement *agreement;
    const xmlDoc *doc; /* the message */
    enum decide_side side;
    int64_t now_ms;
    const char *environment; /* of the deciding gateway; NULL: not looked at */
    const char *from_office, *to_office;

    /* Of the case, as kept by the deciding gateway; for an M01 all may be NULL. */
    const char *case_sender,
        *case_receiver;          /* parties of its M01; NULL: those of this message */
    const char *case_state;      /* "UNDER_REVIEW"; NULL: before the first message */
    const xmlDoc *consents;      /* its Consent sections; NULL: those of doc */
    const char *birth_date;      /* NULL: doc's */
    const char *beneficiary;     /* NULL: doc's */
    const char *status;          /* NULL: doc's */
    bool guardian_named;         /* a Family/Guardian was sent before */
    const struct strlist *asked; /* M06: paths that were asked; NULL: none */
    const char *leg_override;    /* state an operator gave the leg; NULL: as written */
};

/* Which of the checks decided. */
enum verdict_check {
    VERDICT_ALLOWED,    /* all said yes */
    VERDICT_NEVER,      /* a field that never leaves its country */
    VERDICT_UNKNOWN,    /* not in the schema, or without a category */
    VERDICT_MESSAGE,    /* the message type does not carry it */
    VERDICT_MATRIX,     /* the agreement does not allow the category there */
    VERDICT_FIELD,      /* a field exception of the agreement */
    VERDICT_EXCLUDED,   /* a category the agreement leaves out altogether */
    VERDICT_THIRD,      /* the clause about the third party */
    VERDICT_OFFICE,     /* the rights of the receiving office */
    VERDICT_CONSENT,    /* no consent covers it */
    VERDICT_TEXT,       /* free text without a category */
    VERDICT_ATTACHMENT, /* attachment without category, or of a type not allowed */
    VERDICT_ASKED,      /* an answer nobody asked for */
    VERDICT_BOUND,      /* goes only together with what was withheld */
};
#define VERDICT_CHECKS 14
const char *verdict_check_name(enum verdict_check check); /* "consent" ... */

struct verdict {
    const char
        *path; /* plain canonical path; borrowed from the path table or the verdicts */
    enum category category;
    bool carry;
    enum verdict_check check; /* what decided */
    const char *clause;       /* of the agreement that decided; "" where it has none */
    const char *reason;       /* a sentence, never a value; owned by the verdicts */
    const struct consent_form_item
        *consent_item; /* by which it is carried; NULL: none needed */
    unsigned
        consent; /* which consent carries it, from 1; 0: none is needed, or withheld */
    bool vital;  /* carried for vital interest, without consent */
    const xmlNode *node;   /* into input->doc, while it stands; NULL in an explanation */
    const char *attribute; /* of node; NULL: the element */
};

struct refusal {
    const char *code; /* literal, see above */
    const char *clause;
    char text[400]; /* a sentence with a remedy, never a value */
};
#define REFUSALS_MAX 16

struct verdicts {
    struct verdict *items;
    size_t count, cap;
    struct refusal refusals[REFUSALS_MAX];
    size_t refusal_count;
    struct consents consents; /* as they were read */
    struct strlist texts;     /* reasons and paths the verdicts point to */
};

/* Decides; true when the message may pass (with the fields carried). Fill *ret from zero. */
bool decide(const struct decide_input *input, struct verdicts *ret);
void verdicts_free(struct verdicts *verdicts); /* for AUTO */

/* The gravest refusal as an error: ERR_DENIED, its code and text. Returns false; true: none. */
bool verdicts_err(const struct verdicts *verdicts, struct err *err);

size_t verdicts_withheld(const struct verdicts *verdicts);

/*
 * Is the second decision narrower than the first: a refusal, or something the first carried that the
 * second does not? before NULL: everything in the document was carried. A sentence in *ret_why says
 * what changed (path and clause, no value).
 */
struct narrower {
    bool narrower;
    const char *code;   /* of the refusal, or "agreement.narrower" */
    const char *clause; /* "" none */
    char text[400];
};
struct narrower decide_narrower(const struct verdicts *before,
                                const struct verdicts *now);

/*
 * Takes out of the document everything withheld, so that no trace of a value remains: elements,
 * attributes, what would be left empty or without a part the schema demands, references to
 * attachments that went; an answer "PROVIDED" whose value went becomes NOT_PERMITTED. Adds a loss
 * `withheld` for each, with clause and path and no value. The verdicts' nodes are not valid afterwards:
 * they are set to NULL. losses may be NULL.
 */
void agreement_prune(const struct agreement *a, xmlDoc *doc, struct verdicts *verdicts,
                     struct losses *losses);

/* For an audit line or a report: paths, checks, clauses; no values. */
json_t *verdicts_json(const struct verdicts *verdicts) NODISCARD;

#endif
