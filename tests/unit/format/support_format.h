/*
 * support_format.h - what the tests of this folder share.
 */
#ifndef SUPPORT_FORMAT_H
#define SUPPORT_FORMAT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

/* A small generator with a fixed start: the same mutations in every run. */
struct dice {
    uint64_t state;
};
uint32_t dice_next(struct dice *dice);

/* Changes one to four octets of data. */
void dice_mutate(struct dice *dice, char *data, size_t len);

/* The error has this code, and a text. */
#define assert_code(err, want) \
    do { \
        assert_string_equal((err)->code, (want)); \
        assert_true((err)->text[0] != '\0'); \
        assert_int_not_equal((err)->kind, ERR_NONE); \
    } while (0)

#endif
