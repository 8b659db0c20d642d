/* Transforms of pictures: what a kind of transform is, the `augment` lines of a
 * network, and an example on its way through them. A picture is FV_U8 [rows,
 * columns, channels], row-major; a mask is one of a single channel. */
#ifndef FV_AUGMENT_AUGMENT_H
#define FV_AUGMENT_AUGMENT_H

#include "image/image.h"
#include "layer/words.h"
#include "tensor/tensor.h"

#include <fovea/augment.h>

/* When a line acts. */
typedef enum fv__stage {
    FV__TRAINING = 1,
    FV__EVALUATION = 2 /* and prediction */
} fv__stage;

/* ---- samples --------------------------------------------------------------
 */

/* A picture that lies in one of two buffers, which grow and are used again, or
 * in memory of the caller, which is only read. Zero: there is none. */
typedef struct fv__frame {
    fv_tensor tensor; /* rank 0: there is none */
    fv__pixels buffers[2];
} fv__frame;

/* A picture and its mask, of the same rows and columns, in one thread.
 * Initialise it with zeros and the context of the thread. */
typedef struct fv__example {
    fv_context *context;
    fv__frame image, mask;
    fv__pixels scratch;
} fv__example;

/* Makes a picture of that size the frame's and returns its bytes, for the
 * caller to write; NULL after a failure. The picture before stays where it is
 * until the next call, and is stored in *before unless that is NULL. */
unsigned char *fv__frame_next(fv_context *context, fv__frame *frame,
                              int64_t rows, int64_t columns, int64_t channels,
                              fv_tensor *before);
/* Makes a contiguous picture in memory of the caller the frame's; it must stay
 * until the example has been converted. */
void fv__frame_view(fv__frame *frame, const fv_tensor *picture);
/* The bytes of the picture, to be changed in place: a copy of those of a
 * caller. NULL after a failure. */
unsigned char *fv__frame_own(fv_context *context, fv__frame *frame);
/* Frees all memory of the example. */
void fv__example_free(fv__example *example);

/* ---- random numbers -------------------------------------------------------
 */

/* Random numbers of one line for one picture: a function of the seed, the
 * epoch, the index of the picture in its data set and the number of the line.
 */
typedef struct fv__draws {
    uint64_t seed, stream, index;
    uint32_t words[4];
    uint64_t block; /* of four words, to be drawn next */
    int32_t left;   /* words that have not been used */
} fv__draws;

fv__draws fv__draws_of(uint64_t seed, uint64_t epoch, uint64_t index,
                       int32_t line);
uint32_t fv__draw_word(fv__draws *draws);
/* Uniform in [0, 1), of 53 bits. */
double fv__draw_unit(fv__draws *draws);
/* Uniform in [low, high). */
double fv__draw_between(fv__draws *draws, double low, double high);
/* One of 0..count - 1, count >= 1. */
int64_t fv__draw_below(fv__draws *draws, int64_t count);
/* True with that probability; always draws one number. */
bool fv__draw_chance(fv__draws *draws, double probability);
/* Of the standard normal distribution. */
double fv__draw_normal(fv__draws *draws);
/* Of Beta(alpha, alpha), alpha > 0. */
double fv__draw_beta(fv__draws *draws, double alpha);

/* ---- kinds ----------------------------------------------------------------
 */

/* What the options of every kind begin with. */
typedef struct fv__transform_options {
    int32_t on; /* an index of fv__stage_words, bits of fv__stage; 0: the
                   default of the kind */
    int32_t reserved;
} fv__transform_options;

extern const char *const fv__stage_words[]; /* "", training, evaluation, both */

/* Rows, columns and channels; 0: they depend on the picture. */
typedef struct fv__size {
    int64_t rows, columns, channels;
} fv__size;

/* A batch that is mixed: images [n, ...] of the context's type and in its
 * layout, and as many rows of targets. */
typedef struct fv__mixture {
    const fv_tensor *images, *targets;
} fv__mixture;

typedef struct fv__transform_type {
    const char *name;  /* the word of the text */
    const char *about; /* what it does, in a line */
    const char *notes; /* formulas and sources */
    const fv__field *fields;
    /* A word that may stand before the options, and the bool in them that says
     * so; NULL: there is none. */
    const char *word;
    size_t word_at;
    bool random; /* it acts in training unless `on` says more */
    /* Whether it is, where the options decide; NULL: `random` does. */
    bool (*draws)(const void *options);
    /* Refuses options that contradict each other; NULL: none do. */
    fv_status (*check)(fv_context *context, const void *options);
    /* Makes the size of a picture that of its result, 0 what is not known;
     * NULL: it stays. */
    void (*size)(const void *options, fv__size *size);
    /* Changes the picture and its mask; NULL: it does nothing to single
     * pictures. */
    fv_status (*apply)(const void *options, fv__draws *draws,
                       fv__example *example);
    /* Mixes a batch; NULL: it does not. */
    fv_status (*mix)(const void *options, fv__draws *draws,
                     fv__example *example, const fv__mixture *batch);
} fv__transform_type;

/* All types; NULL ends them. */
extern const fv__transform_type *const fv__transform_types[];
/* The one that fv__transforms_convert() looks for. */
extern const fv__transform_type fv__transform_normalise;

/* The option that every kind has. `stage` is the index of its default. */
#define FV__ON_FIELD(options, stage)                                           \
    {                                                                          \
        FV__FIELD(options, WORD, on), .usual = (stage),                        \
                                      .words = fv__stage_words                 \
    }

/* ---- lists ----------------------------------------------------------------
 */

enum { FV__MOST_TRANSFORM_BYTES = 256, FV__MOST_TRANSFORMS = 64 };

typedef struct fv__transform {
    const fv__transform_type *type;
    union {
        fv__transform_options first;
        unsigned char bytes[FV__MOST_TRANSFORM_BYTES];
        double align;
    } options;
} fv__transform;

/* Lines in order; zero is the empty list. It is only read while it is applied,
 * by any number of threads. */
typedef struct fv__transforms {
    fv__transform *at;
    size_t count, capacity;
} fv__transforms;

/* Reads a line, which follows the word "augment", and appends it. The list is
 * as before after a failure. */
fv_status fv__transforms_read(fv_context *context, fv__transforms *list,
                              fv__words *words);
/* Writes each as a line "augment ...\n". */
void fv__transforms_write(const fv__transforms *list, fv__text *text);
void fv__transforms_free(fv_context *context, fv__transforms *list);

/* Whether a line `normalise auto` waits for numbers. */
bool fv__transforms_measure(const fv__transforms *list);
/* Gives those lines mean and deviation of up to 4 channels. */
fv_status fv__transforms_set_moments(fv_context *context,
                                     const fv__transforms *list,
                                     int32_t channels, const double mean[],
                                     const double deviation[]);
/* Whether a line changes single pictures at that stage, `normalise` excepted.
 */
bool fv__transforms_act(const fv__transforms *list, fv__stage stage);
/* Whether what they make of a picture depends on random numbers. */
bool fv__transforms_draw(const fv__transforms *list, fv__stage stage);
/* Whether a line mixes batches in training. */
bool fv__transforms_mix_batches(const fv__transforms *list);
/* The size that the lines of that stage make of a picture's, 0: not known. */
fv__size fv__transforms_size(const fv__transforms *list, fv__stage stage,
                             fv__size picture);

/* Sends the example through the lines of that stage. What comes out depends on
 * the example, seed, epoch and index alone; `index` is that of the picture in
 * its data set. Failures are the example's context's. */
fv_status fv__transforms_apply(const fv__transforms *list, fv__stage stage,
                               uint64_t seed, uint64_t epoch, uint64_t index,
                               fv__example *example);
/* Writes an image [rows, columns, channels] as one of a batch, contiguous, of
 * the type and in the layout of that context: FV_U8 as value / 255, other types
 * as they are, and then (value - mean) / std of each line `normalise`. */
fv_status fv__transforms_convert(const fv__transforms *list, fv__stage stage,
                                 fv_context *context, const fv_tensor *image,
                                 void *to);
/* Mixes a converted batch of training, images [n, ...] and its targets
 * [n, values], both contiguous and of the context's type, in place: image i
 * with image i - 1, the first with the last. The example's picture is not used,
 * but its memory is. */
fv_status fv__transforms_mix(const fv__transforms *list, uint64_t seed,
                             uint64_t epoch, uint64_t batch,
                             fv__example *example, const fv_tensor *images,
                             const fv_tensor *targets);

#endif
