/*
 * json_private.h - what the files that implement json.h share.
 */
#ifndef FORMAT_JSON_PRIVATE_H
#define FORMAT_JSON_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* The next step of a JSON pointer at *pointer ("/a~1b" gives "a/b"), added to out; moves behind
 * it. False at the end. */
bool json_next_step(const char **pointer, struct buf *out);

/* An array index: digits without leading zero. */
bool json_step_index(const char *step, size_t *ret);

#define JSON_STEP_MAX (64 * 1024) /* octets of one step of a pointer */

#endif
