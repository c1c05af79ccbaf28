/*
 * wire.h - the partners' listener: POST of AS4 messages, and nothing else.
 */
#ifndef EXCHANGE_WIRE_H
#define EXCHANGE_WIRE_H

#include <stdatomic.h>

#include "exchange/exchange.h"
#include "http/server.h"

#define WIRE_PATH "/as4"
/* 256 MiB of parts as they are sent (PMODE_WIRE_MAX), the envelope and the MIME heads */
#define WIRE_BODY_MAX (UINT64_C(258) << 20)
/* Failures of signature or decryption of one partner in a minute, then 503 for the rest of it. */
#define WIRE_FAILURES_MAX 20

struct wire_counters {
    atomic_uint_fast64_t taken, duplicates, refused, silent, quarantined, broken;
};

struct wire {
    const struct exchange *x;
    struct wire_counters counters;
    struct wire_private *private;
};

struct wire *wire_new(const struct exchange *x) NODISCARD;
void wire_free(struct wire **wire);

/* The service for the listener; ctx is the wire. */
struct http_service wire_service(struct wire *wire, unsigned workers);

#endif
