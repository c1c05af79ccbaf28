/*
 * support_model.h - what the tests of this folder share: the shipped schema, lists and samples.
 */
#ifndef SUPPORT_MODEL_H
#define SUPPORT_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libxml/tree.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/codes.h"
#include "model/fileset.h"
#include "model/path.h"

#define LISTS_FOLDER   "mappings/lists"
#define SCHEMA_FILE    "mappings/canonical/referral-1.xsd"
#define SAMPLES_FOLDER "mappings/canonical/samples"

/* The error has this code, and a text. */
#define assert_code(err, want) \
    do { \
        assert_string_equal((err)->code, (want)); \
        assert_true((err)->text[0] != '\0'); \
        assert_int_not_equal((err)->kind, ERR_NONE); \
    } while (0)

struct codes *shipped_codes(void);      /* owned */
struct path_table *shipped_paths(void); /* owned */
xmlDoc *sample(const char *name);       /* "m01-adult.xml", owned */
void load(const char *path, struct buf *out);

/* A small generator with a fixed start: the same mutations in every run. */
struct dice {
    uint64_t state;
};
uint32_t dice_next(struct dice *dice);
void dice_mutate(struct dice *dice, char *data, size_t len); /* one to four octets */

#endif
