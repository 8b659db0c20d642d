/* `fovea convert`: writes a model in another form, which the ending of the
 * output's name says. */
#include "cli/cli.h"

#include <string.h>

static const struct argp_option options[] = {
    { "weights", CLI_WEIGHTS, "FILE", 0,
      "with --into: .npz or safetensors, PyTorch's state dicts among them; of "
      "a "
      "C file: write its weights to a file of their own, which its program "
      "reads",
      0 },
    { "into", CLI_INTO, "NET", 0,
      "put the weights into NET, a network text or a model, by name and shape",
      0 },
    { "prefix", CLI_PREFIX, "TEXT", 0,
      "take it off the names in FILE or, if none begins with it, off those of "
      "NET: \"backbone.\"",
      0 },
    { "head", CLI_HEAD, "new", 0, "draw the last layer with weights anew", 0 },
    { "classes", CLI_CLASSES, "N", 0, "which the new head tells apart", 0 },
    { "partial", CLI_PARTIAL, NULL, 0,
      "accept what is missing, left over or of another shape", 0 },
    { "seed", CLI_SEED, "S", 0, "of weights that are drawn (0)", 0 },
    { "batch", CLI_BATCH, "N", 0,
      "images of a call of a C file (1), of a batch of an ONNX model (any)",
      0 },
    { "train", CLI_TRAIN, NULL, 0, "a C file has a training step, too", 0 },
    { "optimizer", CLI_OPTIMIZER, "TEXT", 0,
      "of that step: sgd, adam or adamw, with its options as words behind the "
      "name (adam)",
      0 },
    CLI_FREEZE_OPTION,
    CLI_LOSS_OPTION,
    CLI_SIZE_OPTION,
    { "opset", CLI_OPSET, "N", 0,
      "operator set of an ONNX model, 13 to 28 (28)", 0 },
    { "fold", CLI_FOLD, NULL, 0,
      "batch normalisation behind a convolution goes into the weights of an "
      "ONNX model",
      0 },
    { "softmax", CLI_SOFTMAX, NULL, 0,
      "an ONNX model gives probabilities instead of what its loss takes", 0 },
    CLI_SHAPE_OPTION,
    { "json", CLI_JSON, NULL, 0, "with --into: the report as one line of JSON",
      0 },
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "IN OUT\n--weights FILE --into NET OUT",
    .doc =
        "Write a model in another form: OUT.c is the network as one C file, "
        "with a header beside it; OUT.onnx is an ONNX model; OUT.safetensors "
        "is a model, or weights "
        "alone if IN has no more; OUT.npz is weights alone."
        "\vWith --into, each parameter and each tensor is listed as read, "
        "missing (from FILE), unfit (of another shape or type), new (of the "
        "head), left_over (FILE has it, NET has not) or unused (outside of the "
        "prefix, counts of batches, an optimizer's state). Parameters that "
        "are missing or unfit, and tensors left over, are a failure unless "
        "--partial accepts them; then parameters keep the values that NET has, "
        "or drawn ones.",
};

/* A form of output. */
typedef struct form {
    const char *ending;
    void (*write)(fv_context *context, fv_network *network, const char *path,
                  const cli_options *o);
    bool tensors; /* files of tensors are copied to it as they are */
    bool sized;   /* the sizes of images must be known */
} form;

static void write_c(fv_context *context, fv_network *network, const char *path,
                    const cli_options *o)
{
    (void)context;
    fv_network_export_c(network, path,
                        FV_OPTIONS(fv_c_options,
                                   .batch = o->batch ? o->batch : 1,
                                   .weights = o->into ? NULL : o->weights,
                                   .optimizer = !o->train      ? NULL
                                                : o->optimizer ? o->optimizer
                                                               : "adam"));
}

static void write_onnx(fv_context *context, fv_network *network,
                       const char *path, const cli_options *o)
{
    (void)context;
    fv_network_save_onnx(network, path,
                         FV_OPTIONS(fv_onnx_save_options, .batch = o->batch,
                                    .opset = o->opset, .fold = o->fold,
                                    .softmax = o->softmax));
}

static void write_model(fv_context *context, fv_network *network,
                        const char *path, const cli_options *o)
{
    (void)context, (void)o;
    fv_network_save(network, path);
}

static void write_arrays(fv_context *context, fv_network *network,
                         const char *path, const cli_options *o)
{
    (void)o;
    const fv_named_tensors weights = fv_network_weights(network, 0);
    fv_npz_save(context, path, weights.count, weights.at);
}

static const form forms[] = {
    { ".c", write_c, .sized = true },
    { ".onnx", write_onnx, .sized = false },
    { ".safetensors", write_model, .tensors = true },
    { ".npz", write_arrays, .tensors = true },
};
enum { FORMS = sizeof forms / sizeof forms[0] };

static const form *form_of(const char *path)
{
    const char *ending = strrchr(path, '.');
    for (int i = 0; ending && i < FORMS; i++)
        if (strcmp(ending, forms[i].ending) == 0) return &forms[i];
    return NULL;
}

/* Whether the input is a file of tensors: by its name, or a checkpoint. */
static bool has_tensors(const char *path)
{
    const form *of = form_of(path);
    const char *ending = strrchr(path, '.');
    return (of && of->tensors) || (ending && !strcmp(ending, ".checkpoint"));
}

/* Options that need each other. */
static void check_options(const cli_options *o, const char *command)
{
    if (o->into && !o->weights)
        cli_refuse(command, "--into %s: expected --weights FILE", o->into);
    if (o->into && o->count > 1)
        cli_refuse(command, "%s: one word too many", o->words[1]);
    if (!o->into && o->count < 2) cli_refuse(command, "expected IN OUT");
    const char *alone = o->prefix    ? "prefix"
                        : o->partial ? "partial"
                        : o->json    ? "json"
                                     : NULL;
    if (!o->into && alone)
        cli_refuse(command, "--%s: expected --into NET, too", alone);
    const char *training = o->optimizer ? "optimizer"
                           : o->freeze  ? "freeze"
                           : o->loss    ? "loss"
                                        : NULL;
    if (training && !o->train)
        cli_refuse(command, "--%s: expected --train, too", training);
    if (o->classes && !o->new_head)
        cli_refuse(command, "--classes: expected --head new, too");
}

/* The network; only C files need the sizes of its images. */
static fv_network *load(fv_context *context, const cli_options *o,
                        const form *to)
{
    fv_network *network =
        o->into ? cli_load_into(context, o) : cli_load_first(context, o);
    if (network && !o->into) {
        if (o->new_head) network = fv_network_with_head(network, o->classes);
        if (network && (o->size[0] || to->sized))
            cli_set_size(context, network, o, NULL);
    }
    if (!network || !o->train) return network;
    network = cli_with_loss(network, o);
    cli_freeze(context, network, o);
    return network;
}

int cli_convert(int argc, char **argv)
{
    cli_options o = cli_defaults();
    o.batch = 0;
    cli_parse(&usage, argc, argv, 1, 2, &o);
    check_options(&o, argv[0]);
    const char *in = o.words[0], *out = o.words[o.into ? 0 : 1];
    const form *to = form_of(out);
    if (!to)
        cli_refuse(
            argv[0],
            "%s: expected a name that ends in .c, .onnx, .safetensors or "
            ".npz",
            out);
    if (o.train && !to->sized)
        cli_refuse(argv[0], "--train: expected a name that ends in .c");
    if (o.weights && !o.into && !to->sized)
        cli_refuse(argv[0], "--weights: expected --into NET, too");
    fv_context *context = cli_context(&o);
    if (!o.into && to->tensors && has_tensors(in) && !o.size[0]
        && !o.new_head) {
        fv_weights_copy(context, in, out);
        return cli_end(context, CLI_DONE);
    }
    fv_network *network = load(context, &o, to);
    if (network) to->write(context, network, out, &o);
    return cli_end(context, CLI_DONE);
}
