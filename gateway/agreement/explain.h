/*
 * explain.h - the decision in words: for a message between two offices in a state of the case, what
 * may pass and why not the rest. Made by the very function that decides.
 */
#ifndef AGREEMENT_EXPLAIN_H
#define AGREEMENT_EXPLAIN_H

#include <jansson.h>

#include "agreement/decide.h"

struct buf;

struct explain_input {
    const struct agreement *agreement;
    const char *kind; /* "M01" */
    const char *from_office, *to_office;
    const char *case_sender, *case_receiver; /* parties; NULL: those of the offices */
    const char *case_state;                  /* NULL: before the first message */
    const char *beneficiary;                 /* NULL: THB_ADULT */
    const xmlDoc *consents;                  /* real ones; NULL: those assumed below */
    unsigned
        purposes; /* as if the person had signed for these, today, without restriction */
    const char *leg_override;
    int64_t now_ms;
};

struct explain_row {
    const char *path; /* a section, or the field where the answer differs */
    enum category category;
    bool carry;
    enum verdict_check check;
    const char *clause;
    const char *reason;
};

struct explanation {
    struct verdicts verdicts; /* refusals, and one verdict per field of the schema */
    struct explain_row
        *rows; /* borrowed from verdicts, folded to the highest uniform group */
    size_t count, cap;
};

/* False when the message as a whole would be refused (the rows are there all the same). */
bool explain(const struct explain_input *input, struct explanation *ret);
void explanation_free(struct explanation *explanation); /* for AUTO */

void explanation_print(const struct explain_input *input, const struct explanation *e,
                       struct buf *out); /* text, UTF-8 */
json_t *explanation_json(const struct explain_input *input,
                         const struct explanation *e) NODISCARD;

#endif
