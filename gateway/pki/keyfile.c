/*
 * keyfile.c - reads one private key and checks that it belongs to its certificate.
 *
 * The file's octets are wiped from our memory in every case. A key under a password is refused
 * rather than asked for: the daemon has no terminal, and a password beside the key protects
 * nothing.
 */
#include "pki/keyfile.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "pki/cert.h"

static int no_password(char *to, int size, int writing, void *asked)
{
    (void)to, (void)size, (void)writing;
    *(bool *)asked = true;
    return -1;
}

static EVP_PKEY *parse(const struct buf *pem, bool *asked)
{
    BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
    EVP_PKEY *key =
        bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, asked);

    BIO_free(bio);
    ERR_clear_error();
    return key;
}

EVP_PKEY *key_load(const char *path, const struct cert *cert, const char *cert_path,
                   struct err *err)
{
    AUTO(buf_free) struct buf pem = BUF_SECRET_INIT(KEY_FILE_MAX);
    bool asked = false;
    EVP_PKEY *key;

    if (!file_read_secret(path, &pem, err)) {
        err->kind = ERR_CONFIG;
        return NULL;
    }
    key = parse(&pem, &asked);
    if (key == NULL) {
        err_set(err, ERR_CONFIG, "pki.key-form", "%s: %s", path,
                asked ? "the private key is under a password, store it without one"
                      : "no PEM private key that can be read");
        return NULL;
    }
    if (EVP_PKEY_eq(key, cert_key(cert)) == 1)
        return key;
    ERR_clear_error();
    EVP_PKEY_free(key);
    err_set(err, ERR_CONFIG, "pki.key-mismatch",
            "the private key in %s is not that of the certificate in %s", path,
            cert_path);
    return NULL;
}
