/*
 * letters.c - single letters of names: their script, their look-alikes, their plain forms.
 *
 * Everything works on code points of well-formed UTF-8; a bad sequence ends the work, so what was
 * not checked before is cut and never read beyond its end.
 */
#include "model/name.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

#define PLAIN_FIRST 0xC0
#define APOSTROPHE  0x2BC /* modifier letter apostrophe: the canonical one */

/* clang-format off */
/* Letters of U+00C0 to U+017F without accents (ICAO 9303 part 3, section 6). */
static const char *const plain[] = {
    "A", "A", "A", "A", "A", "A", "AE", "C", "E", "E", "E", "E", "I", "I", "I", "I",
    "D", "N", "O", "O", "O", "O", "O", "", "OE", "U", "U", "U", "U", "Y", "TH", "ss",
    "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
    "d", "n", "o", "o", "o", "o", "o", "", "oe", "u", "u", "u", "u", "y", "th", "y",
    "A", "a", "A", "a", "A", "a", "C", "c", "C", "c", "C", "c", "C", "c", "D", "d",
    "D", "d", "E", "e", "E", "e", "E", "e", "E", "e", "E", "e", "G", "g", "G", "g",
    "G", "g", "G", "g", "H", "h", "H", "h", "I", "i", "I", "i", "I", "i", "I", "i",
    "I", "i", "IJ", "ij", "J", "j", "K", "k", "k", "L", "l", "L", "l", "L", "l", "L",
    "l", "L", "l", "N", "n", "N", "n", "N", "n", "n", "N", "n", "O", "o", "O", "o",
    "O", "o", "OE", "oe", "R", "r", "R", "r", "R", "r", "S", "s", "S", "s", "S", "s",
    "S", "s", "T", "t", "T", "t", "T", "t", "U", "u", "U", "u", "U", "u", "U", "u",
    "U", "u", "U", "u", "W", "w", "Y", "y", "Y", "Z", "z", "Z", "z", "Z", "z", "s",
};
/* clang-format on */

/* Cyrillic letters and the Latin ones that look the same. */
static const struct twin {
    uint32_t cyrillic, latin;
} twins[] = {
    { 0x410, 'A' },  { 0x412, 'B' },  { 0x415, 'E' },  { 0x41A, 'K' },  { 0x41C, 'M' },
    { 0x41D, 'H' },  { 0x41E, 'O' },  { 0x420, 'P' },  { 0x421, 'C' },  { 0x422, 'T' },
    { 0x423, 'Y' },  { 0x425, 'X' },  { 0x406, 'I' },  { 0x408, 'J' },  { 0x405, 'S' },
    { 0x401, 0xCB }, { 0x407, 0xCF }, { 0x430, 'a' },  { 0x435, 'e' },  { 0x43E, 'o' },
    { 0x440, 'p' },  { 0x441, 'c' },  { 0x443, 'y' },  { 0x445, 'x' },  { 0x456, 'i' },
    { 0x458, 'j' },  { 0x455, 's' },  { 0x451, 0xEB }, { 0x457, 0xEF },
};

static bool next(const char **at, uint32_t *ret)
{
    size_t n = utf8_next(*at, strlen(*at), ret);

    *at += n;
    return n > 0;
}

static void put(struct buf *out, uint32_t cp)
{
    char text[4];

    buf_add(out, text, utf8_put(cp, text));
}

/* --- scripts ----------------------------------------------------------------------------- */

static bool between(uint32_t cp, uint32_t low, uint32_t high)
{
    return cp >= low && cp <= high;
}

static enum script script_of_letter(uint32_t cp)
{
    if (between(cp, 'A', 'Z') || between(cp, 'a', 'z'))
        return SCRIPT_LATIN;
    if (cp < 0xC0 || cp == 0xD7 || cp == 0xF7 || between(cp, 0x2B0, 0x36F) ||
        between(cp, 0x2000, 0x2BFF) || between(cp, 0x3000, 0x303F))
        return SCRIPT_NONE;
    if (between(cp, 0xC0, 0x24F) || between(cp, 0x1E00, 0x1EFF))
        return SCRIPT_LATIN;
    if (between(cp, 0x400, 0x52F) || between(cp, 0x1C80, 0x1C8F) ||
        between(cp, 0xA640, 0xA69F))
        return SCRIPT_CYRILLIC;
    return SCRIPT_OTHER;
}

static enum script join_scripts(enum script a, enum script b)
{
    if (a == SCRIPT_NONE || a == b)
        return b;
    return b == SCRIPT_NONE ? a : SCRIPT_MIXED;
}

enum script script_of(const char *text)
{
    enum script all = SCRIPT_NONE;
    uint32_t cp;

    while (next(&text, &cp))
        all = join_scripts(all, script_of_letter(cp));
    return all;
}

bool script_mixed_word(const char *text)
{
    enum script word = SCRIPT_NONE;
    uint32_t cp;

    while (next(&text, &cp)) {
        word = cp == ' ' || cp == '-' ? SCRIPT_NONE
                                      : join_scripts(word, script_of_letter(cp));
        if (word == SCRIPT_MIXED)
            return true;
    }
    return false;
}

const char *script_code(enum script script)
{
    static const char *const codes[] = { "Zyyy", "Latn", "Cyrl", "Zzzz", "Zzzz" };

    return codes[script];
}

/* --- look-alikes ------------------------------------------------------------------------- */

static uint32_t twin_of(uint32_t cp, bool to_latin)
{
    for (size_t i = 0; i < COUNT_OF(twins); i++)
        if ((to_latin ? twins[i].cyrillic : twins[i].latin) == cp)
            return to_latin ? twins[i].latin : twins[i].cyrillic;
    return cp;
}

static bool replace_twins(const char *text, bool to_latin, struct buf *out)
{
    bool changed = false;
    uint32_t cp;

    while (next(&text, &cp)) {
        uint32_t twin = twin_of(cp, to_latin);

        changed |= twin != cp;
        put(out, twin);
    }
    return changed;
}

bool lookalike_to_latin(const char *text, struct buf *out)
{
    return replace_twins(text, true, out);
}

bool lookalike_to_cyrillic(const char *text, struct buf *out)
{
    return replace_twins(text, false, out);
}

/* --- spellings --------------------------------------------------------------------------- */

bool name_comma_letters(const char *text, struct buf *out)
{
    static const uint32_t pairs[][2] = {
        { 0x15E, 0x218 }, { 0x15F, 0x219 }, { 0x162, 0x21A }, { 0x163, 0x21B }
    };
    bool changed = false;
    uint32_t cp;

    while (next(&text, &cp)) {
        for (size_t i = 0; i < COUNT_OF(pairs); i++)
            if (pairs[i][0] == cp) {
                cp = pairs[i][1];
                changed = true;
                break;
            }
        put(out, cp);
    }
    return changed;
}

static bool apostrophe_like(uint32_t cp)
{
    return cp == '\'' || cp == 0x2019 || cp == 0x2018 || cp == '`' || cp == 0xB4;
}

bool name_apostrophes(const char *text, struct buf *out)
{
    bool changed = false, after_letter = false;
    uint32_t cp;

    while (next(&text, &cp)) {
        const char *ahead = text;
        uint32_t following = 0;
        bool before_letter =
            next(&ahead, &following) && script_of_letter(following) != SCRIPT_NONE;

        if (apostrophe_like(cp) && after_letter && before_letter) {
            cp = APOSTROPHE;
            changed = true;
        }
        after_letter = script_of_letter(cp) != SCRIPT_NONE;
        put(out, cp);
    }
    return changed;
}

/* Without accent, in its own case; NULL: it has no such form. */
static const char *plain_of(uint32_t cp)
{
    if (between(cp, PLAIN_FIRST, PLAIN_FIRST + COUNT_OF(plain) - 1))
        return plain[cp - PLAIN_FIRST];
    switch (cp) {
    case 0x218:
        return "S";
    case 0x219:
        return "s";
    case 0x21A:
        return "T";
    case 0x21B:
        return "t";
    case 0x1E9E:
        return "SS";
    default:
        return NULL;
    }
}

static uint32_t small_letter(uint32_t cp)
{
    if (between(cp, 'A', 'Z') || between(cp, 0x410, 0x42F))
        return cp + 0x20;
    if (between(cp, 0x400, 0x40F))
        return cp + 0x50;
    if (between(cp, 0x460, 0x481) || between(cp, 0x48A, 0x4BF) ||
        between(cp, 0x4D0, 0x52F))
        return cp | 1;
    return cp;
}

static void fold_letter(uint32_t cp, struct buf *out)
{
    const char *base = plain_of(cp);

    if (base != NULL) {
        for (; *base != '\0'; base++)
            put(out, small_letter((unsigned char)*base));
        return;
    }
    cp = small_letter(cp);
    put(out, cp == 0x451 ? 0x435 : cp); /* ё is often written е */
}

void text_fold(const char *text, struct buf *out)
{
    bool blank = false, any = false;
    uint32_t cp;

    while (next(&text, &cp)) {
        if (cp == ' ' || cp == '\t' || cp == '\n' || cp == '\r' || cp == 0xA0) {
            blank = any;
            continue;
        }
        if (apostrophe_like(cp) || cp == APOSTROPHE || between(cp, 0x300, 0x36F))
            continue;
        if (blank)
            buf_addc(out, ' ');
        blank = false;
        any = true;
        fold_letter(cp, out);
    }
}

static bool plain_latin_char(uint32_t cp)
{
    return between(cp, 'A', 'Z') || between(cp, 'a', 'z') || cp == ' ' || cp == '-' ||
           cp == '\'';
}

bool name_plain_latin(const char *text, struct buf *out)
{
    size_t start = out->len;
    uint32_t cp;

    while (next(&text, &cp)) {
        const char *base = plain_of(cp);

        if (apostrophe_like(cp) || cp == APOSTROPHE)
            cp = '\'';
        if (base != NULL && base[0] != '\0')
            buf_adds(out, base);
        else if (plain_latin_char(cp))
            put(out, cp);
        else if (!between(cp, 0x300, 0x36F)) {
            out->len = start;
            if (out->data != NULL)
                out->data[start] = '\0';
            return false;
        }
    }
    return true;
}
