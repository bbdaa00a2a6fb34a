/*
 * drawing_svg: the picture. Columns from left to right; in each the boxes
 * stand beside those they have arrows with (the mean of their places, a few
 * times to and fro), so that few arrows cross. Letters are taken for equally
 * wide, because there is nothing here to measure them with.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/drawing.h"

#define LETTER	   7.3 /* width at 12 px, with something to spare */
#define LINE	   15.0
#define MARGIN	   24.0
#define ROW_GAP	   12.0
#define COLUMN_GAP 110.0
#define SWEEPS	   8
#define COLOURS	   6

static const char *const colours[COLOURS] = { "#4a6fa5", "#b8722c", "#3f8f6b",
	"#8457a8", "#a84f6e", "#5d6670" };

static const char *const fills[] = {
	[CA_BOX_NODE] = "#f4f6f9",
	[CA_BOX_TRUST] = "#e3edf8",
	[CA_BOX_CERT] = "#fdf0d9",
	[CA_BOX_FINISH] = "#e0f1e4",
	[CA_BOX_JOINT] = "none",
};

struct layout {
	struct ca_drawing *d;
	uint32_t *order; /* boxes by column, then from the top */
	uint32_t *at; /* first of each column */
	double *mean; /* by box: where its neighbours are */
	double width, height, top;
};

/* ---- sizes and places -------------------------------------------------------------- */

/* Characters of the longest line, and how many lines. */
static size_t
text_size(const char *s, size_t *lines)
{
	size_t longest = 0, n;

	for (; s != NULL; s = s[n] == '\n' ? s + n + 1 : NULL) {
		n = strcspn(s, "\n");
		longest = n > longest ? n : longest;
		++*lines;
	}
	return longest;
}

static void
box_size(struct ca_box *b)
{
	size_t lines = 0, name = text_size(b->name, &lines);
	size_t detail = text_size(b->detail, &lines);

	b->width = (double)(name > detail ? name : detail) * LETTER + 16;
	b->height = (double)lines * LINE + 8;
	if (b->kind == CA_BOX_JOINT)
		b->width = b->height = 6;
}

static void
columns_deal(struct layout *l)
{
	struct ca_drawing *d = l->d;

	for (uint32_t i = 0; i < d->nboxes; i++)
		l->at[d->boxes[i].column + 1]++;
	for (uint32_t k = 0; k < d->ncolumns; k++)
		l->at[k + 1] += l->at[k];
	for (uint32_t i = 0; i < d->nboxes; i++)
		l->order[l->at[d->boxes[i].column]++] = i;
	memmove(l->at + 1, l->at, d->ncolumns * sizeof(*l->at));
	l->at[0] = 0;
}

/* Boxes of a column over the whole height, in their order. */
static void
column_place(struct layout *l, uint32_t k)
{
	const uint32_t n = l->at[k + 1] - l->at[k];

	for (uint32_t i = 0; i < n; i++)
		l->d->boxes[l->order[l->at[k] + i]].y =
		    l->top + ((double)i + 0.5) * l->height / n;
}

static bool
is_joints(const struct layout *l, uint32_t k)
{
	return k < l->d->ncolumns &&
	    l->d->boxes[l->order[l->at[k]]].kind == CA_BOX_JOINT;
}

static void
widths_place(struct layout *l)
{
	double x = MARGIN;

	for (uint32_t k = 0; k < l->d->ncolumns; k++) {
		double widest = 0;
		for (uint32_t i = l->at[k]; i < l->at[k + 1]; i++)
			if (l->d->boxes[l->order[i]].width > widest)
				widest = l->d->boxes[l->order[i]].width;
		for (uint32_t i = l->at[k]; i < l->at[k + 1]; i++)
			l->d->boxes[l->order[i]].x = x + widest / 2;
		l->width = x + widest + MARGIN;
		/* a column of joints is narrow and stands between two gaps */
		x += widest +
		    (is_joints(l, k) || is_joints(l, k + 1) ? COLUMN_GAP / 2
							    : COLUMN_GAP);
	}
}

static void
height_set(struct layout *l)
{
	for (uint32_t k = 0; k < l->d->ncolumns; k++) {
		double sum = 0;
		for (uint32_t i = l->at[k]; i < l->at[k + 1]; i++)
			sum += l->d->boxes[l->order[i]].height + ROW_GAP;
		l->height = sum > l->height ? sum : l->height;
	}
}

/* ---- fewer crossings ------------------------------------------------------------------- */

static void
means_take(struct layout *l, bool forth)
{
	struct ca_drawing *d = l->d;
	uint32_t *n = base_alloc((d->nboxes + (size_t)1) * sizeof(*n));

	memset(l->mean, 0, d->nboxes * sizeof(*l->mean));
	for (size_t i = 0; i < d->narrows; i++) {
		uint32_t a = d->arrows[i].from, b = d->arrows[i].to;
		if ((d->boxes[a].column < d->boxes[b].column) == forth) {
			l->mean[b] += d->boxes[a].y;
			n[b]++;
		} else {
			l->mean[a] += d->boxes[b].y;
			n[a]++;
		}
	}
	for (uint32_t i = 0; i < d->nboxes; i++)
		l->mean[i] = n[i] == 0 ? d->boxes[i].y : l->mean[i] / n[i];
	free(n);
}

static void
column_sort(struct layout *l, uint32_t k)
{
	uint32_t *o = l->order + l->at[k];
	const uint32_t n = l->at[k + 1] - l->at[k];

	for (uint32_t i = 1; i < n; i++) {
		const uint32_t box = o[i];
		uint32_t j = i;
		for (; j > 0 && l->mean[o[j - 1]] > l->mean[box]; j--)
			o[j] = o[j - 1];
		o[j] = box;
	}
	column_place(l, k);
}

static void
places_find(struct layout *l)
{
	for (uint32_t k = 0; k < l->d->ncolumns; k++)
		column_place(l, k);
	for (unsigned s = 0; s < SWEEPS; s++)
		for (uint32_t k = 0; k < l->d->ncolumns; k++) {
			means_take(l, s % 2 == 0);
			column_sort(l, s % 2 == 0 ? k : l->d->ncolumns - 1 - k);
		}
}

/* ---- writing ------------------------------------------------------------------------------ */

static void
put_text(FILE *f, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '<')
			fputs("&lt;", f);
		else if (s[i] == '>')
			fputs("&gt;", f);
		else if (s[i] == '&')
			fputs("&amp;", f);
		else
			fputc(s[i], f);
	}
}

static void
put_arrow(FILE *f, const struct ca_drawing *d, const struct ca_arrow *a)
{
	const struct ca_box *p = &d->boxes[a->from], *q = &d->boxes[a->to];
	const char *colour =
	    a->wrong ? "#d03030" : colours[a->colour % COLOURS];
	double x1 = p->x + p->width / 2, x2 = q->x - q->width / 2, bend;

	/* within a column or back: out at the right and in again */
	if (p->column == q->column)
		x2 = q->x + q->width / 2;
	else if (p->column > q->column) {
		x1 = p->x - p->width / 2;
		x2 = q->x + q->width / 2;
	}
	bend = (x2 - x1) / 2;
	fprintf(f, "<path d=\"M%.1f %.1f", x1, p->y);
	if (p->column == q->column)
		fprintf(f, "C%.1f %.1f %.1f %.1f %.1f %.1f\"", x1 + 60, p->y,
		    x2 + 60, q->y, x2, q->y);
	else
		fprintf(f, "C%.1f %.1f %.1f %.1f %.1f %.1f\"", x1 + bend, p->y,
		    x2 - bend, q->y, x2, q->y);
	fprintf(f, " stroke=\"%s\"%s", colour,
	    a->wrong ? " stroke-width=\"2.4\"" : "");
	if (q->kind != CA_BOX_JOINT)
		fputs(" marker-end=\"url(#head)\"", f);
	if (a->both)
		fputs(" marker-start=\"url(#head)\"", f);
	fputs("/>\n", f);
}

static void
put_lines(FILE *f, const struct ca_box *b)
{
	double y = b->y - b->height / 2 + LINE + 1;
	const char *s = b->name, *next = b->detail;

	for (; s != NULL; y += LINE) {
		const size_t n = strcspn(s, "\n");
		fprintf(f, "<text x=\"%.1f\" y=\"%.1f\"%s>", b->x, y,
		    s == b->name ? "" : " class=\"d\"");
		put_text(f, s, n);
		fputs("</text>\n", f);
		if (s[n] == '\n') {
			s += n + 1;
		} else {
			s = next;
			next = NULL;
		}
	}
}

static void
put_box(FILE *f, const struct ca_box *b)
{
	if (b->kind == CA_BOX_JOINT) {
		fprintf(f,
		    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" "
		    "fill=\"%s\"/>\n",
		    b->x, b->y, colours[COLOURS - 1]);
		return;
	}
	fprintf(f,
	    "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
	    "rx=\"4\" fill=\"%s\"%s/>\n",
	    b->x - b->width / 2, b->y - b->height / 2, b->width, b->height,
	    fills[b->kind], b->dashed ? " stroke-dasharray=\"4 3\"" : "");
	put_lines(f, b);
}

/* Headings of the columns that hold boxes, not only joints. */
static void
put_headings(FILE *f, const struct layout *l)
{
	unsigned n = 0;

	for (uint32_t k = 0; l->d->column_word != NULL && k < l->d->ncolumns;
	     k++) {
		if (is_joints(l, k))
			continue;
		fprintf(f,
		    "<text x=\"%.1f\" y=\"%.1f\" class=\"d\">%s %u"
		    "</text>\n",
		    l->d->boxes[l->order[l->at[k]]].x, l->top - 6,
		    l->d->column_word, ++n);
	}
}

/* Numbers the labels as they come: colours, and a line that explains them. */
static void
put_legend(FILE *f, struct ca_drawing *d)
{
	const char **labels = base_alloc((d->narrows + 1) * sizeof(*labels));
	double x = MARGIN;
	unsigned n = 0;

	for (size_t i = 0; i < d->narrows; i++) {
		struct ca_arrow *a = &d->arrows[i];
		a->colour = a->label == NULL ? COLOURS - 1 : 0;
		while (a->label != NULL && a->colour < n &&
		    strcmp(labels[a->colour], a->label) != 0)
			a->colour++;
		if (a->label == NULL || a->colour < n)
			continue;
		labels[n++] = a->label;
		fprintf(f,
		    "<path d=\"M%.1f 46h20\" stroke=\"%s\"/>\n"
		    "<text x=\"%.1f\" y=\"50\" class=\"l\">",
		    x, colours[a->colour % COLOURS], x + 26);
		put_text(f, a->label, strlen(a->label));
		fputs("</text>\n", f);
		x += 26 + (double)strlen(a->label) * LETTER + 20;
	}
	free(labels);
}

static void
put_all(FILE *f, const struct layout *l)
{
	struct ca_drawing *d = l->d;
	const double title = (double)strlen(d->title) * LETTER * 1.2;
	const double width =
	    title + 2 * MARGIN > l->width ? title + 2 * MARGIN : l->width;

	fprintf(f,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
	    "height=\"%.0f\" font-family=\"monospace\" font-size=\"12\">\n"
	    "<style>text{text-anchor:middle;fill:#222}.d{fill:#667}"
	    ".l{text-anchor:start}"
	    "rect{stroke:#556}path{fill:none;stroke-width:1.3}</style>\n"
	    "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"8\" "
	    "refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
	    "orient=\"auto-start-reverse\"><path d=\"M0 0L8 4L0 8z\" "
	    "style=\"fill:#556\"/></marker></defs>\n"
	    "<rect width=\"100%%\" height=\"100%%\" style=\"stroke:none\" "
	    "fill=\"#fff\"/>\n<text x=\"%.0f\" y=\"26\" class=\"l\" "
	    "font-size=\"14\">",
	    width, l->top + l->height + MARGIN, MARGIN);
	put_text(f, d->title, strlen(d->title));
	fputs("</text>\n", f);
	put_legend(f, d);
	put_headings(f, l);
	for (size_t i = 0; i < d->narrows; i++)
		put_arrow(f, d, &d->arrows[i]);
	for (uint32_t i = 0; i < d->nboxes; i++)
		put_box(f, &d->boxes[i]);
	fputs("</svg>\n", f);
}

enum base_err
ca_drawing_svg(struct ca_drawing *d, FILE *f)
{
	struct layout l = { .d = d, .top = 78 };

	if (d->nboxes > CA_DRAWING_MAX)
		return base_fail(BASE_E_REFUSED,
		    "svg: %u boxes are more than anybody can read, at most %d "
		    "are drawn; take --json",
		    d->nboxes, CA_DRAWING_MAX);
	if (d->ncolumns == 0)
		ca_drawing_columns(d);
	l.order = base_alloc((d->nboxes + (size_t)1) * sizeof(*l.order));
	l.at = base_alloc((d->ncolumns + (size_t)2) * sizeof(*l.at));
	l.mean = base_alloc((d->nboxes + (size_t)1) * sizeof(*l.mean));
	for (uint32_t i = 0; i < d->nboxes; i++)
		box_size(&d->boxes[i]);
	columns_deal(&l);
	height_set(&l);
	widths_place(&l);
	places_find(&l);
	put_all(f, &l);
	free(l.order);
	free(l.at);
	free(l.mean);
	return BASE_OK;
}
