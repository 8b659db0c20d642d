/** @file
 * Data sets: files to batches. */
#ifndef FOVEA_DATA_H
#define FOVEA_DATA_H

#include <fovea/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Images and labels in memory; belongs to its context. */
typedef struct fv_dataset fv_dataset;

/** Opens the part `train` or `test` of a data set: "fashion-mnist:train",
 *  "mnist:test", or a folder of IDX files, gzip'ed or not, by path:
 *  "./digits:test". Named sets are looked for where packages put them. Files of
 *  EMNIST are found, too; "emnist:letters:train" and "./folder:letters:train"
 *  say which split where a folder has several. Their images, which the files
 *  hold transposed, are turned upright, and letters are classes 0 to 25. */
FV_API fv_dataset *fv_dataset_open(fv_context *context, const char *name);
/** From IDX files, gzip'ed or not. */
FV_API fv_dataset *fv_dataset_open_idx(fv_context *context,
                                       const char *images_path,
                                       const char *labels_path);
/** Copies images [n, h, w, c], in the context's layout, or [n, ...] (FV_U8 is
 *  scaled by 1/255 in batches, other types are converted to the context's) and
 *  labels [n] of an integer type, 0 to 999999. */
FV_API fv_dataset *fv_dataset_of(fv_context *context, const fv_tensor *images,
                                 const fv_tensor *labels);
/** Frees the data set before its context. NULL is allowed. */
FV_API void fv_dataset_free(fv_dataset *dataset);

/** Keeps the first n images, n >= 1; all if there are fewer. */
FV_API fv_status fv_dataset_limit(fv_dataset *dataset, int64_t n);
/** Moves a share, above 0 and below 1, of the images of each class to a new
 * data set, rounded to whole images and never all of a class. Which ones
 * depends on seed and labels alone; both sets keep the order. */
FV_API fv_dataset *fv_dataset_split(fv_dataset *dataset, double share,
                                    uint64_t seed);
/** Number of images. */
FV_API int64_t fv_dataset_count(const fv_dataset *dataset);
/** One more than the largest label, 10 for the named sets. */
FV_API int64_t fv_dataset_classes(const fv_dataset *dataset);
/** "Sneaker"; the number as text where classes have no names. */
FV_API const char *fv_dataset_class_name(const fv_dataset *dataset,
                                         int64_t class_index);
/** All images [n, h, w, c], in the context's layout, FV_U8 or of its type; all
 *  labels [n] (FV_I64). Owned by the data set. */
FV_API const fv_tensor *fv_dataset_images(const fv_dataset *dataset);
/** All labels [n] (FV_I64); owned by the data set. */
FV_API const fv_tensor *fv_dataset_labels(const fv_dataset *dataset);

/** Writes the order of images in an epoch to `order` [n]: a permutation that
 *  depends on seed and epoch alone. */
FV_API void fv_dataset_shuffle(const fv_dataset *dataset, uint64_t seed,
                               uint64_t epoch, int64_t *order);
/** Gathers images `order[0..count)` into the first rows of `images` (of the
 *  context's type, in the context's layout) and their labels into those of
 *  `labels` (FV_I64). */
FV_API fv_status fv_dataset_batch(const fv_dataset *dataset,
                                  const int64_t *order, int64_t count,
                                  const fv_tensor *images,
                                  const fv_tensor *labels);

#ifdef __cplusplus
}
#endif
#endif
