/* `fovea run`: runs a network on any tensors and writes its outputs, and
 * gradients, under their names. */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct argp_option options[] = {
    { "out", CLI_OUT, "FILE", 0,
      "write the outputs to a .npz file; else their shapes, extremes and means "
      "are printed",
      0 },
    { "grad", CLI_GRAD, "[NAME=]FILE", 0,
      "the gradient of an output, a .npy file; adds grad:NAME of every real "
      "input and every parameter to the results",
      0 },
    { "training", CLI_TRAINING, NULL, 0, "layers behave as in training", 0 },
    { "weights", CLI_WEIGHTS, "FILE", 0,
      "take the parameters from a .npz or safetensors file", 0 },
    { "layout", CLI_LAYOUT, "ORDER", 0,
      "of images and values: nhwc or nchw (that of the file)", 0 },
    { "seed", CLI_SEED, "S", 0, "of weights that are drawn (0)", 0 },
    CLI_SHAPE_OPTION,
    CLI_THREADS_OPTION,
    CLI_STRICT_OPTION,
    CLI_DTYPE_OPTION,
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "FILE|NET [NAME=]IN.npy...",
    .doc = "Run a network on tensors: .npy files in the order of its inputs, "
           "or with their names, each with a batch of any size.",
};

enum { MOST = 64 };

typedef struct runner {
    cli_options options;
    fv_context *context;
    fv_network *network;
    fv_tensor inputs[MOST],
        seeds[MOST]; /* seeds: no data where none is given */
    int32_t num_inputs, num_outputs;
    fv_variable *leaves[MOST]; /* of the inputs on the tape */
    fv_named_tensor results[MOST];
    fv_named_tensors gradients;
    fv_tensor numbers; /* least, greatest and mean of each result */
    char input_names[MOST][CLI_TEXT];
} runner;

/* ---- files ----------------------------------------------------------------
 */

typedef fv_value_info info_at(const fv_network *network, size_t index);

/* Reads "NAME=FILE", or "FILE" as the next one, into tensors[index]. */
static void read_word(runner *r, const char *word, int32_t next, info_at *at,
                      const char *what, fv_tensor tensors[])
{
    const char *equals = strchr(word, '=');
    const char *file = word;
    int32_t index = next;
    for (int32_t i = 0; equals && i < MOST; i++) {
        const char *name = at(r->network, (size_t)i).name;
        if (!name) break;
        const size_t length = strlen(name);
        if (length != (size_t)(equals - word)
            || strncmp(word, name, length) != 0)
            continue;
        index = i;
        file = equals + 1;
    }
    if (index >= MOST || !at(r->network, (size_t)index).name)
        fv_fail(r->context, FV_MISUSE, "run: %s is for %s %d, there is none",
                word, what, (int)index + 1);
    else if (tensors[index].data)
        fv_fail(r->context, FV_MISUSE, "run: %s %s is given twice", what,
                at(r->network, (size_t)index).name);
    else
        tensors[index] = fv_npy_load(r->context, file);
}

static void read_files(runner *r)
{
    const cli_options *o = &r->options;
    while (r->num_inputs < MOST
           && fv_network_input_info(r->network, (size_t)r->num_inputs).name)
        r->num_inputs++;
    while (r->num_outputs < MOST
           && fv_network_output_info(r->network, (size_t)r->num_outputs).name)
        r->num_outputs++;
    if (fv_network_output_info(r->network, MOST).name)
        fv_fail(r->context, FV_LIMIT, "run: more than %d results", MOST);
    for (int i = 1; i < o->count && !fv_failed(r->context); i++)
        read_word(r, o->words[i], i - 1, fv_network_input_info, "input",
                  r->inputs);
    for (int i = 0; i < o->num_grads && !fv_failed(r->context); i++)
        read_word(r, o->grads[i], i, fv_network_output_info, "output",
                  r->seeds);
    for (int32_t k = 0; k < r->num_inputs && !fv_failed(r->context); k++)
        if (!r->inputs[k].data)
            fv_fail(r->context, FV_MISUSE, "run: input %s is missing",
                    fv_network_input_info(r->network, (size_t)k).name);
}

/* ---- running --------------------------------------------------------------
 */

static void run_plan(runner *r)
{
    fv_named_tensor inputs[MOST];
    for (int32_t k = 0; k < r->num_inputs; k++)
        inputs[k] = (fv_named_tensor){ NULL, r->inputs[k] };
    fv_network_run(r->network, r->num_inputs, inputs, r->num_outputs,
                   r->results);
}

static bool is_real(fv_dtype dtype)
{
    return dtype == FV_F32 || dtype == FV_F64;
}

/* Adds to the results one whose name begins with "grad:". */
static void add_gradient(runner *r, int32_t k)
{
    const fv_value_info info = fv_network_input_info(r->network, (size_t)k);
    if (!is_real(info.dtype)) return;
    if (r->num_outputs == MOST) {
        fv_fail(r->context, FV_LIMIT, "run: more than %d results", MOST);
        return;
    }
    snprintf(r->input_names[k], CLI_TEXT, "grad:%s", info.name);
    r->results[r->num_outputs++] =
        (fv_named_tensor){ r->input_names[k], *fv_variable_grad(r->leaves[k]) };
}

/* Backpropagates the sum of all outputs times their gradients. */
static void backpropagate(runner *r, fv_variable *const outputs[])
{
    fv_variable *total = NULL;
    for (int32_t k = 0; k < r->num_outputs; k++) {
        if (!r->seeds[k].data) continue;
        fv_variable *seed = fv_constant(r->context, &r->seeds[k]);
        fv_variable *product = fv_sum(fv_mul(outputs[k], seed));
        total = total ? fv_add(total, product) : product;
    }
    if (total) fv_backprop(total);
}

static void run_tape(runner *r)
{
    fv_variable *outputs[MOST];
    for (int32_t k = 0; k < r->num_inputs; k++) {
        const fv_value_info info = fv_network_input_info(r->network, (size_t)k);
        r->leaves[k] = is_real(info.dtype)
                           ? fv_variable_new(r->context, &r->inputs[k])
                           : fv_constant(r->context, &r->inputs[k]);
    }
    fv_training(r->context, r->options.training);
    fv_network_apply(r->network, r->num_inputs, r->leaves, r->num_outputs,
                     outputs);
    for (int32_t k = 0; k < r->num_outputs && !fv_failed(r->context); k++) {
        r->results[k].name = fv_network_output_info(r->network, (size_t)k).name;
        r->results[k].tensor =
            fv_tensor_dup(r->context, fv_variable_value(outputs[k]));
    }
    if (fv_failed(r->context) || !r->options.num_grads) return;
    backpropagate(r, outputs);
    for (int32_t k = 0; k < r->num_inputs && !fv_failed(r->context); k++)
        add_gradient(r, k);
    r->gradients = fv_network_weights(r->network, 1);
}

/* ---- results --------------------------------------------------------------
 */

/* The k-th result, of the network or a gradient; `text` is for its name. */
static fv_named_tensor result_at(const runner *r, int64_t k,
                                 char text[CLI_TEXT])
{
    if (k < r->num_outputs) return r->results[k];
    const fv_named_tensor *gradient = &r->gradients.at[k - r->num_outputs];
    snprintf(text, CLI_TEXT, "grad:%s", gradient->name);
    return (fv_named_tensor){ text, gradient->tensor };
}

/* The list for the file is memory of the context. */
static void save(runner *r)
{
    const int64_t count = r->num_outputs + r->gradients.count;
    const int64_t bytes = count * (int64_t)(sizeof(fv_named_tensor) + CLI_TEXT);
    const fv_tensor memory = fv_tensor_new(r->context, FV_U8, 1, &bytes);
    if (memory.rank < 0) return;
    fv_named_tensor *all = memory.data;
    char *texts = (char *)(all + count);
    for (int64_t k = 0; k < count; k++)
        all[k] = result_at(r, k, texts + k * CLI_TEXT);
    fv_npz_save(r->context, r->options.out, count, all);
}

/* Sets least, greatest and mean. */
static void measure(fv_context *context, const fv_tensor *t, double numbers[3])
{
    double least = (double)INFINITY, most = -(double)INFINITY, mean = 0;
    int64_t index[FV_MAX_RANK] = { 0 };
    const int64_t count = fv_tensor_count(t);
    for (int64_t i = 0; i < count; i++) {
        const double value = fv_tensor_get(context, t, index);
        if (!(value >= least)) least = value;
        if (!(value <= most)) most = value;
        mean += value / (double)count;
        for (int32_t axis = t->rank - 1; axis >= 0; axis--) {
            if (++index[axis] < t->shape[axis]) break;
            index[axis] = 0;
        }
    }
    numbers[0] = least;
    numbers[1] = most;
    numbers[2] = mean;
}

static void cell(const void *user, int64_t row, int column, char *text)
{
    static const char *const headings[] = { "name", "type", "shape",
                                            "min",  "max",  "mean" };
    const runner *r = user;
    if (!row) {
        snprintf(text, CLI_CELL, "%s", headings[column]);
        return;
    }
    char name[CLI_TEXT];
    const fv_named_tensor result = result_at(r, row - 1, name);
    const fv_tensor *t = &result.tensor;
    if (column == 0)
        snprintf(text, CLI_CELL, "%.*s", CLI_CELL - 1, result.name);
    else if (column == 1)
        snprintf(text, CLI_CELL, "%s", fv_dtype_name(t->dtype));
    else if (column == 2) {
        fv_shape shape = { .rank = t->rank };
        memcpy(shape.extent, t->shape, sizeof shape.extent);
        cli_shape(&shape, text);
    } else {
        const double *numbers = r->numbers.data;
        snprintf(text, CLI_CELL, "%.6g", numbers[3 * (row - 1) + column - 3]);
    }
}

static void print(runner *r)
{
    const int64_t shape[] = { r->num_outputs + r->gradients.count, 3 };
    r->numbers = fv_tensor_new(r->context, FV_F64, 2, shape);
    if (fv_failed(r->context)) return;
    for (int64_t k = 0; k < shape[0]; k++) {
        char name[CLI_TEXT];
        const fv_named_tensor result = result_at(r, k, name);
        measure(r->context, &result.tensor, (double *)r->numbers.data + 3 * k);
    }
    const cli_table table = { .columns = 6,
                              .align = "lllrrr",
                              .rows = 1 + shape[0],
                              .cell = cell,
                              .user = r };
    cli_table_print(&table);
}

int cli_run(int argc, char **argv)
{
    static runner r;
    r.options = cli_defaults();
    cli_parse(&usage, argc, argv, 1, MOST + 1, &r.options);
    r.context = cli_context(&r.options);
    r.network = cli_load_own(&r.context, &r.options);
    if (r.network) read_files(&r);
    if (r.options.weights && !fv_failed(r.context))
        fv_network_load_weights(r.network, r.options.weights);
    if (!fv_failed(r.context)) {
        if (r.options.training || r.options.num_grads)
            run_tape(&r);
        else
            run_plan(&r);
    }
    if (!fv_failed(r.context)) {
        if (r.options.out)
            save(&r);
        else
            print(&r);
    }
    return cli_end(r.context, CLI_DONE);
}
