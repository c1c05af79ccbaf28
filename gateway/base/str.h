/*
 * str.h - views of text, small parsers for numbers, lists of strings. Nothing here allocates
 * unless it says so.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

/* A view: borrowed, not NUL-terminated. */
struct str {
    const char *ptr;
    size_t len;
};

#define STR_FMT     "%.*s"
#define STR_ARG(s)  (int)(s).len, (s).ptr

struct str str_of(const char *text); /* NULL gives an empty view */
bool str_is(struct str s, const char *text);
bool str_is_nocase(struct str s, const char *ascii); /* ASCII letters only */
struct str str_trim(struct str s);                   /* blank, tab, CR, LF at both ends */
/* The part before the first `sep`, which is taken off *rest with the separator. At the end of
 * the text returns false. "a,,b" gives "a", "", "b". */
bool str_next(struct str *rest, char sep, struct str *ret_item);

bool text_eq(const char *a, const char *b); /* NULL equals only NULL */
bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
bool text_empty(const char *text); /* NULL or "" */

/* Decimal digits only, no sign, no blank; false on overflow or anything else. */
bool str_u64(struct str s, uint64_t *ret);
bool str_i64(struct str s, int64_t *ret); /* one leading '-' allowed */

/* Constant-time comparison of secrets and digests of equal length. */
bool octets_equal(const void *a, const void *b, size_t len);

/* An owned list of strings in insertion order. */
struct strlist {
    char **items;
    size_t count, cap;
};
void strlist_add(struct strlist *list, const char *text); /* copies */
bool strlist_has(const struct strlist *list, const char *text);
void strlist_free(struct strlist *list); /* for AUTO */

/* String to pointer, open addressing; keys copied, values borrowed. */
struct dict;
struct dict *dict_new(void) NODISCARD;
void dict_free(struct dict **dict);
void *dict_get(const struct dict *dict, const char *key); /* NULL: absent */
/* Returns the value that stood there before, or NULL. A NULL value removes the key. */
void *dict_set(struct dict *dict, const char *key, void *value);
size_t dict_count(const struct dict *dict);

#endif
