/* Sets whose items lie one behind the other in a large file: each is read when
 * it is needed. */
#include "data/data.h"

#include <string.h>

/* A picture that lies column after column, in rows. */
static void turn(fv_data_item *item, const fv_tensor *image)
{
    static const int32_t turned[] = { 1, 0, 2 };
    fv_context *context = item->example.context;
    const fv_tensor picture = fv_tensor_permute(context, image, turned);
    fv__frame *frame = &item->example.image;
    if (fv__frame_next(context, frame, picture.shape[0], picture.shape[1],
                       picture.shape[2], NULL))
        fv__tensor_copy_elements(&frame->tensor, &picture);
}

static void read_row(const fv_dataset *dataset, int64_t index, int32_t channels,
                     fv_data_item *item)
{
    const fv__rows *rows = dataset->own;
    fv_context *context = item->example.context;
    const size_t bytes = (size_t)fv__product(rows->rank, rows->shape)
                         * fv_dtype_bytes(rows->dtype);
    void *to = fv__pixels_reserve(context, &item->file, bytes);
    (void)channels;
    if (!to
        || fv__file_read(&rows->file, context, rows->path,
                         rows->at + index * (int64_t)bytes, to, bytes)
               != FV_OK)
        return;
    fv_tensor image = fv_tensor_of(to, rows->dtype, rows->rank, rows->shape);
    if (rows->pictures && rows->transposed)
        turn(item, &image);
    else if (rows->pictures)
        fv__frame_view(&item->example.image, &image);
    else if (rows->dtype == FV_U8 || rows->dtype == context->dtype)
        fv__item_take(item, &image);
    else {
        const fv_dtype dtype = context->dtype;
        void *memory = fv__pixels_reserve(context, &item->memory,
                                          (size_t)fv_tensor_count(&image)
                                              * fv_dtype_bytes(dtype));
        if (!memory) return;
        item->values = fv_tensor_of(memory, dtype, rows->rank, rows->shape);
        fv__tensor_convert_elements(&item->values, &image);
    }
    fv__item_take_target(item, &dataset->targets, index);
}

static void release_rows(fv_dataset *dataset)
{
    fv__rows *rows = dataset->own;
    if (!rows) return;
    fv__file_close(&rows->file, dataset->context);
    fv__release(dataset->context, rows->path);
    fv__release(dataset->context, rows);
}

const fv__store fv__store_rows = { "rows of a file", read_row, NULL,
                                   release_rows };

void fv__dataset_set_rows(fv_dataset *dataset, const fv__rows *rows,
                          int64_t count)
{
    fv_context *context = dataset->context;
    fv__rows *own =
        fv__ok(context) ? fv__allocate(context, FV__DATA, sizeof *own) : NULL;
    fv__file file = rows->file;
    if (!own) {
        fv__file_close(&file, context);
        return;
    }
    *own = *rows;
    own->path =
        fv__copy_text(context, FV__DATA, rows->path, strlen(rows->path));
    dataset->store = &fv__store_rows;
    dataset->own = own;
    dataset->count = count;
    dataset->bytes = rows->dtype == FV_U8;
    dataset->shares = true;
    const bool turned = rows->pictures && context->layout == FV_NCHW;
    dataset->image.rank = rows->rank;
    for (int32_t i = 0; i < rows->rank; i++)
        dataset->image.extent[i] = rows->shape[turned ? (i + 2) % 3 : i];
    if (rows->transposed) {
        const int32_t first = turned ? 1 : 0;
        int64_t *extent = dataset->image.extent;
        const int64_t swap = extent[first];
        extent[first] = extent[first + 1];
        extent[first + 1] = swap;
    }
}
