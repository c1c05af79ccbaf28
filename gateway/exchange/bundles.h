/*
 * bundles.h - the installed bundles: an agreement with everything needed to apply it.
 *
 * A bundle is immutable and known by its digest. What it holds is compiled when it is first
 * used and kept for the life of the snapshot. A case keeps the bundle of its M01.
 */
#ifndef EXCHANGE_BUNDLES_H
#define EXCHANGE_BUNDLES_H

#include <stdbool.h>
#include <stddef.h>

#include "agreement/agreement.h"
#include "base/attr.h"
#include "base/str.h"
#include "mapping/mapping.h"

struct codes;
struct err;
struct fileset;
struct path_table;
struct report;
struct store;
struct xsd;

struct bundle {
    char digest[65];
    bool in_force; /* the one of its agreement that new cases begin under */
    const struct agreement *agreement;
    const struct codes *codes;
    const struct path_table *paths;
    const struct xsd *canonical;
    struct bundle_private *private;
};

struct bundles;

/* Of everything that is installed. A bundle that no longer reads is left out with a log line:
 * the others go on. */
struct bundles *bundles_load(struct store *store, struct err *err) NODISCARD;
void bundles_free(struct bundles **bundles);
size_t bundles_count(const struct bundles *bundles);
const struct bundle *bundles_at(const struct bundles *bundles, size_t index);

/* Borrowed; NULL: none. */
const struct bundle *bundles_in_force(const struct bundles *bundles,
                                      const char *agreement);
const struct bundle *bundles_by_digest(const struct bundles *bundles, const char *digest);

/* Ids of installed agreements that name both gateways, each once: a case goes on under the bundle it
 * began with, also when that one is no longer in force. */
void bundles_between(const struct bundles *bundles, const char *a, const char *b,
                     struct strlist *ret);

/*
 * The compiled mapping for a form. NULL with ERR_CONFIG: "bundle.no-mapping" (no party of the
 * agreement uses that form), or what is wrong with the mapping.
 */
const struct mapping *bundle_mapping(const struct bundle *bundle, const char *form,
                                     struct err *err) NODISCARD;

/*
 * Opens a bundle outside the store: for checks, tests, previews, and before it is installed.
 * Problems of agreement and mappings are added to the report.
 */
struct bundle *bundle_open(const void *octets, size_t len, struct report *ret,
                           struct err *err) NODISCARD;
/* From a project tree (mappings/, agreements/): what `trmctl agreement bundle` makes. */
struct bundle *bundle_open_tree(const char *tree, const char *agreement,
                                struct report *ret, struct err *err) NODISCARD;
void bundle_free(struct bundle **bundle); /* for AUTO; only of bundle_open*() */

/* The files of a project tree ("mappings/...", "agreements/..."), and those of a bundle. */
struct fileset *bundle_tree(const char *tree, struct err *err) NODISCARD;
const struct fileset *bundle_files(const struct bundle *bundle);

/* Compiles every mapping of it: every problem is added. */
bool bundle_check(const struct bundle *bundle, struct report *ret,
                  struct err *err) NODISCARD;

#endif
