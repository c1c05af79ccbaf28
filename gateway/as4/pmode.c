/*
 * pmode.c - names and URIs of what a P-Mode can choose, its defaults, and which one fits.
 *
 * Tables only: a value is its place in its table. Nothing here allocates or fails; a name or
 * URI that is not in a table is simply not known. Reading the partner's file, and refusing
 * contradictions in it, is left to whoever fills the struct.
 */
#include "as4/pmode.h"

#include <string.h>

#include "as4/header.h"
#include "base/str.h"

struct algorithm {
    const char *name;
    const char *uri;
};

static const char *const digest_names[DIGEST_ALGS] = {
    [DIGEST_SHA256] = "sha256",
    [DIGEST_SHA384] = "sha384",
    [DIGEST_SHA512] = "sha512",
};

static const struct algorithm ciphers[PMODE_CIPHER_COUNT] = {
    [PMODE_AES128_GCM] = { "aes128-gcm", "http://www.w3.org/2009/xmlenc11#aes128-gcm" },
    [PMODE_AES256_GCM] = { "aes256-gcm", "http://www.w3.org/2009/xmlenc11#aes256-gcm" },
};

static const struct algorithm wraps[PMODE_WRAP_COUNT] = {
    [PMODE_OAEP_SHA256] = { "rsa-oaep-sha256",
                            "http://www.w3.org/2009/xmlenc11#rsa-oaep" },
    [PMODE_OAEP_OLD] = { "rsa-oaep-mgf1p",
                         "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p" },
};

static const struct algorithm refs[PMODE_REF_COUNT] = {
    [PMODE_REF_BST] = { "bst", NULL },
    [PMODE_REF_PKIPATH] = { "pkipath", NULL },
    [PMODE_REF_SKI] = { "ski", NULL },
    [PMODE_REF_ISSUER_SERIAL] = { "issuer-serial", NULL },
    [PMODE_REF_THUMBPRINT] = { "thumbprint", NULL },
};

static bool by_name(const struct algorithm *table, unsigned count, const char *name,
                    unsigned *ret)
{
    for (unsigned i = 0; i < count; i++) {
        if (text_eq(table[i].name, name)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool by_uri(const struct algorithm *table, unsigned count, const char *uri,
                   unsigned *ret)
{
    for (unsigned i = 0; i < count; i++) {
        if (uri != NULL && text_eq(table[i].uri, uri)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

const char *pmode_digest_name(enum digest_alg v)
{
    return digest_names[v];
}

const char *pmode_cipher_name(enum pmode_cipher v)
{
    return ciphers[v].name;
}

const char *pmode_wrap_name(enum pmode_wrap v)
{
    return wraps[v].name;
}

const char *pmode_ref_name(enum pmode_ref v)
{
    return refs[v].name;
}

const char *pmode_cipher_uri(enum pmode_cipher v)
{
    return ciphers[v].uri;
}

const char *pmode_wrap_uri(enum pmode_wrap v)
{
    return wraps[v].uri;
}

size_t pmode_cipher_key(enum pmode_cipher v)
{
    return v == PMODE_AES256_GCM ? 32 : 16;
}

bool pmode_sign_parse(const char *name, enum sign_alg *ret)
{
    for (unsigned i = 0; i < SIGN_ALGS; i++) {
        if (text_eq(sign_alg_name(i), name)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

bool pmode_digest_parse(const char *name, enum digest_alg *ret)
{
    for (unsigned i = 0; i < DIGEST_ALGS; i++) {
        if (text_eq(digest_names[i], name)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

bool pmode_cipher_parse(const char *name, enum pmode_cipher *ret)
{
    return by_name(ciphers, PMODE_CIPHER_COUNT, name, ret);
}

bool pmode_wrap_parse(const char *name, enum pmode_wrap *ret)
{
    return by_name(wraps, PMODE_WRAP_COUNT, name, ret);
}

bool pmode_ref_parse(const char *name, enum pmode_ref *ret)
{
    return by_name(refs, PMODE_REF_COUNT, name, ret);
}

bool pmode_cipher_of_uri(const char *uri, enum pmode_cipher *ret)
{
    return by_uri(ciphers, PMODE_CIPHER_COUNT, uri, ret);
}

bool pmode_wrap_of_uri(const char *uri, enum pmode_wrap *ret)
{
    return by_uri(wraps, PMODE_WRAP_COUNT, uri, ret);
}

static const struct pmode_security security_defaults = {
    .sign = SIGN_RSA_SHA256,
    .digest = DIGEST_SHA256,
    .cipher = PMODE_AES128_GCM,
    .sign_ref = PMODE_REF_BST,
    .encrypt_ref = PMODE_REF_BST,
    .sign_accept = PMODE_BIT(SIGN_RSA_SHA256),
    .digest_accept = PMODE_BIT(DIGEST_SHA256),
    .cipher_accept = PMODE_BIT(PMODE_AES128_GCM),
    .wrap_accept = PMODE_BIT(PMODE_OAEP_SHA256),
    .sign_ref_accept = PMODE_BIT(PMODE_REF_COUNT) - 1,
    .encrypt_ref_accept = PMODE_BIT(PMODE_REF_COUNT) - 1,
};

void pmode_defaults(struct pmode *pmode)
{
    *pmode = (struct pmode){
        .us = { .type = PMODE_UNREGISTERED,
                .role_sending = PMODE_ROLE_INIT,
                .role_taking = PMODE_ROLE_RESPOND },
        .partner = { .type = PMODE_UNREGISTERED,
                     .role_sending = PMODE_ROLE_INIT,
                     .role_taking = PMODE_ROLE_RESPOND },
        .mpc = PMODE_MPC_DEFAULT,
        .four_corner = true,
        .corner_type = PMODE_UNREGISTERED,
        .security = security_defaults,
        .error_status = 200,
        .errors_signed = true,
        .unsigned_errors_accept = true,
        .parts_max = PMODE_PARTS_MAX,
        .part_max = PMODE_PART_MAX,
        .inflated_max = PMODE_INFLATED_MAX,
        .wire_max = PMODE_WIRE_MAX,
        .ratio_max = PMODE_RATIO_MAX,
        .past_max_ms = PMODE_PAST_MAX_MS,
        .future_max_ms = PMODE_FUTURE_MAX_MS,
    };
}

struct pmode pmode_test(const struct pmode *of)
{
    struct pmode test = *of;

    test.service = PMODE_TEST_SERVICE;
    test.service_type = NULL;
    test.action = PMODE_TEST_ACTION;
    test.test = true;
    return test;
}

static bool party_is(const struct eb_party *party, const struct pmode_party *agreed,
                     const char *role)
{
    return text_eq(party->id, agreed->id) && text_eq(party->type, agreed->type) &&
           text_eq(party->role, role);
}

bool pmode_fits(const struct pmode *pmode, const struct eb_user *user)
{
    const char *mpc = user->mpc == NULL ? PMODE_MPC_DEFAULT : user->mpc;

    return party_is(&user->from, &pmode->partner, pmode->partner.role_sending) &&
           party_is(&user->to, &pmode->us, pmode->us.role_taking) &&
           text_eq(user->service, pmode->service) &&
           text_eq(user->service_type, pmode->service_type) &&
           text_eq(user->action, pmode->action) &&
           text_eq(user->agreement, pmode->agreement) &&
           text_eq(user->agreement_type, pmode->agreement_type) &&
           text_eq(mpc, pmode->mpc);
}

static bool to_us(const struct pmode *pmode, const struct eb_user *user)
{
    return text_eq(user->to.id, pmode->us.id) && text_eq(user->to.type, pmode->us.type);
}

bool pmode_find(const struct pmode *const *list, size_t count, const struct eb_user *user,
                struct pmode *ret, const struct pmode **ret_base, bool *ret_addressed)
{
    *ret_addressed = false;
    for (size_t i = 0; i < count; i++) {
        const struct pmode forms[] = { *list[i], pmode_test(list[i]) };

        *ret_addressed = *ret_addressed || to_us(list[i], user);
        for (size_t j = 0; j < COUNT_OF(forms); j++) {
            if (pmode_fits(&forms[j], user)) {
                *ret = forms[j];
                *ret_base = list[i];
                return true;
            }
        }
    }
    return false;
}
