/*
 * folder.c - the rounds of the exchange folder: one thread, every office with a folder in turn.
 *
 * First what the office has acknowledged, then what it brought, then what lies ready for it. A
 * folder that cannot be read is logged once and tried again each round: a share may come back.
 */
#include "api/folder_private.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"
#include "exchange/snapshot.h"

struct folder_face {
    struct ops *ops;
    struct folder_face_settings settings;
    struct folder_office *offices;
    size_t office_count, office_cap;
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool wake, ends;
};

struct ops *folder_ops(const struct folder_face *face)
{
    return face->ops;
}

int64_t folder_again_ms(const struct folder_face *face)
{
    return face->settings.again_ms;
}

struct ops_caller folder_caller(const struct folder_office *office)
{
    struct ops_caller caller = { .role = OPS_OFFICER,
                                 .person = "folder",
                                 .channel = "folder" };

    (void)STORE_COPY(caller.office, office->office);
    return caller;
}

char *folder_path(const struct folder_office *office, const char *sub, const char *name)
{
    AUTO(mem_free) char *folder = path_join(office->path, sub);

    return path_join(folder, name);
}

/* --- names -------------------------------------------------------------------------------- */

bool folder_is_document(const char *name)
{
    return (text_ends(name, ".xml") || text_ends(name, ".json")) &&
           !text_ends(name, ".result.json") && !text_ends(name, ".losses.json");
}

#define SAFE_MAX 100

/* U+202A to U+202E and U+2066 to U+2069 turn the order of letters: what ends in "gpj.exe" reads
 * as ending in "exe.jpg". */
static bool turns_letters(const char *last3)
{
    unsigned char c = (unsigned char)last3[2];

    return (memcmp(last3, "\xE2\x80", 2) == 0 && c >= 0xAA && c <= 0xAE) ||
           (memcmp(last3, "\xE2\x81", 2) == 0 && c >= 0xA6 && c <= 0xA9);
}

void folder_safe_name(const char *name, char out[128])
{
    const char *slash = name != NULL ? strrchr(name, '/') : NULL;
    const char *from = slash != NULL ? slash + 1 : name != NULL ? name : "";
    size_t len = 0;

    for (; *from != '\0' && len < SAFE_MAX; from++) {
        unsigned char c = (unsigned char)*from;
        bool fine = c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                    (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
                    (c == '.' && len > 0);

        out[len++] = fine ? (char)c : '_';
        if (len >= 3 && turns_letters(out + len - 3)) {
            len -= 2;
            out[len - 1] = '_';
        }
    }
    /* The cut may have fallen into a character. */
    ptrdiff_t bad = utf8_bad(out, len);
    if (bad >= 0)
        len = (size_t)bad;
    out[len] = '\0';
    /* A name that ends so is half written by our own rule: the office would pass it over. */
    if (text_ends(out, ".tmp"))
        out[len - 4] = '_';
    if (len == 0)
        memcpy(out, "file", sizeof "file");
}

static int wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && !text_ends(entry->d_name, ".tmp");
}

static int any(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static bool list(const struct folder_office *office, const char *sub,
                 int (*filter)(const struct dirent *), struct strlist *ret)
{
    AUTO(mem_free) char *path = path_join(office->path, sub);
    struct dirent **names = NULL;
    int count = scandir(path, &names, filter, alphasort);

    for (int i = 0; i < count; i++) {
        if (i < FOLDER_FILES_MAX)
            strlist_add(ret, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return count >= 0;
}

bool folder_names(const struct folder_office *office, const char *sub,
                  struct strlist *ret)
{
    return list(office, sub, wanted, ret);
}

bool folder_all_names(const struct folder_office *office, const char *sub,
                      struct strlist *ret)
{
    return list(office, sub, any, ret);
}

/* --- offices ------------------------------------------------------------------------------ */

static void office_free(struct folder_office *o)
{
    for (size_t i = 0; i < o->seen_count; i++)
        mem_free(&o->seen[i].name);
    mem_free(&o->seen);
    strlist_free(&o->unknown);
    mem_free(&o->office);
    mem_free(&o->path);
}

static struct folder_office *office_of(struct folder_face *face,
                                       const struct office *from)
{
    for (size_t i = 0; i < face->office_count; i++) {
        struct folder_office *o = &face->offices[i];

        if (text_eq(o->office, from->id) && text_eq(o->path, from->folder))
            return o;
    }
    face->offices = mem_grow(face->offices, face->office_count, &face->office_cap,
                             sizeof *face->offices);
    face->offices[face->office_count] =
        (struct folder_office){ .office = mem_strdup(from->id),
                                .path = mem_strdup(from->folder) };
    return &face->offices[face->office_count++];
}

/* A link in the place of a folder would lead what we write, as us, wherever its maker likes: into
 * another office's incoming/, or among our own files. */
static bool is_folder(const char *path, struct err *err)
{
    struct stat st;

    return (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) ||
           err_set(err, ERR_CONFIG, "folder.link", "%s is no folder, or a link to one",
                   path);
}

static bool make_folders(struct folder_office *o)
{
    static const char *const subs[] = { "incoming", "done", "rejected", "outgoing",
                                        "outgoing/done" };
    struct err err = { 0 };

    for (size_t i = 0; i < COUNT_OF(subs); i++) {
        AUTO(mem_free) char *path = path_join(o->path, subs[i]);

        if (!dir_make(path, 0700, &err) || !is_folder(path, &err)) {
            if (!o->missed)
                log_error("folder.unreachable", log_s("office", o->office),
                          log_fault(&err));
            o->missed = true;
            return false;
        }
    }
    o->missed = false;
    return true;
}

void folder_round(struct folder_face *face)
{
    AUTO(snapshot_release)
    const struct snapshot *snap = snapshot_hold(ops_exchange(face->ops)->box);

    for (size_t i = 0; i < snap->office_count; i++) {
        if (snap->offices[i].folder == NULL)
            continue;
        struct folder_office *o = office_of(face, &snap->offices[i]);
        if (!make_folders(o))
            continue;
        folder_in(face, o);
        folder_out(face, o);
    }
}

/* --- the thread --------------------------------------------------------------------------- */

static bool rest(struct folder_face *face)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += face->settings.poll_ms / 1000;
    until.tv_nsec += face->settings.poll_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&face->lock);
    if (!face->wake && !face->ends)
        pthread_cond_timedwait(&face->changed, &face->lock, &until);
    face->wake = false;
    bool goes_on = !face->ends;
    pthread_mutex_unlock(&face->lock);
    return goes_on;
}

static void *folder_main(void *arg)
{
    struct folder_face *face = arg;

    do
        folder_round(face);
    while (rest(face));
    return NULL;
}

struct folder_face *folder_new(struct ops *ops,
                               const struct folder_face_settings *settings)
{
    struct folder_face *face = mem_alloc(sizeof *face);
    pthread_condattr_t attr;

    face->ops = ops;
    face->settings = *settings;
    pthread_mutex_init(&face->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&face->changed, &attr);
    pthread_condattr_destroy(&attr);
    return face;
}

struct folder_face *folder_start(struct ops *ops,
                                 const struct folder_face_settings *settings,
                                 struct err *err)
{
    struct folder_face *face = folder_new(ops, settings);

    if (pthread_create(&face->thread, NULL, folder_main, face) == 0) {
        face->runs = true;
        return face;
    }
    err_set(err, ERR_RETRY, "folder.thread", "no thread for the exchange folders");
    folder_stop(&face);
    return NULL;
}

void folder_wake(struct folder_face *face)
{
    pthread_mutex_lock(&face->lock);
    face->wake = true;
    pthread_cond_signal(&face->changed);
    pthread_mutex_unlock(&face->lock);
}

void folder_stop(struct folder_face **folder)
{
    struct folder_face *face = *folder;

    if (face == NULL)
        return;
    pthread_mutex_lock(&face->lock);
    face->ends = true;
    pthread_cond_signal(&face->changed);
    pthread_mutex_unlock(&face->lock);
    if (face->runs)
        pthread_join(face->thread, NULL);
    for (size_t i = 0; i < face->office_count; i++)
        office_free(&face->offices[i]);
    mem_free(&face->offices);
    pthread_cond_destroy(&face->changed);
    pthread_mutex_destroy(&face->lock);
    mem_free(folder);
}
