/*
 * kind_attachment.c - files: Base64 in the document, a link, or a name beside the document.
 *
 * The canonical Attachment gets @id, @name, @mediaType and @size; the digest is added by who keeps the
 * octets (exchange). The id is made from the form's own reference or name, so a reference elsewhere in
 * the form (`attachment-ref`) leads to the same one.
 */
#include <string.h>

#include "base/codec.h"
#include "base/err.h"
#include "base/mem.h"
#include "mapping/mapping_private.h"

struct attachment_options {
    struct trail *name, *content, *url, *sha256, *media_type, *ref;
    bool beside;
};

static const char *const attachment_keys[] = { "name",       "content", "url",  "sha256",
                                               "media-type", "ref",     "file", NULL };

void mapping_attachments_free(struct mapping_attachments *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct mapping_attachment *a = &list->items[i];

        mem_free(&a->id);
        mem_free(&a->name);
        mem_free(&a->media_type);
        mem_free(&a->url);
        mem_free(&a->beside);
        mem_free(&a->sha256);
        buf_free(&a->content);
    }
    mem_free(&list->items);
    *list = (struct mapping_attachments){ 0 };
}

struct mapping_attachment *mapping_attachments_add(struct mapping_attachments *list,
                                                   const char *id)
{
    struct mapping_attachment *item;

    list->items = mem_grow(list->items, list->count, &list->cap, sizeof *list->items);
    item = &list->items[list->count++];
    *item = (struct mapping_attachment){ .id = mem_strdup(id),
                                         .content = BUF_SECRET_INIT(MAPPING_OUT_MAX) };
    return item;
}

static bool attachment_parse(struct compile *c, struct rule *rule,
                             const struct json_at *at)
{
    struct attachment_options *options = arena_alloc(&c->map->arena, sizeof *options);

    rule->options = options;
    options->name = compile_path(c, at, "name", rule->id);
    options->content = compile_path(c, at, "content", rule->id);
    options->url = compile_path(c, at, "url", rule->id);
    options->sha256 = compile_path(c, at, "sha256", rule->id);
    options->media_type = compile_path(c, at, "media-type", rule->id);
    options->ref = compile_path(c, at, "ref", rule->id);
    options->beside = compile_flag(c, at, "file");
    if (options->content == NULL && options->url == NULL && !options->beside) {
        compile_error(c, at, rule->id, "E-OPTION",
                      "add \"content\", \"url\", or \"file\": true",
                      "the rule does not say where the octets are");
        return false;
    }
    return true;
}

static void attachment_check(struct compile *c, struct rule *rule,
                             const struct json_at *at)
{
    struct attachment_options *options = rule->options;
    struct trail *paths[] = { options->name,   options->content,    options->url,
                              options->sha256, options->media_type, options->ref };

    for (size_t i = 0; i < COUNT_OF(paths); i++)
        if (paths[i] != NULL && !compile_second(c, rule, paths[i], false))
            compile_error(c, at, rule->id, "E-PATH", "look at the form's schema",
                          "the path \"%s\" of the attachment leads nowhere",
                          paths[i]->text);
}

static bool attachment_writes(const struct rule *rule, const struct shape *shape)
{
    const struct attachment_options *options = rule->options;
    const struct trail *paths[] = { options->name,   options->content,    options->url,
                                    options->sha256, options->media_type, options->ref };

    for (size_t i = 0; i < COUNT_OF(paths); i++)
        if (paths[i] != NULL && paths[i]->shape == shape)
            return true;
    return false;
}

/* [A-Za-z][A-Za-z0-9_.-]{0,39}, the same for the same word. */
static const char *id_of(struct run *run, const char *word)
{
    char id[41];
    size_t n = 0;

    if (!((word[0] >= 'A' && word[0] <= 'Z') || (word[0] >= 'a' && word[0] <= 'z'))) {
        id[n++] = 'a';
        id[n++] = '-';
    }
    for (const char *c = word; *c != '\0' && n < sizeof id - 1; c++)
        id[n++] = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                          (*c >= 'a' && *c <= 'z') || *c == '_' || *c == '.' || *c == '-'
                      ? *c
                      : '_';
    return arena_dup(&run->arena, id, n);
}

static const char *text_at(struct run *run, xmlNode *src, const struct trail *path)
{
    return path == NULL || src == NULL ? NULL
                                       : node_text(run, trail_first(run, src, path));
}

/* File names come from a stranger: no folders. */
static bool name_good(const char *name)
{
    return strpbrk(name, "/\\:*?\"<>|") == NULL && name[0] != '.';
}

static void keep_content(struct run *run, const struct rule *rule, xmlNode *src,
                         struct mapping_attachment *item, const char *content)
{
    struct err err;

    item->has_content = base64_decode(content, strlen(content), &item->content, &err) &&
                        !item->content.over;
    if (!item->has_content)
        report_problem(run, rule, src, "E-BASE64", "attach the file again",
                       "the content is not well-formed Base64");
}

static bool taken(const struct run *run, const char *id)
{
    for (size_t i = 0; i < run->attachments->count; i++)
        if (text_eq(run->attachments->items[i].id, id))
            return true;
    return false;
}

static bool named_before(const struct run *run, const char *name)
{
    for (size_t i = 0; i < run->attachments->count; i++)
        if (text_eq(run->attachments->items[i].beside, name))
            return true;
    return false;
}

static void attachment_read(struct run *run, const struct rule *rule, xmlNode *src,
                            struct place *dst)
{
    const struct attachment_options *options = rule->options;
    xmlNode *at = src == NULL || rule->at == NULL ? src : trail_first(run, src, rule->at);
    const char *name, *ref, *content, *url, *media, *id;
    struct mapping_attachment *item;
    struct out *out;

    if (at == NULL)
        return;
    name = options->beside ? node_text(run, at) : text_at(run, at, options->name);
    ref = text_at(run, at, options->ref);
    content = text_at(run, at, options->content);
    url = text_at(run, at, options->url);
    media = text_at(run, at, options->media_type);
    if (name == NULL && ref == NULL && content == NULL && url == NULL)
        return;
    if (run->attachments->count >= MAPPING_ATTACHMENTS_MAX) {
        report_problem(run, rule, at, "E-TOO-MANY", "send the rest with another message",
                       "over %d attachments", MAPPING_ATTACHMENTS_MAX);
        return;
    }
    if (name != NULL && !name_good(name)) {
        report_problem(run, rule, at, "E-NAME", "use letters, digits, - and _",
                       "the name of the file has characters that no file may have");
        return;
    }
    if (options->beside && named_before(run, name))
        return; /* one file, named in two fields */
    id = id_of(run, ref != NULL ? ref : name != NULL ? name : "attachment");
    for (unsigned n = 2; taken(run, id) && n < 100; n++)
        id = arena_printf(&run->arena, "%.36s-%u", id, n);
    item = mapping_attachments_add(run->attachments, id);
    item->name = mem_strdup(name);
    item->media_type = mem_strdup(media);
    item->url = mem_strdup(url);
    item->sha256 = mem_strdup(text_at(run, at, options->sha256));
    item->beside = options->beside ? mem_strdup(name) : NULL;
    if (content != NULL)
        keep_content(run, rule, at, item, content);
    out = out_make(run, place_node(run, dst), rule->to, rule->to->shape->many);
    out_attr(run, out, "id", id);
    out_attr(run, out, "name", name);
    out_attr(run, out, "mediaType", media);
    if (item->has_content)
        out_attr(run, out, "size", arena_printf(&run->arena, "%zu", item->content.len));
    out_attr(run, out, "sha256", arena_text(&run->arena, item->sha256));
}

static const struct mapping_attachment *attached(const struct run *run, const char *id)
{
    for (size_t i = 0; run->attached != NULL && id != NULL && i < run->attached->count;
         i++)
        if (text_eq(run->attached->items[i].id, id))
            return &run->attached->items[i];
    return NULL;
}

static void write_at(struct run *run, const struct rule *rule, xmlNode *node,
                     struct place *dst, const struct trail *path, const char *text)
{
    if (path != NULL && !text_empty(text))
        emit(run, rule, node, dst, path, text, path->shape);
}

static void attachment_write(struct run *run, const struct rule *rule, xmlNode *src,
                             struct place *dst)
{
    const struct attachment_options *options = rule->options;
    xmlNode *node = src == NULL ? NULL : trail_first(run, src, rule->to);
    const struct mapping_attachment *item;
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(MAPPING_OUT_MAX);
    const char *name;

    if (node == NULL)
        return;
    item = attached(run, node_attr(node, "id"));
    node_seen(node);
    for (xmlAttr *attr = node->properties; attr != NULL; attr = attr->next)
        if (strcmp((const char *)attr->name, "category") != 0 &&
            strcmp((const char *)attr->name, "kind") != 0)
            node_seen((xmlNode *)attr);
    if (item == NULL || (options->content != NULL && !item->has_content &&
                         (options->url == NULL || item->url == NULL))) {
        report_loss(run, rule, LOSS_NO_EQUIVALENT, node, NULL, node_attr(node, "name"),
                    NULL,
                    "the form holds attachments inside, and the octets are not at hand");
        run->item_lost = true;
        return;
    }
    name = node_attr(node, "name");
    if (name == NULL)
        name = node_attr(node, "id");
    if (options->beside) {
        emit(run, rule, node, dst, rule->at, name, rule->national);
        return;
    }
    write_at(run, rule, node, dst, options->ref, node_attr(node, "id"));
    write_at(run, rule, node, dst, options->name, name);
    write_at(run, rule, node, dst, options->media_type, node_attr(node, "mediaType"));
    if (options->content != NULL && item->has_content) {
        base64_add(&text, item->content.data, item->content.len);
        write_at(run, rule, node, dst, options->content,
                 arena_dup(&run->arena, buf_str(&text), text.len));
    } else {
        write_at(run, rule, node, dst, options->url, item->url);
        write_at(run, rule, node, dst, options->sha256, item->sha256);
    }
}

const struct kind kind_attachment = { .name = "attachment",
                                      .keys = attachment_keys,
                                      .parse = attachment_parse,
                                      .check = attachment_check,
                                      .writes = attachment_writes,
                                      .read = attachment_read,
                                      .write = attachment_write };

/* --- a reference to one ------------------------------------------------------------------ */

struct ref_options {
    bool by_name;
};

static const char *const ref_keys[] = { "by", NULL };

static bool ref_parse(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct ref_options *options = arena_alloc(&c->map->arena, sizeof *options);
    const char *by = compile_text(c, at, "by");

    options->by_name = text_eq(by, "name");
    rule->options = options;
    if (by != NULL && !options->by_name && !text_eq(by, "id"))
        compile_error(c, at, rule->id, "E-OPTION", "write \"id\" or \"name\"",
                      "an attachment is referred to by id or by name");
    return true;
}

static void ref_take(struct run *run, const struct rule *rule, xmlNode *field,
                     const char *text, struct place *dst)
{
    struct str cut = str_trim(str_of(text));

    (void)field;
    put(run, rule, dst, rule->to, id_of(run, arena_dup(&run->arena, cut.ptr, cut.len)));
}

/* The form refers by name where files lie beside it, by id elsewhere. */
static const char *ref_say(struct run *run, const struct rule *rule, xmlNode *node,
                           struct place *dst)
{
    const struct ref_options *options = rule->options;
    const char *id = node_text(run, node);
    const struct mapping_attachment *item = attached(run, id);

    (void)dst;
    if (item == NULL && id != NULL) {
        report_loss(run, rule, LOSS_NO_EQUIVALENT, node, NULL, id, NULL,
                    "the attachment it refers to did not come along");
        return NULL;
    }
    return options->by_name && item != NULL && item->name != NULL ? item->name : id;
}

const struct kind kind_attachment_ref = { .name = "attachment-ref",
                                          .keys = ref_keys,
                                          .parse = ref_parse,
                                          .take = ref_take,
                                          .say = ref_say };
