/* The network in a report: drawn as a graph, and a table of what each layer
 * takes. */
#include "cli/report.h"

#include <math.h>
#include <string.h>

enum {
    NODE_WIDTH = 250,
    NODE_HEIGHT = 44,
    ACROSS = 274,
    DOWN = 66,
    MARGIN = 8
};
enum { MOST_LEVELS = CLI_MOST_LAYERS, MOST_COLUMNS = 48 };

/* A drawing of nodes in levels. */
typedef struct drawing {
    cli_node *nodes;
    int count, levels, widest;
    uint64_t taken[MOST_LEVELS]; /* columns of each level, as bits */
} drawing;

/* A colour for the family of a kind. */
static const char *family(const char *kind)
{
    static const char *const families[][2] = {
        { "conv", "f1" }, { "linear", "f2" },    { "pool", "f3" },
        { "norm", "f4" }, { "input", "f0" },     { "output", "f0" },
        { "loss", "f5" }, { "entropy", "f5" },   { "lstm", "f2" },
        { "gru", "f2" },  { "attention", "f2" },
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strstr(kind, families[i][0])) return families[i][1];
    return "f6";
}

/* The wanted column, or the next one that is free on its right, then on its
 * left; what is left over shares the last one. */
static int free_column(uint64_t taken, int wanted)
{
    for (int i = wanted; i < MOST_COLUMNS; i++)
        if (!(taken >> i & 1)) return i;
    for (int i = wanted - 1; i >= 0; i--)
        if (!(taken >> i & 1)) return i;
    return MOST_COLUMNS - 1;
}

/* Each layer stands below those that it reads, and in the column of the first
 * of them if no other layer does. */
static void place(drawing *d)
{
    for (int i = 0; i < d->count; i++) {
        cli_node *node = &d->nodes[i];
        node->level = 0;
        for (int k = 0; k < node->num_sources; k++) {
            const int above = d->nodes[node->sources[k]].level;
            if (above + 1 > node->level) node->level = above + 1;
        }
        node->column = free_column(
            d->taken[node->level],
            node->num_sources ? d->nodes[node->sources[0]].column : 0);
        d->taken[node->level] |= (uint64_t)1 << node->column;
        if (node->level + 1 > d->levels) d->levels = node->level + 1;
        if (node->column + 1 > d->widest) d->widest = node->column + 1;
    }
}

/* "28 \u00d7 28 \u00d7 16" into text[CLI_TEXT], returned. */
static const char *shape_of(const fv_layer_info *info, char *text)
{
    const fv_shape *shape = &info->output_shape;
    size_t used = 0;
    *text = '\0';
    for (int32_t i = 0; i < shape->rank && used + CLI_CELL < CLI_TEXT; i++) {
        char extent[CLI_CELL];
        snprintf(extent, sizeof extent, "%lld", (long long)shape->extent[i]);
        used += (size_t)snprintf(text + used, CLI_TEXT - used, "%s%s",
                                 i ? " \u00d7 " : "",
                                 shape->extent[i] == FV_OPEN ? "?" : extent);
    }
    return text;
}

static double x_of(const cli_node *node)
{
    return MARGIN + NODE_WIDTH / 2.0 + ACROSS * node->column;
}

static double y_of(const cli_node *node) { return MARGIN + DOWN * node->level; }

/* A line from a layer to one that reads it: down, or around what is between. */
static void draw_edge(cli_page *page, const cli_node *from, const cli_node *to)
{
    const double x0 = x_of(from), x1 = x_of(to);
    const double y0 = y_of(from) + NODE_HEIGHT, y1 = y_of(to);
    const int span = to->level - from->level;
    if (span > 1 && fabs(x0 - x1) < 1) {
        const double side = x0 + NODE_WIDTH / 2.0;
        const double bend = side + 16 + 5 * (span < 10 ? span : 10);
        cli_put(page,
                "<path class=\"edge\" d=\"M%.0f %.0fC%.0f %.0f %.0f %.0f %.0f "
                "%.0f\"/>\n",
                side, y0 - NODE_HEIGHT / 2.0, bend, y0 + 6, bend, y1 - 6, side,
                y1 + NODE_HEIGHT / 2.0);
        return;
    }
    const double level = y1 - (DOWN - NODE_HEIGHT);
    cli_put(page,
            "<path class=\"edge\" d=\"M%.0f %.0fV%.0fC%.0f %.0f %.0f %.0f "
            "%.0f %.0f\"/>\n",
            x0, y0, level, x0, level + 14, x1, y1 - 14, x1, y1);
}

static void draw_node(cli_page *page, const cli_node *node)
{
    char shape[CLI_TEXT], macs[CLI_CELL];
    const double x = x_of(node) - NODE_WIDTH / 2.0, y = y_of(node);
    const fv_layer_info *info = &node->info;
    cli_put(page,
            "<g class=\"%s\"><rect x=\"%.0f\" y=\"%.0f\" "
            "width=\"%d\" height=\"%d\" rx=\"6\"/><path class=\"stripe\" "
            "d=\"M%.0f %.0fv%d\"/><text x=\"%.0f\" y=\"%.0f\">",
            family(info->kind), x, y, NODE_WIDTH, NODE_HEIGHT, x + 5, y + 7,
            NODE_HEIGHT - 14, x + 14, y + 18);
    cli_put_text(page, info->name);
    cli_put(page,
            "</text><text class=\"kind\" x=\"%.0f\" y=\"%.0f\" "
            "text-anchor=\"end\">",
            x + NODE_WIDTH - 10, y + 18);
    if (strncmp(info->name, info->kind, strlen(info->kind)) != 0)
        cli_put_text(page, info->kind);
    cli_put(page, "</text><text class=\"what\" x=\"%.0f\" y=\"%.0f\">%s</text>",
            x + 14, y + 35, shape_of(info, shape));
    if (info->multiply_accumulates)
        cli_put(page,
                "<text class=\"what\" x=\"%.0f\" y=\"%.0f\" "
                "text-anchor=\"end\">%s MACs</text>",
                x + NODE_WIDTH - 10, y + 35,
                cli_short_number((double)info->multiply_accumulates, macs));
    cli_put(page, "</g>\n");
}

static void draw(cli_report *r, drawing *d)
{
    cli_page *page = &r->page;
    place(d);
    const int width = 2 * MARGIN + NODE_WIDTH + ACROSS * (d->widest - 1) + 56;
    const int height = 2 * MARGIN + DOWN * (d->levels - 1) + NODE_HEIGHT;
    cli_put(page,
            "<div class=\"scroll tall graph\" tabindex=\"0\"><svg "
            "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" "
            "aria-label=\"The layers of the network and what they read\">\n",
            width, height, width, height);
    for (int i = 0; i < d->count; i++)
        for (int k = 0; k < d->nodes[i].num_sources; k++)
            draw_edge(page, &d->nodes[d->nodes[i].sources[k]], &d->nodes[i]);
    for (int i = 0; i < d->count; i++) draw_node(page, &d->nodes[i]);
    cli_put(page, "</svg></div>\n");
}

/* ---- the table
 * ---------------------------------------------------------------- */

static void put_row(cli_page *page, const cli_node *node, double most,
                    size_t element)
{
    char text[CLI_TEXT];
    const fv_layer_info *info = &node->info;
    cli_put(page, "<tr><th scope=\"row\">");
    cli_put_text(page, info->name);
    cli_put(page, "</th><td class=\"left\">");
    cli_put_text(page, info->kind);
    cli_put(page, "</td><td class=\"left\">%s</td>", shape_of(info, text));
    cli_put(page, "<td>%s</td>", cli_number(info->parameters, text));
    cli_put(page, "<td>%s</td>", cli_number(info->multiply_accumulates, text));
    cli_put(page, "<td>%s</td>", cli_bytes(info->output_bytes, text));
    cli_put(page, "<td>%s</td>",
            cli_bytes((size_t)info->parameters * element, text));
    if (isfinite(node->seconds))
        cli_put(page,
                "<td class=\"bar\" style=\"--p:%.4f\">%.4f ms</td></tr>\n",
                most > 0 ? node->seconds / most : 0, 1e3 * node->seconds);
    else
        cli_put(page, "<td>\u2013</td></tr>\n");
}

static void put_table(cli_report *r, const cli_node nodes[], int count)
{
    cli_page *page = &r->page;
    char text[CLI_CELL];
    double most = 0, all = 0;
    int64_t parameters = 0, macs = 0;
    const size_t element = fv_dtype_bytes(fv_context_dtype(r->context));
    for (int i = 0; i < count; i++) {
        parameters += nodes[i].info.parameters;
        macs += nodes[i].info.multiply_accumulates;
        if (!isfinite(nodes[i].seconds)) continue;
        most = fmax(most, nodes[i].seconds);
        all += nodes[i].seconds;
    }
    cli_put(page, "<h3>Work, memory and time</h3>\n<p class=\"note\">For one "
                  "image; each layer measured alone, forward.</p>\n"
                  "<div class=\"scroll tall\"><table class=\"numbers\" "
                  "id=\"layers\"><thead><tr><th>layer</th><th>kind</th><th>"
                  "output</th><th>parameters</th><th>multiply-adds</th><th>"
                  "output memory</th><th>weights</th><th>time</th></tr>"
                  "</thead><tbody>\n");
    for (int i = 0; i < count; i++) put_row(page, &nodes[i], most, element);
    cli_put(page,
            "</tbody><tfoot><tr><th scope=\"row\">all</th><td></td>"
            "<td></td><td>%s</td>",
            cli_number(parameters, text));
    cli_put(page, "<td>%s</td><td></td>", cli_number(macs, text));
    cli_put(page, "<td>%s</td>", cli_bytes((size_t)parameters * element, text));
    cli_put(page, "<td>%.4f ms</td></tr></tfoot></table></div>\n", 1e3 * all);
}

void cli_report_network(cli_report *r)
{
    static cli_node nodes[CLI_MOST_LAYERS];
    static drawing d;
    char note[CLI_TEXT];
    const int count = cli_nodes_find(r, nodes);
    if (fv_failed(r->context)) return;
    cli_nodes_measure(r, nodes, count);
    d = (drawing){ .nodes = nodes, .count = count };
    snprintf(note, sizeof note, "The first %d of %zu layers.", count,
             fv_network_count(r->network));
    cli_section(&r->page, "network", "Network",
                (size_t)count < fv_network_count(r->network) ? note : NULL);
    draw(r, &d);
    put_table(r, nodes, count);
    cli_put(&r->page, "<details><summary>Network text</summary><div "
                      "class=\"scroll tall\"><pre>");
    for (const char *line = fv_network_text(r->network); *line;) {
        char text[CLI_PATH];
        const size_t length = strcspn(line, "\n");
        snprintf(text, sizeof text, "%.*s", (int)length, line);
        cli_put_text(&r->page, text);
        cli_put(&r->page, "\n");
        line += length + (line[length] == '\n');
    }
    cli_put(&r->page, "</pre></div></details>\n");
    cli_section_end(&r->page);
}
