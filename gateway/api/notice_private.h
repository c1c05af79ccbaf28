/*
 * notice_private.h - for tests: a face without a thread, and its rounds.
 */
#ifndef API_NOTICE_PRIVATE_H
#define API_NOTICE_PRIVATE_H

#include "api/notice.h"

struct notice_face *notice_new(const struct exchange *x,
                               const struct notice_settings *settings,
                               struct err *err) NODISCARD;
/* All offices once; the time until something is to be tried again. */
int64_t notice_round(struct notice_face *face);

#endif
