/*
 * name.h - names and other words of people: scripts, look-alikes, one-line names, spellings.
 *
 * Texts are well-formed UTF-8. Nothing is ever corrected silently: whoever changes a text is told by
 * the result and reports it.
 */
#ifndef MODEL_NAME_H
#define MODEL_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct buf;

enum script {
    SCRIPT_NONE, /* no letter */
    SCRIPT_LATIN,
    SCRIPT_CYRILLIC,
    SCRIPT_OTHER,
    SCRIPT_MIXED, /* two scripts in one text */
};
const char *
script_code(enum script script); /* ISO 15924: "Latn", "Cyrl"; "Zyyy", "Zzzz" */
enum script script_of(const char *text);
/* A word (between blanks and hyphens) has letters of two scripts: probably look-alikes. */
bool script_mixed_word(const char *text);

/* Look-alikes of the other script are replaced (А В Е К М Н О Р С Т У Х І Ј Ѕ and small ones); what
 * has no twin stays. Adds to out; true when something was replaced. */
bool lookalike_to_latin(const char *text, struct buf *out);
bool lookalike_to_cyrillic(const char *text, struct buf *out);

/* Romanian: cedilla letters become comma letters (Ş ş Ţ ţ to Ș ș Ț ț). True when one did. */
bool name_comma_letters(const char *text, struct buf *out);
/* Ukrainian and Belarusian: ' ’ ‘ ` ´ between letters become U+02BC. True when one did. */
bool name_apostrophes(const char *text, struct buf *out);

/* For comparison only: small letters, no accents (ё stays е with dots aside), no apostrophes, one
 * blank between words. "Shqipëri" and "SHQIPERI" fold alike. */
void text_fold(const char *text, struct buf *out);

/* --- one-line names ---------------------------------------------------------------------- */

enum name_part {
    NAME_SURNAME,
    NAME_GIVEN,
    NAME_PATRONYMIC,
    NAME_FATHER,
};
#define NAME_PARTS 4
const char *
name_part_name(enum name_part part); /* "Surname", "Given", "Patronymic", "FatherName" */

struct name_split {
    char *part[NAME_PARTS]; /* owned; NULL: not there */
    bool
        sure; /* two or three words of which the last of three is a patronymic; else W-NAME-SPLIT
                  must say that a person has to look */
};

/*
 * "Surname Given Patronymic": the last word is the patronymic when it ends like one (-ович -йович
 * -івна -ївна -евич -овна -евна -ична -інічна -авіч -евіч -аўна -еўна -evich -ovych ...); of the rest the
 * last is the given name, what stands before it the surname. One word is the surname. False: nothing
 * but blanks. name_split_free() when done.
 */
bool name_split(const char *line, struct name_split *ret) NODISCARD;
void name_split_free(struct name_split *split); /* for AUTO */
bool name_is_patronymic(const char *word);

/* "Surname Given Patronymic" with what there is, adds to out. */
void name_join(const char *surname, const char *given, const char *patronymic,
               struct buf *out);

/* Only A to Z, blank, hyphen and apostrophe: accents are left out as in the machine-readable zone.
 * False when a letter has no such form (Cyrillic); then out has nothing more. True also when nothing
 * had to change. */
bool name_plain_latin(const char *text, struct buf *out) NODISCARD;

/* --- transliteration --------------------------------------------------------------------- */

enum translit {
    TRANSLIT_UA_2010, /* Ukraine, resolution 55 of 27 January 2010 */
    TRANSLIT_BY_2010, /* Belarus, interior ministry 200/2010, as in passports */
    TRANSLIT_RU_ICAO, /* Russian spelling, ICAO 9303 part 3 section 6 */
};
const char *translit_name(enum translit rule); /* "UA-55-2010" ...: for Name/@scheme */
/* By the language of the spelling: uk, be, ru. False: no rule for it. */
bool translit_for(const char *language, enum translit *ret);
/* Adds to out; letters that are Latin already stay. False: a letter the rule does not know. */
bool name_transliterate(const char *text, enum translit rule, struct buf *out) NODISCARD;

#endif
