/*
 * support_dispatch.h - a partner that answers by script, and messages to send it.
 *
 * The partner is a real TLS listener with the keys of UA-GW1; what it answers is said request by
 * request, the last saying repeats. Messages are opaque ones: they need no agreement.
 */
#ifndef SUPPORT_DISPATCH_H
#define SUPPORT_DISPATCH_H

#include "unit/exchange/support_exchange.h"

#include <stdatomic.h>

#include "http/server.h"
#include "store/messages.h"
#include "store/partners.h"

struct saying {
    int status;
    const char *type; /* NULL: none */
    const char *body; /* NULL: none */
    const char *retry_after;
    int wait_ms; /* before answering */
};

#define SAYINGS_MAX 8

struct fake {
    struct saying sayings[SAYINGS_MAX];
    size_t count;
    atomic_uint requests, at_work, at_work_max;
    struct http_service service;
    SSL_CTX *tls;
    struct http_server *server;
    unsigned port;
};

void fake_start(struct fake *f, const struct saying *sayings, size_t count);
void fake_stop(struct fake *f);

#define OPAQUE \
    ", \"pmodes\": [{\"id\": \"connect\", \"content\": \"opaque\", \"office\": \"%s\"," \
    " \"service\": \"urn:test\", \"action\": \"Try\"}]"

/* MD-GW1 with UA-GW1 as partner at that port, and the P-Mode "connect"; more: as desk_partner. */
void sender_open(struct desk *d, unsigned port, const char *more);
/* A port where nobody listens. */
unsigned closed_port(void);

/* A waiting message to UA-GW1; its row. give_up_ms 0: never. */
void enqueue(struct desk *d, char row[STORE_ROW_TEXT], int64_t give_up_ms,
             const char *text);
struct message message_of(struct desk *d, const char *row);
struct partner_row partner_of(struct desk *d);
struct buf body_of(struct desk *d, const char *row, const char *name, bool *ret_found);
/* The newest received opaque message of a desk; false: none. */
bool newest_in(struct desk *d, struct message *ret, size_t *ret_count);
/* Claims what is due now, at most max. */
void claim_due(struct desk *d, size_t max, struct message_list *ret);

#endif
