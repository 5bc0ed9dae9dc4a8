/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A DODAG as a picture: nodes where they stand, darker the nearer they are to the root; a line from each to its parent,
 * narrowing towards the child, in the colour of its link; and behind them, faintly, the other links that there are.
 */
#ifndef TOOL_PICTURE_H
#define TOOL_PICTURE_H

#include <math.h>
#include <stdio.h>

typedef struct {
    double x, y; /* metres */
    double rank; /* in hops' worth, the root's 1; below 0 for a node that has not joined */
} picture_node;

typedef struct {
    unsigned from, to;
    double etx;    /* transmissions until a frame arrives, 1 at best */
    int is_parent; /* `to` is the parent of `from` */
} picture_link;

typedef struct {
    FILE *out;
    const picture_node *nodes;
    unsigned count;
    double left, top, scale, radius, deepest;
} picture;

enum { PICTURE_MARGIN = 60, PICTURE_HEAD = 110, PICTURE_FOOT = 80 };

static double picture_x(const picture *of, unsigned node) { return (of->nodes[node].x - of->left) * of->scale + PICTURE_MARGIN; }
static double picture_y(const picture *of, unsigned node) { return (of->nodes[node].y - of->top) * of->scale + PICTURE_HEAD; }

/* Green at one transmission a frame, over amber, to red at three and more. */
static double picture_hue(double etx) { return 140 - 70 * fmin(fmax(etx - 1, 0), 2); }

/* From a deep blue at the root's children to a pale one at the leaves. */
static double picture_light(const picture *of, double rank) {
    return 36 + 44 * fmin(1, fmax(0, (rank - 2) / fmax(1, of->deepest - 2)));
}

/* A wedge, broad at the parent: it shows the way up without an arrow's clutter. */
static void picture_branch(const picture *of, const picture_link *link) {
    double x1 = picture_x(of, link->from), y1 = picture_y(of, link->from), x2 = picture_x(of, link->to), y2 = picture_y(of, link->to);
    double length = fmax(1, hypot(x2 - x1, y2 - y1)), dx = (y2 - y1) / length, dy = (x1 - x2) / length;
    double thin = of->radius * 0.06, broad = of->radius * 0.3;
    fprintf(of->out, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fL%.1f %.1fZ\" fill=\"hsl(%.0f,62%%,44%%)\"><title>ETX %.2f</title></path>\n", x1 + dx * thin,
            y1 + dy * thin, x2 + dx * broad, y2 + dy * broad, x2 - dx * broad, y2 - dy * broad, x1 - dx * thin, y1 - dy * thin, picture_hue(link->etx),
            link->etx);
}

static void picture_place(const picture *of, unsigned node) {
    double x = picture_x(of, node), y = picture_y(of, node), rank = of->nodes[node].rank, radius = node == 0 ? of->radius * 1.3 : of->radius;
    if (rank < 0)
        fprintf(of->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"#fff\" stroke=\"#999\" stroke-dasharray=\"3 2\"><title>node %u, not joined</title></circle>\n", x, y,
                radius, node);
    else if (node == 0)
        fprintf(of->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"#c8322b\" stroke=\"#fff\" stroke-width=\"2\"><title>the root</title></circle>\n", x, y, radius);
    else
        fprintf(of->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"hsl(212,62%%,%.0f%%)\" stroke=\"#fff\" stroke-width=\"1.5\"><title>node %u, rank %.2f</title></circle>\n", x,
                y, radius, picture_light(of, rank), node, rank);
    if (radius < 8) return;
    fprintf(of->out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\" text-anchor=\"middle\" fill=\"%s\">%u</text>\n", x, y + radius * 0.34, radius * 0.95,
            rank >= 0 && (node == 0 || picture_light(of, rank) < 66) ? "#fff" : "#1d2b3a", node);
    if (rank >= 0 && node != 0 && radius >= 12)
        fprintf(of->out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\" text-anchor=\"middle\" fill=\"#5b6670\" stroke=\"#faf9f5\" stroke-width=\"3\" paint-order=\"stroke\">%.1f</text>\n", x, y + radius * 1.85, radius * 0.7, rank);
}

static void picture_legend(const picture *of, double y) {
    double x = PICTURE_MARGIN;
    fprintf(of->out, "<g font-size=\"12\" fill=\"#5b6670\"><circle cx=\"%.0f\" cy=\"%.0f\" r=\"7\" fill=\"#c8322b\"/><text x=\"%.0f\" y=\"%.0f\">root</text>\n", x, y - 4, x + 13, y);
    x += 60;
    for (int step = 0; step < 4; step++, x += 16)
        fprintf(of->out, "<circle cx=\"%.0f\" cy=\"%.0f\" r=\"7\" fill=\"hsl(212,62%%,%.0f%%)\"/>", x, y - 4, 36 + 44 * step / 3.0);
    fprintf(of->out, "<text x=\"%.0f\" y=\"%.0f\">rank, up to %.1f MinHopRankIncrease%s</text>\n", x - 2, y, of->deepest, of->radius >= 12 ? ", given below the node" : "");
    x = PICTURE_MARGIN - 7;
    y += 26;
    for (int step = 0; step <= 20; step++)
        fprintf(of->out, "<rect x=\"%.1f\" y=\"%.0f\" width=\"6.5\" height=\"8\" fill=\"hsl(%.0f,62%%,44%%)\"/>", x + 6 * step, y - 8, picture_hue(1 + step / 10.0));
    fprintf(of->out, "<text x=\"%.0f\" y=\"%.0f\">1 to 3 transmissions a frame to the parent, which is at the broad end</text></g>\n", x + 134, y);
}

static void picture_draw(FILE *out, const char *title, const char *subtitle, const picture_node *nodes, unsigned count, const picture_link *links, size_t links_count) {
    picture of = { out, nodes, count, 1e9, 1e9, 0, 0, 3 };
    double right = -1e9, bottom = -1e9, width, height, spacing;
    for (unsigned i = 0; i < count; i++) {
        of.left = fmin(of.left, nodes[i].x), right = fmax(right, nodes[i].x);
        of.top = fmin(of.top, nodes[i].y), bottom = fmax(bottom, nodes[i].y);
        of.deepest = fmax(of.deepest, nodes[i].rank);
    }
    of.scale = fmax(4, fmin(12, 1000 / fmax(10, fmax(right - of.left, bottom - of.top))));
    spacing = sqrt(fmax(100, (right - of.left) * (bottom - of.top)) / count) * of.scale;
    of.radius = fmax(4, fmin(15, spacing * 0.11));
    width = fmax(620, (right - of.left) * of.scale + 2 * PICTURE_MARGIN);
    height = (bottom - of.top) * of.scale + PICTURE_HEAD + PICTURE_MARGIN / 2 + PICTURE_FOOT;
    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"Helvetica,Arial,sans-serif\">\n", width, height);
    fprintf(out, "<rect width=\"100%%\" height=\"100%%\" fill=\"#faf9f5\"/>\n");
    fprintf(out, "<text x=\"%d\" y=\"42\" font-size=\"20\" font-weight=\"bold\" fill=\"#1d2b3a\">%s</text>\n", PICTURE_MARGIN - 7, title);
    fprintf(out, "<text x=\"%d\" y=\"64\" font-size=\"13\" fill=\"#5b6670\">%s</text>\n", PICTURE_MARGIN - 7, subtitle);
    fprintf(out, "<g stroke=\"#8a94a0\" stroke-opacity=\"0.22\">\n");
    for (size_t i = 0; i < links_count; i++)
        if (!links[i].is_parent)
            fprintf(out, "<path d=\"M%.1f %.1fL%.1f %.1f\"/>\n", picture_x(&of, links[i].from), picture_y(&of, links[i].from), picture_x(&of, links[i].to), picture_y(&of, links[i].to));
    fprintf(out, "</g>\n");
    for (size_t i = 0; i < links_count; i++)
        if (links[i].is_parent) picture_branch(&of, &links[i]);
    for (unsigned i = 0; i < count; i++) picture_place(&of, i);
    picture_legend(&of, height - 46);
    fprintf(out, "</svg>\n");
}

#endif
