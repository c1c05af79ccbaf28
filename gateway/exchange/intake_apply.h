/*
 * intake_apply.h - what a message does to the state of its case; for both directions.
 */
#ifndef EXCHANGE_INTAKE_APPLY_H
#define EXCHANGE_INTAKE_APPLY_H

#include <stdbool.h>

#include <libxml/tree.h>

#include "base/attr.h"

struct case_file;
struct err;
struct store_tx;

/* Questions noted or answered, then the state moved. ERR_REJECT "case.state". */
bool intake_apply(struct store_tx *tx, struct case_file *file, bool ours,
                  const xmlDoc *doc, const char *kind, struct err *err) NODISCARD;

#endif
