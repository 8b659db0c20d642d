/* The layers of a network, which of them read which, and how long each takes.
 */
#include "cli/bench.h"
#include "cli/report.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { LINE = 8192 };
/* Measuring ends after so many seconds, of one layer and of all. */
static const double layer_seconds = 0.02, all_seconds = 3;

/* The next word of a line of `length` characters; false at its end. */
static bool next_word(const char **at, const char *end, const char **word,
                      size_t *length)
{
    while (*at < end && **at == ' ') ++*at;
    *word = *at;
    while (*at < end && **at != ' ') ++*at;
    *length = (size_t)(*at - *word);
    return *length > 0;
}

/* The layer of that name, or whose output it is ("split1:1"); -1: none. */
static int find(const cli_node nodes[], int count, const char *name,
                size_t length)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int i = count - 1; i >= 0; i--)
            if (strlen(nodes[i].info.name) == length
                && memcmp(nodes[i].info.name, name, length) == 0)
                return i;
        const char *colon = memchr(name, ':', length);
        if (colon) length = (size_t)(colon - name);
    }
    return -1;
}

/* Fills in what layer `index` reads. */
static void find_sources(cli_node nodes[], int index)
{
    cli_node *node = &nodes[index];
    const char *at = node->line, *end = at + node->length, *word;
    size_t length;
    bool given = false;
    while (next_word(&at, end, &word, &length)) {
        if (length < 5 || memcmp(word, "from=", 5) != 0) continue;
        given = true;
        for (const char *name = word + 5; name < word + length;) {
            const char *comma =
                memchr(name, ',', (size_t)(word + length - name));
            const char *stop = comma ? comma : word + length;
            const int source = find(nodes, index, name, (size_t)(stop - name));
            if (source >= 0 && node->num_sources < CLI_MOST_SOURCES)
                node->sources[node->num_sources++] = source;
            name = stop + 1;
        }
    }
    if (!given && index > 0 && strcmp(node->info.kind, "input") != 0
        && strcmp(node->info.kind, "constant") != 0)
        node->sources[node->num_sources++] = index - 1;
}

int cli_nodes_find(cli_report *r, cli_node nodes[])
{
    const char *line = fv_network_text(r->network);
    const size_t layers = fv_network_count(r->network);
    int count = 0;
    for (; *line && count < CLI_MOST_LAYERS && (size_t)count < layers;
         line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, "augment ", 8) == 0) continue;
        nodes[count] = (cli_node){
            .info = fv_network_layer_info(r->network, (size_t)count),
            .line = line,
            .length = strcspn(line, "\n"),
            .seconds = (double)NAN,
        };
        find_sources(nodes, count++);
    }
    return count;
}

/* ---- time ------------------------------------------------------------------
 */

/* A layer alone, as a network. */
typedef struct alone {
    fv_network *network;
    fv_named_tensor inputs[CLI_MOST_SOURCES], output;
    int num_inputs;
} alone;

static fv_status run(void *user)
{
    alone *a = user;
    return fv_network_run(a->network, a->num_inputs, a->inputs, 1, &a->output);
}

/* Appends to text[LINE], if there is room. */
static bool append(char *text, size_t *used, const char *more, size_t length)
{
    if (*used + length + 1 > LINE) return false;
    memcpy(text + *used, more, length);
    *used += length;
    text[*used] = '\0';
    return true;
}

/* A network text of the layer, each source being an input. */
static bool write_text(const cli_node nodes[], const cli_node *node, char *text)
{
    size_t used = 0, length;
    char piece[CLI_TEXT];
    const char *at = node->line, *end = at + node->length, *word;
    bool fits = true;
    for (int i = 0; i < node->num_sources; i++) {
        const fv_shape *shape = &nodes[node->sources[i]].info.output_shape;
        fits = fits && append(text, &used, "input", 5);
        for (int32_t k = 0; k < shape->rank; k++) {
            const int bytes = snprintf(piece, sizeof piece, " %lld",
                                       (long long)shape->extent[k]);
            if (shape->extent[k] < 1) return false;
            fits = fits && append(text, &used, piece, (size_t)bytes);
        }
        const int bytes = snprintf(piece, sizeof piece, " name=source%d\n", i);
        fits = fits && append(text, &used, piece, (size_t)bytes);
    }
    while (next_word(&at, end, &word, &length)) {
        if (strncmp(word, "from=", 5) == 0 || strncmp(word, "name=", 5) == 0
            || strncmp(word, "weights=", 8) == 0)
            continue;
        fits = fits && append(text, &used, word, length)
               && append(text, &used, " ", 1);
    }
    for (int i = 0; i < node->num_sources; i++) {
        const int bytes =
            snprintf(piece, sizeof piece, i ? ",source%d" : "from=source%d", i);
        fits = fits && append(text, &used, piece, (size_t)bytes);
    }
    return fits;
}

/* Whether the kind computes something that can be measured. */
static bool computes(const cli_node *node)
{
    static const char *const others[] = { "input", "output", "constant" };
    fv_layer_kind_facts facts;
    for (int i = 0; i < 3; i++)
        if (strcmp(node->info.kind, others[i]) == 0) return false;
    for (int32_t i = 0; (facts = fv_layer_kind_at(i)).kind; i++)
        if (strcmp(facts.kind, node->info.kind) == 0) return !facts.loss;
    return false;
}

static double seconds_of(const cli_report *r, const cli_node nodes[],
                         const cli_node *node)
{
    char text[LINE];
    alone a = { .num_inputs = node->num_sources };
    cli_time time = { .median = (double)NAN };
    if (!node->num_sources || !computes(node) || !write_text(nodes, node, text))
        return time.median;
    fv_context *context = cli_context(r->options);
    a.network = fv_network_parse(context, text, node->info.name);
    for (int i = 0; i < a.num_inputs; i++)
        a.inputs[i].tensor =
            cli_batch(context, 1, &nodes[node->sources[i]].info.output_shape);
    if (!fv_failed(context)) time = cli_measure(run, &a, layer_seconds);
    if (fv_failed(context)) time.median = (double)NAN;
    fv_context_free(context);
    return time.median;
}

void cli_nodes_measure(cli_report *r, cli_node nodes[], int count)
{
    const time_t begin = time(NULL);
    for (int i = 0; i < count; i++) {
        if (difftime(time(NULL), begin) > all_seconds) return;
        nodes[i].seconds = seconds_of(r, nodes, &nodes[i]);
    }
}
