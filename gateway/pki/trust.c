/*
 * trust.c - judges a certificate by the partner's own rules, at an instant the caller names.
 *
 * Order: is it let in at all (pinned, or chained to the named CA under the named subject), may
 * it be used for that, is it within its dates, is it revoked. The first "no" is the answer, so
 * a stranger's expired certificate is "not trusted", not "expired". Chains are built with a
 * store of ours that holds the CAs of the rule and nothing else. Revocation is read from CRL
 * files that were checked when the rule was made; a certificate listed with a date after the
 * instant in question was still good then.
 */
#include "pki/trust.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define CRLS_MAX       8                  /* in one file */
#define CRL_OCTETS_MAX (16 * 1024 * 1024) /* a national CA's list can be long */
#define CHAIN_DEPTH    6
#define AUTH_LEVEL     2 /* OpenSSL's: 112 bits, no SHA-1 in a chain */

struct rule {
    bool set;
    struct certlist pinned, cas;
    char *subject;
    X509_STORE *store; /* NULL: pins only */
    X509_CRL *crls[CRLS_MAX];
    size_t crl_count;
    bool accept_unknown;
};

struct trust {
    char *partner;
    struct rule rules[TRUST_PURPOSES];
};

const char *trust_purpose_name(enum trust_purpose purpose)
{
    static const char *const names[TRUST_PURPOSES] = {
        [TRUST_TLS] = "tls",
        [TRUST_SIGN] = "sign",
        [TRUST_ENCRYPT] = "encrypt",
        [TRUST_SEAL] = "seal",
    };

    return names[purpose];
}

const char *trust_state_name(enum trust_state state)
{
    static const char *const names[] = {
        [TRUST_VALID] = "valid",
        [TRUST_EXPIRED] = "expired",
        [TRUST_NOT_YET] = "not-yet",
        [TRUST_REVOKED] = "revoked",
        [TRUST_REVOCATION_UNKNOWN] = "revocation-unknown",
        [TRUST_NOT_TRUSTED] = "not-trusted",
        [TRUST_WRONG_USAGE] = "wrong-usage",
    };

    return names[state];
}

static void rule_free(struct rule *rule)
{
    certlist_free(&rule->pinned);
    certlist_free(&rule->cas);
    mem_free(&rule->subject);
    X509_STORE_free(rule->store);
    for (size_t i = 0; i < rule->crl_count; i++)
        X509_CRL_free(rule->crls[i]);
    *rule = (struct rule){ 0 };
}

struct trust *trust_new(const char *partner)
{
    struct trust *trust = mem_alloc(sizeof *trust);

    trust->partner = mem_strdup(partner);
    return trust;
}

void trust_free(struct trust **trust)
{
    struct trust *t = *trust;

    *trust = NULL;
    if (t == NULL)
        return;
    for (size_t i = 0; i < TRUST_PURPOSES; i++)
        rule_free(&t->rules[i]);
    mem_free(&t->partner);
    mem_free(&t);
}

const struct certlist *trust_pinned(const struct trust *trust, enum trust_purpose purpose)
{
    return &trust->rules[purpose].pinned;
}

/* --- making a rule ------------------------------------------------------------------------ */

static bool take_cas(struct rule *rule, const char *path, struct err *err)
{
    if (!certlist_load(path, &rule->cas, err))
        return false;
    rule->store = X509_STORE_new();
    if (rule->store == NULL)
        return err_set(err, ERR_RETRY, "pki.store", "no memory for a certificate store");
    for (size_t i = 0; i < rule->cas.count; i++) {
        const struct cert *ca = rule->cas.items[i];

        if (!cert_is_ca(ca) || !cert_may(ca, KEY_USE_CERT_SIGN))
            return err_set(err, ERR_CONFIG, "pki.not-a-ca",
                           "%s: certificate %s may not issue others", path,
                           cert_subject(ca));
        X509_STORE_add_cert(rule->store, cert_x509(ca));
    }
    return true;
}

static bool has_critical(const X509_CRL *crl)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++)
        if (X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, i)))
            return true;
    return false;
}

static bool signed_by(X509_CRL *crl, const struct cert *ca)
{
    return X509_NAME_cmp(X509_CRL_get_issuer(crl),
                         X509_get_subject_name(cert_x509(ca))) == 0 &&
           cert_may(ca, KEY_USE_CRL_SIGN) && X509_CRL_verify(crl, cert_key(ca)) == 1;
}

/* Takes the CRL over. */
static bool take_crl(struct rule *rule, X509_CRL *crl, const char *path, struct err *err)
{
    if (rule->crl_count == CRLS_MAX) {
        X509_CRL_free(crl);
        return err_set(err, ERR_CONFIG, "pki.crl-form", "%s: over %d lists", path,
                       CRLS_MAX);
    }
    rule->crls[rule->crl_count++] = crl;
    if (has_critical(crl))
        return err_set(err, ERR_CONFIG, "pki.crl-form",
                       "%s: the list is partial or indirect (critical extension), "
                       "give a full one",
                       path);
    for (size_t i = 0; i < rule->cas.count; i++)
        if (signed_by(crl, rule->cas.items[i]))
            return true;
    return err_set(err, ERR_CONFIG, "pki.crl-issuer",
                   "%s: the list is not signed by a CA of this rule", path);
}

static bool read_crls(struct rule *rule, const struct buf *file, const char *path,
                      struct err *err)
{
    const unsigned char *at = (const unsigned char *)buf_str(file), *end = at + file->len;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)file->len);
    BIO *bio;
    bool good = true;

    if (crl != NULL && at == end)
        return take_crl(rule, crl, path, err);
    X509_CRL_free(crl);
    bio = BIO_new_mem_buf(buf_str(file), (int)file->len);
    while (good && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL)
        good = take_crl(rule, crl, path, err);
    BIO_free(bio);
    if (good && rule->crl_count == 0)
        return err_set(err, ERR_CONFIG, "pki.crl-form",
                       "%s: no revocation list in PEM or DER", path);
    return good;
}

static bool take_crls(struct rule *rule, const char *path, struct err *err)
{
    AUTO(buf_free) struct buf file = BUF_INIT(CRL_OCTETS_MAX);
    bool good = file_read(path, &file, err) && read_crls(rule, &file, path, err);

    ERR_clear_error();
    return good;
}

static bool take_pins(struct rule *rule, const struct certlist *pins, struct err *err)
{
    if (pins->count > TRUST_PINS_MAX)
        return err_set(err, ERR_CONFIG, "pki.rule-pins",
                       "%zu pinned certificates, at most %d", pins->count,
                       TRUST_PINS_MAX);
    for (size_t i = 0; i < pins->count; i++)
        certlist_add(&rule->pinned, pins->items[i]);
    return true;
}

static bool take_subject(struct rule *rule, const char *subject, struct err *err)
{
    if (!cert_name_valid(subject))
        return err_set(
            err, ERR_CONFIG, "pki.rule-subject",
            "\"%s\" is no distinguished name (write it as \"CN=...,O=...,C=..\")",
            subject);
    rule->subject = mem_strdup(subject);
    return true;
}

static bool rule_make(struct rule *rule, const struct trust_rule *from, struct err *err)
{
    rule->accept_unknown = from->accept_unknown;
    if (from->pinned != NULL && !take_pins(rule, from->pinned, err))
        return false;
    if (from->ca_file != NULL && !take_cas(rule, from->ca_file, err))
        return false;
    if (from->subject != NULL && !take_subject(rule, from->subject, err))
        return false;
    if (from->crl_file != NULL && !take_crls(rule, from->crl_file, err))
        return false;
    if (rule->pinned.count > 0)
        return true;
    if (rule->store == NULL)
        return err_set(err, ERR_CONFIG, "pki.rule-empty",
                       "neither a pinned certificate nor a CA with a subject");
    if (rule->subject == NULL)
        return err_set(
            err, ERR_CONFIG, "pki.rule-subject",
            "a CA needs the exact subject of the partner's certificate beside it");
    return true;
}

bool trust_allow(struct trust *trust, enum trust_purpose purpose,
                 const struct trust_rule *from, struct err *err)
{
    struct rule rule = { .set = true };

    if (!rule_make(&rule, from, err)) {
        rule_free(&rule);
        err->kind = err->kind == ERR_RETRY ? ERR_RETRY : ERR_CONFIG;
        return err_context(err, "trust of %s for %s", trust->partner,
                           trust_purpose_name(purpose));
    }
    rule_free(&trust->rules[purpose]);
    trust->rules[purpose] = rule;
    return true;
}

/* --- judging ------------------------------------------------------------------------------ */

/* One judgement under way. */
struct judging {
    const char *partner;
    enum trust_purpose purpose;
    const struct cert *cert;
    int64_t at_ms;
    enum trust_state state;
    struct err *err;
};

static const char *const codes[] = {
    [TRUST_VALID] = "pki.valid",
    [TRUST_EXPIRED] = "pki.expired",
    [TRUST_NOT_YET] = "pki.not-yet",
    [TRUST_REVOKED] = "pki.revoked",
    [TRUST_REVOCATION_UNKNOWN] = "pki.revocation-unknown",
    [TRUST_NOT_TRUSTED] = "pki.not-trusted",
    [TRUST_WRONG_USAGE] = "pki.wrong-usage",
};

static bool refuse(struct judging *j, enum trust_state state, const char *why)
{
    j->state = state;
    err_set(j->err, ERR_REJECT, "pki.trust",
            "certificate %s (serial %s) for %s of %s: %s", cert_subject(j->cert),
            cert_serial(j->cert), trust_purpose_name(j->purpose), j->partner, why);
    j->err->code = codes[state];
    return false;
}

static bool check_usage(struct judging *j)
{
    const struct cert *c = j->cert;
    bool signs = cert_may(c, KEY_USE_SIGNATURE);

    switch (j->purpose) {
    case TRUST_TLS:
        if (!signs || !cert_may_tls(c))
            return refuse(j, TRUST_WRONG_USAGE, "its key usage does not allow TLS");
        return true;
    case TRUST_SIGN:
        if (!signs)
            return refuse(j, TRUST_WRONG_USAGE, "its key usage lacks digitalSignature");
        return true;
    case TRUST_SEAL:
        if (!signs && !cert_may(c, KEY_USE_COMMITMENT))
            return refuse(j, TRUST_WRONG_USAGE,
                          "its key usage lacks digitalSignature and contentCommitment");
        return true;
    case TRUST_ENCRYPT:
        if (cert_key_kind(c) != KEY_RSA)
            return refuse(j, TRUST_WRONG_USAGE,
                          "content keys are wrapped for RSA keys only");
        if (!cert_may(c, KEY_USE_ENCIPHER))
            return refuse(j, TRUST_WRONG_USAGE, "its key usage lacks keyEncipherment");
        return true;
    }
    return refuse(j, TRUST_WRONG_USAGE, "unknown purpose");
}

static bool check_dates(struct judging *j)
{
    char why[80], date[21];

    if (j->at_ms < cert_not_before_ms(j->cert)) {
        instant_print_s(cert_not_before_ms(j->cert), date);
        snprintf(why, sizeof why, "it is valid only from %s", date);
        return refuse(j, TRUST_NOT_YET, why);
    }
    if (j->at_ms > cert_not_after_ms(j->cert)) {
        instant_print_s(cert_not_after_ms(j->cert), date);
        snprintf(why, sizeof why, "it was valid until %s", date);
        return refuse(j, TRUST_EXPIRED, why);
    }
    return true;
}

static bool pinned(const struct rule *rule, const struct cert *cert)
{
    for (size_t i = 0; i < rule->pinned.count; i++)
        if (cert_same(rule->pinned.items[i], cert))
            return true;
    return false;
}

static enum trust_state state_of_chain(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return TRUST_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TRUST_NOT_YET;
    default:
        return TRUST_NOT_TRUSTED;
    }
}

static void stack_free(STACK_OF(X509) * *stack)
{
    sk_X509_free(*stack);
    *stack = NULL;
}

static void store_ctx_free(X509_STORE_CTX **ctx)
{
    X509_STORE_CTX_free(*ctx);
    *ctx = NULL;
}

static bool check_chain(struct judging *j, const struct rule *rule,
                        const struct certlist *via)
{
    AUTO(stack_free) STACK_OF(X509) *helpers = sk_X509_new_null();
    AUTO(store_ctx_free) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;
    bool good;

    for (size_t i = 0; helpers != NULL && via != NULL && i < via->count; i++)
        sk_X509_push(helpers, cert_x509(via->items[i]));
    if (ctx == NULL || helpers == NULL ||
        X509_STORE_CTX_init(ctx, rule->store, cert_x509(j->cert), helpers) != 1)
        return refuse(j, TRUST_NOT_TRUSTED, "no memory to build its chain");
    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(param, (time_t)(j->at_ms / SECOND_MS));
    X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH);
    X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
    good = X509_verify_cert(ctx) == 1;
    ERR_clear_error();
    return good || refuse(j, state_of_chain(X509_STORE_CTX_get_error(ctx)),
                          X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
}

static bool check_admission(struct judging *j, const struct rule *rule,
                            const struct certlist *via)
{
    if (!rule->set)
        return refuse(j, TRUST_NOT_TRUSTED, "no certificate is configured for that");
    if (pinned(rule, j->cert))
        return true;
    if (rule->store == NULL || rule->subject == NULL)
        return refuse(j, TRUST_NOT_TRUSTED, "it is none of the pinned ones");
    if (!cert_subject_is(j->cert, rule->subject))
        return refuse(j, TRUST_NOT_TRUSTED, "its subject is not the configured one");
    return check_chain(j, rule, via);
}

static int64_t asn1_ms(const ASN1_TIME *time)
{
    struct tm tm = { 0 };

    return time == NULL || ASN1_TIME_to_tm(time, &tm) != 1
               ? 0
               : (int64_t)timegm(&tm) * SECOND_MS;
}

static X509_CRL *crl_for(const struct rule *rule, const struct cert *cert)
{
    for (size_t i = 0; i < rule->crl_count; i++)
        if (X509_NAME_cmp(X509_CRL_get_issuer(rule->crls[i]),
                          X509_get_issuer_name(cert_x509(cert))) == 0)
            return rule->crls[i];
    return NULL;
}

/* CRLReason removeFromCRL makes X509_CRL_get0_by_cert() answer 2: no longer revoked. */
static bool listed(X509_CRL *crl, const struct cert *cert, int64_t at_ms)
{
    X509_REVOKED *entry = NULL;

    return X509_CRL_get0_by_cert(crl, &entry, cert_x509(cert)) == 1 &&
           asn1_ms(X509_REVOKED_get0_revocationDate(entry)) <= at_ms;
}

static bool unknown(struct judging *j, const struct rule *rule, const char *why)
{
    if (!rule->accept_unknown)
        return refuse(j, TRUST_REVOCATION_UNKNOWN, why);
    j->state = TRUST_REVOCATION_UNKNOWN;
    return true;
}

static bool check_revocation(struct judging *j, const struct rule *rule)
{
    X509_CRL *crl = crl_for(rule, j->cert);

    if (crl == NULL && rule->crl_count == 0 && pinned(rule, j->cert))
        return true;
    if (crl == NULL)
        return unknown(j, rule,
                       "cannot check revocation: no list of its issuer is configured");
    if (listed(crl, j->cert, j->at_ms))
        return refuse(j, TRUST_REVOKED, "its issuer has revoked it");
    if (j->at_ms > asn1_ms(X509_CRL_get0_nextUpdate(crl)))
        return unknown(j, rule,
                       "cannot check revocation: the list of its issuer is out of date");
    return true;
}

bool trust_check(const struct trust *trust, enum trust_purpose purpose,
                 const struct cert *cert, const struct certlist *via, int64_t at_ms,
                 enum trust_state *state, struct err *err)
{
    const struct rule *rule = &trust->rules[purpose];
    struct judging j = { trust->partner, purpose, cert, at_ms, TRUST_VALID, err };
    bool good = check_admission(&j, rule, via) && check_usage(&j) && check_dates(&j) &&
                check_revocation(&j, rule);

    if (state != NULL)
        *state = j.state;
    return good;
}

bool trust_check_own(enum trust_purpose purpose, const struct cert *cert, int64_t at_ms,
                     enum trust_state *state, struct err *err)
{
    struct judging j = { "our own", purpose, cert, at_ms, TRUST_VALID, err };
    bool good = check_usage(&j) && check_dates(&j);

    if (state != NULL)
        *state = j.state;
    return good;
}
