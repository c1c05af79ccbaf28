/*
 * mem.h - allocation that never returns NULL, and wiping of what must not stay.
 *
 * Running out of memory ends the process (one line on stderr, abort): the store makes that
 * safe, and every size a stranger controls has a ceiling elsewhere (base/buf.h).
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

#include "base/attr.h"

void *mem_alloc(size_t size) NODISCARD;  /* zeroed */
void *mem_array(size_t count, size_t size) NODISCARD; /* zeroed; overflow is checked */
void *mem_realloc(void *old, size_t count, size_t size) NODISCARD; /* new octets not zeroed */
void *mem_dup(const void *from, size_t size) NODISCARD;
char *mem_strdup(const char *from) NODISCARD; /* NULL gives NULL */
char *mem_strndup(const char *from, size_t len) NODISCARD; /* always NUL-terminated */
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2) NODISCARD;
char *mem_vprintf(const char *fmt, va_list args) NODISCARD;

/* Overwrite so that the compiler cannot leave it out. */
void mem_wipe(void *p, size_t size);

/* For AUTO: AUTO(mem_free) char *name = NULL; frees and sets NULL. Takes the address. */
void mem_free(void *address_of_pointer);

/*
 * Grow an array by one element when it is full:
 *     things = mem_grow(things, count, &cap, sizeof *things);
 */
void *mem_grow(void *old, size_t count, size_t *cap, size_t size) NODISCARD;

#endif
