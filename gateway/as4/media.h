/*
 * media.h - what the media type of a part means for its signature.
 */
#ifndef AS4_MEDIA_H
#define AS4_MEDIA_H

#include <stdbool.h>

#define MEDIA_GZIP   "application/gzip"
#define MEDIA_OCTETS "application/octet-stream"
#define MEDIA_SOAP   "application/soap+xml"
#define MEDIA_SOAP11 "text/xml"

/* text/xml, application/xml, application/...+xml, image/...+xml; parameters are ignored. */
bool media_is_xml(const char *type);
bool media_is_text(const char *type); /* text/..., XML or not */
/* The same type, parameters and case of letters aside. */
bool media_same(const char *a, const char *b);

#endif
