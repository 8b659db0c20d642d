/* `fovea explain` with an image: writes a picture of what the decision of a
 * network depends on, or of what a layer computes. */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDEST_PICTURE = 64 };

typedef struct explained {
    const cli_options *options;
    fv_context *context;
    fv_network *network;
    const char *path; /* of the image; NULL: none */
    cli_method method;
    int64_t class_index;
    fv_tensor input;   /* [1, h, w, c] */
    fv_tensor picture; /* the result */
    fv_decision decision;
    char file[CLI_PATH]; /* of the picture */
} explained;

/* ---- what is asked for -------------------------------------------------- */

/* Records that the word is no class, with the name that was meant. */
static void no_class(const explained *e, const char *word, int64_t count)
{
    const int64_t bytes = (count + 1) * (int64_t)sizeof(char *);
    fv_tensor memory = fv_tensor_new(e->context, FV_U8, 1, &bytes);
    const char **names = memory.data;
    if (!names) return;
    int64_t named = 0;
    for (int64_t i = 0; i < count; i++) {
        names[named] = fv_network_class_name(e->network, i);
        named += names[named] != NULL;
    }
    const char *meant = cli_meant(word, names);
    fv_fail(e->context, FV_MISUSE, "explain: no class \"%s\" among %lld%s%s%s",
            word, (long long)count, meant ? "; did you mean \"" : "",
            meant ? meant : "", meant ? "\"?" : "");
    fv_tensor_free(e->context, &memory);
}

/* The class of that name or number. */
static int64_t find_class(const explained *e)
{
    const char *word = e->options->class_word;
    const int64_t count = fv_network_classes(e->network);
    if (!word) return FV_PREDICTED;
    for (int64_t i = 0; i < count; i++) {
        const char *name = fv_network_class_name(e->network, i);
        if (name && strcmp(name, word) == 0) return i;
    }
    /* larger numbers than there are classes are left to the library */
    if (strspn(word, "0123456789") == strlen(word) && strlen(word) < 18)
        return strtoll(word, NULL, 10);
    no_class(e, word, count);
    return FV_PREDICTED;
}

/* The name of the file: as given, or made of the image's. */
static void name_file(explained *e)
{
    const cli_options *o = e->options;
    const char *from = e->path ? e->path : o->words[0];
    const char *slash = strrchr(from, '/'), *dot = strrchr(from, '.');
    if (slash) from = slash + 1;
    const size_t length =
        dot && dot > from ? (size_t)(dot - from) : strlen(from);
    const int bytes =
        o->out ? snprintf(e->file, sizeof e->file, "%s", o->out)
               : snprintf(e->file, sizeof e->file, "%.*s.%s.png", (int)length,
                          from, cli_method_names[e->method]);
    if (bytes < 0 || (size_t)bytes >= sizeof e->file)
        fv_fail(e->context, FV_LIMIT, "explain: a name of %d characters",
                bytes);
    else if (e->path && strcmp(e->file, e->path) == 0)
        fv_fail(e->context, FV_MISUSE, "%s: is the image, give another --out",
                e->path);
}

/* ---- the picture -------------------------------------------------------- */

/* The input as a picture of bytes. Its numbers are those from 0 to 1 or, where
 * transforms may have normalised them, from the least to the greatest. */
static fv_tensor bytes_of(const explained *e)
{
    fv_context *context = e->context;
    const fv_tensor bytes =
        fv_tensor_new(context, FV_U8, 3, e->input.shape + 1);
    fv_tensor numbers = fv_tensor_convert(context, &e->input, FV_F64);
    const bool plain = !*fv_network_augment_text(e->network);
    const double *from = numbers.data;
    unsigned char *to = bytes.data;
    double least = plain ? 0 : (double)INFINITY;
    double most = plain ? 1 : -(double)INFINITY;
    if (fv_failed(context)) return bytes;
    for (int64_t i = 0; i < fv_tensor_count(&numbers) && !plain; i++) {
        least = fmin(least, from[i]);
        most = fmax(most, from[i]);
    }
    const double scale = most > least ? 255 / (most - least) : 0;
    for (int64_t i = 0; i < fv_tensor_count(&numbers); i++)
        to[i] = (unsigned char)(scale * (from[i] - least) + 0.5);
    fv_tensor_free(context, &numbers);
    return bytes;
}

/* A map over the image. */
static fv_tensor overlay(const explained *e, const fv_explain_options *how)
{
    static fv_tensor (*const maps[])(fv_network *, const fv_tensor *, int64_t,
                                     const fv_explain_options *) = {
        [CLI_GRAD_CAM] = fv_grad_cam,
        [CLI_SALIENCY] = fv_saliency,
        [CLI_OCCLUSION] = fv_occlusion,
    };
    const fv_tensor map =
        maps[e->method](e->network, &e->input, e->class_index, how);
    if (!map.data) return map;
    const fv_tensor image = bytes_of(e);
    return fv_overlay(e->context, &image, &map, 0.6);
}

static void explain(explained *e)
{
    const fv_explain_options *how =
        FV_OPTIONS(fv_explain_options, .layer = e->options->layer,
                   .decision = &e->decision);
    if (e->method == CLI_FILTERS)
        e->picture = fv_filters(e->network, how);
    else if (e->method == CLI_FEATURES)
        e->picture = fv_feature_maps(e->network, &e->input, how);
    else
        e->picture = overlay(e, how);
    if (e->picture.data) fv_image_write(e->context, e->file, &e->picture);
}

/* ---- the answer --------------------------------------------------------- */

static bool has_class(const explained *e) { return e->decision.classes > 0; }

static void print(const explained *e)
{
    char name[CLI_CELL];
    const fv_decision *d = &e->decision;
    const int columns = cli_columns(STDOUT_FILENO);
    if (columns)
        cli_picture_draw(e->context, &e->picture,
                         columns < WIDEST_PICTURE ? columns : WIDEST_PICTURE);
    if (has_class(e)) {
        printf("%s: class %s, score %.6g", e->path,
               cli_class_name(e->network, NULL, d->class_index, name),
               d->score);
        if (d->probability == d->probability)
            printf(", probability %.4f", d->probability);
        putchar('\n');
    }
    printf("%s%s%s: %s\n", cli_method_names[e->method],
           d->layer ? " of layer " : "", d->layer ? d->layer : "", e->file);
}

static void put_json(const explained *e)
{
    char name[CLI_CELL];
    const fv_decision *d = &e->decision;
    cli_json *json = cli_json_new();
    cli_json_text(json, "method", cli_method_names[e->method]);
    if (e->path) cli_json_text(json, "image", e->path);
    if (d->layer) cli_json_text(json, "layer", d->layer);
    if (has_class(e)) {
        cli_json_integer(json, "class", d->class_index);
        cli_json_text(json, "name",
                      cli_class_name(e->network, NULL, d->class_index, name));
        cli_json_number(json, "score", d->score);
        cli_json_number(json, "probability", d->probability);
    }
    cli_json_text(json, "out", e->file);
    cli_json_print(json, e->context);
}

int cli_explain_image(const char *command, cli_options *options)
{
    static explained e;
    e = (explained){ .options = options,
                     .path = options->count > 1 ? options->words[1] : NULL,
                     .method = options->method < 0
                                   ? CLI_GRAD_CAM
                                   : (cli_method)options->method };
    const char *name = cli_method_names[e.method];
    const char *other = options->batch != 1         ? "batch"
                        : options->passes != 7      ? "pass"
                        : options->seconds != 0.1   ? "seconds"
                        : options->num_input_shapes ? "shape"
                                                    : NULL;
    if (other) cli_refuse(command, "--%s: only without an image", other);
    if (e.method == CLI_FILTERS && e.path)
        cli_refuse(command, "--method %s: without an image", name);
    if (e.method != CLI_FILTERS && !e.path)
        cli_refuse(command, "--method %s: expected an image", name);
    if (e.method >= CLI_FEATURES && options->class_word)
        cli_refuse(command, "--class: not with --method %s", name);
    if ((e.method == CLI_SALIENCY || e.method == CLI_OCCLUSION)
        && options->layer)
        cli_refuse(command, "--layer: not with --method %s", name);
    e.context = cli_context(options);
    e.network = cli_load_model(e.context, options->words[0]);
    if (!fv_failed(e.context)) name_file(&e);
    if (!fv_failed(e.context) && options->size[0])
        cli_set_size(e.context, e.network, options, NULL);
    if (!fv_failed(e.context)) e.class_index = find_class(&e);
    fv_tensor file = { .rank = -1 };
    if (e.path && !fv_failed(e.context))
        e.input = cli_image_read(e.context, e.path, e.network, &file);
    if (!fv_failed(e.context)) explain(&e);
    if (!fv_failed(e.context)) {
        if (options->json)
            put_json(&e);
        else
            print(&e);
    }
    return cli_end(e.context, CLI_DONE);
}
