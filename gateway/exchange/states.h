/*
 * states.h - the states of a case and what moves it from one to the next.
 *
 * Both gateways keep their own copy. The table in states.c is the whole truth: a message kind
 * (with its outcome, where it has one), sent or received, leads from a state to a state. What
 * stands in no row is refused when our own office asks for it; when the partner does it, the
 * message is kept and receipted, the state stays, and a task tells a person.
 */
#ifndef EXCHANGE_STATES_H
#define EXCHANGE_STATES_H

#include <stdbool.h>

#include "base/attr.h"

struct err;

enum case_state {
    CASE_DRAFT,        /* being written, nothing sent */
    CASE_SENT,         /* M01 accepted for sending, no receipt yet */
    CASE_DELIVERED,    /* the partner's gateway has it, no person yet */
    CASE_UNDER_REVIEW, /* a person of the receiving office took it (M03) */
    CASE_INFO_PENDING, /* a question is open */
    CASE_ACCEPTED,
    CASE_DECLINED,
    CASE_READY,          /* identity, document and reception are settled */
    CASE_TRAVEL_PLANNED, /* M13 and M14 agree */
    CASE_IN_TRANSIT,
    CASE_ALERT, /* not arrived */
    CASE_HANDED_OVER,
    CASE_FOLLOW_UP,
    CASE_SUSPENDED, /* clocks stand still; the state before is kept beside */
    CASE_CLOSING,   /* base consent withdrawn */
    CASE_CLOSED,
    CASE_ERASED, /* only digests and figures remain */
};

enum case_role {
    CASE_ROLE_SENDER,   /* we identified the person and sent the M01 */
    CASE_ROLE_RECEIVER, /* the person comes to us */
};

enum case_trigger {
    CASE_CREATE,
    CASE_M01,
    CASE_RECEIPT, /* the machine's acknowledgement of the M01 (M02) */
    CASE_M03,
    CASE_M04_ACCEPT, /* accept, accept with conditions */
    CASE_M04_DEFER,
    CASE_M04_REDIRECT,
    CASE_M04_DECLINE,
    CASE_M05,
    CASE_M06_ALL,  /* answers everything that was asked */
    CASE_M06_PART, /* leaves something open */
    CASE_M18_WITHDRAW,
    CASE_M20,
    CASE_M21,
};

const char *case_state_name(enum case_state state); /* "UNDER_REVIEW" */
bool case_state_parse(const char *name, enum case_state *ret);
const char *case_role_name(enum case_role role); /* "sender", "receiver" */
bool case_role_parse(const char *name, enum case_role *ret);
const char *case_trigger_name(enum case_trigger trigger);

/* Does the side with this role send (not receive) what the trigger names? */
bool case_trigger_is_ours(enum case_role role, enum case_trigger trigger);

/*
 * The state after the trigger, or false with ERR_REJECT "case.state" whose text names the state,
 * what was asked and what can be done from there.
 */
bool case_state_next(enum case_state from, enum case_trigger trigger,
                     enum case_state *ret_next, struct err *err) NODISCARD;

/* Nothing more is sent in it but what closes and erases. */
bool case_state_is_open(enum case_state state);

#endif
