/*
 * arena.h - memory that is given back all at once: a plan's, or one translation's.
 */
#ifndef MAPPING_ARENA_H
#define MAPPING_ARENA_H

#include <stddef.h>

#include "base/attr.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *head;
    size_t used, size; /* of the head chunk */
};

/* Zeroed, aligned for anything; never NULL. */
void *arena_alloc(struct arena *arena, size_t size) NODISCARD;
void *arena_array(struct arena *arena, size_t count, size_t size) NODISCARD;
char *arena_dup(struct arena *arena, const char *text, size_t len) NODISCARD;
char *arena_text(struct arena *arena, const char *text) NODISCARD; /* NULL gives NULL */
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3) NODISCARD;

/* Case data passed through: what was used is overwritten before it is freed. */
void arena_free(struct arena *arena); /* for AUTO; empty afterwards */

#endif
