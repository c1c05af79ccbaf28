/*
 * meta.h - the store's own few facts: text by name.
 */
#ifndef STORE_META_H
#define STORE_META_H

#include "store/store.h"

/* Adds to out. */
NODISCARD bool meta_get(struct store_tx *tx, const char *name, struct buf *out,
                        bool *ret_found, struct err *err);
NODISCARD bool meta_set(struct store_tx *tx, const char *name, const char *text,
                        struct err *err);

#endif
