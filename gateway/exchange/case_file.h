/*
 * case_file.h - what we keep of a case beside its messages: state, consents, open questions,
 * numbers.
 *
 * The row holds ids and states; everything about the person stands in sealed records:
 * "consents" (the Consent sections of the referral, as a canonical document), "questions" (which
 * paths were asked by whom and are not answered), "facts" (birth date, beneficiary, the two
 * national case numbers).
 */
#ifndef EXCHANGE_CASE_FILE_H
#define EXCHANGE_CASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <libxml/tree.h>

#include "base/attr.h"
#include "base/str.h"
#include "exchange/states.h"
#include "store/cases.h"

struct err;
struct path_table;
struct store;
struct store_tx;

#define CASE_NUMBER_TEXT 244 /* 60 characters of UTF-8 with NUL */

struct case_file {
    struct case_row row;
    enum case_role role;
    enum case_state state;
    xmlDoc *consents;                          /* NULL: none kept */
    struct strlist asked_by_us, asked_by_them; /* canonical paths not answered yet */
    char own_number[CASE_NUMBER_TEXT];         /* our office's number of the case; "" */
    char their_number[CASE_NUMBER_TEXT];       /* the partner office's; "" */
    char person[CASE_NUMBER_TEXT];             /* the name the case is known by; "" */
    char birth_date[16];                       /* YYYY[-MM[-DD]] or "" */
    char beneficiary[STORE_CODE_TEXT];
};
void case_file_free(struct case_file **file); /* for AUTO */

/* *ret NULL: there is no such case. */
bool case_file_load(struct store_tx *tx, const char *case_id, struct case_file **ret,
                    struct err *err) NODISCARD;

/* The sealed records as they are now in the struct. */
bool case_file_save(struct store_tx *tx, const struct case_file *file,
                    struct err *err) NODISCARD;

/*
 * Moves the state by a trigger, in row and struct. ERR_REJECT "case.state" when the table has no
 * such row; ERR_RETRY "case.moved" when somebody else moved it meanwhile.
 */
bool case_file_move(struct store_tx *tx, struct case_file *file,
                    enum case_trigger trigger, struct err *err) NODISCARD;

/* The machine's receipt for the M01: SENT becomes DELIVERED, a later state stays. */
bool case_file_receipt(struct store_tx *tx, const char *case_id,
                       struct err *err) NODISCARD;

/* Takes the Consent sections of a document over (instead of those kept). */
void case_file_take_consents(struct case_file *file, const xmlDoc *doc,
                             const struct path_table *paths);

/* Name, birth date and beneficiary of the referral, for later messages of the case. */
void case_file_take_person(struct case_file *file, const xmlDoc *m01);

/* Notes what an M05 asks (by us or them), and what an M06 of the other side answers. */
void case_file_ask(struct case_file *file, bool by_us, const xmlDoc *m05);
/* True when nothing that was asked by that side is open any more. */
bool case_file_answer(struct case_file *file, bool asked_by_us, const xmlDoc *m06);

#endif
