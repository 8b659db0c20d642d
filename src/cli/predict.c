/* `fovea predict`: draws images and prints the classes that a model predicts.
 */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOP = 3, WIDEST_PICTURE = 64, BAR = 30 };

static const struct argp_option options[] = {
    { "data", CLI_DATA, "NAME", 0,
      "take images of a data set: fashion-mnist, mnist, or another one; its "
      "test part, or val, unless NAME ends with another one",
      0 },
    { "limit", CLI_LIMIT, "N", 0, "so many images (5; with --index 1)", 0 },
    { "index", CLI_INDEX, "I", 0, "begin with image I (0)", 0 },
    CLI_SKIP_DAMAGED_OPTION,
    CLI_SIZE_OPTION,
    CLI_THREADS_OPTION,
    CLI_STRICT_OPTION,
    CLI_DTYPE_OPTION,
    CLI_JSON_OPTION,
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "FILE [IMAGE...]",
    .doc = "Say which classes a saved model takes images for: PNG and JPEG "
           "files of the size that the network takes, or of any size that "
           "its transforms (augment) change to that, or images of a data "
           "set, whose name may stand in the place of IMAGE. Values are those "
           "of the file, whatever it says of gamma or colours; what is "
           "transparent is black.",
};

/* One run of the command. */
typedef struct run {
    const cli_options *options;
    fv_context *context;
    fv_network *network;
    const fv_dataset *named; /* whose classes have names; NULL: none */
    int64_t classes, outputs;
    fv_tensor image, output;
    fv_tensor flat; /* the output as [outputs] */
    cli_json *list;
    fv_meaning meaning;
} run;

/* An answer: the most probable classes, best first. */
typedef struct answer {
    int64_t class_index[TOP];
    double probability[TOP];
    int count;
} answer;

/* The output for a class; a single output for two classes is that of class 1.
 */
static double output_at(const run *r, int64_t class_index)
{
    if (r->classes == r->outputs)
        return fv_tensor_get(r->context, &r->flat, &class_index);
    const double output = fv_tensor_get(r->context, &r->flat, (int64_t[]){ 0 });
    return class_index ? output : -output;
}

/* Turns an output into a probability, given the largest output and the sum of
 * exponentials relative to it. */
static double probability(const run *r, double output, double most, double sum)
{
    switch (r->meaning) {
    case FV_MEANS_LOGITS:
        return exp(output - most) / sum;
    case FV_MEANS_LOG_ODDS:
        return 1 / (1 + exp(-output));
    case FV_MEANS_LOG_PROBABILITIES:
        return exp(output);
    default:
        return output;
    }
}

static void insert(answer *a, int64_t class_index, double value)
{
    int at = a->count;
    while (at > 0 && a->probability[at - 1] < value) at--;
    if (at == TOP) return;
    if (a->count < TOP) a->count++;
    for (int i = a->count - 1; i > at; i--) {
        a->class_index[i] = a->class_index[i - 1];
        a->probability[i] = a->probability[i - 1];
    }
    a->class_index[at] = class_index;
    a->probability[at] = value;
}

static answer best(const run *r)
{
    answer a = { .count = 0 };
    double most = output_at(r, 0), sum = 0;
    for (int64_t i = 1; i < r->classes; i++) most = fmax(most, output_at(r, i));
    for (int64_t i = 0; i < r->classes; i++) sum += exp(output_at(r, i) - most);
    for (int64_t i = 0; i < r->classes; i++)
        insert(&a, i, probability(r, output_at(r, i), most, sum));
    return a;
}

static const char *name_of(const run *r, int64_t class_index, char *text)
{
    return cli_class_name(r->network, r->named, class_index, text);
}

static void put_json(const run *r, const answer *a, const char *path,
                     int64_t index, int64_t label)
{
    char name[CLI_CELL];
    cli_json *one = cli_json_object(r->list, NULL);
    if (path)
        cli_json_text(one, "image", path);
    else
        cli_json_integer(one, "index", index);
    if (label >= 0) {
        cli_json_integer(one, "label", label);
        cli_json_text(one, "label_name", name_of(r, label, name));
    }
    cli_json *classes = cli_json_array(one, "classes");
    for (int i = 0; i < a->count; i++) {
        cli_json *entry = cli_json_object(classes, NULL);
        cli_json_integer(entry, "class", a->class_index[i]);
        cli_json_text(entry, "name", name_of(r, a->class_index[i], name));
        cli_json_number(entry, "probability", a->probability[i]);
    }
}

static void print_answer(const run *r, const answer *a, int64_t label)
{
    char name[CLI_CELL];
    const char *block = cli_unicode() ? "\u2588" : "#";
    for (int i = 0; i < a->count; i++) {
        printf("  %-12s %.4f ", name_of(r, a->class_index[i], name),
               a->probability[i]);
        const double length = BAR * fmin(fmax(a->probability[i], 0), 1);
        for (int k = 0; k < (int)lround(length); k++) fputs(block, stdout);
        putchar('\n');
    }
    if (label >= 0)
        printf("  label: %s, %s\n", name_of(r, label, name),
               a->count && a->class_index[0] == label ? "right" : "wrong");
    putchar('\n');
}

/* Answers for an image and shows the picture that it was made of. */
static void answer_image(const run *r, const fv_tensor *image,
                         const fv_tensor *picture, const char *path,
                         int64_t index, int64_t label)
{
    fv_network_predict(r->network, image, &r->output);
    if (fv_failed(r->context)) return;
    const answer a = best(r);
    if (r->options->json) {
        put_json(r, &a, path, index, label);
        return;
    }
    if (path)
        printf("%s\n", path);
    else
        printf("image %lld\n", (long long)index);
    const int columns = cli_columns(STDOUT_FILENO);
    cli_picture_draw(r->context, picture,
                     columns && columns < WIDEST_PICTURE ? columns
                                                         : WIDEST_PICTURE);
    print_answer(r, &a, label);
}

/* Reads item `index` and brings it to the network through its transforms. */
static void answer_picture(run *r, const fv_dataset *dataset, int64_t index)
{
    fv_tensor target;
    fv_tensor picture = fv_dataset_read(dataset, index, &target);
    fv_tensor image = fv_network_prepare(r->network, &picture);
    const bool has_class = fv_dataset_target(dataset) == FV_TARGET_CLASS;
    const char *path = fv_dataset_path(dataset, index);
    if (fv_failed(r->context)) return;
    answer_image(r, &image, &picture, *path ? path : NULL, index,
                 has_class ? *(const int64_t *)target.data : -1);
    fv_tensor_free(r->context, &image);
    fv_tensor_free(r->context, &picture);
    fv_tensor_free(r->context, &target);
}

static void answer_files(run *r)
{
    for (int i = 1; i < r->options->count && !fv_failed(r->context); i++) {
        const char *path = r->options->words[i];
        fv_tensor picture = { .rank = -1 };
        fv_tensor image =
            cli_image_read(r->context, path, r->network, &picture);
        if (image.data) answer_image(r, &image, &picture, path, 0, -1);
        fv_tensor_free(r->context, &image);
        fv_tensor_free(r->context, &picture);
    }
}

static void answer_data(run *r, const fv_dataset *dataset)
{
    const cli_options *o = r->options;
    const int64_t first = o->index < 0 ? 0 : o->index;
    const int64_t limit = o->limit ? o->limit : o->index < 0 ? 5 : 1;
    if (fv_failed(r->context)) return;
    const int64_t count = fv_dataset_count(dataset);
    if (first >= count) {
        fv_fail(r->context, FV_MISUSE,
                "%s: there is no image %lld, the %lld images are counted from "
                "0",
                o->data, (long long)first, (long long)count);
        return;
    }
    r->named = dataset;
    const bool plain = fv_dataset_images(dataset) && fv_dataset_labels(dataset)
                       && !*fv_network_augment_text(r->network);
    for (int64_t i = first; i < count && i - first < limit; i++) {
        int64_t label = -1;
        fv_tensor labels = fv_tensor_of(&label, FV_I64, 1, (int64_t[]){ 1 });
        if (!plain)
            answer_picture(r, dataset, i);
        else if (fv_dataset_batch(dataset, &i, 1, &r->image, &labels) == FV_OK)
            answer_image(r, &r->image, &r->image, NULL, i, label);
    }
}

/* Makes room for one image and its output. */
static fv_status prepare(run *r)
{
    int64_t shape[FV_MAX_RANK] = { 1 };
    const fv_shape input = fv_network_input_shape(r->network);
    const fv_shape output = fv_network_output_shape(r->network);
    if (fv_failed(r->context)) return fv_failed(r->context);
    r->classes = fv_network_classes(r->network);
    r->outputs = 1;
    for (int32_t i = 0; i < output.rank; i++) r->outputs *= output.extent[i];
    for (int32_t i = 0; i < input.rank; i++) shape[i + 1] = input.extent[i];
    const fv_dtype dtype = fv_context_dtype(r->context);
    r->image = fv_tensor_new(r->context, dtype, input.rank + 1, shape);
    for (int32_t i = 0; i < output.rank; i++) shape[i + 1] = output.extent[i];
    r->output = fv_tensor_new(r->context, dtype, output.rank + 1, shape);
    r->flat = fv_tensor_reshape(r->context, &r->output, 1, &r->outputs);
    r->meaning = fv_network_meaning(r->network);
    return fv_failed(r->context);
}

/* Whether the word is a folder, or may be the name of a data set but not of a
 * file. */
static bool names_data(const char *word)
{
    struct stat status;
    if (stat(word, &status) == 0) return S_ISDIR(status.st_mode);
    return !strchr(word, '.');
}

/* Channels of pictures for the network; 0: any. */
static int32_t channels_of(const fv_network *network, const cli_options *o)
{
    const fv_shape shape = fv_network_input_shape(network);
    const int64_t channels =
        shape.rank == 3 ? shape.extent[o->layout == FV_NCHW ? 0 : 2] : 0;
    return channels == 1 || channels == 3 ? (int32_t)channels : 0;
}

int cli_predict(int argc, char **argv)
{
    cli_options o = cli_defaults();
    cli_parse(&usage, argc, argv, 1, INT32_MAX, &o);
    if (o.count == 2 && !o.data && names_data(o.words[1])) {
        o.data = o.words[1];
        o.count = 1;
    }
    if ((o.count > 1) == (o.data != NULL))
        cli_refuse(argv[0], "expected either images or --data NAME");
    if (!o.data && (o.limit || o.index >= 0))
        cli_refuse(argv[0], "--%s: only with --data",
                   o.limit ? "limit" : "index");
    run r = { .options = &o, .context = cli_context(&o) };
    r.network = cli_load_model(r.context, o.words[0]);
    const fv_dataset *data = NULL;
    if (r.network && o.data)
        data = cli_open_data(r.context, &o, o.data, "test", true,
                             channels_of(r.network, &o));
    if (r.network && !fv_failed(r.context))
        cli_set_size(r.context, r.network, &o, data);
    cli_json *json = o.json ? cli_json_new() : NULL;
    if (json) r.list = cli_json_array(json, "predictions");
    if (prepare(&r) == FV_OK) {
        if (o.data)
            answer_data(&r, data);
        else
            answer_files(&r);
    }
    if (json) cli_json_print(json, r.context);
    return cli_end(r.context, CLI_DONE);
}
