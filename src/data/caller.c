/* Data sets of functions of the caller. */
#include "data/data.h"

typedef struct caller {
    fv_dataset_functions functions;
} caller;

static void read_caller(const fv_dataset *dataset, int64_t index,
                        int32_t channels, fv_data_item *item)
{
    const caller *own = dataset->own;
    fv_context *context = item->example.context;
    (void)channels;
    own->functions.read(own->functions.user, index, item);
    if (!fv__ok(context)) return;
    const char *lacks =
        !item->values.rank && !item->example.image.tensor.rank  ? "image"
        : dataset->target == FV_TARGET_CLASS && item->label < 0 ? "class"
        : dataset->target == FV_TARGET_LABELS && !item->marks   ? "labels"
        : dataset->target == FV_TARGET_MASK && !item->example.mask.tensor.rank
            ? "mask"
            : NULL;
    if (lacks)
        fv_fail(context, FV_MISUSE, "data set: item %lld was given no %s",
                (long long)index, lacks);
}

static void release_caller(fv_dataset *dataset)
{
    const caller *own = dataset->own;
    if (!own) return;
    if (own->functions.release) own->functions.release(own->functions.user);
    fv__release(dataset->context, dataset->own);
}

static const fv__store store_caller = { "functions of the caller", read_caller,
                                        NULL, release_caller };

static fv_status check_functions(fv_context *context,
                                 const fv_dataset_functions *f)
{
    if (!f->read)
        return fv_fail(context, FV_MISUSE,
                       "data set: there is no function "
                       "that reads");
    if (f->count < 1)
        return fv_fail(context, FV_MISUSE,
                       "data set: count %lld, must be at least 1",
                       (long long)f->count);
    if (f->target < FV_TARGET_CLASS || f->target > FV_TARGET_MASK)
        return fv_fail(context, FV_MISUSE, "data set: target %d is unknown",
                       (int)f->target);
    const int64_t least = f->target != FV_TARGET_MASK || f->class_names != NULL;
    if (f->classes < least || f->classes > FV__MAX_CLASSES)
        return fv_fail(
            context, FV_MISUSE, "data set: %lld classes, must be %lld to %d",
            (long long)f->classes, (long long)least, FV__MAX_CLASSES);
    if (f->image.rank < 0 || f->image.rank >= FV_MAX_RANK)
        return fv_fail(context, FV_MISUSE,
                       "data set: images of rank %d, must be 0 to %d",
                       (int)f->image.rank, FV_MAX_RANK - 1);
    return FV_OK;
}

fv_dataset *fv_dataset_new_with(fv_context *context,
                                const fv_dataset_functions *functions)
{
    fv_dataset_functions f;
    if (!fv__ok(context)) return NULL;
    if (!fv__options(context, "data set", functions, &f, sizeof f)
        || check_functions(context, &f) != FV_OK)
        return NULL;
    fv_dataset *dataset = fv__dataset_begin(context, &store_caller);
    if (!dataset) return NULL;
    dataset->count = f.count;
    dataset->target = f.target;
    dataset->classes = f.classes;
    dataset->decodes = true;
    dataset->image = f.image.rank
                         ? f.image
                         : (fv_shape){ 3, 0, { FV_OPEN, FV_OPEN, FV_OPEN } };
    if (f.class_names)
        fv__dataset_name_classes(dataset, (size_t)f.classes, f.class_names);
    caller *own =
        fv__ok(context) ? fv__allocate(context, FV__DATA, sizeof *own) : NULL;
    if (own) own->functions = f;
    dataset->own = own;
    return fv__dataset_end(dataset);
}

fv_context *fv_data_item_context(fv_data_item *item)
{
    return item ? item->example.context : NULL;
}

fv_status fv_data_item_set_image(fv_data_item *item, const fv_tensor *image)
{
    if (!item) return FV_MISUSE;
    fv_context *context = item->example.context;
    if (!fv__tensor_check(context, "data set", image))
        return fv_failed(context);
    if (image->dtype == FV_U8 && image->rank == 3) {
        fv__item_copy_picture(item, &item->example.image, image);
        return fv_failed(context);
    }
    if (image->dtype != context->dtype || image->rank < 1)
        return fv_fail(context, FV_MISUSE,
                       "data set: an image of %s and rank %d, must be u8 "
                       "[rows, columns, channels] or %s",
                       fv_dtype_name(image->dtype), (int)image->rank,
                       fv_dtype_name(context->dtype));
    void *memory =
        fv__pixels_reserve(context, &item->memory, fv__tensor_bytes(image));
    if (!memory) return fv_failed(context);
    item->values =
        fv_tensor_of(memory, image->dtype, image->rank, image->shape);
    fv__tensor_copy_elements(&item->values, image);
    return FV_OK;
}

/* Refuses a target of another kind, and a class that is none. */
static fv_status check_target(const fv_data_item *item, fv_target_kind kind,
                              int64_t class_index)
{
    static const char *const names[] = { "a class", "labels", "a mask" };
    fv_context *context = item->example.context;
    if (!fv__ok(context)) return fv_failed(context);
    if (item->dataset->target != kind)
        return fv_fail(context, FV_MISUSE,
                       "data set: the target is %s, must be %s", names[kind],
                       names[item->dataset->target]);
    if (class_index < 0 || class_index >= item->dataset->classes)
        return fv_fail(
            context, FV_MISUSE, "data set: class %lld, must be 0 to %lld",
            (long long)class_index, (long long)item->dataset->classes - 1);
    return FV_OK;
}

fv_status fv_data_item_set_class(fv_data_item *item, int64_t class_index)
{
    if (!item) return FV_MISUSE;
    if (check_target(item, FV_TARGET_CLASS, class_index) == FV_OK)
        item->label = class_index;
    return fv_failed(item->example.context);
}

fv_status fv_data_item_set_labels(fv_data_item *item, int64_t count,
                                  const int64_t classes[])
{
    if (!item) return FV_MISUSE;
    fv_context *context = item->example.context;
    if (check_target(item, FV_TARGET_LABELS, 0) != FV_OK
        || !fv__item_marks(item))
        return fv_failed(context);
    for (int64_t i = 0; i < count && fv__ok(context); i++)
        if (check_target(item, FV_TARGET_LABELS, classes[i]) == FV_OK)
            item->marks[classes[i]] = 1;
    return fv_failed(context);
}

fv_status fv_data_item_set_mask(fv_data_item *item, const fv_tensor *mask)
{
    if (!item) return FV_MISUSE;
    fv_context *context = item->example.context;
    if (!fv__ok(context) || !fv__tensor_check(context, "data set", mask))
        return fv_failed(context);
    if (item->dataset->target != FV_TARGET_MASK)
        return check_target(item, FV_TARGET_MASK, 0);
    if (mask->dtype != FV_U8 || mask->rank != 2)
        return fv_fail(context, FV_MISUSE,
                       "data set: a mask of %s and rank %d, must be u8 [rows, "
                       "columns]",
                       fv_dtype_name(mask->dtype), (int)mask->rank);
    fv_tensor picture = *mask;
    picture.rank = 3;
    picture.shape[2] = picture.stride[2] = 1;
    fv__item_copy_picture(item, &item->example.mask, &picture);
    return fv_failed(context);
}
