/* Layers: what a layer type is, the options it is made from, and what its shape
 * rule determines. Internal shapes are NHWC whatever the layout of the context.
 */
#ifndef FV_LAYER_LAYER_H
#define FV_LAYER_LAYER_H

#include "base/base.h"
#include "conv/conv.h"
#include "graph/graph.h"

#include <fovea/loss.h>

/* ---- options and the network text --------------------------------------- */

typedef enum fv__field_kind {
    FV__FIELD_COUNT,    /* int64_t */
    FV__FIELD_LIMIT,    /* int64_t: 0 is no limit; "0" in the text is FV_OFF */
    FV__FIELD_INDEX,    /* int64_t of any sign */
    FV__FIELD_LABEL,    /* int64_t: 0 is none; "0" in the text is FV_LABEL_0 */
    FV__FIELD_AXES,     /* int64_t[3]: a number for each of `axes` axes */
    FV__FIELD_EXTENTS,  /* int64_t[FV_MAX_EXTENTS]: numbers, ? is FV_OPEN */
    FV__FIELD_LIST,     /* fv__list: numbers of any sign */
    FV__FIELD_NUMBER,   /* double */
    FV__FIELD_INTERVAL, /* fv__interval */
    FV__FIELD_SWITCH,   /* int32_t: yes or no */
    FV__FIELD_LACK,     /* int32_t: 1 is "no" in the text */
    FV__FIELD_WORD,     /* an enum, written as one of `words` */
    FV__FIELD_PADDING,  /* as AXES, or a word for the enum at `mode` */
    FV__FIELD_NUMBERS,  /* fv_numbers; the layer owns a copy */
    FV__FIELD_TEXT      /* const char *: NULL is none; the layer owns a copy */
} fv__field_kind;

/* Whole numbers, such as the axes of a reduction. */
typedef struct fv__list {
    int64_t count, at[FV_MAX_RANK];
} fv__list;

/* One number, or two of which the first is not above the second. */
typedef struct fv__interval {
    double low, high; /* high: NaN of one number */
} fv__interval;

/* The numbers that an option may be. */
typedef enum fv__range {
    FV__ANY,          /* finite, or checked elsewhere */
    FV__AT_LEAST_0,   /* and finite */
    FV__ABOVE_0,      /* and finite */
    FV__0_TO_BELOW_1, /* 0 is legal, 1 is not */
    FV__BETWEEN_0_AND_1,
    FV__ABOVE_0_TO_1, /* 1 is legal, 0 is not */
    FV__0_TO_1        /* both are legal */
} fv__range;

/* An option. It has its default if the text leaves it out or, if it is
 * `positive`, if it is 0 in the options struct. */
typedef struct fv__field {
    const char *key; /* in the text; NULL ends a table */
    fv__field_kind kind;
    bool positional; /* may be written without its key, in table order */
    bool positive;   /* 0 is refused in the text */
    bool outputs;    /* it is the number of channels of the output, or a factor
                        of it */
    bool optional;   /* without a default, but not required */
    bool paired; /* in an options struct, this number and that of the next field
                    have their defaults if both are 0 */
    bool apart;  /* two numbers of an interval are not its ends: any order */
    int32_t axes;    /* how many numbers the text has: 1 to 3; 0: 2 */
    fv__range range; /* of a number */
    double usual;    /* the default; of numbers for axes, of each */
    double high; /* of an interval, the second number of the default; 0: that is
                    one number */
    size_t as;   /* not 0: the default is the numbers at this offset */
    size_t offset; /* offset in the options struct, as the following members */
    size_t mode, both, end; /* padding: offsets of the mode, of the padding of
                               both sides, and of that of the end */
    /* the words by number; NULL ends them, "" is no word */
    const char *const *words;
} fv__field;

#define FV__FIELD_AS(word, options, form, member)                              \
    .key = (word), .kind = FV__FIELD_##form, .offset = offsetof(options, member)
#define FV__FIELD(options, form, member)                                       \
    FV__FIELD_AS(#member, options, form, member)
/* Padding is written as two numbers for both sides; that of the end is a field
 * of its own where it differs. */
#define FV__PADDING_FIELDS(options, number)                                    \
    FV__PADDING_FIELDS_OF(options, number, fv__auto_pad_words)
#define FV__PADDING_FIELDS_OF(options, number, modes)                          \
    { FV__FIELD_AS("padding", options, PADDING, padding_begin),                \
      .axes = (number),                                                        \
      .mode = offsetof(options, auto_pad),                                     \
      .both = offsetof(options, padding),                                      \
      .end = offsetof(options, padding_end),                                   \
      .words = (modes) },                                                      \
    {                                                                          \
        FV__FIELD(options, AXES, padding_end),                                 \
            .axes = (number), .as = offsetof(options, padding_begin)           \
    }

/* Marks the option as missing, while the text is read, for fv__field_resolve.
 */
void fv__field_clear(const fv__field *field, void *options);
/* Sets the option to its default if it is missing: marked so and not set since
 * or, if not `text`, 0 where 0 is not a value. */
void fv__field_resolve(const fv__field *field, void *options, bool text);
/* The default of numbers for axes. */
void fv__field_usual(const fv__field *field, const void *options,
                     int64_t values[FV__AXES]);
/* The memory that the value of a text or of numbers owns; NULL: none. */
void *fv__field_memory(const fv__field *field, const void *options);
/* Replaces that memory by a copy; frees nothing. */
void fv__field_take(fv_context *context, const fv__field *field, void *options);
/* How many numbers for axes the text has. */
int32_t fv__field_axes(const fv__field *field);

/* Gives the options of a caller that were left out their defaults. */
void fv__fields_resolve(const fv__field *fields, void *options);
/* Refuses numbers outside of their ranges, naming `who`. */
fv_status fv__fields_check(fv_context *context, const char *who,
                           const fv__field *fields, const void *options);
/* What numbers of that range are: "above 0 and finite"; NULL: any. */
const char *fv__range_text(fv__range range);
/* The field of that key, which exists. */
const fv__field *fv__field_find(const fv__field *fields, const char *key);
/* What is known of the option at that index; zeros if there is none. */
fv_layer_option fv__field_facts(const fv__field *fields, int32_t option);
/* Whether the number or switch is not 0; the number. */
bool fv__field_on(const fv__field *field, const void *options);
double fv__field_number(const fv__field *field, const void *options);

extern const char *const fv__auto_pad_words[];
extern const char *const fv__auto_pad_words_1d[]; /* of one axis */
extern const char *const fv__padding_mode_words[];
extern const char *const fv__initializer_words[];
extern const char *const fv__fan_words[];
extern const char *const fv__parametrization_words[];
extern const char *const fv__algorithm_words[];
extern const char *const fv__reduction_words[];

/* ---- layers ------------------------------------------------------------- */

typedef struct fv__parameter fv__parameter;

/* How the values of a parameter are initialised. */
typedef struct fv__init {
    fv_initializer initializer;
    fv_fan fan;
    double value, gain, deviation, low, high;
    int64_t fan_in, fan_out;
    int64_t groups; /* of a convolution's filters; 0: 1 */
    /* computes them from those of the parameters before it in the layer; NULL:
     * they are drawn */
    fv_status (*derive)(fv_context *context, const fv__parameter *parameter);
} fv__init;

/* Fields of options that have the members of FV_LAYER_INIT, and what they
 * say. */
#define FV__INIT_FIELDS(options)                                               \
    { FV__FIELD(options, WORD, init), .usual = FV_INIT_KAIMING_NORMAL,         \
      .words = fv__initializer_words },                                        \
        { FV__FIELD(options, WORD, init_fan), .words = fv__fan_words },        \
        { FV__FIELD(options, NUMBER, init_value) },                            \
        { FV__FIELD(options, NUMBER, init_gain), .positive = true,             \
          .usual = 1 },                                                        \
        { FV__FIELD(options, NUMBER, init_deviation), .positive = true,        \
          .usual = 1, .range = FV__ABOVE_0 },                                  \
        { FV__FIELD(options, NUMBER, init_low), .paired = true },              \
    {                                                                          \
        FV__FIELD(options, NUMBER, init_high), .usual = 1                      \
    }
#define FV__INIT(options, in, out, parts)                                      \
    (fv__init)                                                                 \
    {                                                                          \
        .initializer = (options)->init, .fan = (options)->init_fan,            \
        .value = (options)->init_value, .gain = (options)->init_gain,          \
        .deviation = (options)->init_deviation, .low = (options)->init_low,    \
        .high = (options)->init_high, .fan_in = (in), .fan_out = (out),        \
        .groups = (parts)                                                      \
    }

enum { FV__MAX_PARAMETERS = 8, FV__MAX_PARAMETER_RANK = 5 };
enum { FV__MAX_INPUTS = 64, FV__MAX_OUTPUTS = 64 };

struct fv__parameter {
    const char *name; /* "weight" */
    fv_dtype dtype;   /* the context's, unless the declaration sets another */
    int32_t rank;
    int64_t shape[FV__MAX_PARAMETER_RANK];
    fv__init init;
    bool trainable;
    bool filters; /* set by the declaration: [filters, (kd, kh,) kw, c] here,
                     [filters, c, (kd, kh,) kw] in files */
    bool shared;  /* it is that of the layer named by `weights` */
    fv_variable *variable; /* NULL until drawn */
};

typedef struct fv__layer_type fv__layer_type;

/* The target of a loss. */
typedef enum fv__target {
    FV__NO_TARGET,      /* it is no loss */
    FV__TARGET_VALUES,  /* of the input's shape */
    FV__TARGET_CLASSES, /* class indices, one for each row of channels, or
                           values of the input's shape */
    FV__TARGET_LABELS,  /* class indices only */
    FV__TARGET_SEQUENCE /* as many labels as the layer's `target_length` tells,
                           -1 behind the last */
} fv__target;

/* Whether the target of a loss is class indices, and its shape; `input` is that
 * of the input, and `dense` wants values where the loss takes them. All shapes
 * are internal. */
bool fv__target_indices(const fv_layer *loss, const fv_shape *input, bool dense,
                        fv_shape *shape);
/* The label that the loss leaves out; false: there is none. */
bool fv__target_ignored(const fv_layer *loss, int64_t *label);

struct fv_layer {
    fv__object object;
    fv_context *context;
    const fv__layer_type *type;
    void *options; /* a copy, every default filled in */
    bool named;    /* the options have a name */
    char *name;    /* the name in messages and files */
    char *from; /* names of the layers it reads from; NULL: the layer before */
    char *weights;   /* name of the layer whose parameters it shares, or NULL */
    fv_layer *owner; /* that layer, once it is known */
    fv_shape declared; /* the in_shape of the options */
    void *network; /* the network that it belongs to; NULL: it is used alone */
    fv_status (*draw)(void *network); /* draws the parameters of that network */
    /* it has been shaped, which set: */
    bool shaped;
    fv_shape in_shape, out_shape;
    int64_t window[2], step[2]; /* of its operators one behind the other, as in
                                   fv_inference */
    int64_t multiply_accumulates; /* for one image */
    int32_t num_parameters;
    fv__parameter parameters[FV__MAX_PARAMETERS];
    fv_variable *trainable[FV__MAX_PARAMETERS];
};

struct fv__layer_type {
    const char *kind;  /* the word of the network text: "conv2d" */
    const char *about; /* what it computes, in a line */
    const char *stem;  /* prefix of names given by number: "conv" of "conv2";
                          NULL: the kind */
    size_t options_size;
    size_t in_shape, name, from, weights; /* offsets in the options */
    const fv__field *fields;
    int32_t min_inputs, max_inputs;
    int32_t max_outputs; /* 0: 1 */
    bool convolution;    /* fv_conv_of_layer() takes it */
    fv__target target;   /* what a loss takes as one more input */
    fv_meaning meaning;  /* of the input of a loss */
    int64_t (*target_length)(const fv_layer *layer); /* FV__TARGET_SEQUENCE */
    /* Checks the inputs as far as operators do not, and declares the
     * parameters; NULL: there is nothing to do. */
    fv_status (*declare)(fv_layer *layer, int32_t count,
                         const fv_shape inputs[]);
    /* Applies operators. The shape of the output is theirs. */
    fv_variable *(*forward)(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[]);
    /* ... or of its only input, without options */
    fv_variable *(*plain)(fv_variable *x);
    /* ... or with several outputs; returns how many, 0 after a failure */
    int32_t (*forward_n)(fv_layer *layer, int32_t count,
                         fv_variable *const inputs[],
                         fv_variable *outputs[FV__MAX_OUTPUTS]);
};

#define FV__LAYER_OPTIONS(options)                                             \
    .options_size = sizeof(options), .in_shape = offsetof(options, in_shape),  \
    .name = offsetof(options, name), .from = offsetof(options, from),          \
    .weights = offsetof(options, weights)

/* The type of a layer that is a function of its only input, without options. */
#define FV__PLAIN_LAYER(word, function)                                        \
    .kind = (word), FV__LAYER_OPTIONS(fv_layer_options), .min_inputs = 1,      \
    .max_inputs = 1, .plain = (function)

/* A layer of that type from its public options. */
fv_layer *fv__layer_new(const fv__layer_type *type, const void *options);
/* All types; NULL ends them. */
extern const fv__layer_type *const fv__layer_types[];
/* The type of that kind; NULL if there is none. */
const fv__layer_type *fv__layer_type_find(const char *kind, size_t length);
/* Finds the shape of the output of a layer that is used alone, by recording its
 * operators for one image without running them; `dtypes` of the inputs may be
 * NULL, for the context's. Open extents are tried with two
 * sizes: an extent of the output that differs is open, too, and parameters may
 * not differ. */
fv_status fv__layer_find_shape(fv_layer *layer, int32_t count,
                               const fv_shape inputs[],
                               const fv_dtype dtypes[]);
/* Refuses a number of inputs that the type does not take. */
fv_status fv__layer_inputs(const fv_layer *layer, int32_t count);
/* Sizes that stand for open extents: many halvings leave no remainder. */
extern const int64_t fv__open_sizes[2];
/* Declares the parameters and applies the layer to one image in a graph that is
 * recorded and never run; a loss gets a target. Sets what reports
 * say of it. Returns the number of outputs, 0 after a failure. */
int32_t fv__layer_trace(fv_layer *layer, fv__graph *graph, int32_t count,
                        fv_variable *const inputs[],
                        fv_variable *outputs[FV__MAX_OUTPUTS]);
/* Values of the parameter with the axes in the order that files have. */
fv_tensor fv__parameter_in_files(const fv__parameter *parameter,
                                 const fv_tensor *values);
/* In declarations: one more parameter, with its fans. NULL after
 * recording that there are too many, that its rank is too high or that it is
 * too large. */
fv__parameter *fv__layer_parameter(fv_layer *layer, const char *name,
                                   int32_t rank, const int64_t shape[],
                                   fv__init init);
/* In declarations: the input is an image of that many axes and channels, 1 to
 * 3; of two; or a vector {n}. */
fv_status fv__layer_expect_axes(const fv_layer *layer, const fv_shape *input,
                                int32_t axes);
fv_status fv__layer_expect_image(const fv_layer *layer, const fv_shape *input);
fv_status fv__layer_expect_vector(const fv_layer *layer, const fv_shape *input);
/* ... or has at least one axis. */
fv_status fv__layer_expect_channels(const fv_layer *layer,
                                    const fv_shape *input);

/* What a network needs to run several layers as one operator: the attributes of
 * a convolution and a pool, and epsilon of a batch normalisation.
 */
/* Of the layers input: the element type, and whether there is a batch. */
fv_dtype fv__input_dtype(const fv_layer *layer);
bool fv__input_is_batched(const fv_layer *layer);
extern const fv__layer_type fv__layer_input, fv__layer_output, fv__layer_conv1d,
    fv__layer_conv2d, fv__layer_conv3d, fv__layer_batchnorm, fv__layer_relu,
    fv__layer_relu6, fv__layer_add, fv__layer_maxpool;
fv_convolution fv__layer_convolution(const fv_layer *layer, int64_t channels);
fv_pooling fv__layer_pooling(const fv_layer *layer);
double fv__layer_epsilon(const fv_layer *layer);
/* Whether the batch normalisation has the four parameters that are folded into
 * a convolution. */
bool fv__layer_folds(const fv_layer *layer);

/* Makes a variable without memory for each parameter that has none. */
fv_status fv__layer_prepare(fv_layer *layer);
/* Bytes of one parameter in a flat array. */
size_t fv__parameter_bytes(const fv__parameter *parameter);
/* Draws a parameter's first values. */
fv_status fv__parameter_draw(const fv__parameter *parameter);
/* Those of the initializers that are not a function of the fans, from a stream
 * of random numbers and the 255 behind it. */
fv_status fv__initialize(fv_context *context, const fv__parameter *parameter,
                         uint64_t stream);
/* Refuses parameters that the initializer is not made for. */
fv_status fv__init_check(const fv_layer *layer, const char *name, int32_t rank,
                         const fv__init *init);
/* Prepares, allocates and draws parameters that are not drawn yet; those of the
 * whole network, if the layer belongs to one. */
fv_status fv__layer_draw(fv_layer *layer);

/* Prefixes the sentence of a failure with the name of the layer. */
void fv__layer_blame(const fv_layer *layer);
/* Applies the layer to variables with channels last; the first output. */
fv_variable *fv__layer_apply(fv_layer *layer, int32_t count,
                             fv_variable *const inputs[]);
/* The same for all outputs; returns their number, 0 after a failure. */
int32_t fv__layer_apply_n(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[],
                          fv_variable *outputs[FV__MAX_OUTPUTS]);

/* Converts a shape between the layout of the context and NHWC. */
fv_shape fv__shape_inside(const fv_context *context, fv_shape shape);
fv_shape fv__shape_outside(const fv_context *context, fv_shape shape);
/* A value of a plan: a batch of that shape. */
fv_variable *fv__variable_placeholder(fv__graph *graph, fv_dtype dtype,
                                      int64_t batch, const fv_shape *shape);
/* The axes of a batch of rank at least 3 in channels-first order that are its
 * axes with channels last, and the other way round. */
void fv__axes_inside(int32_t rank, int32_t axes[]);
void fv__axes_outside(int32_t rank, int32_t axes[]);
/* The same for variables with a batch. */
fv_variable *fv__variable_inside(fv_variable *x);
fv_variable *fv__variable_outside(fv_variable *x);
/* The shape with the extents up to the last one that is not 0. */
fv_shape fv__shape_of(const int64_t extents[FV_MAX_EXTENTS]);
bool fv__shape_equal(const fv_shape *a, const fv_shape *b);
/* Whether a shape is one that `expected`, whose extents may be open, allows. */
bool fv__shape_fits(const fv_shape *expected, const fv_shape *shape);
/* Marks as open the extents in which the shape differs from another one, of the
 * same rank. */
void fv__shape_join(fv_shape *shape, const fv_shape *other);
/* Whether an extent is open. */
bool fv__shape_open(const fv_shape *shape);
/* "[224, ?, 3]": the shape with open extents; returns `out`. */
const char *fv__shape_show(char out[FV__SHAPE_BYTES], const fv_shape *shape);
/* The shape of a value without its batch; rank -1 if it has none. */
fv_shape fv__shape_of_image(const fv_tensor *value);
int64_t fv__shape_count(const fv_shape *shape);

#endif
