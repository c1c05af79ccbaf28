/*
 * path_private.h - a table of paths as its compiler and its readers see it. For model/path*.c only.
 */
#ifndef MODEL_PATH_PRIVATE_H
#define MODEL_PATH_PRIVATE_H

#include "base/str.h"
#include "model/path.h"

struct path_entry {
    struct path_row row; /* first: a row is its entry */
    char *path, *name, *list, *doc;
    struct path_entry **children; /* elements and attributes, borrowed */
    size_t count, cap;
};

struct path_table {
    struct path_entry **entries; /* in document order */
    size_t count, cap;
    struct dict *by_path;
    struct path_entry root; /* Referral itself: parent of the sections */
};

#endif
