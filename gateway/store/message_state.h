/*
 * message_state.h - the states of a message in each direction, and which may follow which.
 *
 * The table and the drawing stand in message_state.c; no other code decides it.
 */
#ifndef STORE_MESSAGE_STATE_H
#define STORE_MESSAGE_STATE_H

#include <stdbool.h>

#include "base/attr.h"

enum message_direction {
    MESSAGE_OUT, /* from our office to a partner */
    MESSAGE_IN,  /* from a partner to our office */
};

enum message_state {
    /* going out */
    MESSAGE_WAITING,                    /* accepted, due at a time */
    MESSAGE_SENDING,                    /* claimed by one sender, under a lease */
    MESSAGE_DELIVERED,                  /* valid receipt stored */
    MESSAGE_DELIVERED_WITHOUT_EVIDENCE, /* partner says duplicate, no receipt to be had */
    MESSAGE_HELD,                       /* kept back; hold kind and reason stored */
    MESSAGE_REJECTED,                   /* partner's final refusal */
    MESSAGE_EXPIRED,                    /* time over */
    MESSAGE_CANCELLED,                  /* taken back */
    /* coming in */
    MESSAGE_RECEIVED,     /* stored, receipted */
    MESSAGE_READY,        /* deliverable made */
    MESSAGE_UNTRANSLATED, /* deliverable made from the canonical view, task open */
    MESSAGE_HANDED_OVER,  /* given to the office, not acknowledged */
    MESSAGE_ACKNOWLEDGED, /* the office has it */
    MESSAGE_REFUSED,      /* content gone, digests and reason kept */
    MESSAGE_QUARANTINED,  /* ended the process before; a person must look */
};
#define MESSAGE_STATES (MESSAGE_QUARANTINED + 1)

const char *message_direction_name(enum message_direction direction); /* "out", "in" */
bool message_direction_parse(const char *name, enum message_direction *ret);
const char *
message_state_name(enum message_state state); /* "delivered-without-evidence" */
bool message_state_parse(const char *name, enum message_state *ret);

enum message_direction message_state_direction(enum message_state state);

/* May a new message of its direction begin in this state? */
bool message_state_is_first(enum message_state state);
bool message_state_may(enum message_state from, enum message_state to);
/* Nothing follows but what a person decides. */
bool message_state_is_final(enum message_state state);
/* Outgoing and not final: waiting, sending, held. */
bool message_state_is_open(enum message_state state);

/* M11, M16, M18, M20, M25: neither wait for lower sequences nor are held back by them. */
bool message_kind_overtakes(const char *kind);

#endif
