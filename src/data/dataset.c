/* Data sets: made, asked about, shuffled, freed. */
#include "data/data.h"

#include <string.h>

/* ---- making ------------------------------------------------------------ */

static void destroy(void *object)
{
    fv_dataset *dataset = object;
    fv_context *context = dataset->context;
    if (dataset->store->release) dataset->store->release(dataset);
    if (dataset->reader) fv__item_free(dataset->reader);
    fv__release(context, dataset->reader);
    fv__cache_free(context, dataset->cache);
    fv__release(context, dataset->image_memory);
    fv__release(context, dataset->target_memory);
    fv__release(context, dataset->name_memory);
    fv__release(context, dataset->numbers);
    fv__release(context, dataset);
}

fv_dataset *fv__dataset_begin(fv_context *context, const fv__store *store)
{
    if (!fv__ok(context)) return NULL;
    fv_dataset *dataset = fv__allocate_zero(context, FV__DATA, sizeof *dataset);
    if (!dataset) return NULL;
    dataset->context = context;
    dataset->store = store;
    dataset->images = dataset->targets = fv__tensor_failed();
    fv__adopt(context, &dataset->object, destroy);
    return dataset;
}

/* The numbers of the classes as text. */
static void number_classes(fv_dataset *dataset)
{
    dataset->numbers =
        fv__allocate(dataset->context, FV__DATA,
                     (size_t)dataset->classes * sizeof *dataset->numbers);
    for (int64_t i = 0; dataset->numbers && i < dataset->classes; i++) {
        char *text = dataset->numbers[i];
        size_t length = 1;
        for (int64_t rest = i; rest >= 10; rest /= 10) length++;
        text[length] = '\0';
        for (int64_t rest = i; length; rest /= 10)
            text[--length] = (char)('0' + rest % 10);
    }
}

void fv__dataset_name_classes(fv_dataset *dataset, size_t count,
                              const char *const names[])
{
    size_t bytes = count * sizeof *names;
    for (size_t i = 0; i < count; i++) bytes += strlen(names[i]) + 1;
    char **copies = fv__allocate(dataset->context, FV__DATA, bytes);
    if (!copies) return;
    char *at = (char *)(copies + count);
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(names[i]) + 1;
        copies[i] = memcpy(at, names[i], length);
        at += length;
    }
    dataset->name_memory = copies;
    dataset->names = (const char *const *)copies;
    dataset->classes = (int64_t)count;
}

void fv__dataset_set_classes(fv_dataset *dataset, const char *who,
                             int64_t classes, int64_t first)
{
    if (!fv__ok(dataset->context)) return;
    int64_t *labels = dataset->targets.data;
    const int64_t most = classes ? classes : FV__MAX_CLASSES;
    for (int64_t i = 0; i < dataset->targets.shape[0]; i++) {
        if (labels[i] < first || labels[i] >= first + most) {
            fv_fail(dataset->context, classes ? FV_MALFORMED : FV_MISUSE,
                    "%s: label %lld of image %lld, must be %lld to %lld", who,
                    (long long)labels[i], (long long)i, (long long)first,
                    (long long)(first + most) - 1);
            return;
        }
        labels[i] -= first;
        dataset->classes = fv__max(dataset->classes, labels[i] + 1);
    }
    if (classes) dataset->classes = classes;
}

fv_dataset *fv__dataset_end(fv_dataset *dataset)
{
    if (!dataset) return NULL;
    fv_context *context = dataset->context;
    if (fv__ok(context) && !dataset->names) number_classes(dataset);
    if (fv__ok(context))
        dataset->reader =
            fv__allocate_zero(context, FV__DATA, sizeof *dataset->reader);
    if (fv__ok(context)) {
        fv__item_begin(dataset->reader, context, dataset);
        const fv_tensor *images = &dataset->images;
        if (images->rank > 0) {
            dataset->shares = true;
            dataset->bytes = images->dtype == FV_U8;
            dataset->count = images->shape[0];
            dataset->row = fv__product(images->rank - 1, images->shape + 1);
            dataset->image.rank = images->rank - 1;
            memcpy(dataset->image.extent, images->shape + 1,
                   sizeof dataset->image.extent
                       - sizeof dataset->image.extent[0]);
        }
        return dataset;
    }
    fv__destroy(dataset);
    return NULL;
}

fv_tensor fv__dataset_copy(fv_context *context, const fv_tensor *from,
                           fv_dtype dtype, void **memory)
{
    size_t bytes = 0;
    if (!fv__multiply((size_t)fv_tensor_count(from), fv_dtype_bytes(dtype),
                      &bytes))
        bytes = SIZE_MAX;
    *memory = fv__allocate(context, FV__DATA, bytes);
    if (!*memory) return fv__tensor_failed();
    const fv_tensor to = fv_tensor_of(*memory, dtype, from->rank, from->shape);
    const int64_t misfit = fv__tensor_convert_elements(&to, from);
    if (misfit >= 0)
        fv__tensor_misfit(context, "data set", from, misfit, dtype);
    return to;
}

/* ---- from tensors ------------------------------------------------------- */

static void set_marks(fv_dataset *dataset, const char *who,
                      const fv_tensor *targets)
{
    const bool real = targets->dtype == FV_F32 || targets->dtype == FV_F64;
    for (int64_t i = 0; real && i < fv_tensor_count(targets); i++) {
        const int64_t at[] = { i / targets->shape[1], i % targets->shape[1] };
        const double value = fv_tensor_get(dataset->context, targets, at);
        if (value == 0 || value == 1) continue;
        fv_fail(dataset->context, FV_MISUSE,
                "%s: label %lld of image %lld is %s, must be 0 or 1", who,
                (long long)at[1], (long long)at[0], FV__NUMBER(value));
        return;
    }
    dataset->target = FV_TARGET_LABELS;
    dataset->classes = targets->shape[1];
    dataset->targets = fv__dataset_copy(dataset->context, targets, FV_U8,
                                        &dataset->target_memory);
}

void fv__dataset_set_targets(fv_dataset *dataset, const char *who,
                             const fv_tensor *targets)
{
    fv_context *context = dataset->context;
    const int64_t n = targets->shape[0];
    if (!fv__ok(context)) return;
    if (targets->rank == 2) {
        set_marks(dataset, who, targets);
        return;
    }
    if (targets->rank == 3) {
        dataset->target = FV_TARGET_MASK;
        dataset->targets =
            fv__dataset_copy(context, targets, FV_U8, &dataset->target_memory);
        return;
    }
    dataset->target_memory =
        fv__allocate(context, FV__DATA, (size_t)n * sizeof(int64_t));
    if (!dataset->target_memory) return;
    dataset->targets = fv_tensor_of(dataset->target_memory, FV_I64, 1, &n);
    fv__load_integers(targets->dtype, targets->data, targets->stride[0], n,
                      dataset->target_memory);
}

fv_status fv__dataset_check_tensors(fv_context *context, const char *who,
                                    const fv_tensor *images,
                                    const fv_tensor *targets)
{
    if (!fv__tensor_check(context, who, images)
        || !fv__tensor_check(context, who, targets))
        return fv_failed(context);
    const bool real = fv__dtype_is_real(targets->dtype);
    if (images->rank < 1)
        return fv_fail(context, FV_MISUSE,
                       "%s: images of rank 0, must have an axis", who);
    if (targets->rank < 1 || targets->rank > 3)
        return fv_fail(context, FV_MISUSE,
                       "%s: labels of rank %d, must be 1, or 2 (several "
                       "labels) or 3 (masks)",
                       who, (int)targets->rank);
    if (targets->rank == 1 && real)
        return fv_fail(context, FV_MISUSE,
                       "%s: labels are %s, must be of an integer type", who,
                       fv_dtype_name(targets->dtype));
    if (targets->rank == 2 && !real && targets->dtype != FV_BOOL)
        return fv_fail(context, FV_MISUSE,
                       "%s: labels of rank 2 are %s, must be f32, f64 or bool",
                       who, fv_dtype_name(targets->dtype));
    if (targets->rank == 3 && targets->dtype != FV_U8)
        return fv_fail(context, FV_MISUSE, "%s: masks are %s, must be u8", who,
                       fv_dtype_name(targets->dtype));
    if (images->shape[0] != targets->shape[0])
        return fv_fail(context, FV_MISUSE, "%s: %lld images but %lld labels",
                       who, (long long)images->shape[0],
                       (long long)targets->shape[0]);
    if (fv_tensor_count(images) == 0 || fv_tensor_count(targets) == 0)
        return fv_fail(context, FV_MISUSE, "%s: it is empty", who);
    return FV_OK;
}

fv_dataset *fv_dataset_of(fv_context *context, const fv_tensor *images,
                          const fv_tensor *targets)
{
    if (!fv__ok(context)
        || fv__dataset_check_tensors(context, "data set", images, targets)
               != FV_OK)
        return NULL;
    fv_dataset *dataset = fv__dataset_begin(context, &fv__store_memory);
    if (!dataset) return NULL;
    const fv_dtype dtype = images->dtype == FV_U8 ? FV_U8 : context->dtype;
    dataset->images =
        fv__dataset_copy(context, images, dtype, &dataset->image_memory);
    fv__dataset_set_targets(dataset, "data set", targets);
    if (fv__ok(context) && dataset->target == FV_TARGET_CLASS)
        fv__dataset_set_classes(dataset, "data set", 0, 0);
    return fv__dataset_end(dataset);
}

void fv__dataset_set_pictures(fv_dataset *dataset, fv_tensor images,
                              void *memory)
{
    fv_context *context = dataset->context;
    static const int32_t channels_second[] = { 0, 3, 1, 2 };
    const int64_t channels = images.shape[3];
    dataset->image_memory = memory;
    if (context->layout == FV_NCHW)
        images = fv_tensor_permute(context, &images, channels_second);
    if (channels == 1 && fv_tensor_count(&images))
        images.stride[context->layout == FV_NCHW ? 1 : 3] = 1;
    dataset->images = images;
    if (fv_tensor_is_contiguous(&images)) {
        dataset->images =
            fv_tensor_of(images.data, images.dtype, 4, images.shape);
        return;
    }
    dataset->images = fv__dataset_copy(context, &images, images.dtype,
                                       &dataset->image_memory);
    fv__release(context, memory);
}

void fv_dataset_free(fv_dataset *dataset) { fv__destroy(dataset); }

/* ---- asking ------------------------------------------------------------ */

fv_status fv_dataset_limit(fv_dataset *dataset, int64_t n)
{
    if (!dataset) return FV_NO_MEMORY;
    if (!fv__ok(dataset->context)) return fv_failed(dataset->context);
    if (n < 1)
        return fv_fail(dataset->context, FV_MISUSE,
                       "data set: limit %lld, must be at least 1",
                       (long long)n);
    dataset->count = fv__min(n, dataset->count);
    if (dataset->images.rank > 0) dataset->images.shape[0] = dataset->count;
    if (dataset->targets.rank > 0) dataset->targets.shape[0] = dataset->count;
    return FV_OK;
}

int64_t fv_dataset_count(const fv_dataset *dataset)
{
    return dataset ? dataset->count : 0;
}

fv_target_kind fv_dataset_target(const fv_dataset *dataset)
{
    return dataset ? dataset->target : FV_TARGET_CLASS;
}

int64_t fv_dataset_classes(const fv_dataset *dataset)
{
    return dataset ? dataset->classes : 0;
}

int64_t fv_dataset_damaged(const fv_dataset *dataset)
{
    return dataset ? dataset->damaged : 0;
}

fv_shape fv_dataset_image_shape(const fv_dataset *dataset)
{
    return dataset ? dataset->image : (fv_shape){ .rank = -1 };
}

const char *fv_dataset_path(const fv_dataset *dataset, int64_t index)
{
    if (!dataset || !dataset->store->path || index < 0
        || index >= dataset->count)
        return "";
    return dataset->store->path(dataset, index);
}

const char *fv_dataset_class_name(const fv_dataset *dataset,
                                  int64_t class_index)
{
    if (!dataset || class_index < 0 || class_index >= dataset->classes)
        return "";
    return dataset->names ? dataset->names[class_index]
                          : dataset->numbers[class_index];
}

const fv_tensor *fv_dataset_images(const fv_dataset *dataset)
{
    return dataset && dataset->images.rank >= 0 ? &dataset->images : NULL;
}

const fv_tensor *fv_dataset_labels(const fv_dataset *dataset)
{
    return dataset && dataset->targets.rank == 1 ? &dataset->targets : NULL;
}

/* The target of what the reader has read, in new memory. */
static fv_tensor copy_target(const fv_dataset *dataset)
{
    const fv_data_item *item = dataset->reader;
    const int64_t one = 1;
    const fv_tensor *mask = &item->example.mask.tensor;
    const fv_tensor target =
        dataset->target == FV_TARGET_CLASS
            ? fv_tensor_new(dataset->context, FV_I64, 1, &one)
        : dataset->target == FV_TARGET_LABELS
            ? fv_tensor_new(dataset->context, FV_U8, 1, &dataset->classes)
            : fv_tensor_new(dataset->context, FV_U8, 2, mask->shape);
    if (target.rank < 0) return target;
    if (dataset->target == FV_TARGET_CLASS)
        *(int64_t *)target.data = item->label;
    else
        memcpy(target.data,
               dataset->target == FV_TARGET_LABELS ? item->marks : mask->data,
               fv__tensor_bytes(&target));
    return target;
}

fv_tensor fv_dataset_read(const fv_dataset *dataset, int64_t index,
                          fv_tensor *target)
{
    if (target) *target = fv__tensor_failed();
    if (!dataset || !fv__ok(dataset->context)) return fv__tensor_failed();
    fv_context *context = dataset->context;
    if (index < 0 || index >= dataset->count) {
        fv_fail(context, FV_MISUSE,
                "data set: there is no image %lld, the %lld images are counted "
                "from 0",
                (long long)index, (long long)dataset->count);
        return fv__tensor_failed();
    }
    fv_data_item *item = dataset->reader;
    if (fv__item_read(item, index, dataset->channels) != FV_OK)
        return fv__tensor_failed();
    const fv_tensor *from =
        item->values.rank ? &item->values : &item->example.image.tensor;
    fv_tensor image =
        fv_tensor_new(context, from->dtype, from->rank, from->shape);
    if (image.rank >= 0) fv__tensor_copy_elements(&image, from);
    if (target && fv__ok(context)) *target = copy_target(dataset);
    if (!fv__ok(context)) fv_tensor_free(context, &image);
    return image;
}

/* ---- shuffling --------------------------------------------------------- */

/* A uniform number below `range`, by rejection: 64 random bits are drawn again
 * while they are not below the largest multiple of the range. */
static uint64_t draw(uint64_t seed, uint64_t epoch, uint64_t index,
                     uint64_t range)
{
    const uint64_t stream = FV__STREAM_SHUFFLE + (epoch << 8);
    const uint64_t surplus = (UINT64_MAX % range + 1) % range;
    for (uint64_t attempt = 0;; attempt++) {
        uint32_t words[4];
        fv__philox(seed, stream, index + (attempt << 48), words);
        for (int i = 0; i < 4; i += 2) {
            const uint64_t x = (uint64_t)words[i] << 32 | words[i + 1];
            if (x <= UINT64_MAX - surplus) return x % range;
        }
    }
}

void fv_dataset_shuffle(const fv_dataset *dataset, uint64_t seed,
                        uint64_t epoch, int64_t *order)
{
    if (!dataset || !order) return;
    const int64_t n = fv_dataset_count(dataset);
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const uint64_t range = (uint64_t)i + 1;
        const int64_t j = (int64_t)draw(seed, epoch, (uint64_t)i, range);
        const int64_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}
