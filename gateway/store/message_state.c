/*
 * message_state.c - which state of a message may follow which.
 *
 *   out                                   .-> delivered-without-evidence -.
 *                                         |                               v
 *   waiting ---> sending -----------------+-----------------------> delivered
 *    ^ | ^ ^        |  |  `-> rejected --.|
 *    | | | `--------'  `----> expired ---+|   retry by a person: back to waiting
 *    | | `------------------------------'
 *    | v                                      sending -> held: the verdict of an attempt
 *    held ------> cancelled, expired          waiting -> cancelled, expired
 *
 *   in
 *   received --> ready --------> handed-over --> acknowledged
 *      |           ^                 ^  |_^ a repeat
 *      |           | mapping mended  |
 *      +-----> untranslated ---------'
 *      +-----> refused
 *      +<----> quarantined --> refused
 */
#include "store/message_state.h"

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define BIT(state) (UINT32_C(1) << (state))

struct state {
    const char *name;
    enum message_direction direction;
    bool first;
    uint32_t next; /* BIT() of each state that may follow */
};

/* clang-format off */
static const struct state states[MESSAGE_STATES] = {
    [MESSAGE_WAITING] = { "waiting", MESSAGE_OUT, true,
        BIT(MESSAGE_SENDING) | BIT(MESSAGE_HELD) | BIT(MESSAGE_CANCELLED) | BIT(MESSAGE_EXPIRED) },
    [MESSAGE_SENDING] = { "sending", MESSAGE_OUT, false,
        BIT(MESSAGE_WAITING) | BIT(MESSAGE_DELIVERED) | BIT(MESSAGE_DELIVERED_WITHOUT_EVIDENCE) |
        BIT(MESSAGE_HELD) | BIT(MESSAGE_REJECTED) | BIT(MESSAGE_EXPIRED) },
    [MESSAGE_DELIVERED] = { "delivered", MESSAGE_OUT, false, 0 },
    [MESSAGE_DELIVERED_WITHOUT_EVIDENCE] = { "delivered-without-evidence", MESSAGE_OUT, false,
        BIT(MESSAGE_DELIVERED) },
    [MESSAGE_HELD] = { "held", MESSAGE_OUT, true,
        BIT(MESSAGE_WAITING) | BIT(MESSAGE_CANCELLED) | BIT(MESSAGE_EXPIRED) },
    [MESSAGE_REJECTED] = { "rejected", MESSAGE_OUT, false, BIT(MESSAGE_WAITING) },
    [MESSAGE_EXPIRED] = { "expired", MESSAGE_OUT, false, BIT(MESSAGE_WAITING) },
    [MESSAGE_CANCELLED] = { "cancelled", MESSAGE_OUT, false, 0 },
    [MESSAGE_RECEIVED] = { "received", MESSAGE_IN, true,
        BIT(MESSAGE_READY) | BIT(MESSAGE_UNTRANSLATED) | BIT(MESSAGE_REFUSED) |
        BIT(MESSAGE_QUARANTINED) },
    [MESSAGE_READY] = { "ready", MESSAGE_IN, true, BIT(MESSAGE_HANDED_OVER) },
    [MESSAGE_UNTRANSLATED] = { "untranslated", MESSAGE_IN, true,
        BIT(MESSAGE_READY) | BIT(MESSAGE_HANDED_OVER) },
    [MESSAGE_HANDED_OVER] = { "handed-over", MESSAGE_IN, false,
        BIT(MESSAGE_HANDED_OVER) | BIT(MESSAGE_ACKNOWLEDGED) },
    [MESSAGE_ACKNOWLEDGED] = { "acknowledged", MESSAGE_IN, false, 0 },
    [MESSAGE_REFUSED] = { "refused", MESSAGE_IN, true, 0 },
    [MESSAGE_QUARANTINED] = { "quarantined", MESSAGE_IN, true,
        BIT(MESSAGE_RECEIVED) | BIT(MESSAGE_REFUSED) },
};
/* clang-format on */

/* Withdrawals, cancellations and arrivals must not wait behind a form. */
static const char *const overtaking[] = { "M11", "M16", "M18", "M20", "M25" };

const char *message_direction_name(enum message_direction direction)
{
    return direction == MESSAGE_OUT ? "out" : "in";
}

bool message_direction_parse(const char *name, enum message_direction *ret)
{
    if (!text_eq(name, "out") && !text_eq(name, "in"))
        return false;
    *ret = text_eq(name, "out") ? MESSAGE_OUT : MESSAGE_IN;
    return true;
}

const char *message_state_name(enum message_state state)
{
    return states[state].name;
}

bool message_state_parse(const char *name, enum message_state *ret)
{
    for (size_t i = 0; i < MESSAGE_STATES; i++)
        if (text_eq(states[i].name, name)) {
            *ret = (enum message_state)i;
            return true;
        }
    return false;
}

enum message_direction message_state_direction(enum message_state state)
{
    return states[state].direction;
}

bool message_state_is_first(enum message_state state)
{
    return states[state].first;
}

bool message_state_may(enum message_state from, enum message_state to)
{
    return (states[from].next & BIT(to)) != 0;
}

bool message_state_is_final(enum message_state state)
{
    return states[state].direction == MESSAGE_OUT ? !message_state_is_open(state)
                                                  : states[state].next == 0;
}

bool message_state_is_open(enum message_state state)
{
    return state == MESSAGE_WAITING || state == MESSAGE_SENDING || state == MESSAGE_HELD;
}

bool message_kind_overtakes(const char *kind)
{
    for (size_t i = 0; i < COUNT_OF(overtaking); i++)
        if (text_eq(overtaking[i], kind))
            return true;
    return false;
}
