/*
 * fileset.c - a set of named octets, ordered by name.
 *
 * Adding keeps the order, so looking up is a binary search and a digest needs no sorting. A set that
 * refused an addition is as it was before. Loading walks a folder with descriptors and follows no
 * link, so a folder that changes while it is read gives an error or one of its states, never a file
 * from elsewhere.
 */
#include "model/fileset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"

#define READ_PIECE 65536 /* octets asked for at a time */

struct fileset {
    struct file_item *items;
    size_t count, cap;
    size_t octets;
};

struct fileset *fileset_new(void)
{
    return mem_alloc(sizeof(struct fileset));
}

static void item_clear(struct file_item *item)
{
    free((void *)(uintptr_t)item->name);
    free((void *)(uintptr_t)item->data);
}

void fileset_free(struct fileset **set)
{
    if (set == NULL || *set == NULL)
        return;
    for (size_t i = 0; i < (*set)->count; i++)
        item_clear(&(*set)->items[i]);
    free((*set)->items);
    free(*set);
    *set = NULL;
}

static bool part_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-' || c >= 0x80;
}

static bool part_valid(struct str part)
{
    if (part.len == 0 || str_is(part, ".") || str_is(part, ".."))
        return false;
    for (size_t i = 0; i < part.len; i++)
        if (!part_char((unsigned char)part.ptr[i]))
            return false;
    return true;
}

static bool name_valid(const char *name)
{
    struct str rest = str_of(name), part;
    bool any = false;

    if (rest.len == 0 || rest.len > FILESET_NAME_MAX || utf8_bad(name, rest.len) >= 0)
        return false;
    while (str_next(&rest, '/', &part)) {
        if (!part_valid(part))
            return false;
        any = true;
    }
    return any && name[strlen(name) - 1] != '/';
}

/* Where the name stands, or would stand. */
static size_t place_of(const struct fileset *set, const char *name, bool *ret_there)
{
    size_t low = 0, high = set->count;

    *ret_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(set->items[middle].name, name);

        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool room(const struct fileset *set, const char *name, size_t len, struct err *err)
{
    if (set->count >= FILESET_FILES_MAX)
        return err_set(err, ERR_CONFIG, "fileset.too-many",
                       "file %s: over %d files in one set", name, FILESET_FILES_MAX);
    if (len > FILESET_FILE_MAX)
        return err_set(err, ERR_CONFIG, "fileset.too-large", "file %s: over %d octets",
                       name, FILESET_FILE_MAX);
    if (len > FILESET_OCTETS_MAX - set->octets)
        return err_set(err, ERR_CONFIG, "fileset.too-large",
                       "file %s: the files together are over %d octets", name,
                       FILESET_OCTETS_MAX);
    return true;
}

bool fileset_add(struct fileset *set, const char *name, const void *data, size_t len,
                 struct err *err)
{
    bool there;
    size_t at;
    char *copy;

    if (!name_valid(name))
        return err_set(
            err, ERR_CONFIG, "fileset.name",
            "a file name is empty, too long, or has a part that is not allowed");
    if (!room(set, name, len, err))
        return false;
    at = place_of(set, name, &there);
    if (there)
        return err_set(err, ERR_CONFIG, "fileset.twice", "file %s: there twice", name);

    copy = mem_alloc(len + 1);
    if (len > 0)
        memcpy(copy, data, len);
    set->items = mem_grow(set->items, set->count, &set->cap, sizeof *set->items);
    memmove(set->items + at + 1, set->items + at, (set->count - at) * sizeof *set->items);
    set->items[at] = (struct file_item){ mem_strdup(name), copy, len };
    set->count++;
    set->octets += len;
    return true;
}

const struct file_item *fileset_get(const struct fileset *set, const char *name)
{
    bool there;
    size_t at = place_of(set, name, &there);

    return there ? &set->items[at] : NULL;
}

size_t fileset_count(const struct fileset *set)
{
    return set->count;
}

const struct file_item *fileset_at(const struct fileset *set, size_t index)
{
    return index < set->count ? &set->items[index] : NULL;
}

struct fileset *fileset_below(const struct fileset *set, const char *folder)
{
    struct fileset *below = fileset_new();
    size_t len = strlen(folder);

    for (size_t i = 0; i < set->count; i++) {
        const struct file_item *item = &set->items[i];
        struct err unused;

        if (strncmp(item->name, folder, len) != 0 || item->name[len] != '/')
            continue;
        /* Cannot fail: name and size were right in the larger set. */
        if (!fileset_add(below, item->name + len + 1, item->data, item->len, &unused))
            continue;
    }
    return below;
}

void fileset_digest(const struct fileset *set, char out[FILESET_DIGEST])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char digest[32];
    AUTO(buf_free) struct buf hex = BUF_INIT(FILESET_DIGEST);

    if (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
        abort();
    for (size_t i = 0; i < set->count; i++) {
        const struct file_item *item = &set->items[i];
        char number[32];
        int digits = snprintf(number, sizeof number, "\n%zu\n", item->len);

        EVP_DigestUpdate(md, item->name, strlen(item->name));
        EVP_DigestUpdate(md, number, (size_t)digits);
        EVP_DigestUpdate(md, item->data, item->len);
    }
    EVP_DigestFinal_ex(md, digest, NULL);
    EVP_MD_CTX_free(md);
    hex_add(&hex, digest, sizeof digest);
    memcpy(out, buf_str(&hex), FILESET_DIGEST);
}

/* --- from a folder ----------------------------------------------------------------------- */

struct walk {
    struct fileset *set;
    const char *folder; /* for messages */
};

static bool walk_folder(struct walk *walk, int fd, const char *prefix, unsigned depth,
                        struct err *err);

static bool read_all(int fd, const char *name, struct buf *out, struct err *err)
{
    for (;;) {
        char *to = buf_room(out, READ_PIECE);
        ssize_t got;

        if (to == NULL)
            return err_set(err, ERR_CONFIG, "fileset.too-large",
                           "file %s: over %d octets", name, FILESET_FILE_MAX);
        got = read(fd, to, READ_PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_CONFIG, "file.unreadable", "reading %s: %s", name,
                           strerror(errno));
        if (got == 0)
            return true;
        buf_added(out, (size_t)got);
    }
}

static bool take_file(struct walk *walk, int fd, const char *name, struct err *err)
{
    AUTO(buf_free) struct buf content = BUF_INIT(FILESET_FILE_MAX + READ_PIECE);

    return read_all(fd, name, &content, err) &&
           fileset_add(walk->set, name, buf_str(&content), content.len, err);
}

static bool take_entry(struct walk *walk, int folder, const char *entry,
                       const char *prefix, unsigned depth, struct err *err)
{
    AUTO(mem_free) char *name = mem_printf("%s%s", prefix, entry);
    AUTO(mem_free) char *inner = NULL;
    AUTO(fd_close)
    int fd = openat(folder, entry, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd < 0 && errno == ELOOP)
        return err_set(err, ERR_CONFIG, "fileset.kind", "%s/%s: a symbolic link",
                       walk->folder, name);
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(err, ERR_CONFIG, "file.unreadable", "%s/%s: %s", walk->folder,
                       name, strerror(errno));
    if (S_ISREG(st.st_mode))
        return take_file(walk, fd, name, err);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFIG, "fileset.kind", "%s/%s: no file and no folder",
                       walk->folder, name);
    inner = mem_printf("%s/", name);
    return walk_folder(walk, fd, inner, depth + 1, err);
}

static void dir_close(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

static bool walk_folder(struct walk *walk, int fd, const char *prefix, unsigned depth,
                        struct err *err)
{
    int own = dup(fd);
    AUTO(dir_close) DIR *dir = own < 0 ? NULL : fdopendir(own);
    const struct dirent *entry;

    if (depth > FILESET_DEPTH_MAX) {
        return err_set(err, ERR_CONFIG, "fileset.too-many",
                       "%s/%s: over %d folders within folders", walk->folder, prefix,
                       FILESET_DEPTH_MAX);
    }
    if (dir == NULL)
        return err_set(err, ERR_CONFIG, "file.unreadable", "%s/%s: %s", walk->folder,
                       prefix, strerror(errno));
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' &&
            !take_entry(walk, fd, entry->d_name, prefix, depth, err))
            return false;
    return true;
}

struct fileset *fileset_load(const char *folder, struct err *err)
{
    AUTO(fileset_free) struct fileset *set = fileset_new();
    AUTO(fd_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct walk walk = { set, folder };

    if (fd < 0) {
        if (errno == ENOENT)
            err_set(err, ERR_CONFIG, "file.absent", "folder %s is not there", folder);
        else
            err_set(err, ERR_CONFIG, "file.unreadable", "folder %s: %s", folder,
                    strerror(errno));
        return NULL;
    }
    if (!walk_folder(&walk, fd, "", 0, err)) {
        err_context(err, "folder %s", folder);
        return NULL;
    }
    return TAKE(set);
}
