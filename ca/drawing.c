/* drawing: see ca/drawing.h. The picture itself is in ca/drawing_svg.c. */
#include "ca/drawing.h"

#include <stdlib.h>
#include <string.h>

/* Room for one more, by doubling. */
static void *
grow(void *list, size_t n, size_t size)
{
	return (n & (n - 1)) == 0
	    ? base_realloc_array(list, n == 0 ? 1 : 2 * n, size)
	    : list;
}

uint32_t
ca_drawing_box(struct ca_drawing *d, const char *name, const char *detail,
    enum ca_box_kind kind)
{
	d->boxes = grow(d->boxes, d->nboxes, sizeof(*d->boxes));
	d->boxes[d->nboxes] = (struct ca_box){ .name = base_strdup(name),
		.detail = detail == NULL ? NULL : base_strdup(detail),
		.kind = kind };
	return d->nboxes++;
}

void
ca_drawing_arrow(struct ca_drawing *d, uint32_t from, uint32_t to,
    const char *label)
{
	d->arrows = grow(d->arrows, d->narrows, sizeof(*d->arrows));
	d->arrows[d->narrows++] = (struct ca_arrow){ .from = from,
		.to = to,
		.label = label == NULL ? NULL : base_strdup(label) };
}

/* ---- columns -------------------------------------------------------------------- */

#define UNPLACED UINT32_MAX

/* The unplaced box that fewest unplaced ones point to: none, or a cycle is
 * cut open there. */
static uint32_t
next_to_place(const struct ca_drawing *d, const uint32_t *open)
{
	uint32_t best = UNPLACED;

	for (uint32_t i = 0; i < d->nboxes; i++)
		if (d->boxes[i].column == UNPLACED &&
		    (best == UNPLACED || open[i] < open[best]))
			best = i;
	return best;
}

void
ca_drawing_columns(struct ca_drawing *d)
{
	uint32_t *open = base_alloc((d->nboxes + (size_t)1) * sizeof(*open));
	uint32_t box;

	for (uint32_t i = 0; i < d->nboxes; i++)
		d->boxes[i].column = UNPLACED;
	for (size_t i = 0; i < d->narrows; i++)
		open[d->arrows[i].to]++;
	while ((box = next_to_place(d, open)) != UNPLACED) {
		uint32_t column = 0;
		for (size_t i = 0; i < d->narrows; i++) {
			const struct ca_arrow *a = &d->arrows[i];
			if (a->from == box)
				open[a->to]--;
			if (a->to == box &&
			    d->boxes[a->from].column != UNPLACED &&
			    d->boxes[a->from].column >= column)
				column = d->boxes[a->from].column + 1;
		}
		d->boxes[box].column = column;
		if (column >= d->ncolumns)
			d->ncolumns = column + 1;
	}
	free(open);
}

/* ---- Graphviz ---------------------------------------------------------------------- */

static void
dot_text(FILE *f, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			fputs("\\n", f);
		else if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else
			fputc(*s, f);
	}
}

static void
dot_box(FILE *f, const struct ca_box *b)
{
	fputs("  \"", f);
	dot_text(f, b->name);
	if (b->kind == CA_BOX_JOINT) {
		fputs("\" [shape=point];\n", f);
		return;
	}
	fputs("\" [label=\"", f);
	dot_text(f, b->name);
	if (b->detail != NULL) {
		fputs("\\n", f);
		dot_text(f, b->detail);
	}
	fprintf(f, "\"%s];\n", b->dashed ? ", style=dashed" : "");
}

static void
dot_arrow(FILE *f, const struct ca_drawing *d, const struct ca_arrow *a)
{
	fputs("  \"", f);
	dot_text(f, d->boxes[a->from].name);
	fputs("\" -> \"", f);
	dot_text(f, d->boxes[a->to].name);
	fputs("\"", f);
	if (a->label != NULL) {
		fputs(" [label=\"", f);
		dot_text(f, a->label);
		fprintf(f, "\"%s%s]", a->both ? ", dir=both" : "",
		    a->wrong ? ", color=red" : "");
	}
	fputs(";\n", f);
}

void
ca_drawing_dot(const struct ca_drawing *d, FILE *f)
{
	fputs("digraph kedge {\n  rankdir=LR;\n  node [shape=box];\n", f);
	for (uint32_t i = 0; i < d->nboxes; i++)
		dot_box(f, &d->boxes[i]);
	for (size_t i = 0; i < d->narrows; i++)
		dot_arrow(f, d, &d->arrows[i]);
	for (uint32_t k = 0; d->column_word != NULL && k < d->ncolumns; k++) {
		fputs("  { rank=same;", f);
		for (uint32_t i = 0; i < d->nboxes; i++)
			if (d->boxes[i].column == k) {
				fputs(" \"", f);
				dot_text(f, d->boxes[i].name);
				fputs("\";", f);
			}
		fputs(" }\n", f);
	}
	fputs("}\n", f);
}

void
ca_drawing_clear(struct ca_drawing *d)
{
	for (uint32_t i = 0; i < d->nboxes; i++) {
		free(d->boxes[i].name);
		free(d->boxes[i].detail);
	}
	for (size_t i = 0; i < d->narrows; i++)
		free(d->arrows[i].label);
	free(d->boxes);
	free(d->arrows);
	free(d->title);
	*d = (struct ca_drawing){ .title = NULL };
}
