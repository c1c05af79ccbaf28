/*
 * decide_private.h - one decision while it is made.
 */
#ifndef AGREEMENT_DECIDE_PRIVATE_H
#define AGREEMENT_DECIDE_PRIVATE_H

#include "agreement/agreement_private.h"
#include "agreement/decide.h"
#include "model/message.h"
#include "model/path.h"

#define ASKED_MAX 200 /* paths of a question or an answer that are looked at */

struct view {
    const struct decide_input *in;
    const struct agreement *a;
    const struct message_type *type;
    const struct message_rule
        *rule; /* NULL: the rights of an office, not a message on its way */
    const struct agreement_office *from, *to;
    const struct leg_rule *leg;
    const char *case_sender, *case_receiver;
    bool third;
    struct civil day;
    struct age age;
    bool child; /* it may be one */
    const char *beneficiary;
    const struct role_rule *role; /* of the office that gets to see it */
    const char *consent_office;   /* that a consent must name; NULL: none need be named */
    unsigned purposes;            /* whose consents count */
    bool consents_matter;
    bool vital;
    struct path_steps asked[ASKED_MAX], answered[ASKED_MAX];
    size_t asked_count, answered_count;
    unsigned asked_categories;
    struct verdicts *out;
};

/* What a field is for the rules: path and categories that all must be allowed. */
struct subject {
    const char *path;    /* by which rules know it */
    const xmlNode *node; /* NULL: in an explanation */
    enum category categories[4];
    size_t category_count;
};

/* Runs all checks; fills carry, check, clause, reason, consent of the verdict. */
void field_rule_on(struct view *view, const struct subject *subject, struct verdict *ret);
/* Withholds with a reason of its own. */
void verdict_withhold(struct view *view, struct verdict *v, enum verdict_check check,
                      const char *clause, const char *fmt, ...) PRINTF_LIKE(5, 6);
struct verdict *verdict_add(struct view *view, const char *path, enum category category,
                            const xmlNode *node, const char *attribute);
void refuse(struct view *view, const char *code, const char *clause, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* Both ages a person may have must be covered. */
const struct consent *view_cover(const struct view *view, unsigned purposes,
                                 enum category category, const char *path,
                                 enum consent_fault *ret_fault);

/* A verdict for every field of the document. */
void view_walk(struct view *view);
/* Sets up all of a view but its document; refusals that make the rest meaningless return false. */
bool view_open(struct view *view, const struct decide_input *in, const char *kind,
               struct verdicts *out);
/* Every refusal that does not depend on single fields. */
void view_check_message(struct view *view);

#endif
