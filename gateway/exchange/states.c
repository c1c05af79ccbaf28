/*
 * states.c - the table of a case's states, and its drawing.
 *
 *   DRAFT --M01--> SENT --receipt--> DELIVERED --M03--> UNDER_REVIEW --M04 accept--> ACCEPTED
 *                                                        |   ^  |
 *                                                M05/defer   M06 all
 *                                                        v   |  '--M04 decline/redirect--> DECLINED
 *                                                     INFO_PENDING
 *
 *   any open state --M20--> CLOSED;  --M18 withdraws the base consent--> CLOSING --M21--> CLOSED
 *
 * A message may overtake the receipt of the one before (two connections): M03 in SENT counts as
 * receipt and M03 at once, and a receipt that comes later changes nothing. The states of travel
 * and reintegration stand here by name so that stored cases of later versions are understood;
 * their rows come with the messages that lead to them.
 */
#include "exchange/states.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

static const char *const state_names[] = {
    [CASE_DRAFT] = "DRAFT",
    [CASE_SENT] = "SENT",
    [CASE_DELIVERED] = "DELIVERED",
    [CASE_UNDER_REVIEW] = "UNDER_REVIEW",
    [CASE_INFO_PENDING] = "INFO_PENDING",
    [CASE_ACCEPTED] = "ACCEPTED",
    [CASE_DECLINED] = "DECLINED",
    [CASE_READY] = "READY",
    [CASE_TRAVEL_PLANNED] = "TRAVEL_PLANNED",
    [CASE_IN_TRANSIT] = "IN_TRANSIT",
    [CASE_ALERT] = "ALERT",
    [CASE_HANDED_OVER] = "HANDED_OVER",
    [CASE_FOLLOW_UP] = "FOLLOW_UP",
    [CASE_SUSPENDED] = "SUSPENDED",
    [CASE_CLOSING] = "CLOSING",
    [CASE_CLOSED] = "CLOSED",
    [CASE_ERASED] = "ERASED",
};

static const char *const trigger_names[] = {
    [CASE_CREATE] = "create",
    [CASE_M01] = "M01 (referral)",
    [CASE_RECEIPT] = "receipt",
    [CASE_M03] = "M03 (take)",
    [CASE_M04_ACCEPT] = "M04 (accept)",
    [CASE_M04_DEFER] = "M04 (defer)",
    [CASE_M04_REDIRECT] = "M04 (redirect)",
    [CASE_M04_DECLINE] = "M04 (decline)",
    [CASE_M05] = "M05 (ask)",
    [CASE_M06_ALL] = "M06 (answer)",
    [CASE_M06_PART] = "M06 (answer in part)",
    [CASE_M18_WITHDRAW] = "M18 (consent withdrawn)",
    [CASE_M20] = "M20 (cancel)",
    [CASE_M21] = "M21 (close)",
};

/* clang-format off */
static const struct row {
    enum case_state from;
    enum case_trigger trigger;
    enum case_state to;
} rows[] = {
    { CASE_DRAFT,        CASE_M01,          CASE_SENT },
    { CASE_SENT,         CASE_RECEIPT,      CASE_DELIVERED },
    { CASE_SENT,         CASE_M03,          CASE_UNDER_REVIEW },
    { CASE_DELIVERED,    CASE_M03,          CASE_UNDER_REVIEW },
    { CASE_UNDER_REVIEW, CASE_RECEIPT,      CASE_UNDER_REVIEW },
    { CASE_UNDER_REVIEW, CASE_M05,          CASE_INFO_PENDING },
    { CASE_UNDER_REVIEW, CASE_M04_ACCEPT,   CASE_ACCEPTED },
    { CASE_UNDER_REVIEW, CASE_M04_DEFER,    CASE_INFO_PENDING },
    { CASE_UNDER_REVIEW, CASE_M04_DECLINE,  CASE_DECLINED },
    { CASE_UNDER_REVIEW, CASE_M04_REDIRECT, CASE_DECLINED },
    { CASE_INFO_PENDING, CASE_RECEIPT,      CASE_INFO_PENDING },
    { CASE_INFO_PENDING, CASE_M05,          CASE_INFO_PENDING },
    { CASE_INFO_PENDING, CASE_M06_ALL,      CASE_UNDER_REVIEW },
    { CASE_INFO_PENDING, CASE_M06_PART,     CASE_INFO_PENDING },
    { CASE_INFO_PENDING, CASE_M04_ACCEPT,   CASE_ACCEPTED },
    { CASE_INFO_PENDING, CASE_M04_DECLINE,  CASE_DECLINED },
    { CASE_INFO_PENDING, CASE_M04_REDIRECT, CASE_DECLINED },
    { CASE_ACCEPTED,     CASE_RECEIPT,      CASE_ACCEPTED },
    { CASE_ACCEPTED,     CASE_M05,          CASE_ACCEPTED },
    { CASE_ACCEPTED,     CASE_M06_ALL,      CASE_ACCEPTED },
    { CASE_ACCEPTED,     CASE_M06_PART,     CASE_ACCEPTED },
    { CASE_DECLINED,     CASE_RECEIPT,      CASE_DECLINED },
    /* An answer that was on its way when the decision fell. */
    { CASE_DECLINED,     CASE_M06_ALL,      CASE_DECLINED },
    { CASE_DECLINED,     CASE_M06_PART,     CASE_DECLINED },
    { CASE_CLOSING,      CASE_M21,          CASE_CLOSED },
    { CASE_DECLINED,     CASE_M21,          CASE_CLOSED },
    { CASE_ACCEPTED,     CASE_M21,          CASE_CLOSED },
};
/* clang-format on */

const char *case_state_name(enum case_state state)
{
    return state_names[state];
}

bool case_state_parse(const char *name, enum case_state *ret)
{
    for (size_t i = 0; i < COUNT_OF(state_names); i++) {
        if (text_eq(name, state_names[i])) {
            *ret = (enum case_state)i;
            return true;
        }
    }
    return false;
}

const char *case_role_name(enum case_role role)
{
    return role == CASE_ROLE_SENDER ? "sender" : "receiver";
}

bool case_role_parse(const char *name, enum case_role *ret)
{
    if (text_eq(name, "sender"))
        *ret = CASE_ROLE_SENDER;
    else if (text_eq(name, "receiver"))
        *ret = CASE_ROLE_RECEIVER;
    else
        return false;
    return true;
}

const char *case_trigger_name(enum case_trigger trigger)
{
    return trigger_names[trigger];
}

bool case_trigger_is_ours(enum case_role role, enum case_trigger trigger)
{
    switch (trigger) {
    case CASE_CREATE:
    case CASE_M01:
    case CASE_M20:
        return role == CASE_ROLE_SENDER;
    case CASE_M03:
    case CASE_M04_ACCEPT:
    case CASE_M04_DEFER:
    case CASE_M04_REDIRECT:
    case CASE_M04_DECLINE:
        return role == CASE_ROLE_RECEIVER;
    case CASE_RECEIPT:
        return false;
    case CASE_M05:
    case CASE_M06_ALL:
    case CASE_M06_PART:
    case CASE_M18_WITHDRAW:
    case CASE_M21:
        return true; /* both sides may */
    }
    return false;
}

bool case_state_is_open(enum case_state state)
{
    return state != CASE_CLOSING && state != CASE_CLOSED && state != CASE_ERASED;
}

static bool before_handover(enum case_state state)
{
    return case_state_is_open(state) && state != CASE_HANDED_OVER &&
           state != CASE_FOLLOW_UP;
}

static void list_one(enum case_trigger trigger, char *out, size_t size)
{
    size_t used = strlen(out);

    snprintf(out + used, size - used, "%s%s", used ? ", " : "", trigger_names[trigger]);
}

/* "M03 (take), M20 (cancel)": what is possible from a state. */
static void possible(enum case_state from, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].from == from && rows[i].trigger != CASE_RECEIPT)
            list_one(rows[i].trigger, out, size);
    if (before_handover(from)) {
        list_one(CASE_M18_WITHDRAW, out, size);
        list_one(CASE_M20, out, size);
    }
}

bool case_state_next(enum case_state from, enum case_trigger trigger,
                     enum case_state *ret_next, struct err *err)
{
    char can[240];

    if (before_handover(from) && (trigger == CASE_M20 || trigger == CASE_M18_WITHDRAW)) {
        *ret_next = trigger == CASE_M20 ? CASE_CLOSED : CASE_CLOSING;
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].from == from && rows[i].trigger == trigger) {
            *ret_next = rows[i].to;
            return true;
        }
    }
    possible(from, can, sizeof can);
    return err_set(err, ERR_REJECT, "case.state",
                   "the case is %s: %s is not possible there%s%s", state_names[from],
                   trigger_names[trigger], can[0] ? "; possible: " : "", can);
}
