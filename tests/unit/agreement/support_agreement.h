/*
 * support_agreement.h - the project's own agreements, and documents to decide about.
 */
#ifndef SUPPORT_AGREEMENT_H
#define SUPPORT_AGREEMENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agreement/decide.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/fileset.h"
#include "model/path.h"

#define AT(text) test_instant(text)
int64_t test_instant(const char *text); /* "2026-11-24T09:00:00Z" */
#define NOW AT("2026-11-24T09:00:00Z")

/* agreements/ and mappings/canonical, mappings/lists of the project. Owned. */
struct fileset *test_tree(void);
/* agreements/ and all of mappings/. Owned. */
struct fileset *test_whole_tree(void);
/* The first with one file replaced or added. */
struct fileset *test_tree_with(const char *name, const char *text);

const struct path_table *test_paths(void);
const struct agreement *test_agreement(const char *id); /* loaded once; fails the test */
struct agreement *test_agreement_of(struct fileset *tree, const char *id); /* owned */
void test_end(void);

/* A text with one part replaced by another: fails the test when the part is not there. Owned. */
char *test_edit(const char *text, const char *part, const char *by);
char *test_file(const char *path);

/* A referral of a kind with sections. Owned. */
xmlDoc *test_referral(const char *kind, const char *sections);
/* A whole M01 of an adult (or what the parts say), every section of it filled with canaries. */
#define CONSENT_MD(item, state, giver, given, more) \
    "<Consent form='MD-referral/1.2' item='" item "'>" more "<State code='" state \
    "'/><Giver code='" giver "'/><GivenOn>" given "</GivenOn></Consent>"
#define YES_RETURN CONSENT_MD("repatriation", "GIVEN", "SELF", "2026-11-03", "")
#define CASE_ADULT "<Case><Beneficiary code='THB_ADULT'/></Case>"
#define PERSON \
    "<Person><Name type='legal'><Surname>Rusu</Surname></Name>" \
    "<BirthDate precision='day'>1992-03-15</BirthDate></Person>"
#define STATUS \
    "<Trafficking><Status code='IDENTIFIED'/><Exploitation code='LAB'/></Trafficking>"
#define M01_ADULT CASE_ADULT PERSON STATUS YES_RETURN

/* MDUA-1, from MD-COORD to UA-COORD, now. */
struct decide_input test_input(const xmlDoc *doc);

bool test_refused(const struct verdicts *v, const char *code);
/* The verdict on the first field of that path; fails the test when there is none. */
const struct verdict *test_verdict(const struct verdicts *v, const char *path);
char *test_print(const xmlDoc *doc);

#endif
