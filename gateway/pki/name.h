/*
 * name.h - distinguished names as text (RFC 2253, RFC 4514), for pki/cert alone.
 */
#ifndef PKI_NAME_H
#define PKI_NAME_H

#include <stdbool.h>

#include <openssl/types.h>

#include "base/attr.h"

#define NAME_TEXT_MAX  4096 /* octets */
#define NAME_PARTS_MAX 64   /* attribute-value pairs */

/* NULL: the text is no name. Freed with X509_NAME_free(). */
X509_NAME *name_parse(const char *text) NODISCARD;

bool name_is(const X509_NAME *name, const char *text);

#endif
