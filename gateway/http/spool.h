/*
 * spool.h - a body while it is collected: in memory, and beyond that in an unlinked file.
 *
 * Written once from the start, finished to a source that may be read again and again by any
 * thread, one reader each. The file has no name from the beginning, so it goes with its last
 * descriptor, however the process ends. Sealed, it holds AES-256-GCM segments under a random
 * key that exists only in memory.
 */
#ifndef HTTP_SPOOL_H
#define HTTP_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/body.h"

struct err;
struct spool;

/* Octets on disk that all spools of a server may have at a time; counted, thread-safe. */
struct spool_budget;
struct spool_budget *spool_budget_new(uint64_t max) NODISCARD;
void spool_budget_unref(struct spool_budget **budget); /* sources keep their own count */
uint64_t spool_budget_used(const struct spool_budget *budget);
bool spool_budget_has(const struct spool_budget *budget, uint64_t octets);

/* `dir` is borrowed until the spool is finished or freed. */
struct spool *spool_new(const char *dir, bool seal,
                        struct spool_budget *budget) NODISCARD;
void spool_free(struct spool **spool); /* for AUTO */

/* Writing to it: ERR_RETRY "http.spool-full" (the budget) or "http.spool-disk". */
struct sink *spool_sink(struct spool *spool);

/* What was written, as a source the caller owns; *spool is freed. */
struct source *spool_finish(struct spool **spool, struct err *err) NODISCARD;

#endif
