/*
 * facts.h - one row per state change, without identity: yearly figures outlive erasure.
 */
#ifndef STORE_FACTS_H
#define STORE_FACTS_H

#include "store/store.h"

struct fact {
    int year;
    int month;             /* 1..12; 0 where a month would tell too much */
    const char *agreement; /* NULL is "" in all texts */
    const char *from, *to; /* leg: party codes */
    const char *kind;      /* "M01.sent", "case.ACCEPTED" ... */
    const char *dims;      /* "key=code key=code", sorted by its writer; codes only */
};
NODISCARD bool fact_add(struct store_tx *tx, const struct fact *fact, struct err *err);

struct fact_filter {
    int year;                     /* 0 any */
    const char *agreement, *kind; /* NULL any */
};
struct fact_count {
    struct fact fact; /* borrowed during the call */
    uint64_t count;
};
typedef bool fact_count_cb(void *ctx, const struct fact_count *count);
/* Grouped by all fields, months folded together. */
NODISCARD bool fact_counts(struct store_tx *tx, const struct fact_filter *filter,
                           fact_count_cb *each, void *ctx, struct err *err);

#endif
