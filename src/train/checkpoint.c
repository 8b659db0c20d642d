/* Checkpoints: model files with the state of the optimizer and the position. */
#include "train/train.h"

#include "io/model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where the metadata are in the list of them. */
enum {
    NUMBERS = 14,
    OPTIMIZER = NUMBERS,
    DTYPE,
    FIELDS,
    SCHEDULE,
    WATCH,
    PLATEAUS,
    WATCHED,
    MODEL, /* the first of those that a model has, too: the network text */
    PAIRS = MODEL + FV__MODEL_PAIRS
};

/* The metadata. */
typedef struct record {
    char kind[64], fields[256]; /* of the optimizer */
    fv__text schedule, seen;    /* by the schedule's plateaus */
    char watch[128], watched[128];
    char numbers[NUMBERS][64];
    char *classes;
    fv__pair pairs[PAIRS];
    size_t count;
} record;

static const char *const number_keys[NUMBERS] = {
    "fovea.seed",      "fovea.batch",         "fovea.images",
    "fovea.epoch",     "fovea.position",      "fovea.network_steps",
    "fovea.loss_sum",  "fovea.learning_rate", "fovea.right",
    "fovea.drop_last", "fovea.updates",       "fovea.micro_batch",
    "fovea.rollbacks", "fovea.balanced"
};

static void fill(record *r, const fv__run *run, const char *path,
                 const fv__position *position)
{
    enum { ROOM = sizeof *r->numbers };
    const int64_t whole[] = { run->batch, run->images, position->epoch,
                              position->batch, (int64_t)run->network->steps };
    snprintf(r->numbers[0], ROOM, "%" PRIu64, run->network->context->seed);
    for (int i = 0; i < 5; i++)
        snprintf(r->numbers[i + 1], ROOM, "%" PRId64, whole[i]);
    fv__number_text(position->sums.loss, r->numbers[6]);
    snprintf(r->numbers[7], ROOM, "%s %s", FV__NUMBER(run->initial_rate),
             FV__NUMBER(run->optimizer->options.first.learning_rate));
    snprintf(r->numbers[8], ROOM, "%" PRId64 " %" PRId64, position->sums.right,
             position->sums.count);
    snprintf(r->numbers[9], ROOM, "%d", run->drop_last);
    snprintf(r->numbers[10], ROOM, "%" PRId64, run->optimizer->updates);
    snprintf(r->numbers[11], ROOM, "%" PRId64, run->micro_batch);
    snprintf(r->numbers[13], ROOM, "%d", run->options->balanced != 0);
    snprintf(r->numbers[12], ROOM, "%" PRId64, position->rollbacks);
    fv__watch_text(run->options, r->watch, sizeof r->watch);
    fv__watch_state(&position->watch, r->watched, sizeof r->watched);
    fv__optimizer_kind(run->optimizer, r->kind, sizeof r->kind);
    fv__optimizer_text(run->optimizer, r->fields, sizeof r->fields);
    for (int i = 0; i < NUMBERS; i++)
        r->pairs[i] = (fv__pair){ number_keys[i], r->numbers[i] };
    fv_context *context = run->network->context;
    r->schedule = r->seen =
        (fv__text){ .context = context, .account = FV__DATA };
    fv__schedule_text(&run->optimizer->schedule, &r->schedule);
    fv__schedule_state(&run->optimizer->schedule, &r->seen);
    r->pairs[OPTIMIZER] = (fv__pair){ "fovea.optimizer", r->kind };
    r->pairs[DTYPE] =
        (fv__pair){ "fovea.dtype", fv_dtype_name(context->dtype) };
    r->pairs[FIELDS] = (fv__pair){ "fovea.fields", r->fields };
    r->pairs[SCHEDULE] =
        (fv__pair){ "fovea.schedule", r->schedule.at ? r->schedule.at : "" };
    r->pairs[PLATEAUS] =
        (fv__pair){ "fovea.plateaus", r->seen.at ? r->seen.at : "" };
    r->pairs[WATCH] = (fv__pair){ "fovea.watch", r->watch };
    r->pairs[WATCHED] = (fv__pair){ "fovea.watched", r->watched };
    r->count =
        MODEL
        + fv__model_pairs(run->network, path, r->pairs + MODEL, &r->classes);
}

static void end_record(record *r)
{
    fv__release(r->schedule.context, r->classes);
    fv__text_free(&r->schedule);
    fv__text_free(&r->seen);
}

/* Lists the entries of the network, one more for each slot of state, and the
 * counts of updates where they matter. */
static fv_status list_entries(fv__model *model, const fv__run *run)
{
    fv_optimizer *optimizer = run->optimizer;
    fv_context *context = optimizer->context;
    if (fv__model_begin(model, run->network, FV__MOST_SLOTS + 2) != FV_OK
        || fv__optimizer_ready(optimizer) != FV_OK)
        return fv_failed(context);
    int64_t numbers =
        (int64_t)(optimizer->slot_bytes / fv_dtype_bytes(context->dtype));
    for (int32_t i = 0; i < optimizer->slots; i++) {
        fv_tensor slot =
            fv_tensor_of(optimizer->state + (size_t)i * optimizer->slot_bytes,
                         context->dtype, 1, &numbers);
        if (fv__model_add(model, "optimizer.",
                          optimizer->type->slots[optimizer->slot[i]].name,
                          &slot)
            != FV_OK)
            break;
    }
    if (optimizer->averages) {
        fv_tensor averages =
            fv_tensor_of(optimizer->averages, context->dtype, 1, &numbers);
        fv__model_add(model, "optimizer.", "average", &averages);
    }
    if (optimizer->counts) {
        fv_tensor counts =
            fv_tensor_of(optimizer->counts, FV_I64, 1, &optimizer->count);
        fv__model_add(model, "optimizer.", "steps", &counts);
    }
    return fv_failed(context);
}

fv_status fv__checkpoint_save(const fv__run *run, const char *path,
                              const fv__position *position)
{
    fv_context *context = run->network->context;
    record r;
    fill(&r, run, path, position);
    fv__model model;
    if (list_entries(&model, run) == FV_OK)
        fv__safetensors_write(context, path, model.count, model.entries,
                              r.count, r.pairs);
    fv__model_end(&model);
    end_record(&r);
    return fv_failed(context);
}

/* ---- loading ------------------------------------------------------------ */

/* Refuses a checkpoint of another run than `now`, naming the difference. */
static fv_status compare(const record *now, fv_context *context,
                         const fv__archive *archive, const char *path)
{
    const int fixed[] = { 0, 1, 2, 9, 11, 13, OPTIMIZER, MODEL, DTYPE };
    static const char *const words[] = {
        "seed",      "batch",       "number of images",
        "drop_last", "micro_batch", "balanced",
        "optimizer", "network",     "element type"
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        const fv__pair *pair = &now->pairs[fixed[i]];
        const char *then = fv__archive_value(archive, pair->key);
        if (!then)
            return fv_fail(context, FV_MALFORMED,
                           "%s: this is no checkpoint, it has no \"%s\"", path,
                           pair->key);
        if (strcmp(then, pair->value) == 0) continue;
        bool text = fixed[i] == MODEL;
        char shown[256];
        fv__printable(then, strlen(then), shown, sizeof shown);
        return fv_fail(context, FV_MISUSE,
                       "%s: the checkpoint is of another run, its %s is %s%s%s",
                       path, words[i], text ? "different" : shown,
                       text ? "" : ", not ", text ? "" : pair->value);
    }
    return FV_OK;
}

static bool read_whole(const fv__archive *archive, const char *key,
                       int64_t *out)
{
    const char *text = fv__archive_value(archive, key);
    return text && fv__whole_read(text, strlen(text), out);
}

/* Reads two numbers separated by a space. */
static bool read_numbers(const char *text, double *first, double *second)
{
    const char *space = text ? strchr(text, ' ') : NULL;
    return space && fv__number_read(text, (size_t)(space - text), first)
           && fv__number_read(space + 1, strlen(space + 1), second);
}

/* Reads the sums of loss and right answers, and the number of images. */
static bool read_sums(const fv__archive *archive, fv__sums *sums)
{
    const char *loss = fv__archive_value(archive, "fovea.loss_sum");
    const char *right = fv__archive_value(archive, "fovea.right");
    const char *count = right ? strchr(right, ' ') : NULL;
    const bool whole =
        loss && count && fv__number_read(loss, strlen(loss), &sums->loss)
        && fv__whole_read(right, (size_t)(count - right), &sums->right)
        && fv__whole_read(count + 1, strlen(count + 1), &sums->count);
    sums->answers = sums->count;
    return whole;
}

/* Whether a run can be at that position after so many steps, including those
 * before the run. The sums are those of the current epoch, or of the last one
 * if none has begun. */
static bool is_possible(const fv__run *run, const fv__position *position,
                        int64_t steps)
{
    const fv__sums *sums = &position->sums;
    const int64_t batches = fv__divide_up(run->used, run->batch);
    if (position->batch >= batches || position->batch > steps
        || position->epoch > (steps - position->batch) / batches)
        return false;
    int64_t seen = position->batch * run->batch;
    if (!position->batch && position->epoch) seen = run->used;
    return sums->count == seen && sums->right <= sums->count;
}

/* Reads the learning rate that the run was called with and its last one. */
static bool read_rates(const fv__archive *archive, double *initial,
                       double *last)
{
    const char *text = fv__archive_value(archive, "fovea.learning_rate");
    return read_numbers(text, initial, last) && *initial >= 0 && *last >= 0
           && isfinite(*initial + *last);
}

/* Whether the counts of updates, if there are any, are valid. */
static bool counts_legal(const fv__archive *archive)
{
    const fv_tensor *counts = fv__archive_find(archive, "optimizer.steps");
    const int64_t n = counts ? fv_tensor_count(counts) : 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t count = 0;
        fv__load_integers(counts->dtype, fv__tensor_byte(counts, i), 1, 1,
                          &count);
        if (count < 0 || count >= INT64_MAX / 2) return false;
    }
    return true;
}

/* The position and the run of a checkpoint, without its arrays. */
typedef struct found {
    fv__position position;
    int64_t steps;   /* of the network */
    int64_t updates; /* of the optimizer */
    double initial_rate, rate;
    fv__schedule schedule; /* of this call, with what its plateaus have seen */
} found;

/* What plateaus have seen counts for the same schedule only. */
static bool read_schedule(const record *now, const fv__archive *archive,
                          fv__schedule *schedule)
{
    const char *then = fv__archive_value(archive, "fovea.schedule");
    const char *seen = fv__archive_value(archive, "fovea.plateaus");
    if (!then || strcmp(then, now->pairs[SCHEDULE].value) != 0) return true;
    return seen && fv__schedule_restore(schedule, seen);
}

/* The same for what early stopping has seen. */
static bool read_watch(const record *now, const fv__archive *archive,
                       int64_t epochs, fv__watch *watch)
{
    const char *then = fv__archive_value(archive, "fovea.watch");
    const char *seen = fv__archive_value(archive, "fovea.watched");
    if (!then || strcmp(then, now->watch) != 0) return true;
    return seen && fv__watch_restore(seen, epochs, watch);
}

static fv_status read_found(const fv__run *run, const record *now,
                            const fv__archive *archive, const char *path,
                            found *f)
{
    f->schedule = run->optimizer->schedule;
    bool legal =
        read_whole(archive, "fovea.epoch", &f->position.epoch)
        && read_whole(archive, "fovea.position", &f->position.batch)
        && read_whole(archive, "fovea.network_steps", &f->steps)
        && read_whole(archive, "fovea.updates", &f->updates)
        && read_schedule(now, archive, &f->schedule)
        && read_whole(archive, "fovea.rollbacks", &f->position.rollbacks)
        && read_watch(now, archive, f->position.epoch, &f->position.watch)
        && read_sums(archive, &f->position.sums)
        && read_rates(archive, &f->initial_rate, &f->rate)
        && counts_legal(archive) && is_possible(run, &f->position, f->steps);
    if (legal) return FV_OK;
    return fv_fail(run->network->context, FV_MALFORMED,
                   "%s: the position in training is damaged", path);
}

/* Applies what was read. A run that was called with the same learning rate as
 * that of the checkpoint, or that has no epoch left, continues with the last
 * learning rate of the checkpoint; any other keeps its own. */
static void restore(const fv__run *run, const record *now,
                    const fv__archive *archive, const char *path,
                    const found *f)
{
    fv_context *context = run->network->context;
    run->network->steps = (uint64_t)f->steps;
    run->optimizer->updates = f->updates;
    run->optimizer->schedule = f->schedule;
    if (f->initial_rate == run->initial_rate
        || f->position.epoch >= run->epochs)
        fv_set_learning_rate(run->optimizer, f->rate);
    else
        fv__log(context, "%s: going on with learning_rate %s instead of %s",
                path, FV__NUMBER(run->initial_rate), FV__NUMBER(f->rate));
    static const char *const words[] = { "", "schedule ", "monitor " };
    for (int i = FIELDS; i <= WATCH; i++) {
        const char *is = now->pairs[i].value;
        const char *was = fv__archive_value(archive, now->pairs[i].key);
        const char *what = words[i - FIELDS];
        char shown[256];
        if (!was || strcmp(was, is) == 0) continue;
        fv__log(context, "%s: going on with %s%s instead of %s", path, what,
                *is ? is : "none",
                *was ? fv__printable(was, strlen(was), shown, sizeof shown)
                     : "none");
    }
}

fv_status fv__checkpoint_load(const fv__run *run, const char *path,
                              fv__position *position)
{
    fv_context *context = run->network->context;
    fv__archive *archive = fv__safetensors_read(context, path);
    if (!archive) return fv_failed(context);
    char shown[256];
    fv__printable(path, strlen(path), shown, sizeof shown);
    fv__model model = { 0 };
    found f = { 0 };
    record now;
    fill(&now, run, path, &(fv__position){ 0 });
    if (fv__ok(context) && compare(&now, context, archive, shown) == FV_OK
        && list_entries(&model, run) == FV_OK
        && fv__model_match(&model, archive, path, NULL) == FV_OK
        && read_found(run, &now, archive, shown, &f) == FV_OK) {
        fv__model_restore(&model);
        restore(run, &now, archive, shown, &f);
        *position = f.position;
    }
    if (model.context) fv__model_end(&model);
    end_record(&now);
    fv__archive_free(archive);
    return fv_failed(context);
}
