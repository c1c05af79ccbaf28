/*
 * draft.h - one document on its way through translation and decision; the same steps for intake,
 * preview, the receiver and the second look.
 *
 * A draft collects: the canonical document, every finding, every loss, the verdict. Nothing here
 * touches store or network.
 */
#ifndef EXCHANGE_DRAFT_H
#define EXCHANGE_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libxml/tree.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "exchange/bundles.h"
#include "exchange/states.h"
#include "mapping/mapping.h"
#include "model/findings.h"
#include "model/loss.h"
#include "model/referral.h"

#define CANONICAL_FORM \
    "IOM-canonical/1" /* an office that reads and writes the document itself */
#define CANONICAL_MAX (1024 * 1024)     /* octets of a canonical document */
#define NATIONAL_MAX  (8 * 1024 * 1024) /* octets of an office's document in one piece */

struct draft {
    const struct bundle *bundle; /* borrowed */
    xmlDoc *doc;
    struct referral_header header;
    struct mapping_attachments attachments;
    struct losses losses; /* the full report */
    struct report findings;
    struct err refused; /* kind ERR_DENIED once a decision has said no */
    char refused_clause[64];
    char mapping[64], mapping_version[32];
};
void draft_free(struct draft *draft); /* for AUTO; wipes */

/* Where and when a draft stands. */
struct draft_view {
    const char *own_office, *partner_office;
    const char *own_gateway, *partner_gateway;
    const char *environment;
    const char *zone;
    int64_t now_ms;
    const char *file;                      /* name of the document in findings */
    const char *own_number, *their_number; /* of the case, where known; NULL */
    const char *person_name;               /* the name the case is known by; NULL */
};

/* --- reading ------------------------------------------------------------------------------ */

/*
 * National octets (or canonical ones of CANONICAL_FORM) to draft->doc. True also when the document
 * is full of errors: ask report_errors(&draft->findings). False only for our own trouble.
 */
bool draft_read(struct draft *draft, const struct bundle *bundle, const char *form,
                const struct draft_view *view, const void *data, size_t len,
                struct err *err) NODISCARD;

/* --- deciding ----------------------------------------------------------------------------- */

struct draft_case {
    bool receiver;           /* decide as the receiving side: a forbidden field refuses */
    enum case_role role;     /* ours in the case */
    enum case_state state;   /* before this message */
    const xmlDoc *consents;  /* kept of the case; NULL: those of the document itself */
    const char *birth_date;  /* of the person, kept of the case; NULL */
    const char *beneficiary; /* kept of the case; NULL */
    const struct strlist *asked; /* M06: canonical paths that were asked; NULL */
    const char *leg_override;    /* state an operator gave the leg; NULL */
};

/*
 * Expands the consents by the agreement (M01), decides, takes out what may not go, with a loss for
 * each. A refusal of the message as a whole is draft->refused, not an error.
 */
bool draft_decide(struct draft *draft, const struct draft_view *view,
                  const struct draft_case *of, struct err *err) NODISCARD;

/*
 * Would a document that was decided on before be narrower now, or refused? code and text say what
 * changed. For the second look before each attempt.
 */
bool draft_narrowed(struct draft *draft, const struct draft_view *view,
                    const struct draft_case *of, char code[64], char text[400]);

/* The leg of the agreement between two offices: ids of the parties. NULL: an office is no party's. */
struct draft_leg {
    const char *from, *to;
    const char *gateway; /* of the receiving office */
};
bool draft_leg(const struct bundle *bundle, const char *sender_office,
               const char *receiver_office, struct draft_leg *ret);

/* --- finishing ---------------------------------------------------------------------------- */

/* Header into the document, the travelling losses too; then schema and lists. Problems are added
 * to the findings with canonical paths. */
bool draft_finish(struct draft *draft, struct err *err) NODISCARD;

/* Blocking losses of the agreement: ERR_DENIED "loss.blocking" naming the first. */
bool draft_check_blocking(struct draft *draft, struct err *err) NODISCARD;

/* --- the office's view -------------------------------------------------------------------- */

struct rendition {
    struct buf octets; /* in the office's form */
    const char *media_type;
    const char *extension; /* "xml", "json" */
    struct losses losses;  /* of this translation, full */
    struct report findings;
    bool translated; /* false: the canonical document, since the form could not say it */
    unsigned withheld; /* fields its rights do not reach */
};
void rendition_free(struct rendition *rendition); /* for AUTO */

/*
 * What an office of ours gets to see of a received (or previewed) document: its rights under the
 * agreement, then its form. A form that cannot say it gives the canonical view, not an error.
 */
bool draft_render(const struct bundle *bundle, const xmlDoc *doc, const char *form,
                  const struct draft_view *view,
                  const struct mapping_attachments *attachments, struct rendition *ret,
                  struct err *err) NODISCARD;

#endif
