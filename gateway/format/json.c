/*
 * json.c - strict reading and one way of writing.
 *
 * Size, UTF-8, depth and number of values are checked in one pass over the octets before Jansson
 * builds anything. Its messages quote the text ("near ..."), so only their first half is used.
 */
#include "format/json.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/charset.h"
#include "format/json_private.h"

#define WORDS_MAX 80 /* octets of Jansson's sentence that are used */

const struct json_limits json_limits_document = { 8 << 20, 32, 200000 };
const struct json_limits json_limits_config = { 8 << 20, 64, 1000000 };

/* --- start ------------------------------------------------------------------------------- */

static void *take_memory(size_t size)
{
    return mem_realloc(NULL, size, 1);
}

static void start(void)
{
    json_set_alloc_funcs(take_memory, free);
    json_object_seed(0);
}

void json_init(void)
{
    static pthread_once_t started = PTHREAD_ONCE_INIT;

    pthread_once(&started, start);
}

void json_drop(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}

/* --- reading ----------------------------------------------------------------------------- */

/* Where a scan over well-formed or other text stands. */
struct scan {
    unsigned depth;
    size_t values, line;
    bool in_string, escaped;
};

static void scan_string(struct scan *scan, char c)
{
    if (scan->escaped)
        scan->escaped = false;
    else if (c == '\\')
        scan->escaped = true;
    else if (c == '"')
        scan->in_string = false;
}

static void scan_octet(struct scan *scan, char c)
{
    if (c == '\n')
        scan->line++;
    if (scan->in_string) {
        scan_string(scan, c);
        return;
    }
    if (c == '"')
        scan->in_string = true;
    else if (c == '{' || c == '[')
        scan->depth++;
    else if ((c == '}' || c == ']') && scan->depth > 0)
        scan->depth--;
    scan->values += c == '{' || c == '[' || c == ',';
}

static bool check_shape(const char *text, size_t len, const struct json_limits *limits,
                        struct err *err)
{
    struct scan scan = { .line = 1 };

    for (size_t i = 0; i < len; i++) {
        scan_octet(&scan, text[i]);
        if (scan.depth > limits->depth)
            return err_set(
                err, ERR_REJECT, "json.too-deep",
                "line %zu: objects and arrays stand over %u deep in each other",
                scan.line, limits->depth);
        if (scan.values > limits->values)
            return err_set(err, ERR_REJECT, "json.too-many", "line %zu: over %zu values",
                           scan.line, limits->values);
    }
    return true;
}

/* Jansson's own sentence up to where it quotes the text. */
static bool syntax_error(const json_error_t *fault, struct err *err)
{
    const char *near = strstr(fault->text, " near ");
    int len = (int)(near != NULL ? (size_t)(near - fault->text) : strlen(fault->text));

    if (text_starts(fault->text, "invalid Unicode"))
        len = (int)strlen("invalid Unicode");
    return err_set(err, ERR_REJECT, "json.malformed", "line %d, column %d: %.*s",
                   fault->line, fault->column, len < WORDS_MAX ? len : WORDS_MAX,
                   fault->text);
}

static bool parse_error(const json_error_t *fault, struct err *err)
{
    switch (json_error_code(fault)) {
    case json_error_duplicate_key:
        return err_set(err, ERR_REJECT, "json.duplicate",
                       "line %d, column %d: a key stands twice in one object",
                       fault->line, fault->column);
    case json_error_premature_end_of_input:
        return err_set(err, ERR_REJECT, "json.malformed",
                       "line %d, column %d: the text ends before the document does",
                       fault->line, fault->column);
    case json_error_end_of_input_expected:
        return err_set(
            err, ERR_REJECT, "json.malformed",
            "line %d, column %d: something stands after the end of the document",
            fault->line, fault->column);
    case json_error_numeric_overflow:
        return err_set(err, ERR_REJECT, "json.malformed",
                       "line %d, column %d: a number is too large", fault->line,
                       fault->column);
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return err_set(err, ERR_REJECT, "json.malformed",
                       "line %d, column %d: \\u0000 is not accepted", fault->line,
                       fault->column);
    default:
        return syntax_error(fault, err);
    }
}

json_t *json_parse(const void *data, size_t len, const struct json_limits *limits,
                   struct err *err)
{
    const char *text = data;
    json_error_t fault;
    json_t *value;

    json_init();
    limits = limits != NULL ? limits : &json_limits_document;
    if (len > limits->octets) {
        err_set(err, ERR_REJECT, "json.too-large",
                "the document has %zu octets, over the %zu allowed", len, limits->octets);
        return NULL;
    }
    if (!charset_check_utf8(data, len, err))
        return NULL;
    if (len >= 3 &&
        memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* a mark some editors leave */
        text += 3;
        len -= 3;
    }
    if (!check_shape(text, len, limits, err))
        return NULL;
    value = json_loadb(len > 0 ? text : "", len, JSON_REJECT_DUPLICATES, &fault);
    if (value == NULL)
        parse_error(&fault, err);
    return value;
}

/* --- documents --------------------------------------------------------------------------- */

struct json_doc *json_doc_parse(const char *name, const void *data, size_t len,
                                enum err_kind kind, const struct json_limits *limits,
                                struct err *err)
{
    AUTO(json_doc_free) struct json_doc *doc = NULL;
    json_t *root = json_parse(data, len, limits, err);

    if (root == NULL) {
        err->kind = kind;
        err_context(err, "%s", name);
        return NULL;
    }
    doc = mem_alloc(sizeof *doc);
    doc->root = root;
    doc->name = mem_strdup(name);
    doc->text = mem_strndup(data, len);
    doc->len = len;
    doc->kind = kind;
    return TAKE(doc);
}

struct json_doc *json_doc_load(const char *path, const struct json_limits *limits,
                               struct err *err)
{
    AUTO(buf_free)
    struct buf text = BUF_INIT((limits != NULL ? limits : &json_limits_config)->octets);

    if (!file_read(path, &text, err)) {
        err->kind = ERR_CONFIG;
        return NULL;
    }
    return json_doc_parse(path, buf_str(&text), text.len, ERR_CONFIG,
                          limits != NULL ? limits : &json_limits_config, err);
}

void json_doc_free(struct json_doc **doc)
{
    if (*doc == NULL)
        return;
    json_drop(&(*doc)->root);
    mem_wipe((*doc)->text, (*doc)->len);
    mem_free(&(*doc)->text);
    mem_free(&(*doc)->name);
    mem_free(doc);
}

/* --- pointers ---------------------------------------------------------------------------- */

void json_step_add(struct buf *pointer, const char *key)
{
    buf_addc(pointer, '/');
    for (; *key != '\0'; key++) {
        if (*key == '~')
            buf_adds(pointer, "~0");
        else if (*key == '/')
            buf_adds(pointer, "~1");
        else
            buf_addc(pointer, *key);
    }
}

bool json_next_step(const char **pointer, struct buf *out)
{
    const char *p = *pointer;

    if (*p != '/')
        return false;
    for (p++; *p != '\0' && *p != '/'; p++) {
        if (p[0] == '~' && (p[1] == '0' || p[1] == '1'))
            buf_addc(out, *++p == '0' ? '~' : '/');
        else
            buf_addc(out, *p);
    }
    *pointer = p;
    return true;
}

bool json_step_index(const char *step, size_t *ret)
{
    uint64_t index;

    if (!str_u64(str_of(step), &index) || (step[0] == '0' && step[1] != '\0') ||
        index > SIZE_MAX)
        return false;
    *ret = (size_t)index;
    return true;
}

static json_t *step_into(json_t *value, const char *step)
{
    size_t index;

    if (json_is_object(value))
        return json_object_get(value, step);
    return json_step_index(step, &index) ? json_array_get(value, index) : NULL;
}

json_t *json_find(json_t *root, const char *pointer)
{
    AUTO(buf_free) struct buf step = BUF_INIT(JSON_STEP_MAX);

    while (root != NULL && json_next_step(&pointer, &step)) {
        root = step_into(root, buf_str(&step));
        buf_clear(&step);
    }
    return *pointer == '\0' ? root : NULL;
}

/* --- writing ----------------------------------------------------------------------------- */

static int add_piece(const char *piece, size_t len, void *to)
{
    return buf_add(to, piece, len) ? 0 : -1;
}

void json_print(const json_t *value, struct buf *out)
{
    if (json_dump_callback(value, add_piece, out,
                           JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        out->over = true;
}

void json_print_pretty(const json_t *value, struct buf *out)
{
    if (json_dump_callback(value, add_piece, out, JSON_INDENT(2) | JSON_ENCODE_ANY) != 0)
        out->over = true;
    buf_addc(out, '\n');
}
