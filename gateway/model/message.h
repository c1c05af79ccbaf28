/*
 * message.h - the catalogue of messages M01 to M26: who sends what, when an answer is due, and the most
 * that a message may carry. An agreement may allow less, never more.
 */
#ifndef MODEL_MESSAGE_H
#define MODEL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "model/category.h"

#define MESSAGE_COUNT 26

enum message_way {
    MESSAGE_TO_RECEIVER, /* from the country of identification to the country of return */
    MESSAGE_TO_SENDER,   /* back */
    MESSAGE_EITHER,
};

enum message_term {
    MESSAGE_NO_TERM,
    MESSAGE_WORKING_DAYS, /* of the country that answers */
    MESSAGE_DAYS,
    MESSAGE_HOURS,
};

struct message_due {
    const char *answer; /* id of the message that answers: "M04"; "ack": a receipt */
    enum message_term term;
    unsigned amount;
};
#define MESSAGE_DUES 2

enum message_use {
    MESSAGE_NEVER,
    MESSAGE_MAY,
    MESSAGE_MUST,
};

struct message_type {
    const char *id;   /* "M01" */
    const char *name; /* "ReferralRequest" */
    const char *what; /* when it is sent, a sentence */
    enum message_way direction;
    struct message_due due[MESSAGE_DUES];
    unsigned categories; /* that it may carry whole, as bits */
    const char *const
        *paths; /* fields of other categories that it may carry; NULL-terminated */
    const char *const *child_paths; /* the same, of a child only */
    const char *const *must;        /* sections without which it is none */
    const char *own;                /* its own section: "Decision"; NULL */
    bool overtakes;                 /* does not wait for messages before it in the case */
    bool
        document; /* travels as a canonical document (M02 is a receipt or error of the wire) */
    bool known; /* this version reads and writes it */
};

/* NULL: no such message. */
const struct message_type *message_type_find(const char *id_or_name);
const struct message_type *
message_type_at(size_t index); /* 0 .. MESSAGE_COUNT - 1, in order */

/*
 * Whether a message of this kind may carry a field (plain path), given its category (of the element
 * as it stands, path_category()) and whether the person is a child. What carries a whole group may
 * carry what is below it; a path that only holds an allowed one ("Trafficking" for
 * "Trafficking/Status") is allowed as its envelope.
 */
bool message_carries(const struct message_type *type, const char *path,
                     enum category category, bool child);
/* Of a section: "CaseTaken" stands in M03 alone. */
enum message_use message_section(const struct message_type *type, const char *section);

/* The beneficiary category (list beneficiary_category) means a child. */
bool beneficiary_is_child(const char *code);

#endif
