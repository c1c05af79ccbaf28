/*
 * labels.h - what the fields of the canonical referral are called, in six languages.
 *
 * Data beside the schema: mappings/canonical/labels.json. Immutable, shared by threads.
 */
#ifndef MODEL_LABELS_H
#define MODEL_LABELS_H

#include <stddef.h>

#include "base/attr.h"

struct err;
struct labels;

#define LABELS_FIELDS_MAX 2000 /* entries of the file */

/* ERR_CONFIG "labels.too-many" and those of json.h. */
struct labels *labels_load(const void *json, size_t len, struct err *err) NODISCARD;
void labels_free(struct labels **labels); /* for AUTO */

/*
 * The words for a path, with or without predicates: of the whole path, else of its shorter ends
 * ("Person/Document/Status", "Document/Status", "Status"). language "en", "be", "ru", "ro", "uk", "sq";
 * another one: English. Without any label the last step itself. Borrowed from labels or path.
 */
const char *labels_of(const struct labels *labels, const char *path,
                      const char *language);

#endif
