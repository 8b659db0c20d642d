/* fv_fit(): epochs of training, the order of images, progress and checkpoints.
 */
#include "train/feed.h"
#include "train/train.h"
#include "train/record.h"

#include "data/data.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* A run of fv_fit(). */
typedef struct fit {
    fv_context *context;
    fv_network *network;
    fv_optimizer *optimizer;
    fv_fit_options options;
    int64_t images, batches; /* batches of an epoch */
    double initial_rate;     /* learning rate of the optimizer, before its
                                schedule, when fv_fit() was called */
    fv__position position;
    fv_fit_report report;
    int64_t *order; /* indices of the images of an epoch */
    fv__feed feed;  /* the training data */
    fv__feed test;  /* the test data; not open between evaluations */
    double begun;   /* start time in seconds */
    int64_t seen;   /* images trained on since then */
    fv__sums last;  /* of the last batch */
    double rate;    /* of its update */
    fv__records records;
    fv__body body; /* what the first epochs do not train */
} fit;

static fv__run run_of(const fit *f)
{
    return (fv__run){
        .network = f->network,
        .optimizer = f->optimizer,
        .batch = f->options.batch,
        .micro_batch = f->options.micro_batch,
        .images = fv_dataset_count(f->options.train),
        .epochs = f->options.epochs,
        .used = f->images,
        .drop_last = f->options.drop_last != 0,
        .initial_rate = f->initial_rate,
        .options = &f->options,
    };
}

/* Checks that the network takes these images and has outputs for the classes.
 */
static fv_status check_data(const fit *f, const char *which,
                            const fv_dataset *data, fv__stage stage,
                            fv__feed *feed)
{
    long long classes = (long long)fv_dataset_classes(data);
    if (classes > fv_network_classes(f->network))
        return fv_fail(f->context, FV_MISUSE,
                       "%s has %lld classes, the network tells %lld apart",
                       which, classes,
                       (long long)fv_network_classes(f->network));
    return fv__feed_begin(feed, f->network, data, stage, which);
}

/* Checks the options that are numbers. */
static fv_status check_numbers(fv_context *context, const fv_fit_options *o)
{
    const struct {
        const char *name;
        int64_t value, least;
    } counts[] = {
        { "epochs", o->epochs, 1 },
        { "batch", o->batch, 1 },
        { "micro_batch", o->micro_batch, 1 },
        { "keep", o->keep, 0 },
        { "patience", o->patience, 0 },
        { "rollbacks", o->rollbacks, 0 },
        { "log_every", o->log_every, 0 },
        { "freeze_epochs", o->freeze_epochs, 0 },
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].value < counts[i].least)
            return fv_fail(context, FV_MISUSE,
                           "fit: %s %lld, expected at least %lld",
                           counts[i].name, (long long)counts[i].value,
                           (long long)counts[i].least);
    if (!(o->min_delta >= 0 && isfinite(o->min_delta)))
        return fv_fail(context, FV_MISUSE,
                       "fit: min_delta %s, expected at least 0",
                       FV__NUMBER(o->min_delta));
    if (!fv_monitor_name(o->monitor))
        return fv_fail(context, FV_MISUSE, "fit: there is no monitor %d",
                       (int)o->monitor);
    return FV_OK;
}

static fv_status check(fit *f)
{
    fv_context *context = f->context;
    const fv_fit_options *o = &f->options;
    if (!f->optimizer || f->optimizer->network != f->network)
        return fv_fail(context, FV_MISUSE,
                       "fit: the optimizer belongs to another network");
    if (!o->train)
        return fv_fail(context, FV_MISUSE, "fit: there is no training data");
    if (check_numbers(context, o) != FV_OK) return fv_failed(context);
    if (!fv_dataset_count(o->train))
        return fv_fail(context, FV_MISUSE, "fit: the data set is empty");
    if ((o->resume || o->keep || o->rollbacks) && !o->checkpoint)
        return fv_fail(context, FV_MISUSE,
                       "fit: %s needs the path of a checkpoint",
                       o->resume ? "resume"
                       : o->keep ? "keep"
                                 : "rollbacks");
    if (fv_network_measure(f->network, o->train) != FV_OK)
        return fv_failed(context);
    if (check_data(f, "fit: the training data", o->train, FV__TRAINING,
                   &f->feed)
            != FV_OK
        || !o->test)
        return fv_failed(context);
    return check_data(f, "fit: the test data", o->test, FV__EVALUATION,
                      &f->test);
}

/* The order of the images, and what reads them. */
static fv_status allocate(fit *f)
{
    const int64_t images = fv_dataset_count(f->options.train);
    f->order =
        fv__allocate(f->context, FV__DATA, (size_t)images * sizeof *f->order);
    return f->order ? fv__feed_open(&f->feed) : fv_failed(f->context);
}

static size_t allocate_bytes(const fit *f)
{
    const int64_t images = fv_dataset_count(f->options.train);
    return fv__footprint((size_t)images * sizeof *f->order)
           + fv__feed_bytes(&f->feed);
}

/* Records every plan that the run uses, counts the bytes and allocates them. */
static fv_status plan(fit *f)
{
    const int64_t batch = f->options.batch, micro = f->options.micro_batch;
    const fv_dataset *test = f->options.test;
    const int64_t tests = test ? fv_dataset_count(test) : 0;
    const fv_shape *image = &f->feed.options.image;
    const fv_shape *test_image = test ? &f->test.options.image : image;
    const int64_t full = fv__min(batch, f->images), last = f->images % batch;
    const struct {
        int64_t count;
        bool training;
    } wanted[] = { { fv__min(micro, full), true },
                   { full > micro ? full % micro : 0, true },
                   { fv__min(micro, last), true },
                   { last > micro ? last % micro : 0, true },
                   { fv__min(micro, tests), false },
                   { tests % micro, false } };
    for (int i = 0; i < 6; i++)
        if (wanted[i].count
            && !fv__network_plan(f->network,
                                 wanted[i].training ? image : test_image,
                                 wanted[i].count, wanted[i].training,
                                 wanted[i].training && f->feed.mixes)) {
            if (i == 2 && last <= micro)
                fv__fail_at(f->context,
                            "fit: %lld images in batches of %lld leave %lld, "
                            "take another batch or drop_last; ",
                            (long long)f->images, (long long)batch,
                            (long long)wanted[i].count);
            return fv_failed(f->context);
        }
    const fv__demand demand = {
        .who = "fit",
        .images = image,
        .batch = micro,
        .trained = f->images,
        .evaluated = tests,
        .dense = f->feed.mixes,
        .drop_last = f->options.drop_last != 0,
        .more = fv__optimizer_pending(f->optimizer) + allocate_bytes(f),
    };
    if (fv__network_afford(f->network, &demand) != FV_OK)
        return fv_failed(f->context);
    f->report.planned_bytes =
        fv__network_planned(f->network, fv__optimizer_pending(f->optimizer));
    if (fv__network_ready(f->network) != FV_OK
        || fv__optimizer_ready(f->optimizer) != FV_OK)
        return fv_failed(f->context);
    return allocate(f);
}

/* Copies the names of the classes of the training data to the network. */
static fv_status name_classes(const fit *f)
{
    const fv_dataset *data = f->options.train;
    if (!data->names) return FV_OK;
    return fv_network_set_class_names(f->network, data->classes, data->names);
}

/* The share of the time that training waited for images. */
static double wait_share(const fit *f)
{
    const double elapsed =
        f->report.seconds > 0 ? f->report.seconds : fv__seconds() - f->begun;
    return elapsed > 0 ? fmin(1, fv__loader_waited(f->feed.loader) / elapsed)
                       : 0;
}

/* Where training stands; `test` is NULL within an epoch. */
static fv_progress progress_of(const fit *f, const fv_metrics *test)
{
    const fv__position *at = &f->position;
    double elapsed = fv__seconds() - f->begun;
    double rate = elapsed > 0 ? (double)f->seen / elapsed : 0;
    double left = (double)(f->options.epochs - at->epoch) * (double)f->images
                  - (test ? 0 : (double)at->sums.count);
    return (fv_progress){
        .epoch = test ? at->epoch : at->epoch + 1,
        .epochs = f->options.epochs,
        .batch = test ? f->batches : at->batch,
        .batches = f->batches,
        .train = fv__metrics_of(&at->sums),
        .test = test,
        .images_per_s = rate,
        .seconds_left = rate > 0 ? left / rate : (double)NAN,
        .planned_bytes = f->report.planned_bytes,
        .step = at->epoch * f->batches + at->batch,
        .last = fv__metrics_of(&f->last),
        .learning_rate = f->rate,
        .seconds = elapsed,
        .wait_share = wait_share(f),
    };
}

/* Tells the logs and the caller. */
static fv_status tell(fit *f, const fv_metrics *test)
{
    const fv_progress progress = progress_of(f, test);
    if (fv__records_add(&f->records, &progress) == FV_OK && f->options.progress)
        f->options.progress(f->options.user, &progress);
    return fv_failed(f->context);
}

/* Opens the logs where the run stands. */
static fv_status begin_records(fit *f)
{
    return fv__records_begin(&f->records, f->context, &f->options,
                             f->position.epoch * f->batches
                                 + f->position.batch);
}

/* Ends the logs, also of a run that failed. */
static void end_records(fit *f)
{
    const fv_metrics *test = f->position.batch ? NULL : &f->report.test;
    const fv_progress progress = progress_of(f, test);
    if (fv__ok(f->context)) fv__records_finish(&f->records, &progress);
    fv__records_end(&f->records);
}

static fv_status save(fit *f)
{
    if (!f->options.checkpoint) return FV_OK;
    fv__run run = run_of(f);
    return fv__checkpoint_save(&run, f->options.checkpoint, &f->position);
}

/* Puts the averages of the weights, if there are any, where the weights are,
 * and back. */
static void swap_averages(fit *f)
{
    if (f->optimizer->average != 0) fv_swap_average(f->optimizer);
}

static bool stopped(const fit *f)
{
    return f->options.stop && *f->options.stop;
}

/* Adds the gradients of the mean loss over the next images, the first of which
 * is image `first` of the epoch. */
static fv_status add_gradients(fit *f, int64_t first, int64_t count,
                               fv__sums *sums)
{
    fv__plan *plan = fv__network_plan(f->network, &f->feed.options.image, count,
                                      true, f->feed.mixes);
    /* a progress function may have changed what is to be trained */
    if (!plan || fv__network_ready(f->network) != FV_OK
        || fv__feed_next(&f->feed, plan) != FV_OK)
        return fv_failed(f->context);
    return fv__train_gradients(plan, f->network, f->optimizer, f->order + first,
                               sums);
}

/* The gradients of a batch are sums of those of its parts, each times the
 * images of its part, over those of the batch. What is summed is kept as if all
 * parts were as large as the last one. */
static fv_status train_batch(fit *f)
{
    const int64_t first = f->position.batch * f->options.batch;
    const int64_t count = fv__min(f->options.batch, f->images - first);
    const int64_t micro = f->options.micro_batch;
    fv__sums sums = f->position.sums;
    int64_t part = 0;
    for (int64_t done = 0; done < count; done += part) {
        const int64_t next = fv__min(micro, count - done);
        if (part && part != next)
            fv__train_scale(f->network, (double)part / (double)next);
        part = next;
        if (add_gradients(f, first + done, part, &sums) != FV_OK)
            return fv_failed(f->context);
    }
    if (part < count) fv__train_scale(f->network, (double)part / (double)count);
    f->rate = fv_learning_rate(f->optimizer);
    if (fv__train_update(f->optimizer) != FV_OK) return fv_failed(f->context);
    f->last = (fv__sums){ .loss = sums.loss - f->position.sums.loss,
                          .right = sums.right - f->position.sums.right,
                          .answers = sums.answers - f->position.sums.answers,
                          .count = count };
    f->position.sums = sums;
    f->position.batch++;
    f->seen += count;
    return FV_OK;
}

/* Evaluates the averages of the weights if there are any, else the weights. */
static void test(fit *f)
{
    if (!f->options.test) return;
    swap_averages(f);
    f->report.test =
        fv__evaluate(f->network, f->options.test, f->options.micro_batch,
                     f->options.workers, NULL);
    swap_averages(f);
}

/* Shows the metrics of an epoch to those that decide by them, and writes the
 * model of the best one. */
static void observe(fit *f)
{
    const fv_fit_options *o = &f->options;
    const fv_metrics *seen = o->test ? &f->report.test : &f->report.train;
    fv_optimizer_observe(f->optimizer, seen->loss, seen->accuracy);
    if (!fv__ok(f->context) || (!o->patience && !o->best)) return;
    const double value = fv__watch_value(o, &f->report.train, &f->report.test);
    if (!fv__watch_observe(o, &f->position.watch, f->position.epoch, value)
        || !o->best)
        return;
    swap_averages(f);
    fv_network_save(f->network, o->best);
    swap_averages(f);
}

/* Ends an epoch: evaluates, reports, and writes the checkpoint last, so that it
 * includes changes by the progress function. */
static fv_status end_epoch(fit *f)
{
    f->position.epoch++;
    f->position.batch = 0;
    f->report.train = fv__metrics_of(&f->position.sums);
    double began = fv__seconds();
    test(f);
    observe(f);
    f->begun +=
        fv__seconds() - began; /* evaluation is not counted in the speed */
    if (fv__ok(f->context)) tell(f, &f->report.test);
    began = fv__seconds();
    fv__run run = run_of(f);
    if (fv__ok(f->context)) fv__checkpoint_save_epoch(&run, &f->position);
    f->begun += fv__seconds() - began;
    return fv_failed(f->context);
}

/* Whether there is no epoch left to train. */
static bool ended(const fit *f)
{
    return f->position.epoch >= f->options.epochs
           || fv__watch_ends(&f->options, &f->position.watch);
}

static fv_status train_epoch(fit *f)
{
    if (!f->position.batch) f->position.sums = (fv__sums){ 0 };
    fv__body_train(&f->body, f->position.epoch >= f->options.freeze_epochs);
    fv_dataset_shuffle(f->options.train, f->context->seed,
                       (uint64_t)f->position.epoch, f->order);
    if (f->options.balanced
        && fv__balance(f->options.train, f->context, f->order) != FV_OK)
        return fv_failed(f->context);
    fv__feed_start(&f->feed, (uint64_t)f->position.epoch, f->order, f->images,
                   f->position.batch);
    while (f->position.batch < f->batches) {
        if (train_batch(f) != FV_OK || tell(f, NULL) != FV_OK)
            return fv_failed(f->context);
        if (stopped(f) && f->position.batch < f->batches) break;
    }
    if (f->position.batch == f->batches && end_epoch(f) != FV_OK)
        return fv_failed(f->context);
    if (!stopped(f) || ended(f)) return FV_OK;
    if (f->position.batch && save(f) != FV_OK) return fv_failed(f->context);
    return fv_fail(f->context, FV_INTERRUPTED,
                   "train: stopped in epoch %lld after batch %lld of %lld",
                   (long long)(f->position.epoch + 1),
                   (long long)f->position.batch, (long long)f->batches);
}

static fv_status resume(fit *f)
{
    const fv_fit_options *o = &f->options;
    if (!o->resume) return FV_OK;
    /* A file that cannot be opened is not missing: starting anew would
     * overwrite it. */
    if (fv__file_probe(f->context, o->checkpoint) == -ENOENT) {
        fv__log(f->context, "%s: no checkpoint there, training starts anew",
                o->checkpoint);
        return FV_OK;
    }
    fv__run run = run_of(f);
    if (fv__checkpoint_load(&run, o->checkpoint, &f->position) != FV_OK)
        return fv_failed(f->context);
    f->report.resumed = 1;
    fv__log(f->context, "%s: going on in epoch %lld after batch %lld",
            o->checkpoint, (long long)fv__min(f->position.epoch + 1, o->epochs),
            (long long)f->position.batch);
    return FV_OK;
}

/* Whether training goes on from the last checkpoint at half the learning rate,
 * after a number that is not finite. */
static bool roll_back(fit *f)
{
    fv_context *context = f->context;
    char why[sizeof context->message];
    const int64_t before = f->position.rollbacks;
    if (context->status != FV_NOT_FINITE || !f->options.rollbacks) return false;
    if (before >= f->options.rollbacks) {
        fv__fail_at(context, "after %lld rollbacks: ", (long long)before);
        return false;
    }
    memcpy(why, context->message, sizeof why);
    fv_clear_error(context);
    const double rate = f->optimizer->options.first.learning_rate / 2;
    fv__run run = run_of(f);
    if (fv__checkpoint_load(&run, f->options.checkpoint, &f->position) != FV_OK)
        return false;
    f->position.rollbacks = before + 1;
    fv__log(context,
            "%s; going back to batch %lld of epoch %lld with learning_rate %s",
            why, (long long)f->position.batch, (long long)f->position.epoch + 1,
            FV__NUMBER(rate));
    fv__records_end(&f->records);
    return fv_set_learning_rate(f->optimizer, rate) == FV_OK
           && begin_records(f) == FV_OK;
}

static fv_status train(fit *f)
{
    if (plan(f) != FV_OK || resume(f) != FV_OK || name_classes(f) != FV_OK)
        return fv_failed(f->context);
    if (f->options.rollbacks && !f->report.resumed && save(f) != FV_OK)
        return fv_failed(f->context);
    bool already = ended(f);
    f->optimizer->run_end =
        f->optimizer->updates - f->position.batch
        + (f->options.epochs - f->position.epoch) * f->batches;
    f->begun = fv__seconds();
    if (begin_records(f) != FV_OK
        || (f->options.freeze_epochs
            && fv__body_find(&f->body, f->network) != FV_OK))
        return fv_failed(f->context);
    while (!ended(f))
        if (train_epoch(f) != FV_OK && !roll_back(f)) break;
    f->report.seconds = fv__seconds() - f->begun;
    if (already) {
        f->report.train = fv__metrics_of(&f->position.sums);
        test(f);
    }
    end_records(f);
    return fv_failed(f->context);
}

fv_status fv_fit_with(fv_network *network, fv_optimizer *optimizer,
                      const fv_fit_options *options)
{
    fv_context *context = network ? network->context : NULL;
    if (!fv__ok(context)) return fv_failed(context);
    fit f = { .context = context, .network = network, .optimizer = optimizer };
    if (!fv__options(context, "fit", options, &f.options, sizeof f.options))
        return fv_failed(context);
    if (!f.options.epochs) f.options.epochs = 1;
    if (!f.options.batch) f.options.batch = 32;
    if (!f.options.micro_batch) f.options.micro_batch = f.options.batch;
    if (check(&f) != FV_OK) return fv_failed(context);
    const int64_t images = fv_dataset_count(f.options.train);
    const int64_t left = images % f.options.batch;
    f.images = f.options.drop_last && left < images ? images - left : images;
    f.initial_rate = optimizer->options.first.learning_rate;
    f.batches = fv__divide_up(f.images, f.options.batch);
    const int64_t batch = fv__min(f.options.batch, f.images);
    fv__feed_divide(&f.feed, f.options.batch,
                    fv__min(f.options.micro_batch, batch), f.options.workers);
    train(&f);
    fv__body_free(&f.body);
    fv__records_end(&f.records);
    f.report.wait_share = wait_share(&f);
    f.report.damaged = fv__loader_skipped(f.feed.loader);
    fv__feed_end(&f.feed);
    fv__release(context, f.order);
    f.report.images_per_s =
        f.report.seconds > 0 ? (double)f.seen / f.report.seconds : 0;
    f.report.peak_bytes = fv_context_memory(context).peak_bytes;
    f.report.epochs = f.position.epoch;
    f.report.best_epoch = f.position.watch.best_epoch;
    f.report.best = f.position.watch.best;
    f.report.stopped = f.position.epoch < f.options.epochs
                       && fv__watch_ends(&f.options, &f.position.watch);
    f.report.rollbacks = f.position.rollbacks;
    if (f.options.report) *f.options.report = f.report;
    return fv_failed(context);
}
