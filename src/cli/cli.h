/* What the files of the program share: commands, options, output and tables. */
#ifndef FV_CLI_CLI_H
#define FV_CLI_CLI_H

#include <fovea/fovea.h>

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* How the program ends. */
enum {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_SIGNAL = 128 /* plus the number of the signal that stopped it */
};

/* Each takes the words after `fovea`, "fovea train" being argv[0]. */
int cli_data(int argc, char **argv);
int cli_train(int argc, char **argv);
int cli_lrfind(int argc, char **argv);
int cli_top(int argc, char **argv);
int cli_report_command(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_predict(int argc, char **argv);
int cli_info(int argc, char **argv);
int cli_convert(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_gradcheck(int argc, char **argv);
int cli_layers(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_bench(int argc, char **argv);
int cli_version(int argc, char **argv);

/* Bytes of texts. */
enum { CLI_CELL = 64, CLI_TEXT = 256, CLI_MOST_COLUMNS = 32 };

/* ---- options (options.c) ------------------------------------------------ */

/* Keys of all options; a command lists those it takes. */
enum {
    CLI_DATA = 256,
    CLI_EPOCHS,
    CLI_BATCH,
    CLI_MICRO_BATCH,
    CLI_OPTIMIZER,
    CLI_LR,
    CLI_MOMENTUM,
    CLI_NESTEROV,
    CLI_WEIGHT_DECAY,
    CLI_SCHEDULE,
    CLI_CLIP_NORM,
    CLI_CLIP_VALUE,
    CLI_NO_DECAY_BIAS,
    CLI_DECAY_OF,
    CLI_SCALE_LR,
    CLI_FREEZE,
    CLI_TRAIN,
    CLI_LOSS,
    CLI_AVERAGE,
    CLI_SEED,
    CLI_THREADS,
    CLI_DTYPE,
    CLI_LAYOUT,
    CLI_STRICT,
    CLI_LIMIT,
    CLI_INDEX,
    CLI_SIZE,
    CLI_MARKDOWN,
    CLI_OUT,
    CLI_FORCE,
    CLI_RESUME,
    CLI_DROP_LAST,
    CLI_PATIENCE,
    CLI_MIN_DELTA,
    CLI_MONITOR,
    CLI_KEEP_BEST,
    CLI_KEEP,
    CLI_ON_NAN,
    CLI_LOG,
    CLI_LOG_EVERY,
    CLI_TENSORBOARD,
    CLI_REPORT,
    CLI_VAL_SPLIT,
    CLI_VAL_DATA,
    CLI_NORMALISE,
    CLI_SPLIT,
    CLI_SHEET,
    CLI_CLASS_WEIGHTS,
    CLI_BALANCED,
    CLI_ONCE,
    CLI_WORKERS,
    CLI_CACHE,
    CLI_SKIP_DAMAGED,
    CLI_GRAD,
    CLI_TRAINING,
    CLI_WEIGHTS,
    CLI_INTO,
    CLI_PREFIX,
    CLI_HEAD,
    CLI_CLASSES,
    CLI_PARTIAL,
    CLI_OPSET,
    CLI_FOLD,
    CLI_SOFTMAX,
    CLI_SHAPES,
    CLI_SHAPE,
    CLI_NETS,
    CLI_PASS,
    CLI_ALGORITHM,
    CLI_SECONDS,
    CLI_METHOD,
    CLI_LAYER,
    CLI_CLASS,
    CLI_CSV,
    CLI_RECIPE,
    CLI_PRINT_RECIPE,
    CLI_AUGMENT,
    CLI_FREEZE_EPOCHS,
    CLI_STEPS,
    CLI_FROM,
    CLI_TO,
    CLI_JSON
};

/* Options that several commands have, for their tables. */
#define CLI_SIZE_OPTION                                                        \
    {                                                                          \
        "size", CLI_SIZE, "HxW", 0, "of images, instead of the network's", 0   \
    }
#define CLI_SHAPE_OPTION                                                       \
    {                                                                          \
        "shape", CLI_SHAPE, "[NAME=]1x3x320x320", 0,                           \
            "of an input, the batch first; the first input without a name", 0  \
    }
#define CLI_THREADS_OPTION                                                     \
    {                                                                          \
        "threads", CLI_THREADS, "N", 0, "(all)", 0                             \
    }
#define CLI_WORKERS_OPTION                                                     \
    {                                                                          \
        "workers", CLI_WORKERS, "N", 0,                                        \
            "threads that read images ahead, 0: none (as many as processors "  \
            "for picture files); the result does not depend on it",            \
            0                                                                  \
    }
#define CLI_SKIP_DAMAGED_OPTION                                                \
    {                                                                          \
        "skip-damaged", CLI_SKIP_DAMAGED, NULL, 0,                             \
            "leave out pictures whose files are damaged", 0                    \
    }
#define CLI_DTYPE_OPTION                                                       \
    {                                                                          \
        "dtype", CLI_DTYPE, "TYPE", 0, "compute in f32 or f64 (f32)", 0        \
    }
#define CLI_STRICT_OPTION                                                      \
    {                                                                          \
        "strict", CLI_STRICT, NULL, 0,                                         \
            "convolutions round as plain sums: the bits of a C file", 0        \
    }
#define CLI_FREEZE_OPTION                                                      \
    {                                                                          \
        "freeze", CLI_FREEZE, "LIST", 0,                                       \
            "parameters that are not trained: \"conv1.*,batchnorm*\"; with ! " \
            "before a pattern those that are: \"*,!fc.*\"",                    \
            0                                                                  \
    }
#define CLI_LOSS_OPTION                                                        \
    {                                                                          \
        "loss", CLI_LOSS, "TEXT", 0,                                           \
            "a line of the network text, instead of the loss of the network; " \
            "of one without (softmax_cross_entropy)",                          \
            0                                                                  \
    }
#define CLI_JSON_OPTION                                                        \
    {                                                                          \
        "json", CLI_JSON, NULL, 0, "the result as one line of JSON", 0         \
    }

enum {
    CLI_MOST_GRADS = 64,
    CLI_PARTS = 3,
    CLI_MOST_LINES = 32,
    CLI_MOST_STEPS = 10000
};

/* "[NAME=]1x3x224x224": the shape of an input, the first one without a name. */
typedef struct cli_input_shape {
    const char *name; /* `length` characters; NULL: none */
    size_t length;
    fv_shape shape;
} cli_input_shape;

/* How a decision on an image is explained, and the words for it. */
typedef enum cli_method {
    CLI_GRAD_CAM,
    CLI_SALIENCY,
    CLI_OCCLUSION,
    CLI_FEATURES,
    CLI_FILTERS,
    CLI_METHODS
} cli_method;
extern const char *const cli_method_names[CLI_METHODS + 1];

/* What was written on the command line. */
typedef struct cli_options {
    const char *data, *out;
    /* micro_batch 0, limit 0, index -1: not given */
    int64_t epochs, batch, micro_batch, limit, index;
    int64_t classes; /* 0: not given */
    int64_t size[2]; /* height and width of images; 0: not given */
    int64_t seed;
    int64_t cache;   /* bytes of decoded pictures */
    int32_t opset;   /* 0: the newest */
    int32_t threads; /* 0: all */
    int32_t workers; /* as in fv_fit_options */
    fv_dtype dtype;
    fv_layout layout;
    fv_monitor monitor;
    /* as they are written, checked; NULL: not given */
    const char *optimizer, *lr, *momentum, *weight_decay, *schedule;
    const char *decay_of, *scale_lr, *freeze, *loss;
    double clip_norm, clip_value, average; /* 0: none */
    int64_t patience, keep, log_every;     /* 0: not given */
    double min_delta, val_split;           /* 0: not given */
    const char *log, *tensorboard, *report, *val_data,
        *class_weights;                  /* the same */
    double split[CLI_PARTS];             /* shares of parts; zeros: not given */
    const char *sheet;                   /* NULL: not given */
    const char *recipe;                  /* the same */
    const char *augment[CLI_MOST_LINES]; /* lines of a network text */
    int64_t freeze_epochs, steps;        /* 0: not given */
    double from, to;                     /* the same */
    const char *shapes, *nets, *weights, *into, *prefix; /* NULL: not given */
    const char *layer, *class_word; /* of explain; NULL: not given */
    const char *grads[CLI_MOST_GRADS];
    cli_input_shape input_shapes[CLI_MOST_GRADS];
    double seconds;
    int method; /* a cli_method; -1: not given */
    int num_grads, num_input_shapes, num_augments;
    unsigned passes; /* bit i: fv_conv_pass i */
    fv_algorithm algorithm;
    bool layout_given, normalise, keep_best, rollback, balanced, once;
    bool training, train, print_recipe, new_head, partial, nesterov,
        no_decay_bias, strict, force, resume, drop_last, skip_damaged, csv,
        json, markdown, fold, softmax;
    int count; /* words that are not options */
    char **words;
} cli_options;

/* ---- names that users guess (names.c) ----------------------------------- */

enum { CLI_MOST_OPTIONS = 96 };

/* Copies the options of a command to all[CLI_MOST_OPTIONS] with the other names
 * of each behind it. Those of one letter become keys, see cli_option_key. */
void cli_add_aliases(const struct argp_option *options,
                     struct argp_option *all);
/* The key that an option of one letter stands for; any other key as it is. */
int cli_option_key(int key);
/* Whether two words are the same, capital letters or not. */
bool cli_same_word(const char *a, const char *b);
/* The word of `words`, which NULL ends, that is most like `word`; NULL if none
 * is like it. */
const char *cli_meant(const char *word, const char *const words[]);
/* Refuses a long option that there is none of, with the one that was meant;
 * returns if there is none such. */
void cli_check_names(const struct argp_option *options, int argc, char **argv);

/* The directions of a convolution, by fv_conv_pass. */
enum { CLI_PASSES = 3 };
extern const char *const cli_pass_names[CLI_PASSES];

/* Reads the command line of a command that wants `least` to `most` words. Ends
 * the program with CLI_USAGE if something is wrong with it, with CLI_DONE after
 * --help. `options` comes with the defaults. */
void cli_parse(const struct argp *argp, int argc, char **argv, int least,
               int most, cli_options *options);
/* The defaults of everything. */
cli_options cli_defaults(void);
/* Ends the program because of a command line that contradicts itself. */
_Noreturn void cli_refuse(const char *command, const char *format, ...)
    FV_PRINTF(2, 3);

/* ---- optimizers (optimizer.c) ------------------------------------------- */

enum { CLI_OPTIMIZER_TEXT = 1024 };
/* Help of --optimizer, which begins with all the names; written by
 * cli_write_optimizer_help. */
extern char cli_optimizer_help[2 * CLI_OPTIMIZER_TEXT];
void cli_write_optimizer_help(void);
/* Puts the optimizer and its options into words, in lower case; refuses wrong
 * ones, and a wrong schedule. */
void cli_write_optimizer(const char *command, const cli_options *options,
                         char text[CLI_OPTIMIZER_TEXT]);

/* ---- recipes (recipe.c, recipe_file.c) ---------------------------------- */

enum { CLI_MOST_CHOICES = 24 }; /* more than there ever are */

/* What was chosen for options that were not given, and why. */
typedef struct cli_choice {
    const char *option;
    char value[CLI_CELL], why[CLI_CELL + 32];
} cli_choice;
typedef struct cli_recipe {
    cli_choice choices[CLI_MOST_CHOICES];
    int count;
} cli_recipe;

/* What is trained, and on what. */
typedef struct cli_training {
    fv_context *context;
    fv_network *network;      /* may be replaced by one with another head */
    fv_dataset *train, *test; /* test may be NULL */
} cli_training;

/* cli_parse() with the options of the file of --recipe before all others;
 * options of the command line win. */
void cli_parse_recipe(const struct argp *argp, int argc, char **argv, int least,
                      int most, cli_options *options);
/* Prints it as a file that --recipe takes. */
void cli_print_recipe(FILE *file, const cli_recipe *recipe);
/* Whether options are to be chosen: as --recipe says or, without it, for
 * pictures from files that the network does not take as they are. */
bool cli_recipe_applies(cli_training *training, cli_options *options);
/* Chooses what was not given. */
void cli_recipe_choose(cli_recipe *recipe, cli_training *training,
                       cli_options *options);
/* Does to the network what --head, --size and --augment say. */
void cli_prepare_network(cli_training *training, const cli_options *options);

/* `fovea explain` with an image, or with a method that needs none
 * (explain_image.c); `command` is for messages. */
int cli_explain_image(const char *command, cli_options *options);

/* ---- output (output.c) -------------------------------------------------- */

/* Sees to it that the standard files are open, and that what could not be
 * written to standard output is a failure. */
void cli_output_begin(void);
/* "fovea: <sentence>" on standard error. */
void cli_error(const char *format, ...) FV_PRINTF(1, 2);
/* Ends a command: prints the context's failure, if any; frees the context;
 * returns `code`, or CLI_FAILED. NULL is a failure. */
int cli_end(fv_context *context, int code);
/* A context that computes in that type; never NULL. */
fv_context *cli_context(const cli_options *options);
/* Whether the locale has Unicode; whether to send colours to a file; columns
 * of the terminal behind it, 0 if there is none. */
bool cli_unicode(void);
bool cli_colour(int file);
int cli_columns(int file);

/* ---- texts and tables (table.c) ----------------------------------------- */

/* Kinds of layers. */
enum { CLI_MOST_KINDS = 256 };

/* "1,234,567"; "1.2 MiB"; "28 x 28 x 1" into text[CLI_CELL], returned. The
 * largest numbers stand for all larger ones: "2^63 or more". */
const char *cli_number(int64_t number, char *text);
const char *cli_bytes(size_t bytes, char *text);
const char *cli_shape(const fv_shape *shape, char *text);

/* Aligned columns on standard output. */
typedef struct cli_table {
    int columns;
    const char *align; /* 'l' or 'r' a column */
    int64_t rows;      /* row 0 is the heading */
    void (*cell)(const void *user, int64_t row, int column, char *text);
    const void *user;
} cli_table;

void cli_table_print(const cli_table *table);

/* ---- JSON (json.c) ------------------------------------------------------ */

/* An object or an array that goes out as one line. */
typedef struct cli_json cli_json;

/* Whether this build can write JSON. */
bool cli_json_there(void);
cli_json *cli_json_new(void);
/* Members of an object; elements of an array where `key` is NULL. A number that
 * is not finite becomes null. */
void cli_json_number(cli_json *at, const char *key, double value);
void cli_json_integer(cli_json *at, const char *key, int64_t value);
/* At most INT64_MAX. */
void cli_json_bytes(cli_json *at, const char *key, size_t bytes);
void cli_json_text(cli_json *at, const char *key, const char *value);
void cli_json_flag(cli_json *at, const char *key, bool value);
cli_json *cli_json_object(cli_json *at, const char *key);
cli_json *cli_json_array(cli_json *at, const char *key);
void cli_json_shape(cli_json *at, const char *key, const fv_shape *shape);
/* Prints and frees; prints nothing if the context has failed. */
void cli_json_print(cli_json *json, fv_context *context);

/* Reads an object from a text; NULL if it is none. */
cli_json *cli_json_parse(const char *text);
/* A number of it, NaN if there is none; a text of it, NULL if there is none. */
double cli_json_get(const cli_json *json, const char *key);
const char *cli_json_get_text(const cli_json *json, const char *key);
void cli_json_free(cli_json *json);

/* ---- small charts (sparkline.c) ----------------------------------------- */

enum { CLI_CHART = 64 };

/* The last values of a series. */
typedef struct cli_chart {
    double values[CLI_CHART];
    int count;
} cli_chart;

void cli_chart_add(cli_chart *chart, double value);
/* A character for each of the last `width` values into
 * text[4 * CLI_CHART + 1], returned. */
const char *cli_sparkline(const cli_chart *chart, int width, bool unicode,
                          char *text);

/* ---- progress (progress.c) ---------------------------------------------- */

typedef struct cli_progress {
    bool terminal, colour, unicode;
    bool validation; /* what is tested was held out */
    double last;     /* when the bar was drawn, in seconds */
    int drawn;       /* columns of the bar; 0: there is none */
    cli_chart losses;
} cli_progress;

cli_progress cli_progress_begin(bool validation);
/* An fv_fit() progress function; `user` is the cli_progress. */
void cli_progress_show(void *user, const fv_progress *progress);
/* Clears the bar. */
void cli_progress_end(cli_progress *progress);
/* "1:02:03" or "2:03" into text[CLI_CELL], returned. */
const char *cli_duration(double seconds, char *text);

/* ---- models, data, images ----------------------------------------------- */

enum { CLI_PATH = 4096 };
/* Replaces a path by that which its symbolic links lead to, whether or not a
 * file is there; false if that is too long (train.c). */
bool cli_follow_links(char path[CLI_PATH]);
/* The file that a word of the command line stands for: "-" is standard
 * input. */
const char *cli_input(const char *word);
/* Whether the word is no file but the name of a network that comes with the
 * program; its text is then at `path`. Records a failure if it is neither and
 * could be a name. */
bool cli_find(fv_context *context, const char *word, char path[CLI_PATH]);
/* Loads a network text, by file or name, or a model; failures name it by
 * `word`. */
fv_network *cli_load(fv_context *context, const char *word);
/* Loads the first word of the options; an ONNX model with the shapes that they
 * give its inputs. */
fv_network *cli_load_first(fv_context *context, const cli_options *options);
/* Gives the input the size of the options or, where it is still open, of the
 * images of the data set, which may be NULL; a size that nobody gives is a
 * failure. */
void cli_set_size(fv_context *context, fv_network *network,
                  const cli_options *options, const fv_dataset *dataset);
/* Both, with the first word of the options. */
fv_network *cli_load_sized(fv_context *context, const cli_options *options);
/* The network of --into with the weights of --weights; prints what has become
 * of each. */
fv_network *cli_load_into(fv_context *context, const cli_options *options);
/* Loads the first word in the order of axes that its file has, unless one was
 * given: then options->layout is that, and *context may be a new one. */
fv_network *cli_load_own(fv_context **context, cli_options *options);
/* The network with the loss of the options or, if it has none, with the usual
 * one; frees the one without. */
fv_network *cli_with_loss(fv_network *network, const cli_options *options);
/* The same, with the class weights of the options, for the data set. */
fv_network *cli_with_class_weights(fv_context *context, fv_network *network,
                                   const fv_dataset *dataset,
                                   const cli_options *options);
/* Calls `set` for each "PATTERN=NUMBER" of a list, for each "PATTERN" where the
 * option is "freeze". */
typedef void cli_set_pattern(void *argument, const char *pattern, double value);
void cli_each_pattern(fv_context *context, const char *option, const char *list,
                      cli_set_pattern *set, void *argument);
/* Freezes the parameters of the options. */
void cli_freeze(fv_context *context, fv_network *network,
                const cli_options *options);
/* Loads a file that must hold weights. */
fv_network *cli_load_model(fv_context *context, const char *path);
/* What a class is called: by the network, by the data set (NULL: there is none)
 * or by its number; into text[CLI_CELL], returned. */
const char *cli_class_name(const fv_network *network, const fv_dataset *dataset,
                           int64_t class_index, char *text);
/* Uses the word at `index`, if there is one, as the data set, unless --data
 * names one: then it is "one word too many". Refuses a command line without a
 * data set. */
void cli_take_data(const char *command, cli_options *options, int index);
/* Opens the part of data of that name, "train", "val" or "test", with the
 * options for data sets. If there is none and it `must` be: test for val and
 * val for test, all of data that is not divided, or what the name says; else
 * NULL. `channels` of pictures; 0: any. */
fv_dataset *cli_open_data(fv_context *context, const cli_options *options,
                          const char *name, const char *part, bool must,
                          int32_t channels);
/* The options of a kind, by fv_layer_option_at or fv_transform_option_at. */
typedef fv_layer_option cli_option_at(int32_t index, int32_t option);
void cli_print_options(cli_option_at *at, int32_t index, bool markdown);
/* The index of a name; -1 after printing that there is no such `what`. NULL
 * ends the names. */
int32_t cli_find_kind(const char *what, const char *word,
                      const char *const names[]);
/* `fovea layers augment`. */
int cli_transforms(const cli_options *options);
/* Reads a PNG or JPEG file as *picture, of bytes, or of numbers from 0 to 1
 * where samples have 16 bits and no transform needs bytes, and makes an input
 * of the network of it, [1, h, w, c]; the failed tensor after a failure. Both
 * are the caller's to free. */
fv_tensor cli_image_read(fv_context *context, const char *path,
                         fv_network *network, fv_tensor *picture);
/* Draws an image [1, h, w, c] or a picture [h, w, c], numbers from 0 to 1 or
 * bytes, on standard output, at most `columns` wide. */
void cli_picture_draw(fv_context *context, const fv_tensor *image, int columns);

#endif
