/* Reads images at the points of a grid. */
#include "op/operand.h"

#include <inttypes.h>

/* Points and channels of an item of work. */
enum { POINTS = 512, CHANNELS = 64 };

static bool words_fit(const fv_inference *inference)
{
    const fv_sampling *a = inference->attributes;
    const char *name = inference->name;
    if ((int)a->mode < 0 || a->mode > FV_SAMPLE_BICUBIC)
        fv_fail(inference->context, FV_MISUSE,
                "%s: mode %d is unknown (0 to %d)", name, (int)a->mode,
                FV_SAMPLE_BICUBIC);
    else if ((int)a->padding < 0 || a->padding > FV_SAMPLE_REFLECTION)
        fv_fail(inference->context, FV_MISUSE,
                "%s: padding %d is unknown (0 to %d)", name, (int)a->padding,
                FV_SAMPLE_REFLECTION);
    else
        return true;
    return false;
}

static fv_status infer(fv_inference *inference)
{
    const fv_tensor *x = inference->inputs[0], *grid = inference->inputs[1];
    fv_context *context = inference->context;
    if (!words_fit(inference) || !fv__operand(inference, 0, "input", 4)
        || !fv__operand(inference, 1, "grid", 4))
        return fv_failed(context);
    if (x->shape[1] < 1 || x->shape[2] < 1)
        return fv_fail(context, FV_MISUSE, "%s: input %s has no pixels",
                       inference->name, FV__SHAPE(x));
    if (grid->shape[0] != x->shape[0])
        return fv_fail(context, FV_MISUSE,
                       "%s: grid %s is for %" PRId64
                       " images, input %s has %" PRId64,
                       inference->name, FV__SHAPE(grid), grid->shape[0],
                       FV__SHAPE(x), x->shape[0]);
    if (grid->shape[3] != 2)
        return fv_fail(context, FV_MISUSE,
                       "%s: grid %s has %" PRId64
                       " numbers for each point, expected 2",
                       inference->name, FV__SHAPE(grid), grid->shape[3]);
    const int64_t shape[] = { x->shape[0], grid->shape[1], grid->shape[2],
                              x->shape[3] };
    inference->window[0] = inference->window[1] = 0;
    return fv__infer_output(inference, 4, shape);
}

/* ---- the work ------------------------------------------------------------ */

typedef struct job {
    const fv_call *call;
    int64_t points, pieces; /* of one image: points, and items of work */
} job;

static job job_of(const fv_call *call)
{
    const int64_t *grid = call->inputs[1]->shape;
    return (job){ .call = call, .points = grid[1] * grid[2] };
}

/* `count` points of an image, from point `first` on. */
static fv__sample sample_of(const job *j, int64_t image, int64_t first,
                            int64_t count)
{
    const fv_tensor *x = j->call->inputs[0], *grid = j->call->inputs[1];
    const fv_sampling *a = j->call->attributes;
    return (fv__sample){
        .rows = x->shape[1],
        .columns = x->shape[2],
        .channels = (size_t)x->shape[3],
        .count = (size_t)count,
        .taps = a->mode == FV_SAMPLE_BICUBIC   ? 4
                : a->mode == FV_SAMPLE_NEAREST ? 1
                                               : 2,
        .reflect = a->padding == FV_SAMPLE_REFLECTION,
        .clip = a->padding != FV_SAMPLE_ZEROS,
        .align_corners = a->align_corners != 0,
        .grid = fv__tensor_byte(grid, 2 * (image * j->points + first)),
    };
}

/* Image n of [n, h, w, c], or its pixels from `first` on. */
static void *image_of(const fv_tensor *images, int64_t n, int64_t first)
{
    const int64_t *shape = images->shape;
    return fv__tensor_byte(images,
                           (n * shape[1] * shape[2] + first) * shape[3]);
}

static void run_all(job *j, int64_t pieces, fv__work *work)
{
    const int64_t *x = j->call->inputs[0]->shape;
    j->pieces = pieces;
    if (!x[0] || !j->points || !pieces) return;
    fv__parallel(j->call->context, (size_t)(x[0] * pieces),
                 (double)(x[0] * j->points) * (double)(40 + 8 * x[3]), work, j);
}

static void read_points(void *argument, size_t item, size_t worker)
{
    const job *j = argument;
    const int64_t n = (int64_t)item / j->pieces;
    const int64_t first = (int64_t)item % j->pieces * POINTS;
    const fv__sample s =
        sample_of(j, n, first, fv__min(POINTS, j->points - first));
    (void)worker;
    j->call->context->kernels->sample(&s, image_of(j->call->inputs[0], n, 0),
                                      image_of(j->call->outputs[0], n, first));
}

static void forward(const fv_call *call)
{
    job j = job_of(call);
    run_all(&j, fv__divide_up(j.points, POINTS), read_points);
}

/* Points may read the same pixels, so an item has some channels of all points
 * of an image. */
static void spread_channels(void *argument, size_t item, size_t worker)
{
    const job *j = argument;
    const int64_t n = (int64_t)item / j->pieces;
    const int64_t first = (int64_t)item % j->pieces * CHANNELS;
    const fv__sample s = sample_of(j, n, 0, j->points);
    const size_t end = (size_t)fv__min(first + CHANNELS, (int64_t)s.channels);
    (void)worker;
    j->call->context->kernels->sample_grad(
        &s, (size_t)first, end, image_of(j->call->output_grads[0], n, 0),
        image_of(j->call->input_grads[0], n, 0));
}

static void grid_points(void *argument, size_t item, size_t worker)
{
    const job *j = argument;
    const int64_t n = (int64_t)item / j->pieces;
    const int64_t first = (int64_t)item % j->pieces * POINTS;
    const fv__sample s =
        sample_of(j, n, first, fv__min(POINTS, j->points - first));
    (void)worker;
    j->call->context->kernels->sample_grid_grad(
        &s, image_of(j->call->inputs[0], n, 0),
        image_of(j->call->output_grads[0], n, first),
        image_of(j->call->input_grads[1], n, first));
}

static void backward(const fv_call *call)
{
    const int64_t channels = call->inputs[0]->shape[3];
    job j = job_of(call);
    if (call->input_grads[0])
        run_all(&j, fv__divide_up(channels, CHANNELS), spread_channels);
    if (call->input_grads[1])
        run_all(&j, fv__divide_up(j.points, POINTS), grid_points);
}

const fv_operator fv__op_grid_sample = {
    .size = sizeof(fv_operator),
    .name = "grid_sample",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes_size = sizeof(fv_sampling),
    .backward_reads = FV_READS_INPUTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "GridSample",
};

fv_variable *fv_grid_sample_of(fv_variable *x, fv_variable *grid,
                               const fv_sampling *sampling)
{
    static const fv_sampling usual = { 0 };
    fv_variable *const inputs[] = { x, grid };
    return fv_apply(&fv__op_grid_sample, sampling ? sampling : &usual, 2,
                    inputs);
}

/* ---- the layer ----------------------------------------------------------- */

static const char *const modes[] = { "bilinear", "nearest", "bicubic", NULL };
static const char *const paddings[] = { "zeros", "border", "reflection", NULL };

static const fv__field fields[] = {
    { FV__FIELD(fv_grid_sample_options, WORD, mode), .words = modes },
    { FV__FIELD_AS("padding_mode", fv_grid_sample_options, WORD, padding),
      .words = paddings },
    { FV__FIELD(fv_grid_sample_options, SWITCH, align_corners) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_grid_sample_options *options = layer->options;
    const fv_sampling sampling = { .mode = options->mode,
                                   .padding = options->padding,
                                   .align_corners = options->align_corners };
    (void)count;
    return fv_grid_sample_of(inputs[0], inputs[1], &sampling);
}

const fv__layer_type fv__layer_grid_sample = {
    .kind = "grid_sample",
    .about = "an image [h, w, c] at the points of a grid [h', w', 2]: x, then "
             "y, from -1 to 1 across the image",
    FV__LAYER_OPTIONS(fv_grid_sample_options),
    .fields = fields,
    .min_inputs = 2,
    .max_inputs = 2,
    .forward = apply,
};

fv_layer *fv_grid_sample_new(const fv_grid_sample_options *options)
{
    return fv__layer_new(&fv__layer_grid_sample, options);
}
