/*
 * keyfile.h - one private key from a PEM file, for pki/signer_file and pki/tls alone.
 */
#ifndef PKI_KEYFILE_H
#define PKI_KEYFILE_H

#include <stdbool.h>

#include <openssl/types.h>

#include "base/attr.h"

struct cert;
struct err;

#define KEY_FILE_MAX (64 * 1024) /* octets */

/*
 * Reads the key and holds it against the certificate read from cert_path (named in the error).
 * ERR_CONFIG "file.*", "pki.key-form" (not PEM, or under a password: nobody is asked for one),
 * "pki.key-mismatch". Freed with EVP_PKEY_free().
 */
EVP_PKEY *key_load(const char *path, const struct cert *cert, const char *cert_path,
                   struct err *err) NODISCARD;

#endif
