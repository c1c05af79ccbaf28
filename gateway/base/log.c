/*
 * log.c - one line per event, written by one write() so that threads and processes do not mix.
 *
 * Values in quotes are escaped: what is no printable character of well-formed UTF-8, and what
 * turns or breaks a line on a screen, appears as \xNN octets. A field that no longer fits the
 * line is left out and "cut=1" says so. A log that cannot be written stops nothing.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"

#define LOG_VALUE_MAX 80   /* octets of a value before escaping */
#define LOG_TEXT_MAX  480  /* the same for an error's text */
#define LOG_LINE_MAX  8192 /* octets of a line */

static atomic_int least = LOG_LEVEL_INFO;
static atomic_int fd = STDERR_FILENO;

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",   [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_NOTICE] = "notice", [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

/* Controls, line and paragraph separators, direction marks: never shown raw. */
static bool hidden(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || (cp >= 0x200B && cp <= 0x200F) ||
           (cp >= 0x2028 && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069) ||
           cp == 0xFEFF;
}

static void add_octets(struct buf *line, const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf_addf(line, "\\x%02x", (unsigned char)p[i]);
}

static void add_quoted(struct buf *line, const char *text, size_t max)
{
    size_t len = strnlen(text, max + 1), end = len > max ? max : len;

    buf_addc(line, '"');
    for (size_t at = 0; at < end;) {
        uint32_t cp = 0;
        size_t step = utf8_next(text + at, len - at, &cp);

        if (at + step > end)
            break; /* the cut does not split a character */
        if (step == 0 || hidden(cp))
            add_octets(line, text + at, step > 0 ? step : 1);
        else if (cp == '"' || cp == '\\')
            buf_addf(line, "\\%c", (char)cp);
        else
            buf_add(line, text + at, step);
        at += step > 0 ? step : 1;
    }
    buf_adds(line, len > max ? "...\"" : "\"");
}

static void add_fault(struct buf *line, const struct err *fault)
{
    buf_addf(line, " kind=%s code=%s at=%s:%d text=", err_kind_name(fault->kind),
             fault->code != NULL ? fault->code : "none",
             fault->file != NULL ? fault->file : "nowhere", fault->line);
    add_quoted(line, fault->text, LOG_TEXT_MAX);
}

static void add_field(struct buf *line, const struct log_field *field)
{
    switch (field->type) {
    case LOG_END:
        break;
    case LOG_STR:
        buf_addf(line, " %s=", field->name);
        add_quoted(line, field->v.s != NULL ? field->v.s : "", LOG_VALUE_MAX);
        break;
    case LOG_INT:
        buf_addf(line, " %s=%" PRId64, field->name, field->v.i);
        break;
    case LOG_UINT:
        buf_addf(line, " %s=%" PRIu64, field->name, field->v.u);
        break;
    case LOG_FAULT:
        add_fault(line, field->v.fault);
        break;
    }
}

static void add_fields(struct buf *line, const struct log_field *fields)
{
    for (; fields->type != LOG_END; fields++) {
        size_t before = line->len;

        add_field(line, fields);
        if (line->over) {
            line->over = false;
            line->len = before;
            line->max += sizeof " cut=1\n";
            buf_adds(line, " cut=1");
            return;
        }
    }
}

static void write_line(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t done = write(atomic_load(&fd), data, len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        data += done;
        len -= (size_t)done;
    }
}

void log_event(enum log_level level, const char *event, const struct log_field *fields)
{
    AUTO(buf_free) struct buf line = BUF_INIT(LOG_LINE_MAX);
    int saved = errno;
    char at[25];

    if ((int)level < atomic_load(&least))
        return;
    instant_print(clock_now(NULL), at);
    buf_addf(&line, "level=%s event=%s at=%s", level_names[level], event, at);
    add_fields(&line, fields);
    line.max++;
    buf_addc(&line, '\n');
    write_line(line.data, line.len);
    errno = saved;
}

void log_set_level(enum log_level level)
{
    atomic_store(&least, (int)level);
}

void log_set_fd(int to)
{
    atomic_store(&fd, to);
}

bool log_level_parse(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < COUNT_OF(level_names); i++)
        if (text_eq(name, level_names[i])) {
            *ret = (enum log_level)i;
            return true;
        }
    return false;
}
