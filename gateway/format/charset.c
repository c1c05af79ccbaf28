/*
 * charset.c - single-octet encodings by table, UTF-8 by check.
 *
 * iconv is asked once per encoding for the meaning of each of its 256 octets; from then on the
 * table is read without locks. Only the encodings listed here are known: a stranger's label
 * never reaches iconv, and all of them agree with ASCII below 0x80, so that a document's
 * declaration can be read before its encoding is known.
 */
#include "format/charset.h"

#include <iconv.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"

#define PIECE 4096 /* octets converted before they are handed on */

struct letter {
    uint32_t cp;
    unsigned char octet;
};

struct charset {
    const char *name;
    const char *iconv;       /* its name there; NULL: needs no table */
    const char *names;       /* further names, separated by blanks */
    uint32_t high[128];      /* code points of 0x80..0xFF; 0: no letter there */
    struct letter back[128]; /* the same by code point */
    size_t count;
    atomic_bool ready;
};

/* clang-format off */
static struct charset charsets[] = {
    { .name = "UTF-8",        .names = "utf8" },
    { .name = "US-ASCII",     .names = "ascii ANSI_X3.4-1968 iso646-us" },
    { .name = "windows-1250", .iconv = "CP1250", .names = "cp1250" },
    { .name = "windows-1251", .iconv = "CP1251", .names = "cp1251" },
    { .name = "windows-1252", .iconv = "CP1252", .names = "cp1252" },
    { .name = "windows-1253", .iconv = "CP1253", .names = "cp1253" },
    { .name = "windows-1254", .iconv = "CP1254", .names = "cp1254" },
    { .name = "windows-1255", .iconv = "CP1255", .names = "cp1255" },
    { .name = "windows-1256", .iconv = "CP1256", .names = "cp1256" },
    { .name = "windows-1257", .iconv = "CP1257", .names = "cp1257" },
    { .name = "windows-1258", .iconv = "CP1258", .names = "cp1258" },
    { .name = "ISO-8859-1",   .iconv = "ISO-8859-1", .names = "latin1 iso8859-1 iso_8859-1 l1" },
    { .name = "ISO-8859-2",   .iconv = "ISO-8859-2", .names = "latin2 iso8859-2 iso_8859-2 l2" },
    { .name = "ISO-8859-3",   .iconv = "ISO-8859-3", .names = "latin3 iso8859-3 iso_8859-3" },
    { .name = "ISO-8859-4",   .iconv = "ISO-8859-4", .names = "latin4 iso8859-4 iso_8859-4" },
    { .name = "ISO-8859-5",   .iconv = "ISO-8859-5", .names = "cyrillic iso8859-5 iso_8859-5" },
    { .name = "ISO-8859-6",   .iconv = "ISO-8859-6", .names = "arabic iso8859-6 iso_8859-6" },
    { .name = "ISO-8859-7",   .iconv = "ISO-8859-7", .names = "greek iso8859-7 iso_8859-7" },
    { .name = "ISO-8859-8",   .iconv = "ISO-8859-8", .names = "hebrew iso8859-8 iso_8859-8" },
    { .name = "ISO-8859-9",   .iconv = "ISO-8859-9", .names = "latin5 iso8859-9 iso_8859-9" },
    { .name = "ISO-8859-10",  .iconv = "ISO-8859-10", .names = "latin6 iso8859-10" },
    { .name = "ISO-8859-11",  .iconv = "ISO-8859-11", .names = "iso8859-11" },
    { .name = "ISO-8859-13",  .iconv = "ISO-8859-13", .names = "latin7 iso8859-13" },
    { .name = "ISO-8859-14",  .iconv = "ISO-8859-14", .names = "latin8 iso8859-14" },
    { .name = "ISO-8859-15",  .iconv = "ISO-8859-15", .names = "latin-9 iso8859-15" },
    { .name = "ISO-8859-16",  .iconv = "ISO-8859-16", .names = "latin10 iso8859-16" },
    { .name = "KOI8-R",       .iconv = "KOI8-R", .names = "koi8r" },
    { .name = "KOI8-U",       .iconv = "KOI8-U", .names = "koi8u" },
    { .name = "IBM852",       .iconv = "CP852", .names = "cp852" },
    { .name = "IBM855",       .iconv = "CP855", .names = "cp855" },
    { .name = "IBM866",       .iconv = "CP866", .names = "cp866" },
};
/* clang-format on */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int by_cp(const void *a, const void *b)
{
    const struct letter *x = a, *y = b;

    return (x->cp > y->cp) - (x->cp < y->cp);
}

/* What one octet means, or 0; C1 controls are no letters. */
static uint32_t ask(iconv_t cd, unsigned char octet)
{
    char in = (char)octet, out[8];
    char *from = &in, *to = out;
    size_t left = 1, room = sizeof out;
    uint32_t cp = 0;

    iconv(cd, NULL, NULL, NULL, NULL);
    /* The second call hands out what some conversions hold back. */
    if (iconv(cd, &from, &left, &to, &room) == (size_t)-1 ||
        iconv(cd, NULL, NULL, &to, &room) == (size_t)-1)
        return 0;
    if (utf8_next(out, (size_t)(to - out), &cp) != (size_t)(to - out) || cp < 0xA0)
        return 0;
    return cp;
}

static bool fill(struct charset *charset)
{
    iconv_t cd;

    if (charset->iconv == NULL)
        return true;
    cd = iconv_open("UTF-8", charset->iconv);
    if (cd == (iconv_t)-1)
        return false;
    charset->count = 0;
    for (unsigned i = 0; i < 128; i++) {
        uint32_t cp = ask(cd, (unsigned char)(0x80 + i));

        charset->high[i] = cp;
        if (cp != 0)
            charset->back[charset->count++] =
                (struct letter){ cp, (unsigned char)(0x80 + i) };
    }
    iconv_close(cd);
    qsort(charset->back, charset->count, sizeof *charset->back, by_cp);
    return true;
}

static bool make_ready(struct charset *charset)
{
    bool ok;

    if (atomic_load_explicit(&charset->ready, memory_order_acquire))
        return true;
    pthread_mutex_lock(&lock);
    ok = atomic_load(&charset->ready) || fill(charset);
    if (ok)
        atomic_store_explicit(&charset->ready, true, memory_order_release);
    pthread_mutex_unlock(&lock);
    return ok;
}

static bool is_named(const struct charset *charset, struct str name)
{
    struct str rest = str_of(charset->names), one;

    if (str_is_nocase(name, charset->name))
        return true;
    while (str_next(&rest, ' ', &one))
        if (one.len == name.len && strncasecmp(one.ptr, name.ptr, name.len) == 0)
            return true;
    return false;
}

const struct charset *charset_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(charsets); i++)
        if (is_named(&charsets[i], name))
            return make_ready(&charsets[i]) ? &charsets[i] : NULL;
    return NULL;
}

const struct charset *charset_utf8(void)
{
    return &charsets[0];
}

const char *charset_name(const struct charset *charset)
{
    return charset->name;
}

static size_t line_of(const char *data, size_t at)
{
    size_t line = 1;

    for (size_t i = 0; i < at; i++)
        line += data[i] == '\n';
    return line;
}

bool charset_check_utf8(const void *data, size_t len, struct err *err)
{
    ptrdiff_t bad = utf8_bad(data, len);
    const unsigned char *p = data;

    if (bad < 0)
        return true;
    return err_set(
        err, ERR_REJECT, "charset.utf8",
        "octet 0x%02X at offset %td, line %zu, is not UTF-8: the text is damaged or "
        "in another encoding than it says",
        p[bad], bad, line_of(data, (size_t)bad));
}

bool charset_decode(const struct charset *charset, const void *data, size_t len,
                    struct buf *out, struct err *err)
{
    const unsigned char *p = data;
    char piece[PIECE];
    size_t filled = 0;

    if (charset == charset_utf8()) {
        if (!charset_check_utf8(data, len, err))
            return false;
        return buf_add(out, data, len) || buf_check(out, "the text", err);
    }
    for (size_t i = 0; i < len; i++) {
        uint32_t cp = p[i] < 0x80 ? p[i] : charset->high[p[i] - 0x80];

        if (cp == 0 && p[i] != 0)
            return err_set(
                err, ERR_REJECT, "charset.undecodable",
                "octet 0x%02X at offset %zu, line %zu, has no letter in %s: the "
                "text is damaged or in another encoding than it says",
                p[i], i, line_of(data, i), charset->name);
        filled += utf8_put(cp, piece + filled);
        if (filled > sizeof piece - 4) {
            buf_add(out, piece, filled);
            filled = 0;
        }
    }
    buf_add(out, piece, filled);
    return buf_check(out, "the decoded text", err);
}

/* The octet a character has, or -1. */
static int octet_of(const struct charset *charset, uint32_t cp)
{
    const struct letter key = { .cp = cp }, *found;

    if (cp < 0x80)
        return (int)cp;
    found = bsearch(&key, charset->back, charset->count, sizeof key, by_cp);
    return found != NULL ? found->octet : -1;
}

ptrdiff_t charset_first_unfit(const struct charset *charset, const char *text, size_t len,
                              uint32_t *ret_cp)
{
    ptrdiff_t position = 0;
    uint32_t cp = 0;
    size_t step;

    if (charset == charset_utf8())
        return -1;
    for (size_t at = 0; at < len; at += step, position++) {
        step = utf8_next(text + at, len - at, &cp);
        if (step == 0 || octet_of(charset, cp) < 0) {
            if (ret_cp != NULL)
                *ret_cp = step == 0 ? 0xFFFD : cp;
            return position;
        }
    }
    return -1;
}

bool charset_fits(const struct charset *charset, const char *text)
{
    return charset_first_unfit(charset, text, strlen(text), NULL) < 0;
}

bool charset_encode(const struct charset *charset, const char *text, size_t len,
                    struct buf *out, struct err *err)
{
    uint32_t cp = 0;
    ptrdiff_t unfit = charset_first_unfit(charset, text, len, &cp);
    char *to;

    if (unfit >= 0)
        return err_set(err, ERR_REJECT, "charset.unwritable",
                       "character U+%04X at position %td cannot be written in %s",
                       (unsigned)cp, unfit, charset->name);
    if (charset == charset_utf8())
        return buf_add(out, text, len) || buf_check(out, "the text", err);
    to = buf_room(out, len); /* never longer than UTF-8 */
    if (to == NULL)
        return buf_check(out, "the encoded text", err);
    unfit = 0;
    for (size_t at = 0; at < len; unfit++) {
        at += utf8_next(text + at, len - at, &cp);
        *to++ = (char)octet_of(charset, cp);
    }
    buf_added(out, (size_t)unfit);
    return true;
}
