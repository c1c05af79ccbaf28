/*
 * log.h - one line per state change: an event name and typed fields, ids only.
 *
 *     log_info("message.sent", log_s("message", id), log_s("partner", p), log_u("try", 2));
 *
 * Text from outside is escaped and cut here (80 octets a value), so a peer cannot forge a line.
 * Personal data never goes in: a caller passes ids, codes, counts, places in a form.
 * Libraries return errors; the edges (daemon, tool) log them. Thread-safe; one write() a line.
 *
 *     level=info event=message.sent at=2026-11-24T09:00:00.123Z message="..." try=2
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR,
};

enum log_type {
    LOG_END,
    LOG_STR,
    LOG_INT,
    LOG_UINT,
    LOG_FAULT, /* kind, code, place and text of a struct err */
};

struct log_field {
    enum log_type type;
    const char *name; /* literal */
    union {
        const char *s;
        int64_t i;
        uint64_t u;
        const struct err *fault;
    } v;
};

static inline struct log_field log_s(const char *name, const char *s)
{
    return (struct log_field){ LOG_STR, name, { .s = s } };
}
static inline struct log_field log_i(const char *name, int64_t i)
{
    return (struct log_field){ LOG_INT, name, { .i = i } };
}
static inline struct log_field log_u(const char *name, uint64_t u)
{
    return (struct log_field){ LOG_UINT, name, { .u = u } };
}
static inline struct log_field log_fault(const struct err *fault)
{
    return (struct log_field){ LOG_FAULT, "fault", { .fault = fault } };
}

void log_event(enum log_level level, const char *event, const struct log_field *fields);

#define LOG_FIELDS(...) \
    ((const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ) { LOG_END, "", { .s = "" } } })
#define log_debug(event, ...) log_event(LOG_LEVEL_DEBUG, event, LOG_FIELDS(__VA_ARGS__))
#define log_info(event, ...)  log_event(LOG_LEVEL_INFO, event, LOG_FIELDS(__VA_ARGS__))
#define log_notice(event, ...) log_event(LOG_LEVEL_NOTICE, event, LOG_FIELDS(__VA_ARGS__))
#define log_warn(event, ...)  log_event(LOG_LEVEL_WARN, event, LOG_FIELDS(__VA_ARGS__))
#define log_error(event, ...) log_event(LOG_LEVEL_ERROR, event, LOG_FIELDS(__VA_ARGS__))

void log_set_level(enum log_level least);
void log_set_fd(int fd); /* default 2 */
bool log_level_parse(const char *name, enum log_level *ret);

#endif
