/*
 * response.c - the judgement over an answer.
 *
 * Any answer that carries eb:Messaging is judged by its signal, whatever its status; the rest
 * by the status (tables below). A receipt counts only when everything holds: the partner's
 * signature over Messaging and Body, our message id, and exactly the set of digests that we
 * sent. An error that nobody signed, or that does not say which message it means, is a hint.
 * What becomes of the message is left to dispatch.
 */
#include "as4/response.h"

#include <string.h>

#include "as4/keyname.h"
#include "as4/media.h"
#include "as4/receipt.h"
#include "as4/security.h"
#include "as4/soap.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/mime.h"
#include "pki/cert.h"
#include "pki/xmlsig.h"

const char *as4_outcome_name(enum as4_outcome_kind kind)
{
    static const char *const names[] = {
        [AS4_GOT_RECEIPT] = "receipt",
        [AS4_GOT_ERROR_SIGNED] = "error-signed",
        [AS4_GOT_ERROR_UNSIGNED] = "error-unsigned",
        [AS4_GOT_DUPLICATE] = "duplicate-no-receipt",
        [AS4_GOT_NO_RECEIPT] = "no-receipt",
        [AS4_GOT_CONFIG_FAULT] = "config-fault",
        [AS4_GOT_RETRY] = "retry",
        [AS4_GOT_INVALID_RECEIPT] = "invalid-receipt",
    };

    return names[kind];
}

void as4_outcome_free(struct as4_outcome *outcome)
{
    mem_free(&outcome->code);
    mem_free(&outcome->short_description);
    mem_free(&outcome->description);
    mem_free(&outcome->detail);
}

struct judge {
    const struct as4_http *answer;
    const struct as4_sent *sent;
    const struct pmode *pmode;
    const struct trust *trust;
    int64_t now_ms;
    struct as4_outcome *ret;
};

/* --- answers without a signal --------------------------------------------------------------- */

/* Delta-seconds of RFC 9110 10.2.3; a date says nothing that our own schedule does not. */
static int64_t retry_after(const char *value)
{
    uint64_t seconds;

    if (value == NULL || !str_u64(str_trim(str_of(value)), &seconds))
        return 0;
    return seconds > AS4_RETRY_AFTER_MAX ? AS4_RETRY_AFTER_MAX : (int64_t)seconds;
}

static bool try_later(int status)
{
    return status == 408 || status == 429 || status >= 500;
}

static void by_status(struct judge *j)
{
    int status = j->answer->status;

    if (try_later(status)) {
        j->ret->kind = AS4_GOT_RETRY;
        j->ret->retry_after_s = retry_after(j->answer->retry_after);
        err_set(&j->ret->local, ERR_RETRY, "as4.http-status", "the partner answered %d",
                status);
    } else if (status >= 300) {
        j->ret->kind = AS4_GOT_CONFIG_FAULT;
        err_set(
            &j->ret->local, ERR_CONFIG, "as4.http-status",
            "the partner answered %d: address, rights or media type are not as agreed",
            status);
    } else if (j->answer->len == 0) {
        j->ret->kind = AS4_GOT_NO_RECEIPT;
        err_set(&j->ret->local, ERR_UNSURE, "as4.no-receipt",
                "the partner answered %d without a receipt", status);
    } else {
        j->ret->kind = AS4_GOT_INVALID_RECEIPT;
        err_set(&j->ret->local, ERR_UNSURE, "as4.not-a-signal",
                "the partner answered %d with something that is no ebMS signal", status);
    }
}

static void invalid(struct judge *j, const struct err *why)
{
    j->ret->kind = AS4_GOT_INVALID_RECEIPT;
    j->ret->local = *why;
    j->ret->local.kind = ERR_UNSURE;
    err_context(&j->ret->local, "answer to message %s", j->sent->message_id);
}

/* --- signatures of signals ------------------------------------------------------------------ */

static bool authentic(const struct judge *j, const struct soap *soap, struct err *err)
{
    const struct xmlsig_policy policy = { j->pmode->security.sign_accept,
                                          j->pmode->security.digest_accept };
    AUTO(security_free) struct security security = { 0 };
    AUTO(cert_free) struct cert *cert = NULL;
    struct xmlsig_id ids[AS4_REFERENCES_MAX];
    struct xmlsig_scope scope = { .ids = ids };

    if (soap->security == NULL)
        return err_set(err, ERR_REJECT, "as4.unsigned", "the signal is not signed");
    if (!security_read(soap, NULL, 0, j->pmode, &security, err) ||
        !security_timely(&security, j->now_ms, err) ||
        !keyname_signer(&security.signer, j->trust, j->now_ms, &cert, err) ||
        !xmlsig_gate(security.signature, cert, &policy, err))
        return false;
    security_scope(&security, soap, ids, &scope.id_count);
    return xmlsig_verify(security.signature, &scope, cert, &policy, NULL, err);
}

static bool names_ours(const struct judge *j, const char *ref)
{
    return ref != NULL && text_eq(ref, j->sent->message_id);
}

/* --- receipts ------------------------------------------------------------------------------- */

static bool receipt_holds(const struct judge *j, const struct soap *soap,
                          const struct eb_signal *signal, struct err *err)
{
    AUTO(as4_digests_free) struct as4_digests digests = { 0 };

    if (!authentic(j, soap, err))
        return false;
    if (!names_ours(j, signal->ref_to_message_id))
        return err_set(err, ERR_REJECT, "as4.foreign-signal",
                       "a receipt for another message");
    if (!as4_receipt_read(signal->receipt, &digests, err))
        return false;
    if (!as4_digests_equal(&digests, j->sent->digests))
        return err_set(err, ERR_REJECT, "as4.receipt-digests",
                       "the receipt's %zu digests are not the %zu that were sent",
                       digests.count, j->sent->digests->count);
    return true;
}

static void judge_receipt(struct judge *j, const struct soap *soap,
                          const struct eb_signal *signal)
{
    struct err err = { 0 };

    if (receipt_holds(j, soap, signal, &err))
        j->ret->kind = AS4_GOT_RECEIPT;
    else
        invalid(j, &err);
}

/* --- errors --------------------------------------------------------------------------------- */

static bool is_warning(const struct eb_error *error)
{
    return text_eq(error->severity, "warning");
}

/* The first that is a failure, else the first. */
static const struct eb_error *gravest(const struct eb_signal *signal)
{
    for (size_t i = 0; i < signal->error_count; i++) {
        if (!is_warning(&signal->errors[i]))
            return &signal->errors[i];
    }
    return &signal->errors[0];
}

static void describe(struct as4_outcome *ret, const struct eb_error *error)
{
    enum as4_code code;

    ret->code = mem_strdup(error->code);
    ret->short_description = mem_strdup(error->short_description);
    ret->description = mem_strdup(error->description);
    ret->detail = mem_strdup(error->detail);
    ret->warning = is_warning(error);
    ret->transient = as4_code_parse(error->code, &code) && as4_fault(code)->transient;
}

static bool means_duplicate(const struct judge *j, const char *code)
{
    return text_eq(code, as4_fault(AS4_DUPLICATE_DETECTED)->code) ||
           (j->pmode->old_duplicate_code && text_eq(code, as4_fault(AS4_OTHER)->code));
}

/* "Duplicate" is delivery only if we had sent it before: else it is a MessageId collision, or
 * forged. */
static void signed_error(struct judge *j)
{
    const char *code = j->ret->code;

    if (means_duplicate(j, code) && j->sent->written_before) {
        j->ret->kind = AS4_GOT_DUPLICATE;
        err_set(&j->ret->local, ERR_UNSURE, "as4.duplicate",
                "message %s was delivered earlier, its receipt is lost",
                j->sent->message_id);
        return;
    }
    j->ret->kind = AS4_GOT_ERROR_SIGNED;
    err_set(&j->ret->local, j->ret->warning || j->ret->transient ? ERR_RETRY : ERR_REJECT,
            "as4.error", "message %s: the partner answered %.16s", j->sent->message_id,
            code);
}

static void unsigned_error(struct judge *j, const struct err *why)
{
    if (!j->pmode->unsigned_errors_accept) {
        j->ret->kind = AS4_GOT_NO_RECEIPT;
        err_set(&j->ret->local, ERR_UNSURE, "as4.no-receipt",
                "message %s: the answer is an error that the partner did not sign",
                j->sent->message_id);
        return;
    }
    j->ret->kind = AS4_GOT_ERROR_UNSIGNED;
    j->ret->local = *why;
    j->ret->local.kind = ERR_RETRY;
    err_context(&j->ret->local, "message %s: %.16s", j->sent->message_id, j->ret->code);
}

static const char *meant(const struct eb_signal *signal, const struct eb_error *error)
{
    return signal->ref_to_message_id != NULL ? signal->ref_to_message_id
                                             : error->ref_to_message;
}

static void judge_errors(struct judge *j, const struct soap *soap,
                         const struct eb_signal *signal)
{
    const struct eb_error *error = gravest(signal);
    const char *ref = meant(signal, error);
    struct err err = { 0 };

    describe(j->ret, error);
    if (ref != NULL && !names_ours(j, ref)) {
        err_set(&err, ERR_REJECT, "as4.foreign-signal", "an error about another message");
        invalid(j, &err);
    } else if (!authentic(j, soap, &err)) {
        unsigned_error(j, &err);
    } else if (ref == NULL) {
        err_set(&err, ERR_REJECT, "as4.foreign-signal", "an error that names no message");
        unsigned_error(j, &err);
    } else {
        signed_error(j);
    }
}

/* --- the whole ------------------------------------------------------------------------------ */

static bool is_soap(const struct as4_http *answer)
{
    AUTO(mime_type_free) struct mime_type type = { 0 };
    struct err dropped = { 0 };

    return answer->len > 0 && answer->content_type != NULL &&
           mime_type_parse(answer->content_type, &type, &dropped) &&
           text_eq(type.type, MEDIA_SOAP);
}

static void judge_signal(struct judge *j, const struct soap *soap)
{
    AUTO(eb_messaging_free) struct eb_messaging read = { 0 };
    AUTO(mem_free) char *message_id = NULL;
    struct err err = { 0 };

    if (!eb_messaging_read(soap->messaging, &read, &message_id, &err)) {
        invalid(j, &err);
    } else if (read.signal != NULL && read.signal->receipt != NULL) {
        judge_receipt(j, soap, read.signal);
    } else if (read.signal != NULL && read.signal->error_count > 0) {
        judge_errors(j, soap, read.signal);
    } else {
        err_set(&err, ERR_REJECT, "as4.not-a-signal", "neither a receipt nor an error");
        invalid(j, &err);
    }
}

void as4_response_read(const struct as4_http *answer, const struct as4_sent *sent,
                       const struct pmode *pmode, const struct trust *trust,
                       int64_t now_ms, struct as4_outcome *ret)
{
    struct judge j = { answer, sent, pmode, trust, now_ms, ret };
    AUTO(soap_free) struct soap soap = { 0 };
    struct err err = { 0 };

    *ret = (struct as4_outcome){ 0 };
    if (!is_soap(answer))
        by_status(&j);
    else if (soap_read(answer->body, answer->len, SOAP_RESPONSE, &soap, &err))
        judge_signal(&j, &soap);
    else if (answer->status >= 300)
        by_status(&j);
    else
        invalid(&j, &err);
}
