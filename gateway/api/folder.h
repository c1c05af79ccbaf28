/*
 * folder.h - the exchange folder: an office's system writes files and finds files.
 *
 *   incoming/         the office writes NAME.tmp and renames it: attachments first, the document
 *                     (*.xml, *.json) last
 *   done/ rejected/   documents that were taken, or refused, with NAME.result.json beside: the
 *                     same content as the REST answer
 *   outgoing/         what lies ready: DELIVERYID.xml or .json, DELIVERYID.losses.json,
 *                     DELIVERYID-N-name for attachments; mode 0600, the document last
 *   outgoing/done/    the office moves a document here when it has it; then it is gone
 *
 * The same content again gives the first id. A file that still changes is left alone.
 */
#ifndef API_FOLDER_H
#define API_FOLDER_H

#include <stdint.h>

#include "base/attr.h"

struct err;
struct folder_face;
struct ops;

struct folder_face_settings {
    int64_t poll_ms;  /* shares do not tell: incoming/ is looked at so often */
    int64_t again_ms; /* a document nobody acknowledged is written again after */
};

/* Serves every office of the snapshot in force that has a folder. ops is borrowed. */
struct folder_face *folder_start(struct ops *ops,
                                 const struct folder_face_settings *settings,
                                 struct err *err) NODISCARD;
void folder_wake(struct folder_face *face);  /* something lies ready; any thread */
void folder_stop(struct folder_face **face); /* ends after the file at hand; frees */

#endif
