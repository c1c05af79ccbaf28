/*
 * arena.c - chunks of 16 KiB (or larger for one large thing), freed together.
 *
 * Names, values and nodes of a translation live here, so building the output costs no allocation
 * of its own. Freeing wipes: values of a case must not stay in memory that is used again.
 */
#include "mapping/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define CHUNK_SIZE (16 * 1024 - 32)
#define ALIGN      16

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;
};

static char *chunk_data(struct arena_chunk *chunk)
{
    return (char *)chunk + ((sizeof *chunk + ALIGN - 1) / ALIGN) * ALIGN;
}

static void chunk_add(struct arena *arena, size_t at_least)
{
    size_t head = ((sizeof(struct arena_chunk) + ALIGN - 1) / ALIGN) * ALIGN;
    size_t size = at_least > CHUNK_SIZE ? at_least : CHUNK_SIZE;
    struct arena_chunk *chunk = mem_alloc(head + size);

    if (arena->head != NULL)
        arena->head->used = arena->used;
    chunk->next = arena->head;
    chunk->size = size;
    arena->head = chunk;
    arena->used = 0;
    arena->size = size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
    void *at;

    if (rounded == 0)
        rounded = ALIGN;
    if (arena->head == NULL || arena->size - arena->used < rounded)
        chunk_add(arena, rounded);
    at = chunk_data(arena->head) + arena->used;
    arena->used += rounded;
    return at;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        bytes = SIZE_MAX / 2; /* mem_alloc ends the process */
    return arena_alloc(arena, bytes);
}

char *arena_dup(struct arena *arena, const char *text, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);

    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_dup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args, again;
    int len;
    char *text;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    text = arena_alloc(arena, (size_t)(len < 0 ? 0 : len) + 1);
    if (len >= 0)
        vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

void arena_free(struct arena *arena)
{
    if (arena->head != NULL)
        arena->head->used = arena->used;
    while (arena->head != NULL) {
        struct arena_chunk *chunk = arena->head;

        arena->head = chunk->next;
        mem_wipe(chunk_data(chunk), chunk->used);
        mem_free(&chunk);
    }
    *arena = (struct arena){ 0 };
}
