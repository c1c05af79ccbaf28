/*
 * mime_type.c - Content-Type and headers of its kind: type/subtype; name=value; name="value".
 *
 * RFC 2045 5.1, with what is met in the wild: any order, any case of names, blanks around "="
 * and ";". Not read: RFC 2231 continuations and comments in brackets; neither is used by
 * multipart/related.
 */
#include "format/mime.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/mime_private.h"

static bool type_error(const char *what, struct err *err)
{
    return err_set(err, ERR_REJECT, "mime.type",
                   "a Content-Type header cannot be read: %s", what);
}

/* tspecials of RFC 2045, controls, blanks and what is not ASCII are no part of a token. */
static bool is_token_char(char c)
{
    return c > ' ' && c < 0x7F && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static struct str take_token(struct str *rest)
{
    struct str token = { rest->ptr, 0 };

    while (token.len < rest->len && is_token_char(rest->ptr[token.len]))
        token.len++;
    rest->ptr += token.len;
    rest->len -= token.len;
    return token;
}

static bool take_char(struct str *rest, char c)
{
    *rest = str_trim(*rest);
    if (rest->len == 0 || rest->ptr[0] != c)
        return false;
    rest->ptr++;
    rest->len--;
    *rest = str_trim(*rest);
    return true;
}

char *mime_lower(struct str s)
{
    char *lower = mem_strndup(s.ptr, s.len);

    for (char *p = lower; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p | 0x20);
    return lower;
}

/* The inside of "..." from behind its opening quote, owned; NULL when it is not closed. */
static char *take_quoted(struct str *rest)
{
    AUTO(buf_free) struct buf value = BUF_INIT(MIME_VALUE_MAX);

    for (; rest->len > 0; rest->ptr++, rest->len--) {
        if (rest->ptr[0] == '"') {
            rest->ptr++;
            rest->len--;
            return buf_detach(&value);
        }
        if (rest->ptr[0] == '\\' && rest->len > 1) {
            rest->ptr++;
            rest->len--;
        }
        buf_addc(&value, rest->ptr[0]);
    }
    return NULL;
}

/* A value: quoted, or a token that may hold what careless senders leave unquoted. */
static char *take_value(struct str *rest)
{
    struct str value = { rest->ptr, 0 };

    if (rest->len > 0 && rest->ptr[0] == '"') {
        rest->ptr++;
        rest->len--;
        return take_quoted(rest);
    }
    while (value.len < rest->len && strchr("; \t", rest->ptr[value.len]) == NULL &&
           rest->ptr[value.len] != '"')
        value.len++;
    rest->ptr += value.len;
    rest->len -= value.len;
    return value.len > 0 ? mem_strndup(value.ptr, value.len) : NULL;
}

static bool take_param(struct str *rest, struct mime_type *type, struct err *err)
{
    struct mime_param *param = &type->params[type->count];
    struct str name = take_token(rest);
    AUTO(mem_free) char *lower = mime_lower(name);
    AUTO(mem_free) char *value = NULL;

    if (name.len == 0 || !take_char(rest, '='))
        return type_error("a parameter has no name or no value", err);
    value = take_value(rest);
    if (value == NULL)
        return type_error("a parameter's value is missing or its quote is not closed",
                          err);
    if (mime_type_param(type, lower) != NULL)
        return type_error("a parameter stands twice", err);
    param->name = TAKE(lower);
    param->value = TAKE(value);
    type->count++;
    return true;
}

static bool take_type(struct str *rest, struct mime_type *type, struct err *err)
{
    const char *start = rest->ptr;
    struct str major = take_token(rest), minor;
    bool slash = rest->len > 0 && rest->ptr[0] == '/';

    if (slash) {
        rest->ptr++;
        rest->len--;
    }
    minor = take_token(rest);
    if (!slash || major.len == 0 || minor.len == 0)
        return type_error("it does not begin with type/subtype", err);
    type->type = mime_lower((struct str){ start, (size_t)(rest->ptr - start) });
    return true;
}

bool mime_type_parse(const char *text, struct mime_type *ret, struct err *err)
{
    AUTO(mime_type_free) struct mime_type type = { 0 };
    struct str rest = str_trim(str_of(text));

    if (rest.len > MIME_VALUE_MAX)
        return type_error("it is too long", err);
    if (!take_type(&rest, &type, err))
        return false;
    while (take_char(&rest, ';')) {
        if (rest.len == 0)
            break; /* a semicolon at the end */
        if (type.count == MIME_PARAMS_MAX)
            return type_error("it has too many parameters", err);
        if (!take_param(&rest, &type, err))
            return false;
    }
    if (rest.len > 0)
        return type_error("something stands behind a parameter", err);
    *ret = type;
    type = (struct mime_type){ 0 };
    return true;
}

const char *mime_type_param(const struct mime_type *type, const char *name)
{
    for (size_t i = 0; i < type->count; i++)
        if (text_eq(type->params[i].name, name))
            return type->params[i].value;
    return NULL;
}

void mime_type_free(struct mime_type *type)
{
    for (size_t i = 0; i < type->count; i++) {
        mem_free(&type->params[i].name);
        mem_free(&type->params[i].value);
    }
    mem_free(&type->type);
    type->count = 0;
}
