/*
 * table.c - the operations: name, who, arguments, one sentence. The only list there is.
 */
#include "ops/ops_private.h"

#define OFFICE   (OPS_OFFICER | OPS_CONSUL | OPS_TEAM)
#define DECIDES  (OPS_OFFICER | OPS_CONSUL)
#define LOOKS    (OFFICE | OPS_AUDITOR | OPS_OPERATOR)
#define OVERSEES (OPS_AUDITOR | OPS_OPERATOR)

#define MIB          (UINT64_C(1) << 20)
#define DOCUMENT_MAX (8 * MIB)
#define JSON_MAX     (256 * 1024)
#define OPAQUE_MAX   (8 * MIB) /* octets of the JSON; larger parts are uploaded before */
#define UPLOAD_MAX   (256 * MIB)
#define BUNDLE_MAX   (33 * MIB)

#define PARAMS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define ANSWERS \
    PARAMS("act", "number", "outNumber", "officer", "position", "organisation", "phone", \
           "email", "reasons", "conditions", "redirectTo", "note", "respondBy", \
           "fields")

/* clang-format off */
static const struct ops_row rows[] = {
    { { "message.submit", OFFICE, true, PARAMS("to", "agreement", "linkedCase", "check"),
        OPS_BODY_OCTETS, DOCUMENT_MAX,
        "hand in a document in the office's own form; check: everything but sending" }, op_submit },
    { { "message.opaque", OFFICE | OPS_OPERATOR, false, PARAMS("partner", "pmode", "parts"),
        OPS_BODY_JSON, OPAQUE_MAX,
        "send parts as they are under an opaque P-Mode: to connect a partner" }, op_opaque },
    { { "attachment.put", OFFICE | OPS_OPERATOR, false, NULL, OPS_BODY_OCTETS, UPLOAD_MAX,
        "upload a file that a later document names" }, op_upload },
    { { "preview", OFFICE, true, PARAMS("to", "agreement"), OPS_BODY_OCTETS, DOCUMENT_MAX,
        "what the other office would get of a document, and what not" }, op_preview },

    { { "message.list", LOOKS, false,
        PARAMS("case", "state", "direction", "partner", "kind", "after", "limit", "newest"),
        OPS_BODY_NONE, 0, "messages of the office, oldest first" }, op_messages },
    { { "message.show", LOOKS, false, NULL, OPS_BODY_NONE, 0, "one message" }, op_message },
    { { "message.losses", OFFICE, true, NULL, OPS_BODY_NONE, 0,
        "what the translation of a sent document could not carry, in full" }, op_message_losses },
    { { "message.why", LOOKS, false, NULL, OPS_BODY_NONE, 0,
        "the whole history of a message in plain words" }, op_message_why },
    { { "message.evidence", DECIDES | OPS_AUDITOR, false, NULL, OPS_BODY_NONE, 0,
        "the sealed document, the receipt and what proves them" }, op_evidence },

    { { "deliverable.list", OFFICE, true, PARAMS("after", "limit", "all"), OPS_BODY_NONE, 0,
        "what lies ready for the office" }, op_deliverables },
    { { "deliverable.get", OFFICE, true, NULL, OPS_BODY_NONE, 0,
        "the document in the office's form; it counts as handed over" }, op_deliverable },
    { { "deliverable.losses", OFFICE, true, NULL, OPS_BODY_NONE, 0,
        "what the sender and the translation here could not carry" }, op_deliverable_losses },
    { { "deliverable.attachments", OFFICE, true, NULL, OPS_BODY_NONE, 0,
        "the files that came with it" }, op_deliverable_files },
    { { "deliverable.attachment", OFFICE, true, NULL, OPS_BODY_NONE, 0,
        "one of the files" }, op_deliverable_file },
    { { "deliverable.acknowledge", OFFICE, true, NULL, OPS_BODY_NONE, 0,
        "the office has it: it is not shown again" }, op_deliverable_ack },

    { { "case.list", LOOKS, false, PARAMS("state", "after", "limit", "open", "newest"),
        OPS_BODY_NONE, 0, "cases of the office" }, op_cases },
    { { "case.show", LOOKS, false, NULL, OPS_BODY_NONE, 0,
        "one case: state, messages, what can be done" }, op_case },
    { { "case.act", DECIDES, true, ANSWERS, OPS_BODY_JSON, JSON_MAX,
        "take, accept, decline, defer, redirect, ask, answer" }, op_case_act },
    { { "case.assign", DECIDES, true, PARAMS("office", "withdraw"), OPS_BODY_JSON, JSON_MAX,
        "hand the case to another office of this gateway" }, op_case_assign },

    { { "partner.list", OVERSEES | DECIDES, false, NULL, OPS_BODY_NONE, 0,
        "partner gateways: reachable, paused, certificates" }, op_partners },
    { { "partner.test", OPS_OPERATOR, false, PARAMS("agreement"), OPS_BODY_NONE, 0,
        "name, TCP, TLS, certificates, clock, AS4 test service, in this order" }, op_partner_test },
    { { "partner.pause", OPS_OPERATOR, false, NULL, OPS_BODY_NONE, 0,
        "send nothing more to a partner" }, op_partner_pause },
    { { "partner.resume", OPS_OPERATOR, false, NULL, OPS_BODY_NONE, 0,
        "send to it again" }, op_partner_resume },

    { { "queue.list", OVERSEES, false, PARAMS("partner", "state", "after", "limit", "all"),
        OPS_BODY_NONE, 0, "messages that wait, are being sent or held" }, op_queue },
    { { "queue.retry", OPS_OPERATOR, false, NULL, OPS_BODY_NONE, 0,
        "try a message now, also one that had been given up" }, op_queue_retry },
    { { "queue.hold", OPS_OPERATOR, false, PARAMS("reason"), OPS_BODY_JSON, JSON_MAX,
        "keep a waiting message back" }, op_queue_hold },
    { { "queue.release", OPS_OPERATOR, false, NULL, OPS_BODY_NONE, 0,
        "let a held message go; it is decided again before it is sent" }, op_queue_release },
    { { "queue.cancel", OPS_OPERATOR, false, PARAMS("reason"), OPS_BODY_JSON, JSON_MAX,
        "take a message back that was not sent" }, op_queue_cancel },

    { { "agreement.list", LOOKS, false, NULL, OPS_BODY_NONE, 0,
        "installed agreements, their legs and digests" }, op_agreements },
    { { "agreement.install", OPS_OPERATOR, false, PARAMS("keep"), OPS_BODY_OCTETS, BUNDLE_MAX,
        "check a bundle whole and put it into force; keep: only store it" }, op_agreement_install },
    { { "agreement.leg", OPS_OPERATOR, false, PARAMS("from", "to", "state", "reason"),
        OPS_BODY_JSON, JSON_MAX, "suspend a leg, or let it run as the agreement says" },
      op_agreement_leg },

    { { "task.list", LOOKS, false, PARAMS("kind", "case", "after", "limit", "closed"),
        OPS_BODY_NONE, 0, "what a person must look at" }, op_tasks },
    { { "task.close", DECIDES | OPS_OPERATOR, false, NULL, OPS_BODY_NONE, 0,
        "it was looked at" }, op_task_close },

    { { "status", OVERSEES, false, NULL, OPS_BODY_NONE, 0, "how the gateway is" }, op_status },
    { { "reload", OPS_OPERATOR, false, NULL, OPS_BODY_NONE, 0,
        "read the files anew, all or nothing" }, op_reload },
};
/* clang-format on */

const struct ops_row *ops_row(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (text_eq(rows[i].entry.name, name))
            return &rows[i];
    return NULL;
}

const struct ops_entry *ops_find(const char *name)
{
    const struct ops_row *row = ops_row(name);

    return row != NULL ? &row->entry : NULL;
}

const struct ops_entry *ops_at(size_t index)
{
    return index < COUNT_OF(rows) ? &rows[index].entry : NULL;
}
