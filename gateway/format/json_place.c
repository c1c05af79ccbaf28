/*
 * json_place.c - where in a text the value of a pointer stands.
 *
 * Jansson forgets positions; this walks the text once along the pointer. The text was parsed
 * before, so only its shape is followed; on anything else the walk ends where it is.
 */
#include "format/json.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/utf8.h"
#include "format/json_private.h"

struct walk {
    const char *at, *end;
};

static void skip_blank(struct walk *w)
{
    while (w->at < w->end && strchr(" \t\r\n", *w->at) != NULL && *w->at != '\0')
        w->at++;
}

static bool take(struct walk *w, char c)
{
    skip_blank(w);
    if (w->at == w->end || *w->at != c)
        return false;
    w->at++;
    return true;
}

static uint32_t hex4(const char *p)
{
    uint32_t cp = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i];

        cp = cp << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return cp;
}

/* The escape at w->at (behind the backslash), decoded to out. */
static void take_escape(struct walk *w, struct buf *out)
{
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    const char *known = *w->at != '\0' ? strchr(letters, *w->at) : NULL;
    char octets[4];
    uint32_t cp;

    if (*w->at != 'u' || w->end - w->at < 5) {
        buf_addc(out, known != NULL ? meant[known - letters] : *w->at);
        w->at++;
        return;
    }
    cp = hex4(w->at + 1);
    w->at += 5;
    if (cp >= 0xD800 && cp < 0xDC00 && w->end - w->at >= 6) {
        cp = 0x10000 + ((cp - 0xD800) << 10) + (hex4(w->at + 2) - 0xDC00);
        w->at += 6;
    }
    buf_add(out, octets, utf8_put(cp, octets));
}

/* A string from its opening quote; out may be NULL. */
static bool take_string(struct walk *w, struct buf *out)
{
    if (!take(w, '"'))
        return false;
    while (w->at < w->end && *w->at != '"') {
        if (*w->at == '\\' && w->end - w->at > 1) {
            w->at++;
            if (out != NULL)
                take_escape(w, out);
            else
                w->at++;
            continue;
        }
        if (out != NULL)
            buf_addc(out, *w->at);
        w->at++;
    }
    return take(w, '"');
}

static void skip_value(struct walk *w)
{
    unsigned depth = 0;

    skip_blank(w);
    while (w->at < w->end) {
        char c = *w->at;

        if (c == '"') {
            if (!take_string(w, NULL))
                return;
            if (depth == 0)
                return;
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            return;
        w->at++;
        depth += c == '{' || c == '[';
        if ((c == '}' || c == ']') && --depth == 0)
            return;
    }
}

static bool walk_member(struct walk *w, const char *key)
{
    AUTO(buf_free) struct buf name = BUF_INIT(JSON_STEP_MAX);

    if (!take(w, '{'))
        return false;
    while (take_string(w, &name) && take(w, ':')) {
        if (strcmp(buf_str(&name), key) == 0)
            return true;
        skip_value(w);
        if (!take(w, ','))
            return false;
        buf_clear(&name);
    }
    return false;
}

static bool walk_item(struct walk *w, const char *step)
{
    size_t index;

    if (!json_step_index(step, &index) || !take(w, '['))
        return false;
    while (index-- > 0) {
        skip_value(w);
        if (!take(w, ','))
            return false;
    }
    skip_blank(w);
    return w->at < w->end && *w->at != ']';
}

static bool walk_step(struct walk *w, const char *step)
{
    skip_blank(w);
    if (w->at < w->end && *w->at == '{')
        return walk_member(w, step);
    return walk_item(w, step);
}

unsigned json_line_of(const char *text, size_t len, const char *pointer)
{
    AUTO(buf_free) struct buf step = BUF_INIT(JSON_STEP_MAX);
    struct walk w = { text, text + len };
    const char *found;
    unsigned line = 1;

    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        w.at += 3;
    skip_blank(&w);
    found = w.at;
    while (json_next_step(&pointer, &step) && walk_step(&w, buf_str(&step))) {
        skip_blank(&w);
        found = w.at;
        buf_clear(&step);
    }
    for (const char *p = text; p < found; p++)
        line += *p == '\n';
    return line;
}
