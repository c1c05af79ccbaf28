/*
 * file.c - whole files in and out, so that nobody ever sees half of one.
 *
 * A write goes to a temporary neighbour, is synced, renamed over the name, and the folder is
 * synced: after true the file is there even when the power goes. On failure the temporary file
 * is removed and the old content stays. Errors name paths, never content.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/mem.h"

#define READ_PIECE (64 * 1024) /* octets asked for at a time */

void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool open_error(const char *path, struct err *err)
{
    if (errno == ENOENT || errno == ENOTDIR)
        return err_set(err, ERR_CONFIG, "file.absent", "%s: there is no such file", path);
    return err_set(err, ERR_CONFIG, "file.unreadable", "%s: %s", path, strerror(errno));
}

/* One octet more than the ceiling is asked for, to tell full from too large. */
static bool read_all(int fd, const char *path, struct buf *out, struct err *err)
{
    for (;;) {
        size_t left = out->max - out->len, want = left < READ_PIECE ? left : READ_PIECE;
        char spare, *to = want > 0 ? buf_room(out, want) : &spare;
        ssize_t got = to == NULL ? 0 : read(fd, to, want > 0 ? want : 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_CONFIG, "file.unreadable", "%s: %s", path,
                           strerror(errno));
        if (got > 0 && want == 0)
            return err_set(err, ERR_REJECT, "file.too-large", "%s is over %zu octets",
                           path, out->max);
        if (got == 0)
            return buf_check(out, path, err);
        buf_added(out, (size_t)got);
    }
}

static bool read_file(const char *path, mode_t refused, struct buf *out, struct err *err)
{
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return open_error(path, err);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_CONFIG, "file.unreadable", "%s is not a plain file",
                       path);
    if ((st.st_mode & refused) != 0)
        return err_set(
            err, ERR_CONFIG, "file.mode",
            "%s holds a secret but others can read it (mode %04o): chmod 600 it", path,
            (unsigned)(st.st_mode & 07777));
    return read_all(fd, path, out, err);
}

bool file_read(const char *path, struct buf *out, struct err *err)
{
    return read_file(path, 0, out, err);
}

bool file_read_secret(const char *path, struct buf *out, struct err *err)
{
    return read_file(path, S_IRWXG | S_IRWXO, out, err);
}

/* The folder a path lies in; owned. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return mem_strdup(".");
    return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

static bool write_error(const char *what, const char *path, struct err *err)
{
    return err_set(err, ERR_RETRY, "file.write", "%s %s: %s", what, path,
                   strerror(errno));
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, data, len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        data += done;
        len -= (size_t)done;
    }
    return true;
}

/* A synced temporary file beside `path`: its name, owned, or NULL. */
static char *write_beside(const char *path, const void *data, size_t len, mode_t mode,
                          struct err *err)
{
    char id[UUID_TEXT];
    AUTO(mem_free) char *temp = NULL;
    AUTO(fd_close) int fd = -1;

    uuid_make(id);
    temp = mem_printf("%s.%.8s.tmp", path, id);
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        write_error("creating", temp, err);
        return NULL;
    }
    if (fchmod(fd, mode) != 0 || !write_all(fd, data, len) || fsync(fd) != 0) {
        write_error("writing", temp, err);
        unlink(temp);
        return NULL;
    }
    return TAKE(temp);
}

bool dir_sync(const char *path, struct err *err)
{
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return write_error("syncing folder", path, err);
    return true;
}

static bool sync_folder_of(const char *path, struct err *err)
{
    AUTO(mem_free) char *folder = folder_of(path);

    return dir_sync(folder, err);
}

bool file_write(const char *path, const void *data, size_t len, mode_t mode,
                struct err *err)
{
    AUTO(mem_free) char *temp = write_beside(path, data, len, mode, err);

    if (temp == NULL)
        return false;
    if (rename(temp, path) != 0) {
        write_error("renaming to", path, err);
        unlink(temp);
        return false;
    }
    return sync_folder_of(path, err);
}

bool file_write_new(const char *path, const void *data, size_t len, mode_t mode,
                    bool *ret_existed, struct err *err)
{
    AUTO(mem_free) char *temp = write_beside(path, data, len, mode, err);
    bool existed;

    if (temp == NULL)
        return false;
    existed = link(temp, path) != 0;
    if (existed && errno != EEXIST) {
        write_error("linking", path, err);
        unlink(temp);
        return false;
    }
    unlink(temp);
    if (!sync_folder_of(path, err))
        return false;
    *ret_existed = existed;
    return true;
}

bool file_rename_sync(const char *from, const char *to, struct err *err)
{
    if (rename(from, to) != 0)
        return err_set(err, ERR_RETRY, "file.write", "renaming %s to %s: %s", from, to,
                       strerror(errno));
    if (!sync_folder_of(to, err))
        return false;
    return sync_folder_of(from, err);
}

bool dir_make(const char *path, mode_t mode, struct err *err)
{
    AUTO(mem_free) char *part = mem_strdup(path);
    struct stat st;

    for (char *p = part + 1; *part != '\0' && *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(part, mode) != 0 && errno != EEXIST)
            return write_error("making folder", part, err);
        *p = '/';
    }
    if (mkdir(path, mode) == 0)
        return sync_folder_of(path, err);
    if (errno != EEXIST || stat(path, &st) != 0)
        return write_error("making folder", path, err);
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode) ? true : write_error("making folder", path, err);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *path_join(const char *a, const char *b)
{
    size_t len = strlen(a);

    if (len == 0 || b[0] == '/')
        return mem_strdup(b);
    return mem_printf("%s%s%s", a, a[len - 1] == '/' ? "" : "/", b);
}

int file_temp(const char *dir, struct err *err)
{
    int fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    AUTO(mem_free) char *name = NULL;

    if (fd >= 0)
        return fd;
    name = path_join(dir, "temp-XXXXXX"); /* file systems without O_TMPFILE */
    fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) {
        write_error("making a temporary file in", dir, err);
        return -1;
    }
    unlink(name);
    return fd;
}
