/*
 * attr.h - the compiler attributes this project uses, under short names.
 */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

/* Clean up at the end of the scope: AUTO(buf_free) struct buf b = ...; the function takes
 * the variable's address, accepts NULL content, and leaves the variable empty. */
#define AUTO(f) __attribute__((cleanup(f)))

/* The result says whether the work was done; dropping it is a mistake. */
#define NODISCARD __attribute__((warn_unused_result))

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NONNULL(...)           __attribute__((nonnull(__VA_ARGS__)))
#define NORETURN               __attribute__((noreturn))
#define UNUSED                 __attribute__((unused))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Hand an owned pointer over: the variable becomes NULL, so its AUTO frees nothing. */
#define TAKE(p)                   \
    __extension__({               \
        __typeof__(p) *p_ = &(p); \
        __typeof__(p) v_ = *p_;   \
        *p_ = NULL;               \
        v_;                       \
    })

#endif
