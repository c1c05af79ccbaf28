/*
 * receipt.c - receipts made and read.
 *
 * A receipt carries copies of the very ds:Reference nodes that were verified: the copy keeps
 * transforms and PrefixLists as the sender wrote them, so the evidence can be checked against
 * his message with common tools. The receipt is signed over Messaging and Body. That it is made
 * only for a message that is being stored is the caller's promise.
 */
#include "as4/receipt.h"

#include "as4/dom.h"
#include "as4/header.h"
#include "as4/ns.h"
#include "as4/receive.h"
#include "as4/reference.h"
#include "as4/sign.h"
#include "as4/soap.h"
#include "base/err.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"

static void put_information(xmlNode *signal, const xmlNode *signed_info)
{
    xmlNode *receipt = dom_add(signal, "eb", "Receipt");
    xmlNode *all = dom_add(receipt, "ebbp", "NonRepudiationInformation");

    for (xmlNode *n = xml_child(signed_info, NS_DS, "Reference"); n != NULL;
         n = xml_again(n)) {
        xmlNode *one = dom_add(all, "ebbp", "MessagePartNRInformation");
        xmlNode *copy = xmlDocCopyNode(n, one->doc, 1);

        xmlAddChild(one, copy);
        xmlReconciliateNs(one->doc, copy);
    }
}

bool as4_receipt_make(const struct as4_message *message,
                      const struct as4_signing *signing, const char *host, int64_t now_ms,
                      struct as4_answer *ret, struct err *err)
{
    AUTO(soap_new_free) struct soap_new envelope;
    AUTO(as4_digests_free) struct as4_digests digests = { 0 };
    AUTO(as4_answer_free)
    struct as4_answer answer = { .http_status = 200,
                                 .content_type = AS4_ANSWER_TYPE,
                                 .body = BUF_INIT(AS4_ANSWER_MAX) };
    AUTO(mem_free) char *id = NULL;
    char uuid[UUID_TEXT];

    uuid_make(uuid);
    id = mem_printf("%s@%s", uuid, host);
    soap_new(&envelope, true, false);
    xml_ns_add(xml_root(envelope.doc), NS_EBBP, "ebbp");
    put_information(
        eb_signal_write(envelope.messaging, id, now_ms, message->user->message_id),
        as4_message_signed_info(message));
    if (!sign_envelope(&envelope, &message->pmode.security, signing, NULL, 0, &digests,
                       err) ||
        !soap_print(&envelope, &answer.body, err))
        return err_context(err, "receipt for message %s", message->user->message_id);
    *ret = answer;
    answer = (struct as4_answer){ 0 };
    return true;
}

void as4_receipt_again(const void *octets, size_t len, struct as4_answer *ret)
{
    *ret = (struct as4_answer){ .http_status = 200,
                                .content_type = AS4_ANSWER_TYPE,
                                .body = BUF_INIT(AS4_ANSWER_MAX) };
    buf_add(&ret->body, octets, len);
}

/* --- reading ------------------------------------------------------------------------------ */

static bool bad(struct err *err, const char *what)
{
    return err_set(err, ERR_REJECT, "as4.receipt", "eb:Receipt: %s", what);
}

static bool read_one(const xmlNode *one, struct as4_digests *to, struct err *err)
{
    const xmlNode *reference = xml_first(one);
    struct err local = { 0 };

    if (!xml_is(reference, NS_DS, "Reference") || xml_next(reference) != NULL ||
        !dom_no_text(one))
        return bad(err, "a part's information is not one ds:Reference");
    if (to->count == AS4_REFERENCES_MAX)
        return bad(err, "more references than a message can have");
    return reference_read(reference, to, &local) ||
           bad(err, "a ds:Reference of another form");
}

static bool read_all(const xmlNode *all, struct as4_digests *to, struct err *err)
{
    for (const xmlNode *n = xml_first(all); n != NULL; n = xml_next(n)) {
        if (!xml_is(n, NS_EBBP, "MessagePartNRInformation"))
            return bad(err, "NonRepudiationInformation holds an unknown element");
        if (!read_one(n, to, err))
            return false;
    }
    return to->count > 0 || bad(err, "NonRepudiationInformation is empty");
}

static bool foreign(const xmlNode *node)
{
    const char *ns = node->ns == NULL ? NULL : (const char *)node->ns->href;

    return !text_eq(ns, NS_EB) && !text_eq(ns, NS_EBBP) && !text_eq(ns, NS_DS);
}

bool as4_receipt_read(const xmlNode *receipt, struct as4_digests *ret, struct err *err)
{
    AUTO(as4_digests_free) struct as4_digests read = { 0 };
    const xmlNode *all = NULL;

    for (const xmlNode *n = xml_first(receipt); n != NULL; n = xml_next(n)) {
        if (xml_is(n, NS_EBBP, "NonRepudiationInformation") && all == NULL)
            all = n;
        else if (!foreign(n))
            return bad(err, "something else than one NonRepudiationInformation");
    }
    if (all == NULL)
        return bad(err, "no NonRepudiationInformation");
    if (!read_all(all, &read, err))
        return false;
    *ret = read;
    read = (struct as4_digests){ 0 };
    return true;
}
