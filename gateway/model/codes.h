/*
 * codes.h - the code lists: canonical codes with labels, and each country's values both ways.
 *
 * Data in mappings/lists/NAME.json (mappings/lists/README.md). Loaded once, immutable, shared by
 * threads; every look-up is a hash. Codes are compared octet by octet, so the Cyrillic letter М is
 * not the Latin M.
 */
#ifndef MODEL_CODES_H
#define MODEL_CODES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct code_list;
struct codes; /* a set of lists */
struct err;
struct fileset;

#define CODES_LISTS_MAX  200  /* lists of a set */
#define CODES_VALUES_MAX 5000 /* codes of a list; values of one country in a list */
#define CODES_LANGUAGES  6    /* en be ru ro uk sq */

enum code_relation {
    CODE_EXACT,    /* same extent */
    CODE_BROADER,  /* the national value is wider */
    CODE_NARROWER, /* the national value is tighter */
    CODE_OVERLAP,  /* partly the same */
};
enum code_loss {
    CODE_LOSS_NONE,        /* same extent */
    CODE_LOSS_BLURRED,     /* right value, other extent */
    CODE_LOSS_GENERALISED, /* the value of the parent */
    CODE_LOSS_REPLACED,    /* the value of another code */
    CODE_LOSS_MISSING,     /* no value */
};
const char *code_relation_name(enum code_relation relation);
const char *code_loss_name(enum code_loss loss);

struct code {
    const char *code;
    const char *parent;           /* NULL */
    const char *htcds;            /* value of HTCDS 2.0; NULL */
    const char *alpha3, *numeric; /* list country only */
    const char *labels[CODES_LANGUAGES];
    unsigned rank; /* place in the list, from 0: the order of ordered lists */
};

/* Inbound: what a national value means. */
struct code_in {
    const char *national; /* as the form writes it (a loose match gives this spelling) */
    const char *canonical;
    enum code_relation relation;
    const char *label; /* wording in the country's language; NULL */
    const char *note;  /* for whoever reads the mapping; NULL */
    const char *set_name,
        *set_value; /* attribute it sets beside the code ("extended"); NULL */
};

/* Outbound: how a country says a canonical code. */
struct code_out {
    const char *national; /* NULL: the country has no value */
    enum code_loss loss;
    const char *warning; /* NULL */
};

/*
 * Every *.json of the set (fileset_below() the lists' folder first). ERR_CONFIG "codes.form",
 * "codes.twice", "codes.name", "codes.reference", "codes.too-many", and those of json.h.
 */
struct codes *codes_load(const struct fileset *files, struct err *err) NODISCARD;
void codes_free(struct codes **codes); /* for AUTO */
size_t codes_count(const struct codes *codes);
const struct code_list *codes_at(const struct codes *codes, size_t index); /* by name */
const struct code_list *codes_list(const struct codes *codes,
                                   const char *name); /* NULL */

const char *code_list_name(const struct code_list *list);
const char *code_list_version(const struct code_list *list);
const char *code_list_title(const struct code_list *list);
bool code_list_ordered(const struct code_list *list);
size_t code_list_count(const struct code_list *list);
const struct code *code_list_at(const struct code_list *list, size_t index);
const struct code *code_list_find(const struct code_list *list,
                                  const char *code); /* NULL */

/* language: "en", "be", "ru", "ro", "uk", "sq"; another, or no label: English, then the code. */
const char *code_label(const struct code *code, const char *language);

bool code_list_speaks(const struct code_list *list, const char *country);
size_t code_list_values(const struct code_list *list, const char *country);
const struct code_in *code_list_value(const struct code_list *list, const char *country,
                                      size_t index);
/* NULL: not a value of that country. loose: accents and case are left aside. */
const struct code_in *code_in(const struct code_list *list, const char *country,
                              const char *national, bool loose);
/* NULL: no such canonical code, or the country has no values in this list. */
const struct code_out *code_out(const struct code_list *list, const char *country,
                                const char *code);
/* The value that says the code with an attribute set beside it (IDENTIFIED with extended=true is 21 in
 * Ukraine); NULL: none, code_out() is right. */
const struct code_in *code_out_with(const struct code_list *list, const char *country,
                                    const char *code, const char *set_name,
                                    const char *set_value);
/*
 * A value that would be right if look-alike letters were taken for each other (Latin M for Cyrillic М,
 * Latin B for Cyrillic В): for the remedy only, never taken by itself. NULL: none.
 */
const struct code_in *code_lookalike(const struct code_list *list, const char *country,
                                     const char *national);

#endif
