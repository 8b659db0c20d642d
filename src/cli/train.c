/* `fovea train`: from a network text and a data set to a saved model. */
#include "cli/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LINKS = 40, MOST_ROLLBACKS = 3 };

static const struct argp_option options[] = {
    { "data", CLI_DATA, "NAME", 0,
      "fashion-mnist, mnist, a folder of pictures, of IDX or CIFAR files, a "
      "manifest (.csv) or NumPy files (required)",
      0 },
    { "epochs", CLI_EPOCHS, "N", 0, "passes over the images (5)", 0 },
    { "batch", CLI_BATCH, "N", 0, "images a step (32)", 0 },
    { "micro-batch", CLI_MICRO_BATCH, "N", 0,
      "compute so many images of a batch at a time, in less memory", 0 },
    { "optimizer", CLI_OPTIMIZER, "NAME", 0, cli_optimizer_help, 0 },
    { "lr", CLI_LR, "X", 0,
      "learning rate (adam 0.001, sgd 0.01, others their own)", 0 },
    { "momentum", CLI_MOMENTUM, "X", 0, "of the optimizer (0)", 0 },
    { "nesterov", CLI_NESTEROV, NULL, 0, "Nesterov's momentum", 0 },
    { "weight-decay", CLI_WEIGHT_DECAY, "X", 0, "(0; adamw 0.01)", 0 },
    { "no-decay-bias", CLI_NO_DECAY_BIAS, NULL, 0,
      "no weight decay for biases and for the parameters of normalisations",
      0 },
    { "decay-of", CLI_DECAY_OF, "LIST", 0,
      "weight decay of parameters, as PATTERN=NUMBER,...: "
      "\"linear*=0.1,*.bias=0\"",
      0 },
    { "scale-lr", CLI_SCALE_LR, "LIST", 0,
      "factors of the learning rate of parameters, as PATTERN=NUMBER,...: of "
      "\"conv*=0.1,linear1.weight=2\" the last that fits counts",
      0 },
    CLI_FREEZE_OPTION,
    CLI_LOSS_OPTION,
    { "clip-norm", CLI_CLIP_NORM, "X", 0,
      "scale gradients so that the norm of all is at most X", 0 },
    { "clip-value", CLI_CLIP_VALUE, "X", 0, "limit each gradient to X and -X",
      0 },
    { "average", CLI_AVERAGE, "X", 0,
      "test and save averages of the weights: X times the average and 1 - X "
      "times the weight after each update",
      0 },
    { "schedule", CLI_SCHEDULE, "TEXT", 0,
      "how the learning rate changes, see below; else it stays", 0 },
    { "seed", CLI_SEED, "S", 0, "of every random number (0)", 0 },
    { "threads", CLI_THREADS, "N", 0, "(all); the result does not depend on it",
      0 },
    CLI_DTYPE_OPTION,
    CLI_STRICT_OPTION,
    { "layout", CLI_LAYOUT, "ORDER", 0,
      "axes of image tensors, nhwc or nchw (nhwc)", 0 },
    CLI_SIZE_OPTION,
    { "augment", CLI_AUGMENT, "LINE", 0,
      "a transform behind those of the network, as \"flip\"; may be repeated",
      0 },
    { "head", CLI_HEAD, "new", 0,
      "draw the last layer with weights anew, for the classes of the data", 0 },
    { "freeze-epochs", CLI_FREEZE_EPOCHS, "N", 0,
      "train the last layer with weights alone in the first N epochs", 0 },
    { "recipe", CLI_RECIPE, "WHAT", 0,
      "auto: choose the options that are not given; none: take the defaults; "
      "or a file of options, one a line (auto for pictures from files of other "
      "sizes than the network takes, if it has no transforms)",
      0 },
    { "print-recipe", CLI_PRINT_RECIPE, NULL, 0,
      "print the options that are chosen, as such a file, and end", 0 },
    { "limit", CLI_LIMIT, "N", 0, "train on the first N images only", 0 },
    { "drop-last", CLI_DROP_LAST, NULL, 0,
      "leave out the last batch of an epoch if it is short", 0 },
    CLI_WORKERS_OPTION,
    { "cache", CLI_CACHE, "BYTES", 0,
      "keep decoded pictures in memory, up to so many bytes (0)", 0 },
    CLI_SKIP_DAMAGED_OPTION,
    { "out", CLI_OUT, "FILE", 0, "the model (model.safetensors)", 0 },
    { "force", CLI_FORCE, NULL, 0,
      "replace the model of another network, its checkpoint or any other file",
      0 },
    { "resume", CLI_RESUME, NULL, 0,
      "go on from FILE.checkpoint if there is one", 0 },
    { "normalise", CLI_NORMALISE, "auto", 0,
      "measure mean and deviation of the training images, and add them to the "
      "network as a line `augment normalise`",
      0 },
    { "val-split", CLI_VAL_SPLIT, "X", 0,
      "hold out that share of the training images of each class, and test them "
      "after each epoch; the test part only at the end",
      0 },
    { "val-data", CLI_VAL_DATA, "NAME", 0, "the same with another data set",
      0 },
    { "class-weights", CLI_CLASS_WEIGHTS, "LIST", 0,
      "of the loss, a number a class by comma; balanced: images / (classes x "
      "images of the class)",
      0 },
    { "balanced", CLI_BALANCED, NULL, 0, "draw all classes equally often", 0 },
    { "patience", CLI_PATIENCE, "N", 0,
      "end after N epochs in a row without a better one", 0 },
    { "min-delta", CLI_MIN_DELTA, "X", 0,
      "a better epoch is better by more than X (0)", 0 },
    { "monitor", CLI_MONITOR, "WHAT", 0,
      "what makes an epoch better: loss or accuracy of the test, or of the "
      "images held out; train-loss, train-accuracy (loss)",
      0 },
    { "keep-best", CLI_KEEP_BEST, NULL, 0,
      "FILE is the model of the best epoch, not of the last", 0 },
    { "keep", CLI_KEEP, "N", 0,
      "keep the checkpoints of the last N epochs as FILE.checkpoint.EPOCH", 0 },
    { "on-nan", CLI_ON_NAN, "WHAT", 0,
      "when a loss or gradient is not finite: stop, or rollback to "
      "FILE.checkpoint, halve the learning rate and go on, three times at most "
      "(stop)",
      0 },
    { "log", CLI_LOG, "FILE", 0,
      "append a line an epoch, and one for some steps: .csv or .jsonl", 0 },
    { "log-every", CLI_LOG_EVERY, "N", 0,
      "steps from one line to the next (50)", 0 },
    { "tensorboard", CLI_TENSORBOARD, "FOLDER", 0,
      "the same as event files of TensorBoard", 0 },
    { "report", CLI_REPORT, "FILE", 0,
      "write an HTML page about the training and what was learnt", 0 },
    CLI_JSON_OPTION,
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "NET [NAME]",
    .doc =
        "Train NET, a network text or a saved model, and save it as FILE."
        "\vFILE.checkpoint is written after each epoch, and when you press "
        "Ctrl-C, hang up or terminate the program; --resume goes on from "
        "there to the same weights as "
        "without interruption.\n\n"
        "Options of an optimizer stand behind its name: --optimizer \"sgd "
        "momentum=0.9 nesterov=yes\"; docs/training.md lists them, and so does "
        "the refusal of an option that there is none of. A schedule counts "
        "updates, and takes all epochs where it has no number of them: "
        "--schedule cosine, --schedule \"linear 500 for 500 then cosine\".",
};

/* One run of the command. */
typedef struct run {
    cli_options options;
    const char *input;
    char checkpoint[CLI_PATH];
    char optimizer[CLI_OPTIMIZER_TEXT];
    fv_context *context;
    fv_network *network;
    fv_dataset *train, *test, *validation; /* the last two may be NULL */
    cli_recipe recipe;
    fv_optimizer *trainer;
    fv_fit_report report;
    cli_progress progress;
    cli_history *history; /* for the report */
    const char *command;  /* the line that was typed */
} run;

/* The signal that asked to stop; the second one ends the program. */
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    if (stop) {
        signal(number, SIG_DFL);
        raise(number); /* it waits until this function has returned */
    }
    stop = number;
}

/* Leaves those alone that the caller had ignored, as nohup does. */
static void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_signal }, former;
    sigemptyset(&action.sa_mask);
    action.sa_flags = (int)SA_RESTART;
    for (int i = 0; i < 3; i++)
        if (sigaction(numbers[i], NULL, &former) == 0
            && former.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
}

/* Options that exclude or need each other. */
static void check_options(run *r, const char *command)
{
    cli_options *o = &r->options;
    cli_take_data(command, o, 1);
    cli_write_optimizer(command, o, r->optimizer);
    if (o->val_split > 0 && o->val_data)
        cli_refuse(command, "--val-split and --val-data exclude each other");
    if (!o->out) o->out = "model.safetensors";
    const int length =
        snprintf(r->checkpoint, CLI_PATH, "%s.checkpoint", o->out);
    if (length < 0 || length >= CLI_PATH)
        cli_refuse(command, "--out: a name of %zu characters", strlen(o->out));
    if (!o->report) return;
    if (strcmp(o->report, o->out) == 0 || strcmp(o->report, r->checkpoint) == 0
        || (o->log && strcmp(o->report, o->log) == 0))
        cli_refuse(command, "--report %s: another file of the training",
                   o->report);
}

/* Characters of the path before the name of the file. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Of links that lead in a circle it leaves one. */
bool cli_follow_links(char path[CLI_PATH])
{
    char link[CLI_PATH];
    for (int links = 0; links < MOST_LINKS; links++) {
        const ssize_t length = readlink(path, link, sizeof link);
        if (length < 0) break; /* no link, or nothing there */
        const size_t folder = link[0] == '/' ? 0 : folder_length(path);
        if (folder + (size_t)length >= CLI_PATH) return false;
        memcpy(path + folder, link, (size_t)length);
        path[folder + (size_t)length] = '\0';
    }
    return true;
}

/* Finds out before training whether `path` could be written after it. */
static fv_status check_output(const run *r, const char *path)
{
    char folder[CLI_PATH];
    struct stat in, out;
    snprintf(folder, sizeof folder, "%s", path);
    if (!cli_follow_links(folder))
        return fv_fail(r->context, FV_IO, "%s: %s", path,
                       strerror(ENAMETOOLONG));
    folder[folder_length(folder)] = '\0';
    if (access(*folder ? folder : ".", W_OK | X_OK) != 0)
        return fv_fail(r->context, FV_IO, "%s: the folder %s: %s", path,
                       *folder ? folder : ".", strerror(errno));
    if (stat(path, &out) != 0)
        return errno == ENOENT ? FV_OK
                               : fv_fail(r->context, FV_IO, "%s: %s", path,
                                         strerror(errno));
    if (!S_ISREG(out.st_mode))
        return fv_fail(r->context, FV_IO, "%s: not a regular file", path);
    if (stat(cli_input(r->input), &in) == 0 && in.st_dev == out.st_dev
        && in.st_ino == out.st_ino)
        return fv_fail(r->context, FV_MISUSE,
                       "%s: the output would replace the input", path);
    return FV_OK;
}

/* Refuses to replace what was not made by training this network, unless it is
 * to be replaced. */
static fv_status check_former(const run *r, const char *path)
{
    struct stat status;
    if (r->options.force || fv_failed(r->context) || stat(path, &status) != 0)
        return fv_failed(r->context);
    fv_context *context = cli_context(&r->options);
    fv_network *former = cli_load_model(context, path);
    if (fv_failed(context))
        fv_fail(r->context, FV_MISUSE,
                "%s: the file there is no model, --force would replace it",
                path);
    else if (strcmp(fv_network_text(former), fv_network_text(r->network)) != 0)
        fv_fail(r->context, FV_MISUSE,
                "%s: the model there is another network's, --force would "
                "replace it",
                path);
    fv_context_free(context);
    return fv_failed(r->context);
}

static void scale_rate(void *trainer, const char *pattern, double factor)
{
    fv_scale_learning_rate(trainer, pattern, factor);
}

static void set_decay(void *trainer, const char *pattern, double decay)
{
    fv_set_weight_decay(trainer, pattern, decay);
}

static void make_optimizer(run *r)
{
    const cli_options *o = &r->options;
    r->trainer = fv_optimizer_parse(r->network, r->optimizer);
    fv_set_schedule(r->trainer, o->schedule);
    if (o->no_decay_bias) fv_decay_weights_only(r->trainer);
    cli_each_pattern(r->context, "decay-of", o->decay_of, set_decay,
                     r->trainer);
    cli_each_pattern(r->context, "scale-lr", o->scale_lr, scale_rate,
                     r->trainer);
    cli_freeze(r->context, r->network, o);
    fv_set_clip_norm(r->trainer, o->clip_norm);
    fv_set_clip_value(r->trainer, o->clip_value);
    fv_set_average(r->trainer, o->average);
}

/* Whether FILE is the model of the best epoch so far. */
static bool has_best(const run *r)
{
    return r->options.keep_best && r->report.best_epoch;
}

/* Saves the weights, or the averages where they are asked for, or leaves the
 * best ones in FILE. */
static fv_status save(run *r)
{
    if (has_best(r)) return fv_failed(r->context);
    if (r->options.average > 0) fv_swap_average(r->trainer);
    return fv_network_save(r->network, r->options.out);
}

/* The same, and tests what is in FILE unless the last epoch's test was of it.
 */
static fv_status finish(run *r)
{
    const fv_dataset *last = r->test ? r->test : r->validation;
    if (save(r) != FV_OK || (!has_best(r) && (!r->validation || !r->test)))
        return fv_failed(r->context);
    if (has_best(r)) fv_network_load_weights(r->network, r->options.out);
    const cli_options *o = &r->options;
    if (last)
        r->report.test = fv_evaluate(
            r->network, last, o->micro_batch ? o->micro_batch : o->batch, NULL);
    return fv_failed(r->context);
}

/* Chooses options, and prepares the network by them. */
static void follow_recipe(run *r)
{
    cli_options *o = &r->options;
    cli_training t = { r->context, r->network, r->train, r->test };
    if (cli_recipe_applies(&t, o)) {
        cli_recipe_choose(&r->recipe, &t, o);
        if (!fv_failed(r->context) && !o->print_recipe)
            cli_print_recipe(stderr, &r->recipe);
    } else {
        cli_prepare_network(&t, o);
    }
    r->network = t.network;
    if (!o->epochs) o->epochs = 5;
    if (!o->batch) o->batch = 32;
}

/* Opens the data, and chooses what the options leave open: the part val is for
 * validation unless other images are, and the part test is for the end. */
static void open_data(run *r)
{
    const cli_options *o = &r->options;
    r->train = cli_open_data(r->context, o, o->data, "train", true, 0);
    r->test = cli_open_data(r->context, o, o->data, "test", false, 0);
    if (o->limit) fv_dataset_limit(r->train, o->limit);
    follow_recipe(r);
    if (o->val_data)
        r->validation =
            cli_open_data(r->context, o, o->val_data, "val", true, 0);
    else if (o->val_split == 0)
        r->validation = cli_open_data(r->context, o, o->data, "val", false, 0);
    else
        r->validation =
            fv_dataset_split(r->train, o->val_split, (uint64_t)o->seed);
}

/* A progress function. */
static void watch(void *user, const fv_progress *progress)
{
    run *r = user;
    cli_progress_show(&r->progress, progress);
    if (r->options.report) cli_history_add(r->history, progress);
}

static void fit(run *r)
{
    const cli_options *o = &r->options;
    check_output(r, o->out);
    check_output(r, r->checkpoint);
    if (o->report) check_output(r, o->report);
    if (o->report) cli_page_check(r->context, o->report, o->force);
    r->network = cli_with_loss(cli_load(r->context, r->input), o);
    open_data(r);
    if (o->print_recipe || fv_failed(r->context)) return;
    if (o->normalise
        && !strstr(fv_network_augment_text(r->network), "augment normalise"))
        fv_network_augment(r->network, "normalise auto");
    fv_network_measure(r->network, r->train);
    cli_write_optimizer("fovea train", o, r->optimizer);
    r->network = cli_with_class_weights(r->context, r->network, r->train, o);
    check_former(r, o->out);
    if (!o->resume) check_former(r, r->checkpoint);
    if (o->tensorboard && mkdir(o->tensorboard, 0777) != 0 && errno != EEXIST)
        fv_fail(r->context, FV_IO, "%s: %s", o->tensorboard, strerror(errno));
    make_optimizer(r);
    r->progress = cli_progress_begin(r->validation != NULL);
    catch_signals();
    fv_fit(r->network, r->trainer, r->train,
           .test = r->validation ? r->validation : r->test, .epochs = o->epochs,
           .batch = o->batch, .micro_batch = o->micro_batch,
           .drop_last = o->drop_last, .workers = o->workers,
           .checkpoint = r->checkpoint, .resume = o->resume, .stop = &stop,
           .progress = watch, .user = r, .report = &r->report,
           .monitor = o->monitor, .keep = (int32_t)o->keep,
           .patience = o->patience, .min_delta = o->min_delta,
           .best = o->keep_best ? o->out : NULL,
           .rollbacks = o->rollback ? MOST_ROLLBACKS : 0, .log = o->log,
           .tensorboard = o->tensorboard, .balanced = o->balanced,
           .log_every = o->log_every, .freeze_epochs = o->freeze_epochs);
    cli_progress_end(&r->progress);
}

/* Writes the report. A log that is kept knows of earlier runs, too. */
static void report(run *r)
{
    const cli_options *o = &r->options;
    cli_report report = {
        .options = o,
        .context = r->context,
        .network = r->network,
        .test = r->test         ? r->test
                : r->validation ? r->validation
                                : r->train,
        .train = r->train,
        .history = r->history,
        .fit = &r->report,
        .command = r->command,
        .name = o->out,
        .path = o->report,
        .part = r->test         ? "test"
                : r->validation ? "validation"
                                : "training",
        .held_out = r->validation ? "validation" : "test",
    };
    if (!o->report || fv_failed(r->context)) return;
    if (o->log) cli_history_read(r->history, r->context, o->log);
    cli_report_write(&report);
}

/* Saves what there is after a signal and says where. */
static int interrupted(run *r)
{
    fv_clear_error(r->context);
    if (save(r) == FV_OK)
        cli_error("interrupted; the %snetwork so far is in %s, and --resume "
                  "goes on from %s",
                  has_best(r) ? "best " : "", r->options.out, r->checkpoint);
    return CLI_SIGNAL + stop;
}

static void print_json(const run *r)
{
    const fv_fit_report *report = &r->report;
    cli_json *json = cli_json_new();
    cli_json_number(json, "accuracy", report->test.accuracy);
    cli_json_number(json, "loss", report->test.loss);
    cli_json_number(json, "train_accuracy", report->train.accuracy);
    cli_json_number(json, "train_loss", report->train.loss);
    cli_json_integer(json, "epochs", report->epochs);
    cli_json_number(json, "seconds", report->seconds);
    cli_json_number(json, "images_per_s", report->images_per_s);
    cli_json_number(json, "wait_share", report->wait_share);
    cli_json_integer(json, "damaged", report->damaged);
    cli_json_integer(json, "parameters",
                     fv_network_info(r->network).parameters);
    cli_json_bytes(json, "planned_bytes", report->planned_bytes);
    cli_json_bytes(json, "peak_bytes", report->peak_bytes);
    cli_json_integer(json, "seed", r->options.seed);
    cli_json_integer(json, "threads", fv_context_threads(r->context));
    cli_json_text(json, "isa", fv_context_isa(r->context));
    cli_json_text(json, "out", r->options.out);
    if (r->options.report) cli_json_text(json, "report", r->options.report);
    cli_json_flag(json, "resumed", report->resumed);
    cli_json_flag(json, "stopped", report->stopped);
    cli_json_integer(json, "best_epoch", report->best_epoch);
    cli_json_number(json, "best",
                    report->best_epoch ? report->best : (double)NAN);
    cli_json_integer(json, "rollbacks", report->rollbacks);
    cli_json_print(json, r->context);
}

static void print_summary(const run *r)
{
    const fv_fit_report *report = &r->report;
    char number[CLI_CELL], planned[CLI_CELL], peak[CLI_CELL];
    printf("%s accuracy %.4f  loss %.4f\n",
           r->validation && !r->test ? "val   " : "test  ",
           report->test.accuracy, report->test.loss);
    printf("train  accuracy %.4f  loss %.4f\n", report->train.accuracy,
           report->train.loss);
    printf("%lld epoch%s, %.1f s, %s images/s; threads %d, %s\n",
           (long long)report->epochs, report->epochs == 1 ? "" : "s",
           report->seconds, cli_number((int64_t)report->images_per_s, number),
           (int)fv_context_threads(r->context), fv_context_isa(r->context));
    if (report->best_epoch)
        printf("best epoch %lld, %s %.4f%s\n", (long long)report->best_epoch,
               fv_monitor_name(r->options.monitor), report->best,
               report->stopped ? "; stopped early" : "");
    printf("waited for images %.1f %% of the time\n", 100 * report->wait_share);
    if (report->damaged)
        printf("damaged pictures, others stood for them: %s\n",
               cli_number(report->damaged, number));
    printf("memory %s planned, %s at the peak\n",
           cli_bytes(report->planned_bytes, planned),
           cli_bytes(report->peak_bytes, peak));
    printf("saved %s\n", r->options.out);
    if (r->options.report) printf("report %s\n", r->options.report);
}

int cli_train(int argc, char **argv)
{
    static cli_history history;
    static char line[CLI_PATH];
    run r = { .options = cli_defaults(), .history = &history };
    int code = CLI_DONE;
    r.command = cli_command_line(argc, argv, line, sizeof line);
    cli_history_begin(&history);
    cli_write_optimizer_help();
    r.options.epochs = r.options.batch = 0; /* not given */
    cli_parse_recipe(&usage, argc, argv, 1, 2, &r.options);
    check_options(&r, argv[0]);
    signal(SIGPIPE, SIG_IGN); /* nobody reads the progress: train on */
    r.input = r.options.words[0];
    r.context = cli_context(&r.options);
    fit(&r);
    if (fv_failed(r.context) == FV_INTERRUPTED) {
        code = interrupted(&r);
    } else if (r.options.print_recipe && !fv_failed(r.context)) {
        cli_print_recipe(stdout, &r.recipe);
    } else if (finish(&r) == FV_OK) {
        report(&r);
        if (r.options.json)
            print_json(&r);
        else
            print_summary(&r);
    }
    return cli_end(r.context, code);
}
