/*
 * err.h - one error value: filled where the fault is found, judged where it is answered.
 *
 * A function that can fail takes `struct err *err` as its last argument, returns true
 * (or a pointer) when it has done its work, and writes to *err only when it has not.
 * err is never NULL; a caller that means to go on regardless passes a local and drops it.
 *
 * A struct err owns nothing: it may be copied, kept on the stack, and forgotten.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#include "base/attr.h"

/* What the caller can do about it. The finer cause is in `code`. */
enum err_kind {
    ERR_NONE,   /* nothing went wrong */
    ERR_RETRY,  /* passing trouble: the same call may work later */
    ERR_UNSURE, /* the other side may have acted: repeat only under the same id */
    ERR_REJECT, /* this message can never pass: answer its sender */
    ERR_DENIED, /* no agreement allows it: answer its sender, tell the operator */
    ERR_CONFIG, /* a file must change before this can work */
    ERR_BUG,    /* we broke a promise of our own */
};

struct err {
    enum err_kind kind;
    const char *code; /* literal, stable: for tests, counters, peers; "mime.too-deep" */
    const char *file; /* literal: where the fault was found, not where it passed by */
    int line;
    char text[480]; /* a sentence for the operator: ids and paths, never case data */
};

/*
 * Describe a fault. The text says what was tried, on what, and what was found instead,
 * without full stop or newline; if too long it is cut and ends in "...". Always returns
 * false, so that finding and failing are one line:
 *
 *     return err_set(err, ERR_REJECT, "mime.too-deep", "part %s: over %d levels", id, max);
 */
#define err_set(err, kind, code, ...) \
    err_set_at((err), (kind), "" code, __FILE__, __LINE__, __VA_ARGS__)

bool err_set_at(struct err *err, enum err_kind kind, const char *code, const char *file,
                int line, const char *fmt, ...) PRINTF_LIKE(6, 7);

/* Put what we were doing in front: the text becomes "<context>: <text>". Returns false. */
bool err_context(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "retry", "reject", ...: static strings, safe to store and to log. */
const char *err_kind_name(enum err_kind kind);

#endif
