/*
 * buf.h - octets that grow up to a ceiling given at creation.
 *
 * data is NUL-terminated after each call (the NUL is not counted), so text can be read in
 * place. An append that would pass the ceiling adds nothing, sets `over`, and every later
 * append does nothing too: build the whole, then ask once with buf_check().
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct err;

struct buf {
    char *data; /* NULL only while nothing was ever added */
    size_t len;
    size_t cap;
    size_t max; /* octets; 0 refuses everything */
    bool over;  /* an append did not fit */
    bool wipe;  /* holds a secret or case data: overwrite when freed or moved */
};

#define BUF_INIT(ceiling)        { .max = (ceiling) }
#define BUF_SECRET_INIT(ceiling) { .max = (ceiling), .wipe = true }

bool buf_add(struct buf *buf, const void *data, size_t len);
bool buf_adds(struct buf *buf, const char *text); /* NULL adds nothing */
bool buf_addc(struct buf *buf, char c);
bool buf_addf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool buf_vaddf(struct buf *buf, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

/* Room for len more octets: where to write them, or NULL (and over). Then buf_added(). */
char *buf_room(struct buf *buf, size_t len);
void buf_added(struct buf *buf, size_t len);

void buf_remove_head(struct buf *buf, size_t len);
void buf_clear(struct buf *buf); /* empty, not over; memory and ceiling stay */
void buf_free(struct buf *buf);  /* as after BUF_INIT; for AUTO */

/* The content as a string the caller owns (mem_free); the buffer is empty afterwards. */
char *buf_detach(struct buf *buf) NODISCARD;

/* "" instead of NULL. Borrowed until the next change. */
const char *buf_str(const struct buf *buf);

/* False with ERR_REJECT "buf.too-large" naming `what` and the ceiling, if over. */
bool buf_check(const struct buf *buf, const char *what, struct err *err) NODISCARD;

#endif
