/* Items: an image and its target, read by one thread. */
#include "data/data.h"

#include <string.h>

fv_context *fv__context_like(fv_context *context)
{
    fv_context *other = fv_context_new(FV_OPTIONS(
        fv_context_options, .dtype = context->dtype, .layout = context->layout,
        .seed = context->seed, .threads = 1, .strict = context->strict,
        .isa = fv_context_isa(context), .max_bytes = context->max_bytes,
        .allocator = &context->allocator, .io = &context->io));
    if (fv__ok(other)) return other;
    if (other)
        fv_fail(context, fv_failed(other), "%s", fv_error(other));
    else
        fv_fail(context, FV_NO_MEMORY, "data set: no memory for a context");
    fv_context_free(other);
    return NULL;
}

void fv__item_begin(fv_data_item *item, fv_context *context,
                    const fv_dataset *dataset)
{
    *item =
        (fv_data_item){ .dataset = dataset, .example = { .context = context } };
}

void fv__item_free(fv_data_item *item)
{
    fv_context *context = item->example.context;
    if (!context) return;
    fv__example_free(&item->example);
    fv__pixels_free(context, &item->memory);
    fv__pixels_free(context, &item->mark_memory);
    fv__pixels_free(context, &item->file);
}

/* Whether a failure is one of the item, not of the machine. */
static bool is_damage(fv_status status)
{
    return status == FV_MALFORMED || status == FV_IO
           || status == FV_UNSUPPORTED;
}

static void read(fv_data_item *item, int64_t index, int32_t channels)
{
    const fv_dataset *dataset = item->dataset;
    fv__example *example = &item->example;
    example->image.tensor = example->mask.tensor = (fv_tensor){ 0 };
    item->values = (fv_tensor){ 0 };
    item->marks = NULL;
    item->label = -1;
    dataset->store->read(dataset, index, channels, item);
}

fv_status fv__item_read(fv_data_item *item, int64_t index, int32_t channels)
{
    const fv_dataset *dataset = item->dataset;
    fv_context *context = item->example.context;
    if (!fv__ok(context)) return fv_failed(context);
    item->index = index;
    for (int64_t n = 1;; n++) {
        read(item, item->index, channels);
        if (fv__ok(context) || !dataset->skips || n == dataset->count
            || !is_damage(fv_failed(context)))
            return fv_failed(context);
        fv_clear_error(context);
        item->skipped++;
        item->index = (item->index + 1) % dataset->count;
    }
}

void fv__item_copy_picture(fv_data_item *item, fv__frame *frame,
                           const fv_tensor *picture)
{
    const int64_t *shape = picture->shape;
    if (fv__frame_next(item->example.context, frame, shape[0], shape[1],
                       shape[2], NULL))
        fv__tensor_copy_elements(&frame->tensor, picture);
}

void fv__item_take(fv_data_item *item, const fv_tensor *image)
{
    static const int32_t channels_last[] = { 1, 2, 0 };
    fv_context *context = item->example.context;
    fv_tensor picture = *image;
    if (image->dtype != FV_U8 || image->rank != 3) {
        item->values = *image;
        return;
    }
    if (context->layout == FV_NCHW)
        picture = fv_tensor_permute(context, image, channels_last);
    if (fv_tensor_is_contiguous(&picture))
        fv__frame_view(&item->example.image, &picture);
    else
        fv__item_copy_picture(item, &item->example.image, &picture);
}

unsigned char *fv__item_marks(fv_data_item *item)
{
    const size_t bytes = (size_t)item->dataset->classes;
    unsigned char *marks =
        fv__pixels_reserve(item->example.context, &item->mark_memory, bytes);
    if (marks) memset(marks, 0, bytes);
    return item->marks = marks;
}

/* ---- sets in memory ------------------------------------------------------ */

/* Row `index` of images or targets, without the first axis. */
static fv_tensor row_of(const fv_tensor *all, int64_t index)
{
    return fv_tensor_of(fv__tensor_byte(all, index * all->stride[0]),
                        all->dtype, all->rank - 1, all->shape + 1);
}

void fv__item_take_target(fv_data_item *item, const fv_tensor *targets,
                          int64_t index)
{
    const fv_dataset *dataset = item->dataset;
    const fv_tensor row = row_of(targets, index);
    if (dataset->target == FV_TARGET_CLASS)
        item->label = *(const int64_t *)row.data;
    else if (dataset->target == FV_TARGET_LABELS)
        item->marks = row.data;
    else
        fv__frame_view(&item->example.mask,
                       &(fv_tensor){ .data = row.data,
                                     .dtype = FV_U8,
                                     .rank = 3,
                                     .shape = { row.shape[0], row.shape[1], 1 },
                                     .stride = { row.shape[1], 1, 1 } });
}

static void read_memory(const fv_dataset *dataset, int64_t index,
                        int32_t channels, fv_data_item *item)
{
    const fv_tensor image = row_of(&dataset->images, index);
    (void)channels;
    fv__item_take(item, &image);
    fv__item_take_target(item, &dataset->targets, index);
}

const fv__store fv__store_memory = { "memory", read_memory, NULL, NULL };
