/* Opens the models and parts of data sets that commands are given. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

const char *cli_input(const char *word)
{
    return strcmp(word, "-") == 0 ? "/dev/stdin" : word;
}

/* If the sentence of the failure begins with `file`, it begins with `word`
 * after this. */
static void rename_in_failure(fv_context *context, const char *file,
                              const char *word)
{
    char rest[1024];
    const fv_status status = fv_failed(context);
    if (strncmp(fv_error(context), file, strlen(file)) != 0) return;
    snprintf(rest, sizeof rest, "%s", fv_error(context) + strlen(file));
    fv_clear_error(context);
    fv_fail(context, status, "%s%s", word, rest);
}

static fv_network *load_file(fv_context *context, const char *file,
                             const char *word)
{
    if (fv_failed(context)) return NULL;
    fv_network *network = fv_network_load(context, file);
    if (!network) rename_in_failure(context, file, word);
    return network;
}

fv_network *cli_load(fv_context *context, const char *word)
{
    char path[CLI_PATH];
    const bool found = !fv_failed(context) && cli_find(context, word, path);
    return load_file(context, found ? path : cli_input(word), word);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

fv_network *cli_load_first(fv_context *context, const cli_options *options)
{
    const char *word = options->words[0];
    fv_onnx_shape shapes[CLI_MOST_GRADS];
    char names[CLI_MOST_GRADS][CLI_TEXT];
    if (!options->num_input_shapes || !ends_with(word, ".onnx"))
        return cli_load(context, word);
    for (int i = 0; i < options->num_input_shapes; i++) {
        const cli_input_shape *s = &options->input_shapes[i];
        snprintf(names[i], CLI_TEXT, "%.*s", (int)s->length,
                 s->name ? s->name : "");
        shapes[i] = (fv_onnx_shape){ s->name ? names[i] : NULL, s->shape };
    }
    return fv_network_load_onnx(
        context, word,
        FV_OPTIONS(fv_onnx_options, .shapes = shapes,
                   .num_shapes = (size_t)options->num_input_shapes));
}

void cli_set_size(fv_context *context, fv_network *network,
                  const cli_options *options, const fv_dataset *dataset)
{
    const fv_shape images = fv_dataset_image_shape(dataset);
    fv_shape shape = fv_network_input_shape(network);
    const int32_t height = options->layout == FV_NCHW ? 1 : 0;
    bool open = false, given = false;
    for (int32_t i = 0; i < 2 && shape.rank == 3; i++) {
        int64_t *extent = &shape.extent[height + i];
        const int64_t former = *extent;
        if (options->size[i])
            *extent = options->size[i];
        else if (former == FV_OPEN && images.rank == 3)
            *extent = images.extent[height + i];
        open = open || *extent == FV_OPEN;
        given = given || *extent != former;
    }
    if (open)
        fv_fail(context, FV_MISUSE,
                "%s: the size of its images is open, give it with --size HxW",
                options->words[0]);
    else if (given)
        fv_network_set_input(network, &shape);
}

fv_network *cli_load_sized(fv_context *context, const cli_options *options)
{
    fv_network *network = cli_load_first(context, options);
    if (network) cli_set_size(context, network, options, NULL);
    return network;
}

/* Begins anew with images of that order. */
static void set_layout(fv_context **context, cli_options *options,
                       fv_layout layout)
{
    fv_context_free(*context);
    options->layout = layout;
    *context = cli_context(options);
}

fv_network *cli_load_own(fv_context **context, cli_options *options)
{
    const char *word = options->words[0];
    if (!options->layout_given && !fv_failed(*context)
        && ends_with(word, ".onnx"))
        set_layout(context, options, FV_NCHW);
    fv_network *network = cli_load_first(*context, options);
    if (!network || options->layout_given
        || fv_network_layout(network) == options->layout)
        return network;
    set_layout(context, options, fv_network_layout(network));
    network = cli_load_first(*context, options);
    if (!network && strcmp(word, "-") == 0) {
        fv_clear_error(*context);
        fv_fail(*context, FV_MISUSE,
                "-: its images are %s and a stream is read once, give --layout "
                "%s",
                options->layout == FV_NCHW ? "nchw" : "nhwc",
                options->layout == FV_NCHW ? "nchw" : "nhwc");
    }
    return network;
}

fv_network *cli_load_model(fv_context *context, const char *path)
{
    fv_network *network = load_file(context, cli_input(path), path);
    if (network && !fv_network_has_weights(network))
        fv_fail(context, FV_MISUSE,
                "%s: a network text has no weights; expected a saved model",
                path);
    return network;
}

fv_network *cli_with_loss(fv_network *network, const cli_options *options)
{
    if (!network || (fv_network_has_loss(network) && !options->loss))
        return network;
    fv_network *made = fv_network_with_loss(network, options->loss);
    fv_network_free(network);
    return made;
}

const char *cli_class_name(const fv_network *network, const fv_dataset *dataset,
                           int64_t class_index, char *text)
{
    const char *name = fv_network_class_name(network, class_index);
    if (!name && dataset && class_index < fv_dataset_classes(dataset))
        name = fv_dataset_class_name(dataset, class_index);
    if (name)
        snprintf(text, CLI_CELL, "%s", name);
    else
        snprintf(text, CLI_CELL, "%lld", (long long)class_index);
    return text;
}

/* The part of data of that name that is meant by `part`; "" for all of it, NULL
 * for none. */
static const char *find_part(fv_context *context, const char *name,
                             const char *part, bool must)
{
    const bool test = strcmp(part, "test") == 0;
    const char *first = test && !must ? "val" : part;
    const char *second = test ? (must ? "val" : "test") : part;
    if (ends_with(name, ":train") || ends_with(name, ":val")
        || ends_with(name, ":test"))
        return "";
    if (fv_dataset_has(context, name, first)) return first;
    if (fv_dataset_has(context, name, second)) return second;
    if (!fv_dataset_has(context, name, NULL)) return part;
    return must ? "" : NULL;
}

fv_dataset *cli_open_data(fv_context *context, const cli_options *options,
                          const char *name, const char *part, bool must,
                          int32_t channels)
{
    char whole[4096];
    const char *found = find_part(context, name, part, must);
    if (!found || fv_failed(context)) return NULL;
    const int length =
        snprintf(whole, sizeof whole, "%s%s%s", name, *found ? ":" : "", found);
    if (length < 0 || (size_t)length >= sizeof whole) {
        fv_fail(context, FV_LIMIT, "data: a name of %zu characters",
                strlen(name));
        return NULL;
    }
    return fv_dataset_open(
        context, whole, .cache_bytes = (size_t)options->cache,
        .channels = channels, .skip_damaged = options->skip_damaged);
}
