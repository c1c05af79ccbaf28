/*
 * table.c - every command of trmctl: what it is called, what it asks of the daemon, how it reads.
 */
#include "ctl/ctl_private.h"

/* clang-format off */
#define END { NULL, CTL_TEXT, NULL, NULL, NULL, NULL }
#define TEXT(name, member, value, help) { name, CTL_TEXT, member, NULL, value, help }
#define FLAG(name, member, help) { name, CTL_FLAG, member, NULL, NULL, help }
#define LIST(name, member, value, help) { name, CTL_LIST, member, NULL, value, help }
#define FIELD(name, state, help) { name, CTL_FIELD, "fields", state, "FIELD", help }

#define PAGING TEXT("after", NULL, "CURSOR", "the page after this"), \
               TEXT("limit", NULL, "N", "at most so many")

static const struct ctl_option none[] = { END };


static const struct ctl_option submit[] = {
    TEXT("to", NULL, "OFFICE", "receiving office; else as the document says"),
    TEXT("agreement", NULL, "ID", "under this agreement; else as the document says"),
    TEXT("linked-case", "linkedCase", "CASE", "the case this one goes on from"),
    LIST("attach", NULL, "FILE", "a file the document names; may be repeated"),
    TEXT("idempotency-key", NULL, "KEY", "else the digest of the content"),
    FLAG("check", NULL, "everything but sending"),
    FLAG("opaque", NULL, "send the files as they are, with --partner and --pmode"),
    TEXT("partner", NULL, "GATEWAY", "of --opaque"),
    TEXT("pmode", NULL, "ID", "of --opaque: an opaque P-Mode in the partner's file"),
    END };
static const struct ctl_option list[] = {
    TEXT("case", NULL, "CASE", "of this case"),
    TEXT("state", NULL, "STATE", "waiting, held, delivered, ready ..."),
    TEXT("direction", NULL, "in|out", "one way only"),
    TEXT("partner", NULL, "GATEWAY", "to or from this partner"),
    TEXT("kind", NULL, "KIND", "M01, M03 ..."),
    FLAG("newest", NULL, "newest first"),
    PAGING, END };
static const struct ctl_option case_list[] = {
    TEXT("state", NULL, "STATE", "DELIVERED, UNDER_REVIEW ..."),
    FLAG("open", NULL, "not those that are closed"),
    FLAG("newest", NULL, "newest first"),
    PAGING, END };

#define SIGNED_BY \
    TEXT("number", NULL, "NUMBER", "the office's own number of the case"), \
    TEXT("out-number", "outNumber", "NUMBER", "the office's outgoing number"), \
    TEXT("officer", NULL, "NAME", "who answers"), \
    TEXT("position", NULL, "TEXT", "of the officer"), \
    TEXT("organisation", NULL, "TEXT", "of the officer"), \
    TEXT("phone", NULL, "NUMBER", "of the officer"), \
    TEXT("email", NULL, "ADDRESS", "of the officer"), \
    TEXT("note", NULL, "TEXT", "a note about the handling of the case"), \
    TEXT("idempotency-key", NULL, "KEY", "the same key again changes nothing")

static const struct ctl_option take[] = { SIGNED_BY, END };
static const struct ctl_option accept[] = {
    TEXT("conditions", NULL, "TEXT", "accepted on these conditions"), SIGNED_BY, END };
static const struct ctl_option decline[] = {
    LIST("reason", "reasons", "CODE", "code of the list decline_reason; may be repeated"),
    SIGNED_BY, END };
static const struct ctl_option defer[] = {
    TEXT("respond-by", "respondBy", "DATE", "until when"), SIGNED_BY, END };
static const struct ctl_option redirect[] = {
    TEXT("redirect-to", "redirectTo", "OFFICE", "to whom"), SIGNED_BY, END };
static const struct ctl_option ask[] = {
    FIELD("field", NULL, "a field by its name on the form; may be repeated"),
    { "purpose", CTL_OF_FIELD, NULL, NULL, "CODE", "why the field named last is needed (consent_purpose)" },
    { "explanation", CTL_OF_FIELD, NULL, NULL, "TEXT", "in words, of the field named last" },
    TEXT("respond-by", "respondBy", "DATE", "until when; else as the agreement says"),
    SIGNED_BY, END };
static const struct ctl_option answer[] = {
    FIELD("provide", "provided", "the value that the office's own referral holds"),
    FIELD("refuse", "refused", "the person does not want it to be said"),
    FIELD("unknown", "unknown", "the office does not know it"),
    FIELD("not-permitted", "not-permitted", "the office may not say it"),
    SIGNED_BY, END };
static const struct ctl_option assign[] = {
    TEXT("office", NULL, "OFFICE", "another office of this gateway"),
    FLAG("withdraw", NULL, "take the assignment back"), END };

static const struct ctl_option deliverables[] = {
    FLAG("all", NULL, "also those that wait for an earlier one"), PAGING, END };
static const struct ctl_option get[] = {
    TEXT("output", NULL, "FILE", "write the document there instead of standard output"),
    TEXT("attachments", NULL, "FOLDER", "write the attachments there"), END };
static const struct ctl_option test[] = {
    TEXT("agreement", NULL, "ID", "with the P-Mode of this agreement"), END };
static const struct ctl_option queue[] = {
    TEXT("partner", NULL, "GATEWAY", "for this partner"),
    TEXT("state", NULL, "STATE", "waiting, sending, held, rejected, expired"),
    FLAG("all", NULL, "also what was refused or given up"), PAGING, END };
static const struct ctl_option reason[] = {
    TEXT("reason", NULL, "TEXT", "why, without anything about the case"), END };
static const struct ctl_option tasks[] = {
    TEXT("kind", NULL, "KIND", "of this kind"), TEXT("case", NULL, "CASE", "of this case"),
    FLAG("closed", NULL, "also closed ones"), PAGING, END };
static const struct ctl_option install[] = {
    FLAG("keep", NULL, "only store it; what is in force stays"), END };
static const struct ctl_option leg[] = {
    TEXT("from", NULL, "PARTY", "the sending party"), TEXT("to", NULL, "PARTY", "the receiving party"),
    TEXT("reason", NULL, "TEXT", "why"), END };

#define FILES_FROM TEXT("share", NULL, "FOLDER", "project tree or installed data (here, else " CTL_SHARE ")")
#define AT TEXT("at", NULL, "DATE", "as if it were that day, 09:00 UTC, or that instant")
static const struct ctl_option files[] = { FILES_FROM, AT, END };
static const struct ctl_option preview[] = {
    TEXT("from", NULL, "OFFICE", "sending office, or party"),
    TEXT("to", NULL, "OFFICE", "receiving office, or party"),
    TEXT("agreement", NULL, "ID", "else the one between the two"),
    FLAG("document", NULL, "print only the document as the other office gets it"),
    FILES_FROM, AT, END };
static const struct ctl_option explain[] = {
    TEXT("from", NULL, "OFFICE", "sending office, or party"),
    TEXT("to", NULL, "OFFICE", "receiving office, or party"),
    TEXT("kind", NULL, "KIND", "message (M01)"),
    TEXT("state", NULL, "STATE", "of the case (before its first message)"),
    TEXT("beneficiary", NULL, "CODE", "beneficiary_category (THB_ADULT)"),
    TEXT("sender", NULL, "PARTY", "that identified the person, when not the sending one"),
    TEXT("receiver", NULL, "PARTY", "to which the person goes, when not the receiving one"),
    LIST("purpose", NULL, "CODE", "as if the person had agreed to it; may be repeated (all)"),
    FILES_FROM, AT, END };
static const struct ctl_option bundle[] = {
    TEXT("output", NULL, "FILE", "where to write it (ID.bundle)"), FILES_FROM, END };

static const struct ctl_command commands[] = {
    { "submit", NULL, "FILE...", 0, 64, NULL, NULL, false, submit, ctl_submit, show_accepted,
      "hand in a document in the office's own form",
      "trmctl --key key submit referral.json --attach scan.pdf\n"
      "trmctl submit --opaque --partner UA-GW1 --pmode test part1.xml part2.pdf" },
    { "list", NULL, "", 0, 0, "GET", "/v1/messages", false, list, NULL, show_messages,
      "messages", "trmctl list --state held" },
    { "show", NULL, "MESSAGE", 1, 1, "GET", "/v1/messages/{}", false, none, NULL, show_any,
      "one message", "trmctl show 5b1c..." },
    { "why", NULL, "MESSAGE", 1, 1, "GET", "/v1/messages/{}/why", false, none, NULL, show_why,
      "the whole history of a message in plain words", "trmctl why 5b1c..." },
    { "losses", NULL, "MESSAGE", 1, 1, "GET", "/v1/messages/{}/losses", false, none, NULL, show_losses,
      "what a sent document's translation could not carry", "trmctl --key key losses 5b1c..." },
    { "evidence", NULL, "MESSAGE", 1, 1, "GET", "/v1/messages/{}/evidence", false, none, NULL, show_any,
      "sealed document and receipt, base64", "trmctl --key key --json evidence 5b1c... > proof.json" },

    { "case", "list", "", 0, 0, "GET", "/v1/cases", false, case_list, NULL, show_cases,
      "cases of the office", "trmctl --key key case list --open" },
    { "case", "show", "CASE", 1, 1, "GET", "/v1/cases/{}", false, none, NULL, show_case,
      "one case: state, messages, what can be done", "trmctl --key key case show K7QX-92MD-4RTE-5" },
    { "case", "take", "CASE", 1, 1, "POST", "/v1/cases/{}/take", true, take, NULL, show_accepted,
      "say that a person has it (M03)",
      "trmctl --key key case take K7QX-92MD-4RTE-5 --officer \"N. Rusu\" --number 2026/118" },
    { "case", "accept", "CASE", 1, 1, "POST", "/v1/cases/{}/accept", true, accept, NULL, show_accepted,
      "accept (M04)", "trmctl --key key case accept K7QX-92MD-4RTE-5" },
    { "case", "decline", "CASE", 1, 1, "POST", "/v1/cases/{}/decline", true, decline, NULL, show_accepted,
      "decline with a reason (M04)", "trmctl --key key case decline K7QX-92MD-4RTE-5 --reason NO_CAPACITY" },
    { "case", "defer", "CASE", 1, 1, "POST", "/v1/cases/{}/defer", true, defer, NULL, show_accepted,
      "decide later (M04)", "trmctl --key key case defer K7QX-92MD-4RTE-5 --respond-by 2026-12-01" },
    { "case", "redirect", "CASE", 1, 1, "POST", "/v1/cases/{}/redirect", true, redirect, NULL, show_accepted,
      "name another office (M04)", "trmctl --key key case redirect K7QX-92MD-4RTE-5 --redirect-to UA-CONS" },
    { "case", "ask", "CASE", 1, 1, "POST", "/v1/cases/{}/ask", true, ask, NULL, show_accepted,
      "ask for fields (M05)", "trmctl --key key case ask K7QX-92MD-4RTE-5 --field person/birthPlace --purpose IDENTITY" },
    { "case", "answer", "CASE", 1, 1, "POST", "/v1/cases/{}/answer", true, answer, NULL, show_accepted,
      "answer what was asked (M06)", "trmctl --key key case answer K7QX-92MD-4RTE-5 --provide person/birthPlace" },
    { "case", "assign", "CASE", 1, 1, "POST", "/v1/cases/{}/assign", true, assign, NULL, show_any,
      "hand the case to another office of this gateway", "trmctl --key key case assign K7QX-92MD-4RTE-5 --office MD-TEAM-1" },

    { "deliverable", "list", "", 0, 0, "GET", "/v1/deliverables", false, deliverables, NULL, show_deliverables,
      "what lies ready for the office", "trmctl --key key deliverable list" },
    { "deliverable", "get", "DELIVERY", 1, 1, NULL, NULL, false, get, ctl_deliverable_get, NULL,
      "the document in the office's form", "trmctl --key key deliverable get 0193... --output in.json --attachments in" },
    { "deliverable", "losses", "DELIVERY", 1, 1, "GET", "/v1/deliverables/{}/losses", false, none, NULL, show_losses,
      "what sender and translation could not carry", "trmctl --key key deliverable losses 0193..." },
    { "deliverable", "ack", "DELIVERY", 1, 1, "POST", "/v1/deliverables/{}/acknowledge", false, none, NULL, show_any,
      "the office has it", "trmctl --key key deliverable ack 0193..." },

    { "partner", "list", "", 0, 0, "GET", "/v1/partners", false, none, NULL, show_partners,
      "partner gateways", "trmctl partner list" },
    { "partner", "test", "GATEWAY", 1, 1, "POST", "/v1/partners/{}/test", false, test, NULL, show_steps,
      "name, TCP, certificates, TLS, AS4 test service: the first thing that fails", "trmctl partner test UA-GW1" },
    { "partner", "pause", "GATEWAY", 1, 1, "POST", "/v1/partners/{}/pause", false, none, NULL, show_any,
      "send nothing more to it", "trmctl partner pause UA-GW1" },
    { "partner", "resume", "GATEWAY", 1, 1, "POST", "/v1/partners/{}/resume", false, none, NULL, show_any,
      "send to it again, at once", "trmctl partner resume UA-GW1" },

    { "map", "check", "[AGREEMENT...]", 0, 64, NULL, NULL, false, files, ctl_map_check, NULL,
      "compile the mappings of agreements; every problem with file, line and remedy", "trmctl map check MDUA-1" },
    { "map", "test", "[COUNTRY...]", 0, 64, NULL, NULL, false, files, ctl_map_test, NULL,
      "golden cases and samples of the national forms: any difference is a finding",
      "trmctl map test MD UA --at 2026-11-24" },
    { "map", "preview", "FILE", 1, 1, NULL, NULL, false, preview, ctl_map_preview, NULL,
      "what the other office would get: side by side, every loss marked",
      "trmctl map preview referral.json --from MD-COORD --to UA-COORD --at 2026-11-24" },

    { "agreement", "list", "", 0, 0, "GET", "/v1/agreements", false, none, NULL, show_agreements,
      "installed agreements and their legs", "trmctl agreement list" },
    { "agreement", "install", "FILE", 1, 1, NULL, NULL, false, install, ctl_agreement_install, show_any,
      "check a bundle whole and put it into force", "trmctl agreement install MDUA-1.bundle" },
    { "agreement", "suspend", "ID", 1, 1, NULL, NULL, false, leg, ctl_leg, show_any,
      "suspend a leg", "trmctl agreement suspend MDUA-1 --from MD --to UA --reason \"letter 14/2\"" },
    { "agreement", "activate", "ID", 1, 1, NULL, NULL, false, leg, ctl_leg, show_any,
      "let a leg run as the agreement says", "trmctl agreement activate MDUA-1 --from MD --to UA" },
    { "agreement", "check", "[ID...]", 0, 64, NULL, NULL, false, files, ctl_agreement_check, NULL,
      "contradictions, missing clauses, expiry ahead", "trmctl agreement check MDUA-1" },
    { "agreement", "explain", "ID", 1, 1, NULL, NULL, false, explain, ctl_agreement_explain, NULL,
      "what may pass between two offices, and by which clause not the rest",
      "trmctl agreement explain BYMD-1 --from BY-COORD --to MD-COORD --kind M01" },
    { "agreement", "print", "ID", 1, 1, NULL, NULL, false, files, ctl_agreement_print, NULL,
      "the agreement with everything it extends written out", "trmctl agreement print MDUA-1" },
    { "agreement", "bundle", "ID", 1, 1, NULL, NULL, false, bundle, ctl_agreement_bundle, NULL,
      "pack an agreement with all it needs into one file", "trmctl agreement bundle MDUA-1 --output MDUA-1.bundle" },

    { "queue", "list", "", 0, 0, "GET", "/v1/queue", false, queue, NULL, show_messages,
      "what waits, is sent or held", "trmctl queue list --all" },
    { "queue", "retry", "MESSAGE", 1, 1, "POST", "/v1/queue/{}/retry", false, none, NULL, show_any,
      "try it now, also one that was given up", "trmctl queue retry 5b1c..." },
    { "queue", "hold", "MESSAGE", 1, 1, "POST", "/v1/queue/{}/hold", true, reason, NULL, show_any,
      "keep a waiting message back", "trmctl queue hold 5b1c... --reason \"asked by MD-COORD\"" },
    { "queue", "release", "MESSAGE", 1, 1, "POST", "/v1/queue/{}/release", false, none, NULL, show_any,
      "let a held message go", "trmctl queue release 5b1c..." },
    { "queue", "cancel", "MESSAGE", 1, 1, "POST", "/v1/queue/{}/cancel", true, reason, NULL, show_any,
      "take back what was not sent", "trmctl queue cancel 5b1c..." },

    { "task", "list", "", 0, 0, "GET", "/v1/tasks", false, tasks, NULL, show_tasks,
      "what a person must look at", "trmctl task list" },
    { "task", "close", "TASK", 1, 1, "POST", "/v1/tasks/{}/close", false, none, NULL, show_any,
      "it was looked at", "trmctl task close 0193..." },

    { "status", NULL, "", 0, 0, "GET", "/v1/status", false, none, NULL, show_status,
      "how the gateway is", "trmctl status" },
    { "reload", NULL, "", 0, 0, "POST", "/v1/reload", false, none, NULL, show_changes,
      "read all files anew, all or nothing", "trmctl reload" },
};
/* clang-format on */

const struct ctl_command *ctl_command_at(size_t index)
{
    return index < COUNT_OF(commands) ? &commands[index] : NULL;
}
