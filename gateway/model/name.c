/*
 * name.c - a name on one line, taken apart and put together.
 *
 * Splitting is a guess by rule: order of words and the ending of the last one. The result says
 * whether the rule was sure; whoever uses it reports W-NAME-SPLIT either way, and keeps the line
 * beside the parts.
 */
#include "model/name.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#define NAME_OCTETS_MAX 2048 /* of a line; longer ones are not taken apart */
#define NAME_WORDS_MAX  16

/* Endings of patronymics after text_fold(): Ukrainian, Russian, Belarusian, and transliterated. */
static const char *const patronymic_endings[] = {
    "ович",   "йович",   "евич",  "івна",  "ївна",  "овна",   "евна",  "ична",  "ічна",
    "инична", "авіч",    "евіч",  "ьевіч", "аўна",  "еўна",   "ыч",    "ілліч", "ильич",
    "ильіч",  "кузьмич", "лукич", "лукіч", "ovych", "iovych", "evych", "ovich", "evich",
    "avich",  "ievich",  "ivna",  "ovna",  "evna",  "auna",   "euna",  "ichna", "yivna",
};

static const char *const part_names[] = { "Surname", "Given", "Patronymic",
                                          "FatherName" };

const char *name_part_name(enum name_part part)
{
    return part_names[part];
}

bool name_is_patronymic(const char *word)
{
    AUTO(buf_free) struct buf folded = BUF_SECRET_INIT(NAME_OCTETS_MAX);

    text_fold(word, &folded);
    for (size_t i = 0; i < COUNT_OF(patronymic_endings); i++)
        if (text_ends(buf_str(&folded), patronymic_endings[i]))
            return true;
    return false;
}

static size_t words_of(const char *line, struct str words[NAME_WORDS_MAX])
{
    struct str rest = str_of(line), word;
    size_t n = 0;

    while (n < NAME_WORDS_MAX && str_next(&rest, ' ', &word)) {
        word = str_trim(word);
        if (word.len > 0)
            words[n++] = word;
    }
    return str_trim(rest).len > 0 ? 0 : n; /* more words than a name has */
}

static char *join_words(const struct str *words, size_t n)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(NAME_OCTETS_MAX);

    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_addc(&text, ' ');
        buf_add(&text, words[i].ptr, words[i].len);
    }
    return buf_detach(&text);
}

static bool last_is_patronymic(const struct str *words, size_t n)
{
    AUTO(mem_free) char *last = NULL;

    if (n < 3)
        return false;
    last = join_words(words + n - 1, 1);
    return name_is_patronymic(last);
}

static bool looks_patronymic(const struct str *word)
{
    AUTO(mem_free) char *text = join_words(word, 1);

    return name_is_patronymic(text);
}

bool name_split(const char *line, struct name_split *ret)
{
    struct str words[NAME_WORDS_MAX];
    size_t n = strlen(line) > NAME_OCTETS_MAX ? 0 : words_of(line, words);
    bool patronymic;

    *ret = (struct name_split){ 0 };
    if (n == 0)
        return false;
    patronymic = last_is_patronymic(words, n);
    ret->sure = n == 1   ? false
                : n == 2 ? !looks_patronymic(&words[1])
                         : n == 3 && patronymic;
    if (patronymic)
        ret->part[NAME_PATRONYMIC] = join_words(&words[--n], 1);
    if (n > 1)
        ret->part[NAME_GIVEN] = join_words(&words[--n], 1);
    ret->part[NAME_SURNAME] = join_words(words, n);
    return true;
}

void name_split_free(struct name_split *split)
{
    for (int i = 0; i < NAME_PARTS; i++) {
        if (split->part[i] != NULL)
            mem_wipe(split->part[i], strlen(split->part[i]));
        free(split->part[i]);
    }
    *split = (struct name_split){ 0 };
}

void name_join(const char *surname, const char *given, const char *patronymic,
               struct buf *out)
{
    const char *const parts[] = { surname, given, patronymic };
    size_t start = out->len;

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (text_empty(parts[i]))
            continue;
        if (out->len > start)
            buf_addc(out, ' ');
        buf_adds(out, parts[i]);
    }
}
