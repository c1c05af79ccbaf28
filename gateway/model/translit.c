/*
 * translit.c - Cyrillic names in Latin letters, by three official rules.
 *
 * Each rule is a table from a small letter to what stands at the start of a word (or after an
 * apostrophe) and what stands elsewhere. Capitals follow the source: "Щ" is "Shch" before a small
 * letter and "SHCH" in a word of capitals. The spelling in a person's document always comes before
 * anything computed here.
 */
#include "model/name.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/utf8.h"

struct row {
    uint32_t letter;
    const char *start, *inside; /* start NULL: as inside */
};

/* clang-format off */
static const struct row ukrainian[] = {
    { 0x430, NULL, "a" }, { 0x431, NULL, "b" }, { 0x432, NULL, "v" }, { 0x433, NULL, "h" },
    { 0x491, NULL, "g" }, { 0x434, NULL, "d" }, { 0x435, NULL, "e" }, { 0x454, "ye", "ie" },
    { 0x436, NULL, "zh" }, { 0x437, NULL, "z" }, { 0x438, NULL, "y" }, { 0x456, NULL, "i" },
    { 0x457, "yi", "i" }, { 0x439, "y", "i" }, { 0x43A, NULL, "k" }, { 0x43B, NULL, "l" },
    { 0x43C, NULL, "m" }, { 0x43D, NULL, "n" }, { 0x43E, NULL, "o" }, { 0x43F, NULL, "p" },
    { 0x440, NULL, "r" }, { 0x441, NULL, "s" }, { 0x442, NULL, "t" }, { 0x443, NULL, "u" },
    { 0x444, NULL, "f" }, { 0x445, NULL, "kh" }, { 0x446, NULL, "ts" }, { 0x447, NULL, "ch" },
    { 0x448, NULL, "sh" }, { 0x449, NULL, "shch" }, { 0x44C, NULL, "" }, { 0x44E, "yu", "iu" },
    { 0x44F, "ya", "ia" }, { 0, NULL, NULL },
};
static const struct row belarusian[] = {
    { 0x430, NULL, "a" }, { 0x431, NULL, "b" }, { 0x432, NULL, "v" }, { 0x433, NULL, "h" },
    { 0x434, NULL, "d" }, { 0x435, "je", "ie" }, { 0x451, "jo", "io" }, { 0x436, NULL, "zh" },
    { 0x437, NULL, "z" }, { 0x456, NULL, "i" }, { 0x439, NULL, "j" }, { 0x43A, NULL, "k" },
    { 0x43B, NULL, "l" }, { 0x43C, NULL, "m" }, { 0x43D, NULL, "n" }, { 0x43E, NULL, "o" },
    { 0x43F, NULL, "p" }, { 0x440, NULL, "r" }, { 0x441, NULL, "s" }, { 0x442, NULL, "t" },
    { 0x443, NULL, "u" }, { 0x45E, NULL, "w" }, { 0x444, NULL, "f" }, { 0x445, NULL, "kh" },
    { 0x446, NULL, "ts" }, { 0x447, NULL, "ch" }, { 0x448, NULL, "sh" }, { 0x44B, NULL, "y" },
    { 0x44C, NULL, "" }, { 0x44D, NULL, "e" }, { 0x44E, "ju", "iu" }, { 0x44F, "ja", "ia" },
    { 0, NULL, NULL },
};
static const struct row russian[] = {
    { 0x430, NULL, "a" }, { 0x431, NULL, "b" }, { 0x432, NULL, "v" }, { 0x433, NULL, "g" },
    { 0x434, NULL, "d" }, { 0x435, NULL, "e" }, { 0x451, NULL, "e" }, { 0x436, NULL, "zh" },
    { 0x437, NULL, "z" }, { 0x438, NULL, "i" }, { 0x439, NULL, "i" }, { 0x43A, NULL, "k" },
    { 0x43B, NULL, "l" }, { 0x43C, NULL, "m" }, { 0x43D, NULL, "n" }, { 0x43E, NULL, "o" },
    { 0x43F, NULL, "p" }, { 0x440, NULL, "r" }, { 0x441, NULL, "s" }, { 0x442, NULL, "t" },
    { 0x443, NULL, "u" }, { 0x444, NULL, "f" }, { 0x445, NULL, "kh" }, { 0x446, NULL, "ts" },
    { 0x447, NULL, "ch" }, { 0x448, NULL, "sh" }, { 0x449, NULL, "shch" }, { 0x44A, NULL, "ie" },
    { 0x44B, NULL, "y" }, { 0x44C, NULL, "" }, { 0x44D, NULL, "e" }, { 0x44E, NULL, "iu" },
    { 0x44F, NULL, "ia" }, { 0, NULL, NULL },
};
/* clang-format on */

static const struct {
    const char *name, *language;
    const struct row *rows;
} rules[] = {
    [TRANSLIT_UA_2010] = { "UA-55-2010", "uk", ukrainian },
    [TRANSLIT_BY_2010] = { "BY-200-2010", "be", belarusian },
    [TRANSLIT_RU_ICAO] = { "ICAO-9303", "ru", russian },
};

const char *translit_name(enum translit rule)
{
    return rules[rule].name;
}

bool translit_for(const char *language, enum translit *ret)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (text_eq(rules[i].language, language)) {
            *ret = (enum translit)i;
            return true;
        }
    return false;
}

static bool capital(uint32_t cp)
{
    return (cp >= 0x400 && cp <= 0x42F) || cp == 0x490;
}

static uint32_t small_of(uint32_t cp)
{
    if (cp >= 0x410 && cp <= 0x42F)
        return cp + 0x20;
    if (cp >= 0x400 && cp <= 0x40F)
        return cp + 0x50;
    return cp == 0x490 ? 0x491 : cp;
}

static const struct row *row_of(const struct row *rows, uint32_t letter)
{
    for (; rows->letter != 0; rows++)
        if (rows->letter == letter)
            return rows;
    return NULL;
}

static bool is_apostrophe(uint32_t cp)
{
    return cp == '\'' || cp == 0x2019 || cp == 0x2BC || cp == 0x2018 || cp == '`';
}

static void add_cased(struct buf *out, const char *latin, bool is_capital,
                      bool word_of_capitals)
{
    for (size_t i = 0; latin[i] != '\0'; i++) {
        bool up = is_capital && (i == 0 || word_of_capitals);

        buf_addc(out, up ? (char)(latin[i] - 'a' + 'A') : latin[i]);
    }
}

struct walk {
    const char *text;
    uint32_t before, letter, after; /* 0: none */
    enum translit rule;
    bool starts;      /* letter begins a word, or follows an apostrophe in Belarusian */
    bool in_capitals; /* the letter after it, else the one before it, is a capital */
};

static uint32_t peek(const char *text)
{
    uint32_t cp;

    return utf8_next(text, strlen(text), &cp) > 0 ? cp : 0;
}

static bool step(struct walk *w)
{
    size_t n = utf8_next(w->text, strlen(w->text), &w->letter);

    if (n == 0)
        return false;
    w->text += n;
    w->after = peek(w->text);
    w->in_capitals =
        w->after != 0 && row_of(rules[w->rule].rows, small_of(w->after)) != NULL
            ? capital(w->after)
            : capital(w->before);
    return true;
}

/* Rules of one place: зг is zgh in Ukrainian; й falls away at the end after е ё ы ю я in Belarusian. */
static const char *exception(const struct walk *w)
{
    uint32_t small = small_of(w->letter), before = small_of(w->before);
    bool ends = row_of(rules[w->rule].rows, small_of(w->after)) == NULL;

    if (w->rule == TRANSLIT_UA_2010 && small == 0x433 && before == 0x437)
        return "gh";
    if (w->rule == TRANSLIT_BY_2010 && small == 0x439 && ends &&
        (before == 0x435 || before == 0x451 || before == 0x44B || before == 0x44E ||
         before == 0x44F))
        return "";
    return NULL;
}

static bool add_letter(struct walk *w, struct buf *out)
{
    const struct row *row = row_of(rules[w->rule].rows, small_of(w->letter));
    const char *latin = exception(w);
    char same[4];

    if (is_apostrophe(w->letter) || row == NULL) {
        if (w->letter >= 0x400 && w->letter <= 0x52F)
            return false;
        if (!is_apostrophe(w->letter) || w->before < 0x400)
            buf_add(out, same, utf8_put(w->letter, same));
        /* Знам'янка is Znamianka, but Вераб'ёў is Vierabjow. */
        w->starts = !is_apostrophe(w->letter) || w->rule == TRANSLIT_BY_2010;
        return true;
    }
    if (latin == NULL)
        latin = w->starts && row->start != NULL ? row->start : row->inside;
    add_cased(out, latin, capital(w->letter), w->in_capitals);
    w->starts = false;
    return true;
}

bool name_transliterate(const char *text, enum translit rule, struct buf *out)
{
    struct walk walk = { .text = text, .rule = rule, .starts = true };

    while (step(&walk)) {
        if (!add_letter(&walk, out))
            return false;
        walk.before = walk.letter;
    }
    return true;
}
