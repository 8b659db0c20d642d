/** @file
 * Data sets: where the images and targets of batches come from. */
#ifndef FOVEA_DATA_H
#define FOVEA_DATA_H

#include <fovea/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Images, each with a target; in memory or read one by one. Belongs to its
 *  context. */
typedef struct fv_dataset fv_dataset;

/** What the target of an image is. */
typedef enum fv_target_kind {
    FV_TARGET_CLASS = 0, /**< a class: FV_I64 [n] in a batch */
    FV_TARGET_LABELS,    /**< any number of classes: 0 or 1 for each, [n,
                              classes] of the context's type */
    FV_TARGET_MASK /**< a class for each pixel: FV_U8 [n, rows, columns] */
} fv_target_kind;

/** How a data set is opened; zero is the default of each. */
typedef struct fv_dataset_options {
    size_t size;
    const char *name;
    size_t cache_bytes FV_ZERO;   /**< of decoded pictures that are kept in
                                       memory; 0: none */
    int64_t classes FV_ZERO;      /**< number of classes of masks, where no file
                                       classes.txt names them; 0: not known */
    int32_t channels FV_ZERO;     /**< of pictures from files: 1, 3; 0: as many
                                       as the network takes */
    int32_t skip_damaged FV_ZERO; /**< 1: leave out pictures whose files cannot
                                       be read or whose beginnings are damaged,
                                       and where one turns out to be damaged
                                       later, take the next one of the data set
                                       in its place; 0: both are failures */
} fv_dataset_options;

/** Opens a data set: `fv_dataset_open(ctx, "photos:train", .cache_bytes =
 *  1u << 30)`. The name is "mnist", "fashion-mnist" or another folder in the
 *  places where packages put data, or the path of a folder or file; what it is
 *  is seen by looking: a folder of IDX files, gzip'ed or not; a folder of CIFAR
 *  files; a folder of folders of pictures, one for each class; a folder with
 *  `images` and `masks`; a manifest (.csv); a NumPy file or archive,
 *  "x.npy,y.npy" or "set.npz". docs/data.md describes each.
 *
 *  ":train", ":val" or ":test" behind the name takes a part of data that is
 *  divided; without it, the data must not be divided. "emnist:letters:train"
 *  says which split of EMNIST where a folder has several; their images, which
 *  the files hold transposed, are turned upright, and letters are classes 0 to
 *  25. The beginnings of all picture files are read: all that are damaged are a
 *  failure, or are left out with `skip_damaged`. */
#define fv_dataset_open(context, ...)                                          \
    fv_dataset_open_with((context),                                            \
                         FV_OPTIONS(fv_dataset_options, .name = __VA_ARGS__))
/** See fv_dataset_open(). */
FV_API fv_dataset *fv_dataset_open_with(fv_context *context,
                                        const fv_dataset_options *options);
/** Whether data of that name, without a part, is there and has the part
 *  "train", "val" or "test": 1 or 0. A NULL part asks for data that is not
 *  divided. Records nothing but lack of memory. */
FV_API int32_t fv_dataset_has(fv_context *context, const char *name,
                              const char *part);
/** From IDX files, gzip'ed or not. */
FV_API fv_dataset *fv_dataset_open_idx(fv_context *context,
                                       const char *images_path,
                                       const char *labels_path);
/** Copies images [n, h, w, c], in the context's layout, or [n, ...] (FV_U8 is
 *  scaled by 1/255 in batches, other types are converted to the context's) and
 *  targets: labels [n] of an integer type, 0 to 999999; masks [n, h, w] of
 *  FV_U8; or [n, classes] of 0 and 1 in FV_F32, FV_F64 or FV_BOOL. */
FV_API fv_dataset *fv_dataset_of(fv_context *context, const fv_tensor *images,
                                 const fv_tensor *targets);
/** Frees the data set before its context. NULL is allowed. */
FV_API void fv_dataset_free(fv_dataset *dataset);

/** An item while it is read by functions of the caller. */
typedef struct fv_data_item fv_data_item;

/** A data set of the caller's own functions. */
typedef struct fv_dataset_functions {
    size_t size;
    int64_t count; /**< of items, at least 1 */
    /** Sets image and target of item `index` of 0..count - 1. With workers, see
     *  fv_fit_options, several threads call it at once, each with an item of
     *  its own. A failure is recorded with fv_fail() in fv_data_item_context().
     */
    void (*read)(void *user, int64_t index, fv_data_item *item);
    void (*release)(void *user) FV_ZERO; /**< called when the data set is
                                              freed; NULL: nothing to do */
    void *user FV_ZERO;
    fv_target_kind target FV_ZERO;
    int32_t reserved FV_ZERO;
    int64_t classes FV_ZERO;                /**< 0: not known, of masks only */
    const char *const *class_names FV_ZERO; /**< copied; NULL: numbers */
    fv_shape image FV_ZERO; /**< of each, in the context's layout, with
                                 FV_OPEN for extents that differ; rank 0:
                                 pictures of any size */
} fv_dataset_functions;

/** `fv_dataset_new(ctx, .count = 1000, .read = my_read, .classes = 10)` */
#define fv_dataset_new(context, ...)                                           \
    fv_dataset_new_with((context),                                             \
                        FV_OPTIONS(fv_dataset_functions, __VA_ARGS__))
/** See fv_dataset_new(). */
FV_API fv_dataset *fv_dataset_new_with(fv_context *context,
                                       const fv_dataset_functions *functions);
/** The context of the thread that reads, for memory and failures. */
FV_API fv_context *fv_data_item_context(fv_data_item *item);
/** Copies the image: a picture FV_U8 [rows, columns, channels], or a tensor of
 *  the context's type and layout, which no transforms change. */
FV_API fv_status fv_data_item_set_image(fv_data_item *item,
                                        const fv_tensor *image);
/** Sets the target: a class. */
FV_API fv_status fv_data_item_set_class(fv_data_item *item,
                                        int64_t class_index);
/** Sets the target: `count` of the classes. */
FV_API fv_status fv_data_item_set_labels(fv_data_item *item, int64_t count,
                                         const int64_t classes[]);
/** Sets the target: copies a mask FV_U8 [rows, columns]. */
FV_API fv_status fv_data_item_set_mask(fv_data_item *item,
                                       const fv_tensor *mask);

/** Keeps the first n images, n >= 1; all if there are fewer. */
FV_API fv_status fv_dataset_limit(fv_dataset *dataset, int64_t n);
/** Moves a share, above 0 and below 1, of the images of each class to a new
 * data set, rounded to whole images and never all of a class: of images in
 * memory or of picture files. Which ones
 * depends on seed and labels alone; both sets keep the order. */
FV_API fv_dataset *fv_dataset_split(fv_dataset *dataset, double share,
                                    uint64_t seed);
/** Number of images. */
FV_API int64_t fv_dataset_count(const fv_dataset *dataset);
/** What the targets are. */
FV_API fv_target_kind fv_dataset_target(const fv_dataset *dataset);
/** Number of classes; one more than the largest label where nothing names
 *  them; 0 where masks do not say. */
FV_API int64_t fv_dataset_classes(const fv_dataset *dataset);
/** "Sneaker"; the number as text where classes have no names. */
FV_API const char *fv_dataset_class_name(const fv_dataset *dataset,
                                         int64_t class_index);
/** Shape of an image, in the context's layout; an extent that is not the same
 *  for all, or not known, is FV_OPEN. */
FV_API fv_shape fv_dataset_image_shape(const fv_dataset *dataset);
/** How many pictures were left out because their files are damaged. */
FV_API int64_t fv_dataset_damaged(const fv_dataset *dataset);
/** The path of an image's file; "" where it has none of its own. */
FV_API const char *fv_dataset_path(const fv_dataset *dataset, int64_t index);
/** Reads one image: FV_U8 [rows, columns, channels], or as it is stored; and
 *  its target unless that is NULL: FV_I64 [1], FV_U8 [classes] or FV_U8 [rows,
 *  columns]. Both in new memory of the context; failed tensors after a
 *  failure. */
FV_API fv_tensor fv_dataset_read(const fv_dataset *dataset, int64_t index,
                                 fv_tensor *target);
/** All images [n, h, w, c], in the context's layout, FV_U8 or of its type.
 *  Owned by the data set; NULL if they are not in memory. */
FV_API const fv_tensor *fv_dataset_images(const fv_dataset *dataset);
/** All labels [n] (FV_I64); owned by the data set, NULL if they are not in
 *  memory or no classes. */
FV_API const fv_tensor *fv_dataset_labels(const fv_dataset *dataset);

/** Writes the order of images in an epoch to `order` [n]: a permutation that
 *  depends on seed and epoch alone. */
FV_API void fv_dataset_shuffle(const fv_dataset *dataset, uint64_t seed,
                               uint64_t epoch, int64_t *order);
/** Gathers images `order[0..count)` into the first rows of `images` (of the
 *  context's type, in the context's layout) and their targets into those of
 *  `targets` (see #fv_target_kind). All must have the size of `images`. */
FV_API fv_status fv_dataset_batch(const fv_dataset *dataset,
                                  const int64_t *order, int64_t count,
                                  const fv_tensor *images,
                                  const fv_tensor *targets);

#ifdef __cplusplus
}
#endif
#endif
