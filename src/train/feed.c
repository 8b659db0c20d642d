/* Between data sets and plans: the size of images, mixed batches, targets. */
#include "train/feed.h"

#include <string.h>

/* The extent that is known of two, 0: it is not. */
static int64_t known(int64_t first, int64_t second)
{
    return first > 0 ? first : fv__max(0, second);
}

/* The place of rows, columns and channels in the context's layout. */
static int32_t axis_of(const fv_context *context, int32_t i)
{
    return context->layout == FV_NCHW ? (i + 1) % 3 : i;
}

/* The size of images of three axes: what the transforms make of those of the
 * data set or, where that is not known, what the network takes. */
static fv_shape image_size(fv__feed *feed, const fv_shape *in)
{
    const fv_context *context = feed->network->context;
    const fv__transforms *lines = &feed->network->transforms;
    fv_shape shape = feed->dataset->image;
    const int32_t row = axis_of(context, 0), column = axis_of(context, 1);
    const int32_t channel = axis_of(context, 2);
    if (shape.rank != 3) return shape;
    const int64_t channels = in->rank == 3 ? in->extent[channel] : 0;
    const fv__size none = { 0 };
    const bool own =
        fv__transforms_size(lines, feed->options.stage, none).channels != 0;
    if (feed->dataset->decodes && !own
        && (channels == 1 || channels == 3 || channels == 4)) {
        if (!feed->dataset->channels) shape.extent[channel] = channels;
        feed->options.channels = (int32_t)channels;
    }
    const fv__size size =
        fv__transforms_size(lines, feed->options.stage,
                            (fv__size){ fv__max(0, shape.extent[row]),
                                        fv__max(0, shape.extent[column]),
                                        fv__max(0, shape.extent[channel]) });
    const bool fits = in->rank == 3;
    shape.extent[row] = known(size.rows, fits ? in->extent[row] : 0);
    shape.extent[column] = known(size.columns, fits ? in->extent[column] : 0);
    shape.extent[channel] = known(size.channels, channels);
    return shape;
}

fv_status fv__feed_begin(fv__feed *feed, fv_network *network,
                         const fv_dataset *dataset, fv__stage stage,
                         const char *which)
{
    const fv_shape in = fv_network_input_shape(network);
    *feed = (fv__feed){ .network = network, .dataset = dataset };
    feed->options = (fv__loader_options){ .dataset = dataset,
                                          .transforms = &network->transforms,
                                          .stage = stage };
    feed->mixes = stage == FV__TRAINING
                  && fv__transforms_mix_batches(&network->transforms);
    fv_context *context = network->context;
    if (fv__network_check_transforms(network) != FV_OK
        || (feed->mixes && fv__network_check_mixing(network) != FV_OK))
        return fv_failed(context);
    const fv_shape image = feed->options.image = image_size(feed, &in);
    bool open = false;
    for (int32_t i = 0; i < image.rank; i++) open |= image.extent[i] < 1;
    if (open)
        return fv_fail(context, FV_MISUSE,
                       "%s has images of several sizes, and the network takes "
                       "any; a line \"augment resize ROWS COLUMNS\" makes them "
                       "equal",
                       which);
    if (fv__shape_fits(&in, &image)) return FV_OK;
    char is[FV__SHAPE_BYTES], expected[FV__SHAPE_BYTES];
    return fv_fail(context, FV_MISUSE,
                   "%s has images of %s, the network's input is %s", which,
                   fv__shape_show(is, &image), fv__shape_show(expected, &in));
}

void fv__feed_divide(fv__feed *feed, int64_t batch, int64_t part,
                     int32_t workers)
{
    feed->options.batch = batch;
    feed->options.part = part;
    feed->options.workers = workers;
}

/* Bytes of the targets of a mixed part. */
static size_t row_bytes(const fv__feed *feed)
{
    const fv_shape output = fv_network_output_shape(feed->network);
    return feed->mixes ? (size_t)(feed->options.part * fv__shape_count(&output))
                             * fv_dtype_bytes(feed->network->context->dtype)
                       : 0;
}

size_t fv__feed_bytes(const fv__feed *feed)
{
    return fv__loader_bytes(feed->network->context, &feed->options)
           + (feed->mixes ? fv__footprint(row_bytes(feed)) : 0);
}

fv_status fv__feed_open(fv__feed *feed)
{
    fv_context *context = feed->network->context;
    feed->loader = fv__loader_new(context, &feed->options);
    if (!feed->loader || !feed->mixes) return fv_failed(context);
    const fv_shape output = fv_network_output_shape(feed->network);
    const int64_t shape[] = { feed->options.part, fv__shape_count(&output) };
    void *memory = fv__allocate(context, FV__DATA, row_bytes(feed));
    feed->example.context = context;
    feed->rows = fv_tensor_of(memory, context->dtype, 2, shape);
    return fv_failed(context);
}

void fv__feed_start(fv__feed *feed, uint64_t epoch, const int64_t *order,
                    int64_t images, int64_t batch)
{
    feed->epoch = epoch;
    feed->part =
        (uint64_t)batch
        * (uint64_t)fv__divide_up(feed->options.batch, feed->options.part);
    fv__loader_start(feed->loader, epoch, order, images, batch);
}

/* Mixes the images of a plan, and makes rows of the targets. */
static fv_status mix(fv__feed *feed, fv__plan *plan, const fv_tensor *targets)
{
    fv_context *context = feed->network->context;
    const int64_t width = feed->rows.shape[1];
    fv_tensor rows = feed->rows;
    rows.shape[0] = plan->batch;
    if (fv__is_labels(targets)) {
        if (fv__labels_check(context, plan->loss_layer, targets, plan->classes)
            != FV_OK)
            return fv_failed(context);
        fv__labels_one_hot(context, targets, width, plan->classes, rows.data);
    } else if (fv__tensor_assign(context, "target", &rows, targets) != FV_OK) {
        return fv_failed(context);
    }
    fv__transforms_mix(&feed->network->transforms, context->seed, feed->epoch,
                       feed->part, &feed->example, &plan->inputs[0]->value,
                       &rows);
    return fv__plan_target(plan, &rows);
}

fv_status fv__feed_next(fv__feed *feed, fv__plan *plan)
{
    fv_tensor targets;
    const fv_tensor *images = &plan->inputs[0]->value;
    if (fv__loader_next(feed->loader, images, &targets) != FV_OK)
        return fv_failed(feed->network->context);
    const fv_status status = feed->mixes ? mix(feed, plan, &targets)
                                         : fv__plan_target(plan, &targets);
    feed->part++;
    return status;
}

void fv__feed_end(fv__feed *feed)
{
    if (!feed->network) return;
    fv__loader_free(feed->loader);
    if (feed->example.context) fv__example_free(&feed->example);
    fv__release(feed->network->context, feed->rows.data);
    feed->loader = NULL;
    feed->rows.data = NULL;
}
