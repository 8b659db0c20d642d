/* What the files of this module share: data sets and their types, files, and
 * the loader that makes batches ahead of training. */
#ifndef FV_DATA_DATA_H
#define FV_DATA_DATA_H

#include <fovea/data.h>

#include "augment/augment.h"
#include "base/base.h"
#include "tensor/tensor.h"

#include <stdatomic.h>

/* ---- items -------------------------------------------------------------- */

/* One image with its target, in one thread: memory that is used again for the
 * next. Initialise it with zeros and the context of the thread. */
struct fv_data_item {
    const fv_dataset *dataset;
    fv__example
        example; /* context; the picture, and the mask if there is one */
    fv_tensor
        values;      /* the image where it is no picture: row-major, FV_U8 or of
                        the context's type, in its layout; rank 0: a picture */
    int64_t index;   /* that was read, another one where it is damaged */
    int64_t skipped; /* damaged items so far */
    int64_t label;
    unsigned char *marks;                 /* [classes], 0 or 1; NULL: none */
    fv__pixels memory, mark_memory, file; /* of values, of marks, of bytes */
};

void fv__item_begin(fv_data_item *item, fv_context *context,
                    const fv_dataset *dataset);
void fv__item_free(fv_data_item *item);
/* Reads item `index` of the data set, through its cache. `channels` of a
 * picture, 0: as it has them; pictures in memory keep theirs. */
fv_status fv__item_read(fv_data_item *item, int64_t index, int32_t channels);
/* Makes a row-major image in the context's layout the item's; a picture is
 * brought into the order rows, columns, channels. Its memory must stay. */
void fv__item_take(fv_data_item *item, const fv_tensor *image);
/* The same for row `index` of targets in memory. */
void fv__item_take_target(fv_data_item *item, const fv_tensor *targets,
                          int64_t index);
/* Copies a picture to a frame of the item, row-major, whatever its strides. */
void fv__item_copy_picture(fv_data_item *item, fv__frame *frame,
                           const fv_tensor *picture);
/* Room for marks, zeros; NULL after a failure. */
unsigned char *fv__item_marks(fv_data_item *item);

/* A context for another thread, or for memory that does not count as this
 * one's: the same type, layout, seed, kernels, allocator, files and limit, one
 * thread, no log. NULL after a failure of `context`. */
fv_context *fv__context_like(fv_context *context);

/* ---- forms and stores --------------------------------------------------- */

/* Parts of a data set. */
typedef enum fv__part {
    FV__PART_ALL, /* all of data that is not divided */
    FV__PART_TRAIN,
    FV__PART_VAL,
    FV__PART_TEST,
    FV__PARTS
} fv__part;
extern const char *const fv__part_names[FV__PARTS]; /* "", train, val, test */

/* What is to be opened. */
typedef struct fv__source {
    fv_context *context;
    const char *whole; /* as the caller wrote it, for messages */
    const char *name;  /* without split and part */
    const char *path;  /* where the name was found */
    const char *split; /* of EMNIST; NULL: not given */
    fv__part part;
    bool skips;       /* damaged pictures are left out */
    int32_t channels; /* of pictures; 0: not given */
    int64_t classes;  /* of masks; 0: not given */
} fv__source;

/* A form that data sets have as files and folders. */
typedef struct fv__dataset_form {
    const char *what; /* it looks for: "CIFAR files" */
    /* The parts that data of this form at `path` has, bit i for part i; 0: it
     * is none. Records nothing but lack of memory. */
    unsigned (*look)(const fv__source *source, const char *path);
    /* Opens a part that is there. NULL after a failure. */
    fv_dataset *(*open)(const fv__source *source);
} fv__dataset_form;

extern const fv__dataset_form fv__form_idx, fv__form_cifar, fv__form_pairs,
    fv__form_folder, fv__form_manifest, fv__form_numpy;

/* Where the items of a data set are. */
typedef struct fv__store {
    const char *name;
    /* Reads an item, from any thread; `channels` as in fv__item_read. */
    void (*read)(const fv_dataset *dataset, int64_t index, int32_t channels,
                 fv_data_item *item);
    /* The path of an item's file; NULL: it has none of its own. */
    const char *(*path)(const fv_dataset *dataset, int64_t index);
    void (*release)(fv_dataset *dataset); /* frees `own`; NULL: nothing */
} fv__store;

extern const fv__store fv__store_memory, fv__store_rows, fv__store_files;

/* ---- data sets (dataset.c) ---------------------------------------------- */

typedef struct fv__cache fv__cache;

struct fv_dataset {
    fv__object object; /* first */
    fv_context *context;
    const fv__store *store;
    void *own; /* of the store */
    int64_t count;
    fv_shape image; /* in the context's layout; open where images differ */
    fv_target_kind target;
    int64_t classes;
    const char *const *names; /* of the classes; NULL: their numbers */
    void *name_memory;        /* released with the set */
    char (*numbers)[8];
    bool decodes; /* reading an item takes long: pictures from files */
    bool bytes;   /* all images are FV_U8 */
    bool shares;  /* threads may read it at once, without the caller's word */
    bool skips;   /* damaged pictures are left out */
    int64_t damaged;
    int32_t channels;     /* of pictures, as asked for; 0: not */
    fv__cache *cache;     /* NULL: none */
    fv_data_item *reader; /* of the thread of the context */
    /* sets in memory; rank -1: this one is not */
    fv_tensor images;  /* row-major, FV_U8 or of the context's type */
    fv_tensor targets; /* FV_I64 [n], FV_U8 [n, classes] or [n, h, w] */
    void *image_memory, *target_memory;
    int64_t row; /* elements of one image */
};

/* Class numbers are less than this: seven digits as text. */
enum { FV__MAX_CLASSES = 1000000 };

/* A data set without anything. NULL if a failure is pending. */
fv_dataset *fv__dataset_begin(fv_context *context, const fv__store *store);
/* Completes a data set. NULL, with all freed, if a failure is pending. */
fv_dataset *fv__dataset_end(fv_dataset *dataset);
/* Whether all images are in memory. */
static inline bool fv__dataset_in_memory(const fv_dataset *dataset)
{
    return dataset->images.rank >= 0;
}
/* Copies names of classes to the data set. */
void fv__dataset_name_classes(fv_dataset *dataset, size_t count,
                              const char *const names[]);
/* A row-major copy of the elements in the data account, with another element
 * type if need be; the failed tensor after a failure. */
fv_tensor fv__dataset_copy(fv_context *context, const fv_tensor *from,
                           fv_dtype dtype, void **memory);
/* Makes classes of the labels in memory, which begin at `first`, and checks
 * them against `classes`, or counts the classes where it is 0. `who` names the
 * labels in messages. */
void fv__dataset_set_classes(fv_dataset *dataset, const char *who,
                             int64_t classes, int64_t first);
/* Refuses what is no data set, and copies the targets of one. */
fv_status fv__dataset_check_tensors(fv_context *context, const char *who,
                                    const fv_tensor *images,
                                    const fv_tensor *targets);
void fv__dataset_set_targets(fv_dataset *dataset, const char *who,
                             const fv_tensor *targets);
/* Takes images [n, rows, columns(, channels)], channels last, in memory that
 * becomes the data set's, in the context's layout. */
void fv__dataset_set_pictures(fv_dataset *dataset, fv_tensor images,
                              void *memory);

/* ---- gzip (gzip.c) ------------------------------------------------------ */

/* Decompresses a gzip file that lies in memory. */
typedef struct fv__gzip fv__gzip;

/* NULL after recording why not; `path` is for messages, printable, and must
 * stay. */
fv__gzip *fv__gzip_open(fv_context *context, const char *path,
                        const void *bytes, size_t size);
/* Decompresses up to `size` bytes; fewer at the end of the data, whose
 * checksums are right then, or after a recorded failure. */
size_t fv__gzip_read(fv__gzip *gzip, void *out, size_t size);
/* NULL is allowed. */
void fv__gzip_close(fv__gzip *gzip);

/* ---- IDX (idx.c, idx_form.c) -----------------------------------------------
 */

/* Bytes of an IDX file: rank 1 for labels, 3 or 4 for images. */
typedef struct fv__idx {
    void *memory;         /* to be released (account FV__DATA) */
    unsigned char *bytes; /* NULL: they are in the file */
    fv__file file;
    int64_t at; /* byte of the file where they begin */
    int32_t rank;
    int64_t shape[4];
} fv__idx;

/* Reads a file of labels or images, gzip'ed or not; of a large file of images
 * the header only, and leaves it open. */
fv_status fv__idx_read(fv_context *context, const char *path, bool labels,
                       fv__idx *idx);

/* What the caller knows about the content of IDX files. */
typedef struct fv__idx_set {
    int64_t classes; /* labels are below first + classes; 0: one more than the
                        largest label */
    int64_t first;   /* label of class 0 */
    const char *const *names; /* of the classes; NULL: their numbers */
    bool transposed;          /* images lie column after column */
} fv__idx_set;

/* The package of Debian that has the data set of that name; NULL: none. */
const char *fv__idx_package(const char *name);
/* Whether the word names a split of EMNIST. */
bool fv__idx_is_split(const char *word);
fv_dataset *fv__dataset_from_idx(fv_context *context, const char *images_path,
                                 const char *labels_path,
                                 const fv__idx_set *set);

/* ---- rows of large files (rows.c) --------------------------------------- */

/* Larger files that are not compressed are read item by item, others are kept
 * in memory. */
#define FV__WHOLE_FILE ((int64_t)1 << 28)

/* What lies in an open file, one item behind the other. */
typedef struct fv__rows {
    fv__file file;
    char *path;
    int64_t at;   /* byte of the file where the first item begins */
    int32_t rank; /* of an item */
    int64_t shape[FV_MAX_RANK];
    fv_dtype dtype;
    bool pictures;   /* FV_U8 [rows, columns, channels] */
    bool transposed; /* pictures lie column after column */
} fv__rows;

/* Makes the items those of the data set, which closes the file. Targets are in
 * memory. `rows` is copied, with its path. */
void fv__dataset_set_rows(fv_dataset *dataset, const fv__rows *rows,
                          int64_t count);

/* ---- lists of picture files (files.c) ----------------------------------- */

/* Begins a data set of files, empty. NULL after a failure. */
fv_dataset *fv__files_begin(const fv__source *source, fv_target_kind target);
/* Adds a picture with its class, which is not looked at where targets are
 * others. */
void fv__files_add(fv_dataset *dataset, const char *path, int64_t label);
/* Gives the last one `count` classes, or a mask. */
void fv__files_add_labels(fv_dataset *dataset, size_t count,
                          const int64_t classes[]);
void fv__files_add_mask(fv_dataset *dataset, const char *path);
/* Reads the beginnings of all files, refuses or leaves out those that are
 * damaged, and ends the data set. */
fv_dataset *fv__files_end(fv_dataset *dataset, const fv__source *source);
/* Moves marked files, each with a class, to a new data set, without a cache. */
fv_dataset *fv__files_split(fv_dataset *dataset, const bool *moved);
/* Whether a name ends as those of pictures do: .png, .jpg, .jpeg. */
bool fv__is_picture_name(const char *name);

/* ---- names of classes (names.c) ------------------------------------------ */

/* A growing list of names. */
typedef struct fv__class_list {
    fv_context *context;
    char **at;
    size_t count, room;
} fv__class_list;

/* Adds a copy of `length` characters, made printable. */
void fv__list_add(fv__class_list *list, const char *text, size_t length);
/* Sorts by bytes, whole numbers by value, and keeps one of each. */
void fv__list_sort(fv__class_list *list);
/* Its place in a sorted list; -1: it is not there. */
int64_t fv__list_find(const fv__class_list *list, const char *text,
                      size_t length);
void fv__list_free(fv__class_list *list);
/* The lines of a text file that are not empty, in their order. */
void fv__list_read(fv__class_list *list, const char *path);

/* ---- cache of decoded pictures (cache.c) -------------------------------- */

fv__cache *fv__cache_new(fv_context *context, size_t bytes, int64_t count);
void fv__cache_free(fv_context *context, fv__cache *cache);
/* Forgets all pictures of the first `count` items; no other thread reads. */
void fv__cache_clear(fv__cache *cache, int64_t count);
/* Makes the picture and mask of an item those that are kept; false if none
 * are, or with another number of channels than `channels`, 0: any. */
bool fv__cache_get(const fv__cache *cache, int64_t index, int32_t channels,
                   fv__example *example);
/* Keeps copies while there is room. */
void fv__cache_put(fv__cache *cache, int64_t index, const fv__example *example);

/* ---- batches (batch.c) -------------------------------------------------- */

enum { FV__ITEM_NAME = 400 };
/* What messages call the item: its path or its number. Returns `out`. */
const char *fv__item_name(const fv_data_item *item, char out[FV__ITEM_NAME]);
/* Refuses an image of another shape, in the context's layout. */
fv_status fv__item_check_image(const fv_data_item *item,
                               const fv_shape *expected);
/* Writes the item's target as row `row` of targets as fv_dataset_batch() wants
 * them; a mask of another size is a failure. */
void fv__item_put_target(const fv_data_item *item, const fv_tensor *targets,
                         int64_t row);
/* fv_dataset_batch() of a data set in memory, with operands that fit and
 * contiguous images. */
void fv__dataset_gather(const fv_dataset *dataset, const int64_t *order,
                        int64_t count, const fv_tensor *images,
                        const fv_tensor *targets);

#endif
