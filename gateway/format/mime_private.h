/*
 * mime_private.h - what the files that implement mime.h share.
 */
#ifndef FORMAT_MIME_PRIVATE_H
#define FORMAT_MIME_PRIVATE_H

#include "base/attr.h"
#include "base/str.h"
#include "format/mime.h"

struct err;

char *mime_lower(struct str s) NODISCARD; /* owned, ASCII letters lowered */

/*
 * The headers of a part from the octets between its delimiter line and the empty line: unfolded,
 * judged, and Content-Type, Content-ID and transfer encoding understood. Line ends CRLF or LF.
 */
bool mime_part_headers(struct str text, const struct mime_limits *limits,
                       struct mime_part *part, struct err *err) NODISCARD;
void mime_part_free(struct mime_part *part);

#endif
