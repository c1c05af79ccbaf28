/*
 * notice.h - "a case waits": told to an office by mail or webhook, without content.
 *
 * A notice holds the case number and nothing else about it. Each deliverable is announced once,
 * also over a restart; one that nobody acknowledges is announced again after a while. What cannot
 * be told now is told later, at growing intervals.
 *
 * A webhook is POST of {"event":"case-waits","gateway","office","caseId","at"} with
 * "Trm-Signature: sha256=HEX", HMAC-SHA-256 of the body under the office's secret; a 2xx answer
 * is enough.
 */
#ifndef API_NOTICE_H
#define API_NOTICE_H

#include <stdint.h>

#include "base/attr.h"

struct err;
struct exchange;
struct notice_face;

/* All texts are copied; files are read when it starts. */
struct notice_settings {
    const char *smtp, *from, *user; /* NULL: none */
    const char *password_file;      /* NULL: none; mode 0600 */
    const char *ca_file; /* CAs of mail server and webhooks; NULL: none, no TLS */
    int64_t again_ms;
};

/* ERR_CONFIG when a file cannot be read. x is borrowed. */
struct notice_face *notice_start(const struct exchange *x,
                                 const struct notice_settings *settings,
                                 struct err *err) NODISCARD;
void notice_wake(struct notice_face *face); /* something lies ready; any thread */
void notice_stop(struct notice_face **face);

#endif
