/* The learning rate range test: training steps at growing rates, of which
 * nothing stays but what was measured. */
#include "train/feed.h"
#include "train/train.h"
#include "data/data.h"

#include <math.h>
#include <string.h>

static const double smoothing = 0.9; /* share of the former losses */

/* A copy of everything that a training step changes. */
typedef struct snapshot {
    unsigned char *copy; /* weights, statistics, state, averages */
    bool had_state, had_averages;
    uint64_t steps;
    int64_t updates;
    double rate;
    fv__schedule schedule;
} snapshot;

typedef struct finder {
    fv_context *context;
    fv_network *network;
    fv_optimizer *optimizer;
    fv_rate_options options;
    fv__feed feed;
    int64_t *order;
    int64_t images, batches; /* of an epoch */
    snapshot before;
    fv_rate_report report;
    double mean, weight; /* the running mean, not yet divided by its weight */
    double first;        /* smoothed loss of the first step */
} finder;

/* ---- what is put back ---------------------------------------------------- */

/* The pieces of memory, one after the other. */
typedef struct piece {
    void *at;
    size_t bytes;
} piece;

enum { PIECES = 4 };

static void pieces_of(const finder *f, piece pieces[PIECES])
{
    const fv_optimizer *o = f->optimizer;
    pieces[0] = (piece){ f->network->values, f->network->values_bytes };
    pieces[1] = (piece){ f->network->state, f->network->state_bytes };
    pieces[2] =
        (piece){ o->state, o->state ? fv__optimizer_state_bytes(o) : 0 };
    pieces[3] = (piece){ o->averages, o->averages ? o->slot_bytes : 0 };
}

static size_t snapshot_bytes(const finder *f)
{
    const fv_optimizer *o = f->optimizer;
    return f->network->values_bytes + f->network->state_bytes
           + fv__optimizer_state_bytes(o)
           + (o->average != 0 ? o->slot_bytes : 0) + 1;
}

static fv_status keep(finder *f)
{
    piece pieces[PIECES];
    snapshot *s = &f->before;
    unsigned char *to = s->copy =
        fv__allocate(f->context, FV__RUN, snapshot_bytes(f));
    if (!to) return fv_failed(f->context);
    pieces_of(f, pieces);
    for (int i = 0; i < PIECES; to += pieces[i++].bytes)
        if (pieces[i].bytes) memcpy(to, pieces[i].at, pieces[i].bytes);
    s->steps = f->network->steps;
    s->updates = f->optimizer->updates;
    s->rate = f->optimizer->options.first.learning_rate;
    s->schedule = f->optimizer->schedule;
    f->optimizer->schedule.count = 0;
    return FV_OK;
}

static void put_back(finder *f)
{
    piece pieces[PIECES];
    const snapshot *s = &f->before;
    const unsigned char *from = s->copy;
    fv_optimizer *o = f->optimizer;
    if (!from) return;
    pieces_of(f, pieces);
    for (int i = 0; i < PIECES; from += pieces[i++].bytes)
        if (pieces[i].bytes) memcpy(pieces[i].at, from, pieces[i].bytes);
    f->network->steps = s->steps;
    o->updates = s->updates;
    o->options.first.learning_rate = s->rate;
    o->schedule = s->schedule;
    f->context->changes++;
    fv_zero_grad(o);
    fv__release(f->context, s->copy);
}

/* State and averages that were made for the test begin anew with the weights
 * of their first update. */
static void drop_new_state(finder *f)
{
    fv_optimizer *o = f->optimizer;
    if (!f->before.had_state && o->state) {
        fv__release(f->context, o->state);
        o->state = NULL;
        o->counts = NULL;
    }
    if (!f->before.had_averages && o->averages) {
        fv__release(f->context, o->averages);
        o->averages = NULL;
    }
}

/* ---- what is measured ---------------------------------------------------- */

/* Takes in a step; false where the loss diverges. */
static bool see(finder *f, double rate, double loss)
{
    fv_rate_report *r = &f->report;
    f->mean = smoothing * f->mean + (1 - smoothing) * loss;
    f->weight = smoothing * f->weight + (1 - smoothing);
    const fv_rate_step is = { rate, loss, f->mean / f->weight };
    if (!r->steps) f->first = is.smoothed;
    if (!r->steps || is.smoothed < r->least_loss) {
        r->least_loss = is.smoothed;
        r->least = rate;
    }
    r->steps++;
    if (f->options.see) f->options.see(f->options.user, &is);
    r->diverged =
        is.smoothed > 4 * fabs(r->least_loss) && is.smoothed > fabs(f->first);
    return !r->diverged;
}

/* One step at a rate; false at the end. A loss or gradient that is not finite
 * is what the test looks for. */
static bool step(finder *f, double rate)
{
    fv__sums sums = { 0 };
    fv__plan *plan = fv__network_plan(f->network, &f->feed.options.image,
                                      f->options.batch, true, f->feed.mixes);
    if (!plan || fv__network_ready(f->network) != FV_OK
        || fv__feed_next(&f->feed, plan) != FV_OK)
        return false;
    fv_set_learning_rate(f->optimizer, rate);
    fv__train_gradients(plan, f->network, f->optimizer, NULL, &sums);
    if (fv__ok(f->context)) fv__train_update(f->optimizer);
    if (f->context->status == FV_NOT_FINITE) {
        fv_clear_error(f->context);
        f->report.diverged = 1;
        return false;
    }
    return fv__ok(f->context) && see(f, rate, fv__metrics_of(&sums).loss);
}

static void run(finder *f)
{
    const fv_rate_options *o = &f->options;
    const double from = log(o->from), to = log(o->to);
    for (int64_t i = 0; i < o->steps; i++) {
        const int64_t epoch = i / f->batches;
        if (i % f->batches == 0) {
            fv_dataset_shuffle(o->train, f->context->seed, (uint64_t)epoch,
                               f->order);
            fv__feed_start(&f->feed, (uint64_t)epoch, f->order, f->images, 0);
        }
        const double share = (double)i / (double)(o->steps - 1);
        if (!step(f, exp(from + share * (to - from)))) break;
        if (!o->stop || !*o->stop) continue;
        fv_fail(f->context, FV_INTERRUPTED,
                "rate: stopped after step %lld of %lld", (long long)i + 1,
                (long long)o->steps);
        break;
    }
}

/* ---- beginning and end --------------------------------------------------- */

static fv_status check(finder *f)
{
    const fv_rate_options *o = &f->options;
    fv_context *context = f->context;
    if (!f->optimizer || f->optimizer->network != f->network)
        return fv_fail(context, FV_MISUSE,
                       "rate: the optimizer belongs to another network");
    if (f->optimizer->swapped)
        return fv_fail(context, FV_MISUSE,
                       "rate: the averages stand where the weights do");
    if (!o->train || !fv_dataset_count(o->train))
        return fv_fail(context, FV_MISUSE, "rate: there is no training data");
    if (o->steps < 2 || o->batch < 1)
        return fv_fail(context, FV_MISUSE,
                       "rate: %s %lld, expected at least %d",
                       o->steps < 2 ? "steps" : "batch",
                       (long long)(o->steps < 2 ? o->steps : o->batch),
                       o->steps < 2 ? 2 : 1);
    if (!(o->from > 0 && o->from < o->to && isfinite(o->to)))
        return fv_fail(context, FV_MISUSE,
                       "rate: from %s to %s, expected growing numbers above 0",
                       FV__NUMBER(o->from), FV__NUMBER(o->to));
    return fv__feed_begin(&f->feed, f->network, o->train, FV__TRAINING,
                          "rate: the training data");
}

/* Counts and allocates all memory, as fv_fit() does. */
static fv_status prepare(finder *f)
{
    const fv_rate_options *o = &f->options;
    const int64_t images = fv_dataset_count(o->train);
    const size_t order = (size_t)images * sizeof *f->order;
    if (!fv__network_plan(f->network, &f->feed.options.image, o->batch, true,
                          f->feed.mixes))
        return fv_failed(f->context);
    const fv__demand demand = {
        .who = "rate",
        .images = &f->feed.options.image,
        .batch = o->batch,
        .trained = o->batch,
        .dense = f->feed.mixes,
        .more = fv__optimizer_pending(f->optimizer) + fv__feed_bytes(&f->feed)
                + fv__footprint(order) + fv__footprint(snapshot_bytes(f)),
    };
    f->before.had_state = f->optimizer->state != NULL;
    f->before.had_averages = f->optimizer->averages != NULL;
    if (fv__network_afford(f->network, &demand) != FV_OK
        || fv__network_ready(f->network) != FV_OK
        || fv__optimizer_ready(f->optimizer) != FV_OK)
        return fv_failed(f->context);
    f->order = fv__allocate(f->context, FV__DATA, order);
    return f->order && fv__feed_open(&f->feed) == FV_OK ? keep(f)
                                                        : fv_failed(f->context);
}

/* The rates that follow from what was seen. */
static void conclude(finder *f)
{
    fv_rate_report *r = &f->report;
    if (r->steps && r->least_loss < f->first) r->suggested = r->least / 10;
}

fv_rate_report fv_find_learning_rate_with(fv_network *network,
                                          fv_optimizer *optimizer,
                                          const fv_rate_options *options)
{
    const fv_rate_report none = { .suggested = (double)NAN,
                                  .least = (double)NAN,
                                  .least_loss = (double)NAN };
    fv_context *context = network ? network->context : NULL;
    if (!fv__ok(context)) return none;
    finder f = { .context = context,
                 .network = network,
                 .optimizer = optimizer,
                 .report = none };
    if (!fv__options(context, "rate", options, &f.options, sizeof f.options))
        return none;
    fv_rate_options *o = &f.options;
    if (!o->steps) o->steps = 100;
    if (!o->batch) o->batch = 32;
    if (o->from == 0) o->from = 1e-7;
    if (o->to == 0) o->to = 10;
    if (check(&f) != FV_OK) return none;
    o->batch = fv__min(o->batch, fv_dataset_count(o->train));
    f.batches = fv_dataset_count(o->train) / o->batch;
    f.images = f.batches * o->batch;
    fv__feed_divide(&f.feed, o->batch, o->batch, o->workers);
    if (prepare(&f) == FV_OK) run(&f);
    put_back(&f);
    drop_new_state(&f);
    fv__feed_end(&f.feed);
    fv__release(context, f.order);
    if (!fv__ok(context)) return none;
    conclude(&f);
    return f.report;
}
