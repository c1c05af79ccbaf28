/*
 * media.c - media types, as far as the SwA signature transform asks about them.
 *
 * WSS SwA Profile 1.1, 4.4: XML content is canonicalised, other text has its line ends made
 * CRLF, everything else is signed as it is. So the label changes the digest.
 */
#include "as4/media.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"

static struct str essence(const char *type)
{
    return str_trim((struct str){ type, strcspn(type, ";") });
}

static bool begins(struct str s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && str_is_nocase((struct str){ s.ptr, len }, prefix);
}

static bool ends(struct str s, const char *suffix)
{
    size_t len = strlen(suffix);

    return s.len >= len &&
           str_is_nocase((struct str){ s.ptr + s.len - len, len }, suffix);
}

bool media_is_xml(const char *type)
{
    struct str s = essence(type);

    if (str_is_nocase(s, "text/xml") || str_is_nocase(s, "application/xml"))
        return true;
    return ends(s, "+xml") && (begins(s, "application/") || begins(s, "image/"));
}

bool media_is_text(const char *type)
{
    return begins(essence(type), "text/");
}

bool media_same(const char *a, const char *b)
{
    struct str left = essence(a), right = essence(b);

    return left.len == right.len && strncasecmp(left.ptr, right.ptr, left.len) == 0;
}
