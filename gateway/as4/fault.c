/*
 * fault.c - the table of ebMS errors, and the answer that carries one.
 *
 * One Error with all its attributes and a fixed Description. ErrorDetail is sent only when the
 * sender has proved who he is; what was really found never leaves this machine. An error that
 * cannot be signed is sent unsigned: no error at all would leave the peer guessing.
 */
#include "as4/fault.h"

#include <string.h>

#include "as4/dom.h"
#include "as4/header.h"
#include "as4/ns.h"
#include "as4/sign.h"
#include "as4/soap.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"

#define FAILURE "failure"
#define WARNING "warning"

/* clang-format off */
static const struct as4_fault faults[AS4_CODE_COUNT] = {
    [AS4_VALUE_NOT_RECOGNIZED] = { "EBMS:0001", "ValueNotRecognized", "Content", FAILURE, "ebms",
        "A value in the message header is not supported here.", false },
    [AS4_FEATURE_NOT_SUPPORTED] = { "EBMS:0002", "FeatureNotSupported", "Content", WARNING, "ebms",
        "The message asks for a feature that is not supported here.", false },
    [AS4_VALUE_INCONSISTENT] = { "EBMS:0003", "ValueInconsistent", "Content", FAILURE, "ebms",
        "A value in the message header is inconsistent.", false },
    [AS4_OTHER] = { "EBMS:0004", "Other", "Content", FAILURE, "ebms",
        "The message cannot be taken.", false },
    [AS4_CONNECTION_FAILURE] = { "EBMS:0005", "ConnectionFailure", "Communication", FAILURE, "ebms",
        "The connection failed.", true },
    [AS4_EMPTY_CHANNEL] = { "EBMS:0006", "EmptyMessagePartitionChannel", "Communication", WARNING, "ebms",
        "There is no message on this channel.", true },
    [AS4_MIME_INCONSISTENCY] = { "EBMS:0007", "MimeInconsistency", "Unpackaging", FAILURE, "ebms",
        "The MIME packaging of the message is inconsistent.", false },
    [AS4_PACKAGING_NOT_SUPPORTED] = { "EBMS:0008", "FeatureNotSupported", "Unpackaging", FAILURE, "ebms",
        "The packaging of the message is not supported here.", false },
    [AS4_INVALID_HEADER] = { "EBMS:0009", "InvalidHeader", "Unpackaging", FAILURE, "ebms",
        "The message header is not well formed or not valid.", false },
    [AS4_PROCESSING_MODE_MISMATCH] = { "EBMS:0010", "ProcessingModeMismatch", "Processing", FAILURE, "ebms",
        "No processing mode is agreed for this message.", false },
    [AS4_EXTERNAL_PAYLOAD_ERROR] = { "EBMS:0011", "ExternalPayloadError", "Content", FAILURE, "ebms",
        "A payload that the header names is not in the message.", false },
    [AS4_FAILED_AUTHENTICATION] = { "EBMS:0101", "FailedAuthentication", "Processing", FAILURE, "security",
        "The signature of the message could not be verified.", false },
    [AS4_FAILED_DECRYPTION] = { "EBMS:0102", "FailedDecryption", "Processing", FAILURE, "security",
        "The message could not be decrypted or verified.", false },
    [AS4_POLICY_NONCOMPLIANCE] = { "EBMS:0103", "PolicyNoncompliance", "Processing", FAILURE, "security",
        "The security of the message is not what is agreed.", false },
    [AS4_DYSFUNCTIONAL_RELIABILITY] = { "EBMS:0201", "DysfunctionalReliability", "Processing", FAILURE, "reliability",
        "The reliability of the exchange is not what is agreed.", false },
    [AS4_DELIVERY_FAILURE] = { "EBMS:0202", "DeliveryFailure", "Communication", FAILURE, "reliability",
        "The message was verified but could not be handed on.", true },
    [AS4_MISSING_RECEIPT] = { "EBMS:0301", "MissingReceipt", "Communication", FAILURE, "reliability",
        "No receipt came within the agreed time.", false },
    [AS4_INVALID_RECEIPT] = { "EBMS:0302", "InvalidReceipt", "Communication", FAILURE, "reliability",
        "The receipt does not fit the message.", false },
    [AS4_DECOMPRESSION_FAILURE] = { "EBMS:0303", "DecompressionFailure", "Communication", FAILURE, "ebms",
        "A payload could not be decompressed.", false },
    [AS4_DUPLICATE_DETECTED] = { "EBMS:4001", "DuplicateDetected", "Processing", FAILURE, "reliability",
        "The message was received before.", false },
};
/* clang-format on */

const struct as4_fault *as4_fault(enum as4_code code)
{
    return &faults[code];
}

bool as4_code_parse(const char *ebms, enum as4_code *ret)
{
    if (ebms == NULL)
        return false;
    for (unsigned i = 0; i < AS4_CODE_COUNT; i++) {
        if (text_eq(faults[i].code, ebms) ||
            text_eq(faults[i].code + strlen("EBMS:"), ebms)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

void as4_refusal_clear(struct as4_refusal *refusal)
{
    mem_free(&refusal->ref_to_message_id);
    *refusal = (struct as4_refusal){ 0 };
}

void as4_answer_free(struct as4_answer *answer)
{
    buf_free(&answer->body);
}

/* --- building ----------------------------------------------------------------------------- */

static void put_text(xmlNode *parent, const char *prefix, const char *name,
                     const char *text)
{
    xmlNode *node = dom_add_text(parent, prefix, name, text);
    xmlNs *xml = xmlSearchNs(node->doc, node, (const xmlChar *)"xml");

    xml_set(node, xml, "lang", "en");
}

static void put_error(xmlNode *signal, const struct as4_refusal *refusal)
{
    const struct as4_fault *fault = as4_fault(refusal->code);
    xmlNode *error = dom_add(signal, "eb", "Error");

    dom_set(error, NULL, "category", fault->category);
    dom_set(error, NULL, "errorCode", fault->code);
    dom_set(error, NULL, "origin", fault->origin);
    dom_set(error, NULL, "severity", fault->severity);
    dom_set(error, NULL, "shortDescription", fault->short_description);
    if (refusal->ref_to_message_id != NULL)
        dom_set(error, NULL, "refToMessageInError", refusal->ref_to_message_id);
    put_text(error, "eb", "Description", fault->description);
    if (refusal->sender_known && refusal->detail != NULL)
        dom_add_text(error, "eb", "ErrorDetail", refusal->detail);
}

/* SOAP 1.2 part 1, 5.4 */
static void put_fault(xmlNode *body, const char *value, const char *reason)
{
    xmlNode *fault = dom_add(body, "env", "Fault");

    dom_add_text(dom_add(fault, "env", "Code"), "env", "Value", value);
    put_text(dom_add(fault, "env", "Reason"), "env", "Text", reason);
}

static void fill(struct soap_new *envelope, const struct as4_refusal *refusal,
                 const char *host, int64_t now_ms)
{
    const struct as4_fault *fault = as4_fault(refusal->code);
    AUTO(mem_free)
    char *reason = mem_printf("%s %s", fault->code, fault->short_description);
    AUTO(mem_free) char *id = NULL;
    char uuid[UUID_TEXT];

    uuid_make(uuid);
    id = mem_printf("%s@%s", uuid, host);
    put_error(
        eb_signal_write(envelope->messaging, id, now_ms, refusal->ref_to_message_id),
        refusal);
    if (refusal->http_status == 500)
        put_fault(envelope->body, "env:Receiver", reason);
}

static bool wants_signature(const struct as4_refusal *refusal,
                            const struct as4_signing *signing)
{
    return signing != NULL && refusal->pmode_known && refusal->pmode.errors_signed;
}

static bool signed_answer(const struct as4_refusal *refusal,
                          const struct as4_signing *signing, const char *host,
                          int64_t now_ms, struct buf *out)
{
    AUTO(soap_new_free) struct soap_new envelope;
    AUTO(as4_digests_free) struct as4_digests digests = { 0 };
    struct err err = { 0 };

    soap_new(&envelope, true, false);
    fill(&envelope, refusal, host, now_ms);
    if (sign_envelope(&envelope, &refusal->pmode.security, signing, NULL, 0, &digests,
                      &err) &&
        soap_print(&envelope, out, &err))
        return true;
    log_warn("as4.error-unsigned", log_fault(&err));
    buf_clear(out);
    return false;
}

static bool unsigned_answer(const struct as4_refusal *refusal, const char *host,
                            int64_t now_ms, struct buf *out, struct err *err)
{
    AUTO(soap_new_free) struct soap_new envelope;

    soap_new(&envelope, false, false);
    fill(&envelope, refusal, host, now_ms);
    return soap_print(&envelope, out, err);
}

/* A header block that must be understood and is not: a Fault, no ebMS signal. */
static bool not_understood(struct buf *out, struct err *err)
{
    AUTO(xml_doc_free) xmlDoc *doc = xml_doc_new("Envelope", NS_ENV, "env");

    put_fault(dom_add(xml_root(doc), "env", "Body"), "env:MustUnderstand",
              "A header block that must be understood is not understood.");
    return xml_print(doc, NULL, out, err) && buf_check(out, "SOAP fault", err);
}

bool as4_fault_answer(const struct as4_refusal *refusal,
                      const struct as4_signing *signing, const char *host, int64_t now_ms,
                      struct as4_answer *ret, struct err *err)
{
    AUTO(as4_answer_free)
    struct as4_answer answer = {
        .http_status = refusal->http_status,
        .content_type = AS4_ANSWER_TYPE,
        .body = BUF_INIT(AS4_ANSWER_MAX),
    };
    bool made;

    if (refusal->http_status == 503 || refusal->http_status == 415) {
        *ret = (struct as4_answer){ .http_status = refusal->http_status };
        return true;
    }
    if (refusal->header_fault)
        made = not_understood(&answer.body, err);
    else
        made = (wants_signature(refusal, signing) &&
                signed_answer(refusal, signing, host, now_ms, &answer.body)) ||
               unsigned_answer(refusal, host, now_ms, &answer.body, err);
    if (!made)
        return false;
    *ret = answer;
    answer = (struct as4_answer){ 0 };
    return true;
}
