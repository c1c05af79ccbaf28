/*
 * strlist.c - an owned list of strings in the order they came.
 */
#include "base/str.h"

#include "base/mem.h"

void strlist_add(struct strlist *list, const char *text)
{
    list->items = mem_grow(list->items, list->count, &list->cap, sizeof *list->items);
    list->items[list->count++] = mem_strdup(text);
}

bool strlist_has(const struct strlist *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (text_eq(list->items[i], text))
            return true;
    return false;
}

void strlist_free(struct strlist *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(&list->items[i]);
    mem_free(&list->items);
    *list = (struct strlist){ 0 };
}
