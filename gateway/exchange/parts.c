/*
 * parts.c - the list of travelling bodies, as JSON in the store.
 *
 * Only our own program writes it, so what does not read is our own mistake (ERR_BUG).
 */
#include "exchange/parts.h"

#include <jansson.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"

static const char *const compress_names[] = {
    [AS4_COMPRESS_AUTO] = "auto",
    [AS4_COMPRESS_YES] = "yes",
    [AS4_COMPRESS_NO] = "no",
    [AS4_COMPRESSED] = "already",
};

void parts_add(struct part_list *list, const char *body, const char *mime_type,
               const char *charset, const char *file_name, enum as4_compress compress)
{
    list->items = mem_grow(list->items, list->count, &list->cap, sizeof *list->items);
    list->items[list->count++] = (struct part_entry){ .body = mem_strdup(body),
                                                      .mime_type = mem_strdup(mime_type),
                                                      .charset = mem_strdup(charset),
                                                      .file_name = mem_strdup(file_name),
                                                      .compress = compress };
}

void parts_free(struct part_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mem_free(&list->items[i].body);
        mem_free(&list->items[i].mime_type);
        mem_free(&list->items[i].charset);
        mem_free(&list->items[i].file_name);
    }
    mem_free(&list->items);
    list->count = list->cap = 0;
}

void parts_print(const struct part_list *list, struct buf *out)
{
    AUTO(json_drop) json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++) {
        const struct part_entry *p = &list->items[i];

        json_array_append_new(array, json_pack("{s:s, s:s, s:s*, s:s*, s:s}", "body",
                                               p->body, "type", p->mime_type, "charset",
                                               p->charset, "name", p->file_name,
                                               "compress", compress_names[p->compress]));
    }
    json_print(array, out);
}

static bool read_compress(const char *word, enum as4_compress *ret)
{
    for (size_t i = 0; i < COUNT_OF(compress_names); i++) {
        if (text_eq(word, compress_names[i])) {
            *ret = (enum as4_compress)i;
            return true;
        }
    }
    return false;
}

bool parts_parse(const void *data, size_t len, struct part_list *ret, struct err *err)
{
    AUTO(json_drop) json_t *array = json_parse(data, len, NULL, err);
    size_t i;
    json_t *item;

    if (array == NULL)
        return false;
    if (!json_is_array(array))
        return err_set(err, ERR_BUG, "parts.form", "stored list of parts is no array");
    json_array_foreach (array, i, item) {
        const char *body = NULL, *type = NULL, *charset = NULL, *name = NULL, *how = NULL;
        enum as4_compress compress;

        if (json_unpack(item, "{s:s, s:s, s?s, s?s, s:s}", "body", &body, "type", &type,
                        "charset", &charset, "name", &name, "compress", &how) != 0 ||
            !read_compress(how, &compress)) {
            parts_free(ret);
            return err_set(err, ERR_BUG, "parts.form", "stored list of parts, entry %zu",
                           i);
        }
        parts_add(ret, body, type, charset, name, compress);
    }
    return true;
}
