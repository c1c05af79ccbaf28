/*
 * agreement_private.h - an agreement in memory: tables of rules, each with its clause and place.
 *
 * All texts are borrowed from the files' JSON, which lives as long as the agreement.
 */
#ifndef AGREEMENT_PRIVATE_H
#define AGREEMENT_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agreement/agreement.h"
#include "agreement/consent.h"
#include "base/str.h"
#include "format/json.h"
#include "model/category.h"
#include "model/loss.h"
#include "model/message.h"

#define AGREEMENT_FOLDER "agreements/"

struct place {
    const char *file;
    unsigned line;
};

/* What every clause that can decide has. */
struct clause {
    const char *id; /* "7(2)" */
    struct place place;
};

/* An inclusive run of days in the agreement's zone; to NULL: open. */
struct term {
    struct civil from, to;
    bool open;
};

struct basis {
    const char *text;
    struct term term;
};

struct party_rule {
    struct agreement_party pub;
    const char *calendar; /* id of its working-day calendars */
    struct zone *zone;    /* of its working days; owned */
    struct strlist gateways;
    struct agreement_office *offices;
    size_t office_count, office_cap;
    struct basis *legal, *transfer;
    size_t legal_count, legal_cap, transfer_count, transfer_cap;
    struct clause clause;
};

enum suspension {
    SUSPENSION_FINISH, /* open cases go on */
    SUSPENSION_FREEZE, /* they stand still */
    SUSPENSION_CLOSE,  /* they are wound up */
};

struct leg_rule {
    struct agreement_leg pub;
    struct term term;
    enum suspension suspension;
    struct clause clause;
};

/* A field that a consent for a purpose covers besides, whatever its category. */
struct covered_field {
    const char *path;
    uint32_t messages; /* 0: in all */
    bool child;        /* of a child only */
};

struct purpose_rule {
    bool present;
    const char *what;
    unsigned categories;
    struct covered_field *fields;
    size_t field_count, field_cap;
    struct clause clause;
};

enum field_use {
    FIELD_OPTIONAL,
    FIELD_FORBIDDEN,
    FIELD_REQUIRED,
};

/* From a state of the case on, or only in some. */
struct state_rule {
    const char *from, *before; /* NULL */
    struct strlist in;         /* empty: any */
};

struct message_rule {
    bool present;
    unsigned must, may;                  /* categories */
    struct strlist only[CATEGORY_COUNT]; /* fields of a category; empty: all of it */
    unsigned consent;  /* one of these purposes must be covered; 0: none */
    unsigned purposes; /* whose consents count for its fields; 0: all */
    struct state_rule states;
    struct clause clause;
};

struct field_rule {
    const char *path;
    enum field_use use;
    uint32_t messages; /* bits by index in the catalogue; 0: all */
    struct state_rule states;
    bool child; /* of a child only */
    const char *why;
    struct clause clause;
};

struct exclusion {
    enum category category;
    const char *why;
    struct clause clause;
};

struct beneficiary_rule {
    const char *code;
    const char *minimum; /* victim_status; NULL: none */
    unsigned
        without; /* categories that need not be there although the message must have them */
    struct clause clause;
};

struct send_right {
    uint32_t messages;
    struct state_rule states;
    struct clause clause;
};

struct role_rule {
    const char *role;
    unsigned sees;
    struct strlist fields; /* seen besides */
    uint32_t receives;     /* 0: every message */
    struct send_right *sends;
    size_t send_count, send_cap;
    struct clause clause;
};

struct signer_rule {
    int below; /* years of age; 0: whoever is left */
    struct strlist givers;
    struct clause clause;
};

struct consent_rules {
    struct clause clause;
    unsigned max_age_months;
    struct signer_rule *signers;
    size_t signer_count, signer_cap;
    uint32_t after_withdrawal;
    struct clause withdrawal;
    struct clause taker;
    struct strlist vital_fields, vital_levels;
    struct clause vital;
    bool written;
    struct strlist languages;
};

struct child_rules {
    struct clause clause;
    uint32_t guardian_before; /* messages that need a named guardian */
    uint32_t reception_named; /* messages that need Travel/Reception */
};

struct third_rule {
    bool present;
    unsigned categories;
    uint32_t messages;
    unsigned consent; /* purposes of a consent that reaches it */
    struct clause clause;
};

struct ending_rule {
    struct clause clause;
    uint32_t freeze, close; /* messages that pass all the same */
};

struct bound_rule {
    const char *element;
    struct strlist with;
    struct clause clause;
};

struct due_rule {
    uint32_t message; /* one bit */
    const char *answer;
    enum message_term term;
    unsigned amount, urgent; /* urgent 0: the same */
    struct clause clause;
};

struct consent_form_item {
    const char *form, *item;
    unsigned purposes;
    unsigned categories;  /* 0: what the purposes need */
    struct strlist roles; /* recipients; empty: every office of the other side */
    struct clause clause;
};

struct text_rule {
    const char *field, *about;
    uint32_t messages;
    enum category category;
    struct clause clause;
};

struct never_rule {
    const char *field, *why;
    struct clause clause;
};

struct form_rule {
    const char *id;
    struct consent_form_item *items;
    size_t item_count, item_cap;
    struct text_rule *texts;
    size_t text_count, text_cap;
    struct never_rule *never;
    size_t never_count, never_cap;
    struct place place;
};

struct attachment_rules {
    struct clause clause;
    struct strlist types;
    uint64_t max;
    struct strlist kinds; /* pairs: kind, category name */
    enum category evidence, photo;
};

struct calendar {
    const char *id;
    int year;
    bool week[7]; /* Monday first */
    struct civil *off, *on;
    size_t off_count, off_cap, on_count, on_cap;
    struct place place;
};

struct blocking_rule {
    struct strlist what; /* lists and paths */
    unsigned kinds;      /* bits of enum loss_kind */
    unsigned named;      /* categories */
    struct clause clause;
};

struct agreement {
    const char *id, *version, *title, *notice, *zone_name;
    struct zone *zone;
    const struct path_table *paths;
    struct term term;
    unsigned warn_months;
    struct clause clause; /* of validity */

    struct party_rule *parties;
    size_t party_count, party_cap;
    struct leg_rule *legs;
    size_t leg_count, leg_cap;
    struct purpose_rule purposes[PURPOSE_COUNT];
    struct message_rule messages[MESSAGE_COUNT];
    struct field_rule *fields;
    size_t field_count, field_cap;
    struct exclusion *excluded;
    size_t excluded_count, excluded_cap;
    struct beneficiary_rule *beneficiaries;
    size_t beneficiary_count, beneficiary_cap;
    struct role_rule *roles;
    size_t role_count, role_cap;
    struct consent_rules consent;
    struct child_rules children;
    struct third_rule third;
    struct ending_rule suspension, termination;
    unsigned notice_months;
    struct bound_rule *bound;
    size_t bound_count, bound_cap;
    struct due_rule *dues;
    size_t due_count, due_cap;
    struct strlist urgent; /* urgency codes with shorter terms */
    struct form_rule *forms;
    size_t form_count, form_cap;
    struct attachment_rules attachments;
    struct calendar *calendars;
    size_t calendar_count, calendar_cap;
    struct blocking_rule losses;
    struct strlist lists; /* pairs: name, version */
    const char *unknown_code;
    struct clause lists_clause;
    struct strlist algorithms, tls;
    unsigned give_up_days;
    struct clause security;
    json_t *errors;   /* borrowed; NULL */
    json_t *resolved; /* owned: everything, written out */

    struct json_doc **docs; /* every file, in the order read */
    size_t doc_count, doc_cap;
    struct strlist files;
};

/* --- reading, in parts (parse_*.c) ---------------------------------------------------------- */

/* The files of one agreement, the most particular first. A key of a later one is used only when no
 * earlier one has it; of `merged` keys, the keys inside. */
struct layers {
    const struct fileset *files;
    struct agreement *a;
    struct json_at roots[AGREEMENT_EXTENDS_MAX];
    size_t count;
};

/* Reads a file of the set; kept by the agreement. NULL: "agreement.file". */
const struct json_doc *layer_file(struct layers *l, const char *name,
                                  const struct json_at *from, struct err *err);
/* The key in the first layer that has it; value NULL: none. */
struct json_at layer_key(const struct layers *l, const char *key);
/* As layer_key(), but absent is "agreement.clause-missing". */
bool layer_need(const struct layers *l, const char *key, struct json_at *ret,
                struct err *err);
/* Calls see() once for every key of a merged object, with the first layer's value; null takes it
 * away. */
typedef bool layer_see_fn(struct layers *l, const char *key, const struct json_at *at,
                          struct err *err);
bool layer_each(struct layers *l, const char *key, layer_see_fn *see, struct err *err);

bool parse_parties(struct layers *l, struct err *err);
bool parse_legs(struct layers *l, struct err *err);
bool parse_rules(struct layers *l, struct err *err);
bool parse_terms(struct layers *l, struct err *err);
bool parse_forms(struct layers *l, struct err *err);
bool parse_calendars(struct layers *l, struct err *err);

/* Small reads; each names its place in *err. */
bool read_clause(const struct json_at *in, struct clause *ret, struct err *err);
bool read_day(const struct json_at *in, const char *key, struct civil *ret,
              struct err *err);
bool read_term(const struct json_at *in, const char *from, const char *to,
               struct term *ret, struct err *err);
bool read_categories(const struct json_at *in, const char *key, unsigned *ret,
                     struct err *err);
bool read_purposes(const struct json_at *in, const char *key, unsigned *ret,
                   struct err *err);
bool read_messages(const struct json_at *in, const char *key, uint32_t *ret,
                   struct err *err);
bool read_strings(const struct json_at *in, const char *key, struct strlist *ret,
                  struct err *err);
bool read_paths(const struct path_table *paths, const struct json_at *in, const char *key,
                struct strlist *ret, struct err *err);
bool read_path(const struct path_table *paths, const struct json_at *at, const char *text,
               struct err *err);
bool read_states(const struct json_at *in, struct state_rule *ret, struct err *err);
bool read_category(const struct json_at *in, const char *key, enum category *ret,
                   struct err *err);
struct place place_of(const struct json_at *at);

/* --- asking --------------------------------------------------------------------------------- */

uint32_t message_bit(const struct message_type *type); /* 0 for NULL */
size_t message_number(const struct message_type *type);
bool term_has(const struct term *term, struct civil day);
/* Does the state of a case satisfy the rule? state NULL: before the first message. */
bool states_hold(const struct state_rule *rule, const char *state);
bool states_known(const char *state);
const struct role_rule *role_of(const struct agreement *a, const char *role);
const struct party_rule *party_rule_of(const struct agreement *a, const char *id);
const struct form_rule *form_of(const struct agreement *a, const char *form);
const struct purpose_rule *purpose_rule_of(const struct agreement *a,
                                           enum purpose purpose);
bool paths_cover(const struct strlist *list, const char *path);    /* one covers it */
bool paths_envelope(const struct strlist *list, const char *path); /* or it holds one */

#endif
