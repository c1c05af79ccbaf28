/*
 * dict.c - strings to pointers: open addressing, linear probing, at most three quarters full.
 *
 * The hash is seeded once per process from the kernel, so that a stranger who chooses the keys
 * cannot make them collide. Removal moves the following entries back; there are no tombstones.
 */
#include "base/str.h"

#include <pthread.h>

#include "base/id.h"
#include "base/mem.h"

#define DICT_FIRST 16 /* slots; always a power of two */

struct slot {
    char *key; /* NULL: free */
    void *value;
};

struct dict {
    struct slot *slots;
    size_t size, count;
};

static uint64_t seed;
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void draw_seed(void)
{
    random_octets(&seed, sizeof seed);
}

/* FNV-1a over the key from a secret start, then a mix so that low bits depend on all. */
static uint64_t hash_of(const char *key)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;

    for (; *key != '\0'; key++)
        h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    h ^= h >> 32;
    h *= seed | 1;
    return h ^ (h >> 29);
}

/* The key's slot, or the free one where it would go. */
static size_t find(const struct dict *dict, const char *key)
{
    size_t at = hash_of(key) & (dict->size - 1);

    while (dict->slots[at].key != NULL && strcmp(dict->slots[at].key, key) != 0)
        at = (at + 1) & (dict->size - 1);
    return at;
}

static void grow(struct dict *dict)
{
    struct slot *old = dict->slots;
    size_t size = dict->size;

    dict->size = size * 2;
    dict->slots = mem_array(dict->size, sizeof *dict->slots);
    for (size_t i = 0; i < size; i++)
        if (old[i].key != NULL)
            dict->slots[find(dict, old[i].key)] = old[i];
    mem_free(&old);
}

/* Free the slot and put back in place what probing had pushed behind it. */
static void take_out(struct dict *dict, size_t at)
{
    size_t next = at;

    mem_free(&dict->slots[at].key);
    dict->slots[at].value = NULL;
    dict->count--;
    for (;;) {
        struct slot moved;

        next = (next + 1) & (dict->size - 1);
        if (dict->slots[next].key == NULL)
            return;
        moved = dict->slots[next];
        dict->slots[next] = (struct slot){ 0 };
        dict->slots[find(dict, moved.key)] = moved;
    }
}

struct dict *dict_new(void)
{
    struct dict *dict = mem_alloc(sizeof *dict);

    pthread_once(&seed_once, draw_seed);
    dict->size = DICT_FIRST;
    dict->slots = mem_array(dict->size, sizeof *dict->slots);
    return dict;
}

void dict_free(struct dict **dict)
{
    if (*dict == NULL)
        return;
    for (size_t i = 0; i < (*dict)->size; i++)
        mem_free(&(*dict)->slots[i].key);
    mem_free(&(*dict)->slots);
    mem_free(dict);
}

void *dict_get(const struct dict *dict, const char *key)
{
    return dict->slots[find(dict, key)].value;
}

void *dict_set(struct dict *dict, const char *key, void *value)
{
    size_t at = find(dict, key);
    void *before = dict->slots[at].value;

    if (value == NULL) {
        if (dict->slots[at].key != NULL)
            take_out(dict, at);
        return before;
    }
    if (dict->slots[at].key == NULL) {
        if ((dict->count + 1) * 4 > dict->size * 3) {
            grow(dict);
            at = find(dict, key);
        }
        dict->slots[at].key = mem_strdup(key);
        dict->count++;
    }
    dict->slots[at].value = value;
    return before;
}

size_t dict_count(const struct dict *dict)
{
    return dict->count;
}
