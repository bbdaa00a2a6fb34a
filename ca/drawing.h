/*
 * drawing: boxes in columns and arrows between them, in the language of
 * Graphviz or as SVG that needs no tool. Filled and printed by ca/cmd_graph.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"

#define CA_DRAWING_MAX 5000 /* boxes of an SVG: nobody reads more */

enum ca_box_kind {
	CA_BOX_NODE,
	CA_BOX_TRUST, /* an order, by its last step */
	CA_BOX_CERT,
	CA_BOX_FINISH,
	CA_BOX_JOINT /* no box: where arrows meet */
};

struct ca_box {
	char *name; /* owned; unique */
	char *detail; /* owned; further lines, or NULL */
	enum ca_box_kind kind;
	bool dashed;
	uint32_t column; /* from 0 */
	double x, y, width, height; /* SVG: its middle, its size */
};

struct ca_arrow {
	uint32_t from, to; /* boxes */
	char *label; /* owned; decides the colour; or NULL */
	bool both; /* heads at both ends */
	bool wrong; /* in red */
	unsigned colour; /* SVG: number of the label */
};

struct ca_drawing {
	char *title; /* owned */
	const char *column_word; /* "round": columns get a heading; or NULL */
	struct ca_box *boxes; /* owned */
	struct ca_arrow *arrows; /* owned */
	uint32_t nboxes, ncolumns;
	size_t narrows;
};

/* Strings are copied. Returns the number of the box. */
uint32_t ca_drawing_box(struct ca_drawing *d, const char *name,
    const char *detail, enum ca_box_kind kind);
void ca_drawing_arrow(struct ca_drawing *d, uint32_t from, uint32_t to,
    const char *label);
/* Columns by who comes first along the arrows: a box stands to the right of
 * all that have an arrow to it, as far as there are no cycles. */
void ca_drawing_columns(struct ca_drawing *d);
void ca_drawing_dot(const struct ca_drawing *d, FILE *f);
/* Chooses columns when there are none. REFUSED when there are too many
 * boxes. */
enum base_err ca_drawing_svg(struct ca_drawing *d, FILE *f) BASE_MUST;
void ca_drawing_clear(struct ca_drawing *d);
