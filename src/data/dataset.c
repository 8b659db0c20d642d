/* Data sets: made from tensors or IDX files, asked about, shuffled, freed. */
#include "data/data.h"

#include <string.h>

#include "tensor/tensor.h"

/* ---- making ------------------------------------------------------------ */

static void destroy(void *object)
{
    fv_dataset *dataset = object;
    fv_context *context = dataset->context;
    fv__release(context, dataset->image_memory);
    fv__release(context, dataset->label_memory);
    fv__release(context, dataset->numbers);
    fv__release(context, dataset->scratch);
    fv__release(context, dataset);
}

static fv_dataset *begin(fv_context *context)
{
    if (!fv__ok(context)) return NULL;
    fv_dataset *dataset = fv__allocate_zero(context, FV__DATA, sizeof *dataset);
    if (!dataset) return NULL;
    dataset->context = context;
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

/* Makes classes of labels, which begin at `first`, and checks them against
 * `classes`, or counts the classes where it is 0. `who` names the labels in
 * messages. */
static void set_classes(fv_dataset *dataset, const char *who, int64_t classes,
                        int64_t first)
{
    int64_t *labels = dataset->labels.data;
    const int64_t most = classes ? classes : FV__MAX_CLASSES;
    for (int64_t i = 0; i < dataset->labels.shape[0]; i++) {
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

/* Completes a data set once images, labels and names are there. NULL, with all
 * freed, if a failure is pending. */
static fv_dataset *finish(fv_dataset *dataset, const char *who, int64_t classes,
                          int64_t first)
{
    fv_context *context = dataset->context;
    if (fv__ok(context)) set_classes(dataset, who, classes, first);
    if (fv__ok(context) && !dataset->names) number_classes(dataset);
    if (fv__ok(context)) {
        const fv_tensor *images = &dataset->images;
        dataset->row = fv__product(images->rank - 1, images->shape + 1);
        dataset->scratch = fv__allocate(
            context, FV__DATA,
            (size_t)dataset->row * fv_dtype_bytes(fv_context_dtype(context)));
    }
    if (fv__ok(context)) return dataset;
    fv__destroy(dataset);
    return NULL;
}

/* A row-major copy of the elements in the data account, with another element
 * type if need be; the failed tensor after a failure. */
static fv_tensor copy(fv_context *context, const fv_tensor *from,
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

static void set_labels(fv_dataset *dataset, const fv_tensor *labels)
{
    const int64_t n = labels->shape[0];
    dataset->label_memory =
        fv__allocate(dataset->context, FV__DATA, (size_t)n * sizeof(int64_t));
    if (!dataset->label_memory) return;
    dataset->labels = fv_tensor_of(dataset->label_memory, FV_I64, 1, &n);
    fv__load_integers(labels->dtype, labels->data, labels->stride[0], n,
                      dataset->label_memory);
}

static fv_status check_tensors(fv_context *context, const fv_tensor *images,
                               const fv_tensor *labels)
{
    if (!fv__tensor_check(context, "data set", images)
        || !fv__tensor_check(context, "data set", labels))
        return fv_failed(context);
    if (images->rank < 1)
        return fv_fail(context, FV_MISUSE,
                       "data set: images of rank 0, must have an axis");
    if (labels->rank != 1)
        return fv_fail(context, FV_MISUSE,
                       "data set: labels of rank %d, must be 1",
                       (int)labels->rank);
    if (labels->dtype == FV_F32 || labels->dtype == FV_F64)
        return fv_fail(context, FV_MISUSE,
                       "data set: labels are %s, must be of an integer type",
                       fv_dtype_name(labels->dtype));
    if (images->shape[0] != labels->shape[0])
        return fv_fail(
            context, FV_MISUSE, "data set: %lld images but %lld labels",
            (long long)images->shape[0], (long long)labels->shape[0]);
    if (fv_tensor_count(images) == 0)
        return fv_fail(context, FV_MISUSE, "data set: it is empty");
    return FV_OK;
}

fv_dataset *fv_dataset_of(fv_context *context, const fv_tensor *images,
                          const fv_tensor *labels)
{
    if (!fv__ok(context) || check_tensors(context, images, labels)) return NULL;
    fv_dataset *dataset = begin(context);
    if (!dataset) return NULL;
    const fv_dtype dtype = images->dtype == FV_U8 ? FV_U8 : context->dtype;
    dataset->images = copy(context, images, dtype, &dataset->image_memory);
    if (fv__ok(context)) set_labels(dataset, labels);
    return finish(dataset, "data set", 0, 0);
}

/* Images [n, rows, columns(, channels)] of a file, or [n, columns, rows(, ...)]
 * of one that is transposed, in the context's layout. */
static void set_images(fv_dataset *dataset, const fv__idx *idx, bool transposed)
{
    fv_context *context = dataset->context;
    static const int32_t channels_second[] = { 0, 3, 1, 2 };
    static const int32_t turned[] = { 0, 2, 1, 3 };
    int64_t shape[4] = { 1, 1, 1, 1 };
    memcpy(shape, idx->shape, (size_t)idx->rank * sizeof *shape);
    fv_tensor images = fv_tensor_of(idx->bytes, FV_U8, 4, shape);
    dataset->image_memory = idx->memory;
    dataset->images = images;
    if (transposed) images = fv_tensor_permute(context, &images, turned);
    if (context->layout == FV_NHWC && !transposed) return;
    if (context->layout == FV_NCHW)
        images = fv_tensor_permute(context, &images, channels_second);
    if (shape[3] == 1 && !transposed) {
        dataset->images = fv_tensor_of(idx->bytes, FV_U8, 4, images.shape);
        return;
    }
    dataset->images = copy(context, &images, FV_U8, &dataset->image_memory);
    fv__release(context, idx->memory);
}

fv_dataset *fv__dataset_from_idx(fv_context *context, const char *images_path,
                                 const char *labels_path,
                                 const fv__idx_set *set)
{
    char first[400], second[400];
    fv__idx images = { 0 }, labels = { 0 };
    fv_dataset *dataset = begin(context);
    if (!dataset) return NULL;
    dataset->names = set->names;
    fv__idx_read(context, labels_path, true, &labels);
    if (fv__ok(context)) fv__idx_read(context, images_path, false, &images);
    fv__printable(images_path, strlen(images_path), first, sizeof first);
    fv__printable(labels_path, strlen(labels_path), second, sizeof second);
    if (fv__ok(context) && images.shape[0] != labels.shape[0])
        fv_fail(context, FV_MALFORMED,
                "%s holds %lld images but %s %lld labels", first,
                (long long)images.shape[0], second, (long long)labels.shape[0]);
    if (fv__ok(context)) {
        const fv_tensor bytes =
            fv_tensor_of(labels.bytes, FV_U8, 1, labels.shape);
        set_labels(dataset, &bytes);
    }
    if (fv__ok(context))
        set_images(dataset, &images, set->transposed);
    else
        fv__release(context, images.memory);
    fv__release(context, labels.memory);
    return finish(dataset, second, set->classes, set->first);
}

fv_dataset *fv_dataset_open_idx(fv_context *context, const char *images_path,
                                const char *labels_path)
{
    if (!fv__ok(context)) return NULL;
    if (!images_path || !labels_path) {
        fv_fail(context, FV_MISUSE, "data set: a path is missing");
        return NULL;
    }
    const fv__idx_set set = { .classes = 0 };
    return fv__dataset_from_idx(context, images_path, labels_path, &set);
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
    n = fv__min(n, dataset->labels.shape[0]);
    dataset->images.shape[0] = dataset->labels.shape[0] = n;
    return FV_OK;
}

int64_t fv_dataset_count(const fv_dataset *dataset)
{
    return dataset ? dataset->labels.shape[0] : 0;
}

int64_t fv_dataset_classes(const fv_dataset *dataset)
{
    return dataset ? dataset->classes : 0;
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
    return dataset ? &dataset->images : NULL;
}

const fv_tensor *fv_dataset_labels(const fv_dataset *dataset)
{
    return dataset ? &dataset->labels : NULL;
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
