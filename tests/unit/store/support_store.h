/*
 * support_store.h - a store in a folder of its own, and a transaction held open by the test.
 *
 * cmocka leaves a failed test by longjmp, which must not happen in the store's writer thread. So
 * tx_begin() lets a helper thread call store_run() with a work that waits; until tx_end() the
 * test's own thread uses that transaction while the writer stands still.
 */
#ifndef SUPPORT_STORE_H
#define SUPPORT_STORE_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/bodies.h"
#include "store/cases.h"
#include "store/deliverables.h"
#include "store/queue.h"
#include "store/store.h"

#define NOW INT64_C(1795510800000) /* 2026-11-24T09:00:00Z */

struct bench {
    char folder[64];
    struct clock clock;
    uint8_t master[32]; /* the wrapping key */
    struct store_settings settings;
    struct store *store;
    struct held_tx *held; /* open transaction, or NULL */
};

int bench_setup(void **state); /* *state: struct bench *, with an open store */
int bench_teardown(void **state);
void bench_open(struct bench *b); /* asserts that it opens */
void bench_close(struct bench *b);
void bench_prepare(struct bench *b, const char *folder); /* settings only, no store */
void bench_remove_folder(const char *folder);
void bench_new_folder(char out[64]);

struct store_tx *tx_begin(struct bench *b);
/* Commits (asserting that it worked) or undoes. */
void tx_end(struct bench *b, bool commit);
struct store_tx *tx_next(struct bench *b); /* commit, and a new one */

#define OK(call) \
    do { \
        struct err err = { 0 }; \
        if (!(call)) \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, err.code, err.text); \
    } while (0)
/* The call fails with this code (and kind). */
#define FAILS(call, kind_, code_) \
    do { \
        struct err err = { 0 }; \
        assert_false(call); \
        assert_string_equal(err.code, code_); \
        assert_int_equal(err.kind, kind_); \
    } while (0)

/* Records with sensible content. */
struct case_row some_case(const char *id);
struct message some_out(const char *id, const char *case_id, int64_t sequence);
struct message some_in(const char *id, const char *case_id, int64_t sequence);
void add_case(struct store_tx *tx, const char *id);
/* Adds and returns the row id in a buffer of the caller. */
void add_message(struct store_tx *tx, struct message m, char row[STORE_ROW_TEXT]);
struct message get_message(struct store_tx *tx, const char *row);

/* Does the octet sequence occur in any file of the folder? */
bool folder_contains(const char *folder, const void *needle, size_t len);
/* A fixed sequence of octets from a seed. */
void pattern(void *out, size_t len, uint64_t at, uint64_t seed);

#endif
