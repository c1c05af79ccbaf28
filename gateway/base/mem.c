/*
 * mem.c - allocation that ends the process rather than return NULL.
 *
 * Every promise of the gateway is kept by the store, so dying is safe and half-handled memory
 * shortage is not. A request larger than PTRDIFF_MAX counts as a shortage too.
 */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROW_FIRST 8 /* elements an array begins with */

static NORETURN void no_memory(void)
{
    static const char line[] = "level=error event=memory.exhausted\n";

    if (write(STDERR_FILENO, line, sizeof line - 1) < 0)
        abort();
    abort();
}

static size_t product(size_t count, size_t size)
{
    size_t all;

    if (__builtin_mul_overflow(count, size, &all) || all > PTRDIFF_MAX)
        no_memory();
    return all;
}

void *mem_alloc(size_t size)
{
    return mem_array(1, size);
}

void *mem_array(size_t count, size_t size)
{
    size_t all = product(count, size);
    void *p = calloc(1, all > 0 ? all : 1);

    if (p == NULL)
        no_memory();
    return p;
}

void *mem_realloc(void *old, size_t count, size_t size)
{
    size_t all = product(count, size);
    void *p = realloc(old, all > 0 ? all : 1);

    if (p == NULL)
        no_memory();
    return p;
}

void *mem_dup(const void *from, size_t size)
{
    void *p = mem_alloc(size);

    if (size > 0)
        memcpy(p, from, size);
    return p;
}

char *mem_strdup(const char *from)
{
    return from == NULL ? NULL : mem_strndup(from, strlen(from));
}

char *mem_strndup(const char *from, size_t len)
{
    char *p = mem_alloc(len + 1);

    if (len > 0)
        memcpy(p, from, len);
    return p;
}

char *mem_printf(const char *fmt, ...)
{
    va_list args;
    char *p;

    va_start(args, fmt);
    p = mem_vprintf(fmt, args);
    va_end(args);
    return p;
}

char *mem_vprintf(const char *fmt, va_list args)
{
    char *p = NULL;

    if (vasprintf(&p, fmt, args) < 0)
        no_memory();
    return p;
}

void mem_wipe(void *p, size_t size)
{
    if (size > 0)
        explicit_bzero(p, size);
}

void mem_free(void *address_of_pointer)
{
    void *p;

    memcpy(&p, address_of_pointer, sizeof p);
    free(p);
    p = NULL;
    memcpy(address_of_pointer, &p, sizeof p);
}

void *mem_grow(void *old, size_t count, size_t *cap, size_t size)
{
    size_t want;

    if (count < *cap)
        return old;
    want = *cap > 0 ? product(*cap, 2) : GROW_FIRST;
    old = mem_realloc(old, want, size);
    *cap = want;
    return old;
}
