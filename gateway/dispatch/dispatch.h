/*
 * dispatch.h - when a waiting message is tried: a lane of sender threads per partner.
 *
 * A slow or dead partner holds up nobody else. While a partner does not answer, or takes nothing
 * (429, 503), one message at a time probes it, at growing intervals; when it is back everything
 * that met no answer is due at once, in order. The verdicts are the courier's, the durable
 * queue is the store's; here is only time.
 */
#ifndef DISPATCH_DISPATCH_H
#define DISPATCH_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "exchange/exchange.h"

struct dispatch;
struct err;

#define DISPATCH_STEPS 8

struct dispatch_settings {
    int64_t spacing_ms
        [DISPATCH_STEPS]; /* wait after the 1st, 2nd ... failure; the last repeats */
    size_t spacing_count;
    unsigned jitter_percent; /* of a wait, either way */
    int64_t lease_ms;        /* a claim; longer than the longest send */
    int64_t poll_ms;         /* looks for work of other nodes so often */
    int64_t connect_ms, total_ms;
};

/* 10 s, 1 min, 5 min, 15 min, 1 h and hourly; 10 %; 10 min; 5 s. */
void dispatch_defaults(struct dispatch_settings *settings);

/* Takes back what this node had claimed when it died, then starts a lane per partner. */
struct dispatch *dispatch_start(const struct exchange *x,
                                const struct dispatch_settings *settings,
                                struct err *err) NODISCARD;

/* Something is due for that partner (NULL: any). Any thread. */
void dispatch_wake(struct dispatch *d, const char *partner);

/* After a new snapshot: lanes for new partners, new certificates for the others. */
void dispatch_reload(struct dispatch *d);

/* Ends the senders: attempts under way finish or are aborted after drain_ms. Frees. */
void dispatch_stop(struct dispatch **d, int64_t drain_ms);

/* The wait before the next try after so many failures in a row (from 1), without jitter. */
int64_t dispatch_wait(const struct dispatch_settings *settings, unsigned failures);

#endif
