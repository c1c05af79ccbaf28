/*
 * wire.h - sources put one behind the other, and sources that are watched while they pass.
 */
#ifndef AS4_WIRE_H
#define AS4_WIRE_H

#include <stddef.h>

#include "as4/digests.h"
#include "base/attr.h"

struct source;

/* All octets of the pieces, in order. Takes the pieces: they are freed with it. */
struct wire;
struct wire *as4_wire_new(void) NODISCARD;
void as4_wire_free(struct wire **wire); /* for AUTO; before wire_source() took it */
/* Appends a piece. */
void wire_add(struct wire *wire, struct source *taken);
/* Keeps what a piece borrows, and frees it after the pieces. */
void wire_keep(struct wire *wire, struct source *taken);
/* Takes the wire; freed with source_free(). */
struct source *wire_source(struct wire **wire) NODISCARD;

/* The same octets as `of` (borrowed, as is the digest); at their end the digest must be that
 * one, else ERR_BUG "as4.part-changed". */
struct source *wire_watched(const struct source *of,
                            const struct as4_digest *digest) NODISCARD;

#endif
