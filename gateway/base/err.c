/*
 * err.c - fills and extends the one error value.
 *
 * Never fails: a text that does not fit is cut at a whole character and ends
 * in "...". What is done about an error is decided elsewhere, by its kind.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Replace the end of a text that was cut by "...", not splitting a UTF-8 sequence. */
static void mark_cut(char *text, size_t size)
{
    size_t at = size - 4;

    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
        at--;
    memcpy(text + at, "...", 4);
}

bool err_set_at(struct err *err, enum err_kind kind, const char *code, const char *file,
                int line, const char *fmt, ...)
{
    char text[sizeof err->text]; /* arguments may point into *err */
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len < 0)
        snprintf(text, sizeof text, "%s", code);
    else if ((size_t)len >= sizeof text)
        mark_cut(text, sizeof text);
    err->kind = kind;
    err->code = code;
    err->file = file;
    err->line = line;
    memcpy(err->text, text, sizeof text);
    return false;
}

bool err_context(struct err *err, const char *fmt, ...)
{
    char *before, *whole;
    va_list args;

    va_start(args, fmt);
    before = mem_vprintf(fmt, args);
    va_end(args);
    whole = mem_printf("%s: %s", before, err->text);
    if ((size_t)snprintf(err->text, sizeof err->text, "%s", whole) >= sizeof err->text)
        mark_cut(err->text, sizeof err->text);
    mem_free(&before);
    mem_free(&whole);
    return false;
}

const char *err_kind_name(enum err_kind kind)
{
    static const char *const names[] = {
        [ERR_NONE] = "none",     [ERR_RETRY] = "retry",   [ERR_UNSURE] = "unsure",
        [ERR_REJECT] = "reject", [ERR_DENIED] = "denied", [ERR_CONFIG] = "config",
        [ERR_BUG] = "bug",
    };

    return (size_t)kind < COUNT_OF(names) ? names[kind] : "unknown";
}
