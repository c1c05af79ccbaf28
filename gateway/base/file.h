/*
 * file.h - whole files: bounded reads, atomic writes, checks of modes.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"

struct buf;
struct err;

/* Adds the file's content; larger than the buffer's ceiling: ERR_REJECT "file.too-large";
 * absent: ERR_CONFIG "file.absent"; unreadable: ERR_CONFIG "file.unreadable". */
bool file_read(const char *path, struct buf *out, struct err *err) NODISCARD;

/* A secret: also refuses files that group or others can read ("file.mode"), says chmod. */
bool file_read_secret(const char *path, struct buf *out, struct err *err) NODISCARD;

/* Write to a temporary neighbour, sync, rename, sync the folder. ERR_RETRY when the disk says
 * no; nothing half-written is ever seen under `path`. */
bool file_write(const char *path, const void *data, size_t len, mode_t mode,
                struct err *err) NODISCARD;

/* As file_write(), but an existing file is left alone: *ret_existed. */
bool file_write_new(const char *path, const void *data, size_t len, mode_t mode,
                    bool *ret_existed, struct err *err) NODISCARD;

bool file_rename_sync(const char *from, const char *to, struct err *err) NODISCARD;
bool dir_make(const char *path, mode_t mode, struct err *err) NODISCARD; /* and parents */
bool dir_sync(const char *path, struct err *err) NODISCARD;
bool file_exists(const char *path);
char *path_join(const char *a, const char *b) NODISCARD; /* owned */

/* An unlinked file in `dir`, mode 0600: a descriptor, or -1. */
int file_temp(const char *dir, struct err *err) NODISCARD;
void fd_close(int *fd); /* for AUTO; -1 is nothing */

#endif
