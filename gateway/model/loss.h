/*
 * loss.h - what a translation or a decision could not carry, per field.
 *
 * There are two reports of it. The FULL one is the sender's: with values, sealed by whoever stores it.
 * The TRAVELLING one goes with the document: no value of a field that was withheld, narrowed, cut, has
 * no equivalent or was invalid, nor of a field anywhere above or below one; withheld fields are named
 * by category only where the agreement says so, and never by field, path or rule.
 */
#ifndef MODEL_LOSS_H
#define MODEL_LOSS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <libxml/tree.h>

#include "base/attr.h"
#include "model/category.h"

struct err;

#define LOSSES_MAX        2000 /* kept of one translation; further ones are only counted */
#define LOSSES_TRAVEL_MAX 500  /* as the schema allows */

enum loss_kind {
    LOSS_CARRIED, /* as it was; listed only when asked for */
    LOSS_RECODED, /* another code, of the same or another extent */
    LOSS_NARROWED,
    LOSS_CUT,
    LOSS_NORMALISED,
    LOSS_WITHHELD,
    LOSS_NO_EQUIVALENT,
    LOSS_INVALID,
};
const char *loss_kind_name(enum loss_kind kind); /* "carried", "no-equivalent" ... */
bool loss_kind_find(const char *name, enum loss_kind *ret);

/* All texts are copied when added and owned by the list; NULL stands for "not known". */
struct loss {
    enum loss_kind kind;
    const char *field;   /* of the national form, as its author writes it */
    const char *path;    /* canonical */
    const char *rule;    /* id of the mapping rule */
    const char *mapping; /* id of the mapping */
    const char *version; /* of the mapping */
    const char *clause;  /* of the agreement */
    const char *list;    /* code list, when from and to are codes */
    const char *from;    /* code or text before: FULL only, see above */
    const char *to;      /* code or text after */
    const char *reason;  /* a sentence without values: why */
    enum category category;
    unsigned count; /* how many fields this stands for; 0 is read as 1 */
    bool blocking;  /* the agreement lists it as blocking */
};

struct losses {
    struct loss *items; /* read only; use losses_add() */
    size_t count, cap;
    size_t dropped;
};

void losses_add(struct losses *losses, const struct loss *loss); /* copies */
void losses_append(struct losses *losses, const struct losses *from);
void losses_free(struct losses *losses); /* for AUTO; wipes, empty afterwards */
bool losses_blocking(const struct losses *losses);
size_t losses_count(const struct losses *losses, enum loss_kind kind);

/* Marks as blocking every loss of a list (victim_status ...), or whose path is one of these or below. */
void losses_block(struct losses *losses, const char *const *lists_or_paths, size_t count);

/*
 * The report that travels, made anew from the full one. named: categories the agreement allows to be
 * named as withheld, as bits. Withheld fields become one entry per named category and one for all the
 * others together, with a count. `carried` is left out.
 */
void losses_travelling(const struct losses *full, unsigned named, struct losses *ret);

/* --- written and read -------------------------------------------------------------------- */

/*
 * Puts a TRAVELLING report into the document as its LossReport, before a seal, instead of one that is
 * there; an empty one only takes the old away. Writes `from` and `to` of codes only.
 */
void losses_to_referral(const struct losses *travelling, xmlDoc *doc);
/* Adds the LossReport of a document (which was validated). */
void losses_of_referral(const xmlDoc *doc, struct losses *ret);

json_t *losses_json(const struct losses *losses) NODISCARD; /* with values */
/* What losses_json() gave. ERR_REJECT "loss.form". */
bool losses_parse(const json_t *value, struct losses *ret, struct err *err) NODISCARD;

#endif
