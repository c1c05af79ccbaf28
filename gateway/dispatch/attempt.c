/*
 * attempt.c - one delivery, from claim to verdict.
 *
 * The order is the promise: claim, deliver, write down, log. If we die between deliver and
 * write-down, the claim runs out and the message goes again under the same ids; the receiver
 * drops the double. So a message may travel twice but is never lost, and the log never tells of
 * something the store does not know.
 */
#include "dispatch/attempt.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "exchange/courier.h"
#include "exchange/partner.h"

/* When a message is due again: the partner's wish, else the spacing of its own attempts. */
static void set_next(const struct exchange *x, const struct dispatch_settings *s,
                     const struct message *m, struct courier_report *r)
{
    int64_t wait = dispatch_wait(s, m->attempts == 0 ? 1 : m->attempts);

    if (r->retry_after_s * SECOND_MS > wait)
        wait = r->retry_after_s * SECOND_MS;
    r->verdict.next_ms = clock_now(x->clock) + wait;
}

static void report(const struct message *m, const struct courier_report *r)
{
    if (r->verdict.outcome == QUEUE_DELIVERED)
        log_info("message.delivered", log_s("message", m->id), log_s("case", m->case_id),
                 log_s("partner", m->partner), log_u("try", m->attempts));
    else
        log_warn("message.not-delivered", log_s("message", m->id),
                 log_s("partner", m->partner), log_u("try", m->attempts),
                 log_s("outcome", queue_outcome_name(r->verdict.outcome)),
                 log_s("code", r->code));
}

void attempt_one(const struct exchange *x, const struct dispatch_settings *settings,
                 const struct snapshot *snap, const struct partner *partner,
                 struct http_client *client, const struct message *m,
                 struct attempt_result *ret)
{
    AUTO(courier_report_free) struct courier_report r = { 0 };
    struct err err = { 0 };

    if (m->give_up_ms != 0 && clock_now(x->clock) >= m->give_up_ms)
        courier_give_up(m, &r);
    else
        courier_deliver(x, snap, partner, client, m, &r);
    if (r.verdict.outcome == QUEUE_RETRY)
        set_next(x, settings, m, &r);
    ret->reached = r.reached && !r.busy;
    ret->failed = !ret->reached && !r.verdict.not_an_attempt;
    if (!courier_settle(x, m, &r, &err)) {
        log_warn("message.stays-claimed", log_s("message", m->id), log_fault(&err));
        ret->trouble = err.kind != ERR_REJECT;
        return;
    }
    report(m, &r);
}
