/*
 * ident.h - personal numbers: their form, their check digits, what is written in them.
 *
 *   BY-IN   identification number of Belarus, 14 characters
 *   IDNP    Moldova, 13 digits                RNOKPP  Ukraine, 10 digits
 *   UNZR    Ukraine, 8-5 digits               NID     Albania, 10 characters
 *
 * Others are not examined. Nothing here repeats a number.
 */
#ifndef MODEL_IDENT_H
#define MODEL_IDENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "model/date.h"

#define IDENT_TEXT 20 /* octets of a number in normal form with NUL */

enum ident_scheme {
    IDENT_OTHER,
    IDENT_BY_IN,
    IDENT_IDNP,
    IDENT_RNOKPP,
    IDENT_UNZR,
    IDENT_NID,
};
const char *ident_scheme_name(enum ident_scheme scheme);    /* "BY-IN" ...; "OTHER" */
enum ident_scheme ident_scheme_find(const char *name);      /* unknown: IDENT_OTHER */
const char *ident_scheme_country(enum ident_scheme scheme); /* "BY"; "" for OTHER */
/* The check is an error when wrong; of NID a warning only, its algorithm rests on one source. */
bool ident_scheme_strict(enum ident_scheme scheme);

enum ident_check {
    IDENT_UNCHECKED, /* scheme OTHER */
    IDENT_OK,
    IDENT_FAILED, /* the form is right, the check is not */
    IDENT_FORM,   /* not the form of such a number */
};
const char *ident_check_name(enum ident_check check); /* as Identifier/@check: "ok" ... */

struct ident_facts {
    enum ident_check check;
    bool homoglyphs; /* Cyrillic letters stand for Latin ones: W-HOMOGLYPH */
    char normal
        [IDENT_TEXT]; /* look-alikes replaced, capitals; "" when the form is wrong */
    bool has_birth;   /* a birth date stands in it (and is a day that exists) */
    struct date birth;
    char sex;       /* 'M', 'F', or 0 when the number does not say */
    bool foreigner; /* NID of a foreigner; BY-IN with BA or BI */
};

/* Blanks around the number are left aside; nothing else is. */
void ident_examine(enum ident_scheme scheme, const char *number, struct ident_facts *ret);

/* The contradiction with a birth date or sex ('M', 'F', 0: not known): W-NUMBER-DATE, W-NUMBER-SEX. */
bool ident_contradicts_birth(const struct ident_facts *facts, struct date birth);
bool ident_contradicts_sex(const struct ident_facts *facts, char sex);

/* ICAO 9303 part 3, 4.9: weights 7, 3, 1; A is 10, '<' is 0. -1 for any other character. */
int mrz_check_digit(const char *text, size_t len);

#endif
