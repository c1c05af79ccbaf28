/*
 * support_mapping.h - what the tests of this folder share: the shipped mappings, compiled once, and the
 * steps between two forms.
 */
#ifndef SUPPORT_MAPPING_H
#define SUPPORT_MAPPING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libxml/tree.h>

#include "base/buf.h"
#include "base/err.h"
#include "mapping/mapping.h"
#include "model/codes.h"
#include "model/findings.h"
#include "model/loss.h"

#define NATIONAL_FOLDER "mappings/national"

/* The error has this code, and a text. */
#define assert_code(err, want) \
    do { \
        assert_string_equal((err)->code, (want)); \
        assert_true((err)->text[0] != '\0'); \
    } while (0)

struct translation {
    xmlDoc *canonical;
    struct mapping_attachments attachments;
    struct losses losses;
    struct report report;
    struct buf text; /* canonical printed, or national octets */
};
void translation_free(struct translation *t); /* for AUTO */

const struct codes *shipped_codes(void); /* loaded once */
const struct mapping *
shipped_mapping(const char *cc); /* compiled once; NULL: not there */
void shipped_free(void);

/* A mapping file of its own text against the schema of a country; findings to ret. */
struct mapping *compile_text_of(const char *cc, const char *name, const char *text,
                                const char *agreement, struct report *ret,
                                struct err *err);

bool octets_of(const char *path, struct buf *out); /* false: no such file */
bool file_is(const char *path);

/* Clock at 2026-11-24. file: for findings. */
bool read_octets(const struct mapping *map, const char *file, const void *data,
                 size_t len, struct translation *t, struct err *err);
bool write_doc(const struct mapping *map, const xmlDoc *doc,
               const struct mapping_attachments *attachments, struct translation *t,
               struct err *err);

/* What an agreement does between reading and writing: the purposes of each consent's item. */
void expand_consents(xmlDoc *doc);
void complete_header(xmlDoc *doc);
void check_canonical(xmlDoc *doc);

/* Losses as lines, without values: for a failing test's reader. */
void loss_lines(const struct losses *losses, struct buf *out);

/* A small generator with a fixed start: the same mutations in every run. */
struct dice {
    uint64_t state;
};
uint32_t dice_roll(struct dice *dice, uint32_t below);

#endif
