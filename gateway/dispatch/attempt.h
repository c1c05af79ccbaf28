/*
 * attempt.h - deliver one claimed message once, and write down what came of it.
 *
 * The lane decides when; an attempt decides what happened. It never sleeps or loops.
 */
#ifndef DISPATCH_ATTEMPT_H
#define DISPATCH_ATTEMPT_H

#include <stdbool.h>

#include "dispatch/dispatch.h"
#include "store/messages.h"

struct http_client;
struct partner;

struct attempt_result {
    bool
        reached; /* the partner's gateway answered, also with an error for this message */
    bool failed; /* it did not, or takes nothing from anybody now */
    bool
        trouble; /* our store refused to note the verdict: the claim runs out by itself */
};

void attempt_one(const struct exchange *x, const struct dispatch_settings *settings,
                 const struct snapshot *snap, const struct partner *partner,
                 struct http_client *client, const struct message *m,
                 struct attempt_result *ret);

#endif
