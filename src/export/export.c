/* fv_network_export_c: plans the memory, has each node written, and writes the
 * files. */
#include "export/train.h"

#include <stdio.h>
#include <string.h>

/* ---- values -------------------------------------------------------------- */

const char *fv__c_number(double value, char out[FV__NUMBER_BYTES])
{
    char text[FV__NUMBER_BYTES];
    fv__number_text_f32((float)value, text);
    if (strcmp(text, "nan") == 0) return "(float)NAN";
    if (strstr(text, "inf"))
        return *text == '-' ? "-(float)INFINITY" : "(float)INFINITY";
    const bool whole = !strpbrk(text, ".e");
    snprintf(out, FV__NUMBER_BYTES, "%.24s%s", text, whole ? ".0f" : "f");
    return out;
}

/* Doubles the room of an array while `needed` exceeds it. */
static bool grow(fv_context *context, void **array, size_t bytes, size_t used,
                 size_t needed, size_t *capacity)
{
    size_t more = *capacity ? *capacity : 64;
    if (needed <= *capacity) return true;
    while (more < needed && more < SIZE_MAX / 2 / bytes) more *= 2;
    void *grown = fv__allocate(context, FV__DATA, more * bytes);
    if (!grown) return false;
    if (used) memcpy(grown, *array, used * bytes);
    fv__release(context, *array);
    *array = grown;
    *capacity = more;
    return true;
}

enum { ALIGNMENT = 16 }; /* of weights, in numbers */

float *fv__export_room(fv__export *e, size_t count, size_t *at)
{
    const size_t begin =
        (e->num_weights + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *array = e->weights;
    *at = begin;
    if (count > INT32_MAX || begin + count > INT32_MAX) {
        fv_fail(e->context, FV_LIMIT, "export: more than %d numbers of weights",
                INT32_MAX);
        return NULL;
    }
    if (!grow(e->context, &array, sizeof *e->weights, e->num_weights,
              begin + count, &e->weights_capacity))
        return NULL;
    e->weights = array;
    memset(e->weights + e->num_weights, 0,
           (begin + count - e->num_weights) * sizeof *e->weights);
    e->num_weights = begin + count;
    return e->weights + begin;
}

size_t fv__export_once(fv__export *e, size_t at)
{
    const size_t count = e->num_weights - at;
    const float *room = e->weights;
    if (!e->training || !fv__ok(e->context)) return at;
    for (size_t i = 0; i + count <= at; i += ALIGNMENT)
        if (memcmp(room + i, room + at, count * sizeof *room) == 0) {
            e->num_weights = at;
            return i;
        }
    return at;
}

/* A value that is known among the weights, once for all its readers. */
static size_t keep(fv__export *e, const fv_variable *value)
{
    size_t at = 0, used = e->num_kept;
    for (size_t i = 0; i < used; i++)
        if (e->kept[i].value == value) return e->kept[i].at;
    void *array = e->kept;
    float *room = fv__export_room(e, fv__count(&value->value), &at);
    if (!room
        || !grow(e->context, &array, sizeof *e->kept, used, used + 1,
                 &e->kept_capacity))
        return 0;
    e->kept = array;
    memcpy(room, value->value.data, fv__tensor_bytes(&value->value));
    e->kept[e->num_kept++] = (fv__kept){ value, at };
    return at;
}

/* The output of the network that is computed where the caller wants it; -1: the
 * value is none. */
static int32_t output_of(const fv__export *e, const fv_variable *host)
{
    for (int32_t k = 0; k < e->outputs; k++)
        if (e->plan.outputs[k] == host && host->value_host == host) return k;
    return -1;
}

char *fv__export_text(fv__export *e) { return e->texts[e->next_text++ % 8]; }

const char *fv__export_at(fv__export *e, const fv_variable *value)
{
    char *text = fv__export_text(e);
    const size_t bytes = FV__EXPRESSION;
    const fv_variable *host = value->value_host ? value->value_host : value;
    for (int32_t k = 0; k < e->inputs; k++)
        if (e->plan.inputs[k] == value) {
            snprintf(text, bytes, "input_%d", k);
            return text;
        }
    if (output_of(e, host) >= 0)
        snprintf(text, bytes, "output_%d", output_of(e, host));
    else if (fv__is_trained(e, value))
        snprintf(text, bytes, "trained + %zu", fv__trained_at(e, value));
    else if (!value->graph || value->constant)
        snprintf(text, bytes, "weights + %zu", keep(e, value));
    else
        snprintf(text, bytes, "scratch + %zu", host->value_at / sizeof(float));
    return text;
}

const char *fv__export_scratch(fv__export *e, const fv__node *node)
{
    char *text = fv__export_text(e);
    snprintf(text, FV__EXPRESSION, "scratch + %zu",
             node->forward_at / sizeof(float));
    return text;
}

void fv__export_copy(fv__export *e, const char *to, const char *from,
                     int64_t count)
{
    if (strcmp(to, from) != 0)
        fv__text_add(&e->calls,
                     "        memcpy(%s, %s, %lldu * sizeof(float));\n", to,
                     from, (long long)count);
}

/* ---- the plan ------------------------------------------------------------ */

/* Whether a value is of numbers that the C file computes with. */
static bool is_number(const fv_variable *value)
{
    return value->value.dtype == FV_F32;
}

/* Convolutions and linear layers that training does not change are packed at
 * export; other operators of a plan for training have forms of their own. */
const fv__emitter *fv__export_emitter(const fv__export *e, const fv__node *node)
{
    const fv__trainer *trainer = e->training ? fv__trainer_of(node) : NULL;
    if (trainer && trainer->forward.write
        && (fv__reads_trained(e, node)
            || (node->training && !fv__is_packed(node))))
        return &trainer->forward;
    return fv__emitter_of(node);
}

/* Why a node cannot be written; NULL: it can. */
static const char *lacks(const fv__export *e, const fv__node *node)
{
    const fv__emitter *emitter = fv__export_emitter(e, node);
    if (!emitter) return "no C form";
    for (int32_t k = 0; k < node->num_outputs; k++)
        if (!is_number(node->outputs[k])) return "results of another type";
    const char *why = fv__lacks_weights(node);
    return why || !emitter->lacks ? why : emitter->lacks(node);
}

fv_status fv__export_check(fv__export *e, const fv__graph *graph,
                           const char *(*why_not)(const fv__export *e,
                                                  const fv__node *node))
{
    fv__text list = { .context = e->context, .account = FV__DATA };
    for (int32_t i = 0; i < graph->count; i++) {
        const fv__node *node = graph->nodes[i];
        const char *why = why_not(e, node);
        if (why && list.length < 700)
            fv__text_add(&list, "%s%s (%s: %s)", list.at ? ", " : "",
                         node->who ? node->who : "the input", node->op->name,
                         why);
    }
    if (list.at)
        fv_fail(e->context, FV_UNSUPPORTED,
                "export: these layers cannot be %s as C: %s",
                graph->training ? "trained" : "written", list.at);
    fv__text_free(&list);
    return fv_failed(e->context);
}

static fv_status check_ends(fv__export *e)
{
    e->inputs = e->network->num_inputs;
    e->outputs = 0;
    while (fv_network_output_info(e->network, (size_t)e->outputs).name)
        e->outputs++;
    for (int32_t k = 0; k < e->inputs + e->outputs; k++) {
        const bool in = k < e->inputs;
        const fv_variable *value =
            in ? e->plan.inputs[k] : e->plan.outputs[k - e->inputs];
        const fv_value_info info =
            in ? fv_network_input_info(e->network, (size_t)k)
               : fv_network_output_info(e->network, (size_t)(k - e->inputs));
        if (!is_number(value))
            return fv_fail(e->context, FV_UNSUPPORTED,
                           "export: %s is of type %s, a C file computes with "
                           "f32",
                           info.name, fv_dtype_name(value->value.dtype));
        *(in ? &e->input_numbers : &e->output_numbers) +=
            fv_tensor_count(&value->value);
    }
    return FV_OK;
}

fv_status fv__export_plan(fv__export *e)
{
    fv__graph *graph = &e->plan.graph;
    if (fv__network_record(e->network, &e->plan) != FV_OK
        || check_ends(e) != FV_OK || fv__export_check(e, graph, lacks) != FV_OK)
        return fv_failed(e->context);
    for (int32_t i = 0; i < graph->count; i++) {
        fv__node *node = graph->nodes[i];
        const fv__emitter *emitter = fv__export_emitter(e, node);
        const int64_t scratch = emitter->scratch ? emitter->scratch(node) : 0;
        node->forward_scratch = (size_t)scratch * sizeof(float);
    }
    /* Inputs and outputs are memory of the caller. */
    for (int32_t k = 0; k < e->inputs; k++)
        e->plan.inputs[k]->value_host = e->plan.inputs[k];
    for (int32_t k = 0; k < e->outputs; k++)
        if (e->plan.outputs[k]->node >= 0)
            e->plan.outputs[k]->value_host = e->plan.outputs[k];
    if (fv__graph_place(graph, NULL) == FV_OK && graph->block_bytes > INT32_MAX)
        fv_fail(e->context, FV_LIMIT,
                "export: the network needs %zu bytes of memory, more than "
                "%d",
                graph->block_bytes, INT32_MAX);
    return fv_failed(e->context);
}

/* ---- nodes --------------------------------------------------------------- */

void fv__export_node(fv__export *e, const fv__node *node)
{
    const size_t before = e->calls.length;
    fv__text_add(&e->calls, "    { /* %s: %s */\n",
                 node->who ? node->who : "input", node->op->name);
    const size_t head = e->calls.length;
    fv__export_emitter(e, node)->write(e, node);
    if (e->calls.length == head && e->calls.at) { /* nothing to compute */
        e->calls.length = before;
        e->calls.at[before] = '\0';
        return;
    }
    fv__text_add(&e->calls, "    }\n");
}

static void write_nodes(fv__export *e)
{
    for (int32_t i = 0; i < e->plan.graph.count && fv__ok(e->context); i++)
        fv__export_node(e, e->plan.graph.nodes[i]);
    for (int32_t k = 0; k < e->outputs && fv__ok(e->context); k++) {
        const fv_variable *output = e->plan.outputs[k];
        char to[32];
        snprintf(to, sizeof to, "output_%d", k);
        fv__text_add(&e->calls, "    {\n");
        fv__export_copy(e, to, fv__export_at(e, output),
                        fv_tensor_count(&output->value));
        fv__text_add(&e->calls, "    }\n");
    }
}

/* ---- the call ------------------------------------------------------------ */

/* The last part of a path without its ending, as an identifier. */
static char *identifier_of(fv_context *context, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const size_t length = strlen(base) - 2;
    char *name = fv__allocate(context, FV__DATA, length + 3);
    if (!name) return NULL;
    const bool digit = *base >= '0' && *base <= '9';
    snprintf(name, length + 3, "%s%.*s", digit ? "n" : "", (int)length, base);
    for (char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')
              || (*c >= '0' && *c <= '9')))
            *c = '_';
    return name;
}

static fv_status begin(fv__export *e, const char *path,
                       const fv_c_options *options, const char **optimizer)
{
    fv_context *context = e->context;
    fv_c_options known;
    if (!fv__options(context, "export", options, &known, sizeof known))
        return fv_failed(context);
    const size_t length = path ? strlen(path) : 0;
    if (length < 3 || strcmp(path + length - 2, ".c") != 0)
        return fv_fail(context, FV_MISUSE,
                       "export: the path \"%s\" does not end in .c",
                       path ? path : "");
    if (context->dtype != FV_F32 || context->layout != FV_NHWC)
        return fv_fail(context, FV_UNSUPPORTED,
                       "export: the context computes in %s with %s images, a "
                       "C file in f32 with NHWC",
                       fv_dtype_name(context->dtype),
                       context->layout == FV_NHWC ? "NHWC" : "NCHW");
    e->path = path;
    e->weights_path = known.weights;
    *optimizer = known.optimizer;
    e->plan.batch = known.batch ? known.batch : 1;
    e->name = identifier_of(context, path);
    e->capitals = identifier_of(context, path);
    for (char *c = e->capitals; c && *c; c++)
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
    return fv_failed(context);
}

static void end(fv__export *e)
{
    fv_context *context = e->context;
    fv__training_end(e);
    void *const memory[] = { e->name,    e->capitals, e->examples,
                             e->answers, e->kept,     e->weights };
    fv__graph_free(&e->plan.graph);
    fv__text_free(&e->calls);
    fv__text_free(&e->functions);
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        fv__release(context, memory[i]);
}

fv_status fv_network_export_c(fv_network *network, const char *path,
                              const fv_c_options *options)
{
    if (!network) return FV_MISUSE;
    fv_context *context = network->context;
    const fv__text text = { .context = context, .account = FV__DATA };
    fv__export e = {
        .context = context, .network = network, .calls = text, .functions = text
    };
    const char *optimizer = NULL;
    if (!fv__ok(context) || begin(&e, path, options, &optimizer) != FV_OK
        || fv__network_draw(network) != FV_OK
        || (optimizer && fv__training_begin(&e, optimizer) != FV_OK)
        || fv__export_plan(&e) != FV_OK || fv__export_examples(&e) != FV_OK
        || (optimizer && fv__training_examples(&e) != FV_OK)) {
        end(&e);
        return fv_failed(context);
    }
    write_nodes(&e);
    if (optimizer) fv__training_write(&e);
    if (fv__ok(context)) fv__export_write(&e);
    end(&e);
    return fv_failed(context);
}
