/*
 * offline.h - what the commands on files share.
 */
#ifndef CTL_OFFLINE_H
#define CTL_OFFLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/ctl_private.h"

struct report;

const char *
offline_tree(const struct ctl_run *run); /* --share, the tree here, or installed */
bool offline_at(const struct ctl_run *run, int64_t *ret_ms, struct err *err) NODISCARD;
bool offline_agreements(const struct ctl_run *run, struct strlist *ret,
                        struct err *err) NODISCARD;
int offline_report(const struct ctl_run *run, const struct report *report,
                   const char *good);

#endif
