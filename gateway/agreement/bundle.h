/*
 * bundle.h - the unit two states exchange and put into force: agreement, the mappings of all its
 * parties, code lists, canonical schema, national schemas, golden cases; one digest.
 *
 * A bundle is a fileset with the names of the project tree and a manifest ("bundle.json") that names
 * every file with its SHA-256. On the way it is one tar archive: the manifest first, then each file.
 */
#ifndef AGREEMENT_BUNDLE_H
#define AGREEMENT_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "agreement/agreement.h"
#include "base/attr.h"
#include "model/fileset.h"

struct buf;
struct err;
struct report;

#define BUNDLE_MANIFEST   "bundle.json"
#define BUNDLE_OCTETS_MAX (FILESET_OCTETS_MAX + 4 * 1024 * 1024) /* of a packed bundle */

/*
 * Collects from a set that is the whole project tree (names "agreements/...", "mappings/...") what an
 * agreement needs. What is named and missing is ERR_CONFIG "bundle.missing".
 */
struct fileset *bundle_collect(const struct fileset *tree, const char *agreement,
                               struct err *err) NODISCARD;

/* The digest by which messages name it: fileset_digest() of all files but the manifest. */
void bundle_digest(const struct fileset *bundle, char out[FILESET_DIGEST]);

/*
 * Everything that is named is there, the manifest's digests are right, nothing else is there.
 * Findings E-BUNDLE with the name of the file. Mappings are checked by whoever compiles them.
 */
bool bundle_validate(const struct fileset *bundle, struct report *ret);

/* Id of the agreement in it; NULL: it has no manifest. mem_free(). */
char *bundle_agreement_id(const struct fileset *bundle) NODISCARD;

void bundle_pack(const struct fileset *bundle, struct buf *out);
/* ERR_REJECT "bundle.form", "bundle.too-large", and those of fileset_add(). */
struct fileset *bundle_unpack(const void *octets, size_t len, struct err *err) NODISCARD;

#endif
