/*
 * agreement.h - what states have agreed on, as data: read, resolved, asked.
 *
 * An agreement is agreements/ID.json with the files it extends (agreements/common.json), the forms
 * it names (agreements/forms/NAME.json) and its calendars (agreements/calendars/CC-YEAR.json);
 * agreements/README.md tells lawyers what each field grants. It is read once, immutable, and may be
 * shared by threads. Every text given out lives as long as the agreement.
 */
#ifndef AGREEMENT_AGREEMENT_H
#define AGREEMENT_AGREEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/str.h"
#include "model/category.h"

struct agreement;
struct buf;
struct err;
struct fileset;
struct losses;
struct path_table;
struct zone;

#define AGREEMENT_FILE_MAX    (1024 * 1024) /* octets of one file */
#define AGREEMENT_EXTENDS_MAX 8   /* files one agreement is made of, forms aside */
#define AGREEMENT_LIST_MAX    500 /* entries of any one list in it */
#define AGREEMENT_DIGEST      65  /* hexadecimal SHA-256 with NUL */

enum leg_state {
    LEG_DRAFT,       /* nothing may be sent */
    LEG_PROVISIONAL, /* applied before it is in force: as active */
    LEG_ACTIVE,
    LEG_SUSPENDED,  /* no new case; open ones as onSuspension says */
    LEG_TERMINATED, /* no new case; open ones as the termination clause says */
};
const char *leg_state_name(enum leg_state state); /* "ACTIVE" */
bool leg_state_find(const char *name, enum leg_state *ret);

struct agreement_office {
    const char *id; /* "MD-COORD" */
    const char
        *role; /* "coordinator", "consulate", "social" ...: key of the office rights */
    const char *gateway; /* where it is reached; NULL: it has no desk at a gateway */
    const struct agreement_party *party;
};

struct agreement_party {
    const char *id; /* "MD": a state's alpha-2 code, or an organisation's short name */
    const char *country; /* alpha-2; NULL: an organisation */
    const char *name;
    const char *zone;     /* of its working days; NULL: the agreement's */
    const char *language; /* BCP 47, for texts to its people */
    const char *form;     /* "MD-referral/1.2": what its offices read and write */
    const char *mapping,
        *mapping_version; /* NULL: its offices use the canonical document */
    const struct agreement_office *offices;
    size_t office_count;
};

struct agreement_leg {
    const char *from, *to; /* ids of parties */
    enum leg_state state;  /* as written; an operator's word may be narrower */
    const char *clause;
    const char *valid_from,
        *valid_to; /* YYYY-MM-DD in the agreement's zone; to may be NULL */
};

/*
 * From a set of files named as in the project tree: "agreements/ID.json" and what it names. paths is
 * used to check field paths, and must outlive the agreement. The first fault is ERR_CONFIG with file,
 * line and the nearest known name: codes of format/json.h ("json.unknown-key", "json.missing" ...)
 * and "agreement.file", "agreement.form", "agreement.reference", "agreement.twice",
 * "agreement.date", "agreement.path", "agreement.too-many".
 * Contradictions that can be read are found by agreement_check() (agreement/check.h).
 */
struct agreement *agreement_load(const struct fileset *files, const char *id,
                                 const struct path_table *paths,
                                 struct err *err) NODISCARD;
void agreement_free(struct agreement **agreement); /* for AUTO */

/* Ids of every agreement in a set: names "agreements/ID.json" whose file has an "id". */
void agreement_ids(const struct fileset *files, struct strlist *ret);

const char *agreement_id(const struct agreement *a);
const char *agreement_version(const struct agreement *a);
const char *agreement_title(const struct agreement *a);
const char *agreement_notice(const struct agreement *a); /* "Fictional ..."; NULL: none */
const struct zone *
agreement_zone(const struct agreement *a); /* in which its dates are meant */
const char *agreement_zone_name(const struct agreement *a);
const struct path_table *agreement_paths(const struct agreement *a);

/* The agreement with everything it extends written out, as JSON: one form, so it has one digest. */
void agreement_print(const struct agreement *a, struct buf *out);
void agreement_digest(const struct agreement *a, char out[AGREEMENT_DIGEST]);
/* Every file it was read from, by name in the set. */
const struct strlist *agreement_files(const struct agreement *a);

/* --- parties, offices, legs --------------------------------------------------------------- */

size_t agreement_party_count(const struct agreement *a);
const struct agreement_party *agreement_party_at(const struct agreement *a, size_t index);
const struct agreement_party *agreement_party(const struct agreement *a, const char *id);
const struct agreement_office *
agreement_office(const struct agreement *a, const char *office); /* NULL: of no party */
bool agreement_has_gateway(const struct agreement *a, const char *gateway);

size_t agreement_leg_count(const struct agreement *a);
const struct agreement_leg *agreement_leg_at(const struct agreement *a, size_t index);
const struct agreement_leg *agreement_leg(const struct agreement *a, const char *from,
                                          const char *to); /* by parties; NULL: none */
/* By offices: NULL when one is of no party, or both are of the same. */
const struct agreement_leg *agreement_leg_between(const struct agreement *a,
                                                  const char *from_office,
                                                  const char *to_office);

/* First instant and first instant after: of the agreement. INT64_MAX: no end. */
int64_t agreement_from_ms(const struct agreement *a);
int64_t agreement_until_ms(const struct agreement *a);

/* --- what others need to know ------------------------------------------------------------- */

/* The act on which a party's processing rests on a day of the agreement's zone ("Law 195/2024,
 * art. ..."); NULL: none is named for that day. */
const char *agreement_legal_basis(const struct agreement *a, const char *party,
                                  struct civil day);
const char *
agreement_transfer_basis(const struct agreement *a, const char *party,
                         struct civil day); /* "TREATY", "EXPLICIT_CONSENT" ... */

/* A media type that attachments may have, judged by content. */
bool agreement_media_allowed(const struct agreement *a, const char *media_type);
uint64_t agreement_attachment_max(const struct agreement *a); /* octets of one */

/* Marks the losses that stop a message at its sender: lists and paths of the agreement's clause, of
 * the kinds it names ("recoded" is ordinarily none of them). */
void agreement_block_losses(const struct agreement *a, struct losses *losses);
/* Categories that may be named as withheld in the report that travels, as bits. */
unsigned agreement_named_categories(const struct agreement *a);

/* Version of a code list; NULL: not named. Policy for unknown codes: "reject", "report". */
const char *agreement_list_version(const struct agreement *a, const char *list);
const char *agreement_unknown_code(const struct agreement *a);

/* An algorithm identifier of XML Security or a TLS version ("TLSv1.3"). */
bool agreement_algorithm_allowed(const struct agreement *a, const char *identifier);
unsigned
agreement_give_up_days(const struct agreement *a); /* delivery is tried so long */

/* The text of a refusal in a language, as the parties worded it; NULL: none, use ours. */
const char *agreement_error_text(const struct agreement *a, const char *code,
                                 const char *language);

#endif
