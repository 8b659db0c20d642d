/* Checkpoints: a model file with the optimizer's state and the position. */
#include "train/train.h"

#include "io/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBERS = 8, PAIRS = NUMBERS + 4 };

/* What the metadata hold beside the network's text. */
typedef struct record {
    char rule[256];
    char numbers[NUMBERS][40];
    fv__pair pairs[PAIRS];
} record;

static const char *const number_keys[NUMBERS] = {
    "fovea.seed",     "fovea.batch", "fovea.images",   "fovea.epoch",
    "fovea.position", "fovea.steps", "fovea.loss_sum", "fovea.right"
};

static void fill(record *r, const fv__run *run, const fv__position *position)
{
    const int64_t whole[] = { run->batch, run->images, position->epoch,
                              position->batch };
    snprintf(r->numbers[0], 40, "%" PRIu64, run->network->context->seed);
    for (int i = 0; i < 4; i++)
        snprintf(r->numbers[i + 1], 40, "%" PRId64, whole[i]);
    snprintf(r->numbers[5], 40, "%" PRIu64, run->optimizer->steps);
    fv__number_text(position->sums.loss, r->numbers[6]);
    snprintf(r->numbers[7], 40, "%" PRId64 " %" PRId64, position->sums.right,
             position->sums.count);
    fv__optimizer_text(run->optimizer, r->rule, sizeof r->rule);
    for (int i = 0; i < NUMBERS; i++)
        r->pairs[i] = (fv__pair){ number_keys[i], r->numbers[i] };
    r->pairs[NUMBERS] = (fv__pair){ "fovea.optimizer", r->rule };
    r->pairs[NUMBERS + 1] =
        (fv__pair){ "fovea.network", fv_network_text(run->network) };
    r->pairs[NUMBERS + 2] =
        (fv__pair){ "fovea.dtype",
                    fv_dtype_name(run->network->context->dtype) };
    r->pairs[NUMBERS + 3] = (fv__pair){ "fovea.network_steps", NULL };
}

/* The network's entries and one more for each slot of state. */
static fv_status list_entries(fv__model *model, const fv__run *run)
{
    fv_optimizer *optimizer = run->optimizer;
    fv_context *context = optimizer->context;
    if (fv__model_begin(model, run->network, 2) != FV_OK
        || fv__optimizer_ready(optimizer) != FV_OK)
        return fv_failed(context);
    int64_t numbers =
        (int64_t)(optimizer->slot_bytes / fv_dtype_bytes(context->dtype));
    static const char *const names[] = { "first", "second" };
    for (int32_t i = 0; i < optimizer->slots && i < 2; i++) {
        fv_tensor slot =
            fv_tensor_of(optimizer->state + (size_t)i * optimizer->slot_bytes,
                         context->dtype, 1, &numbers);
        if (fv__model_add(model, "optimizer.", names[i], &slot) != FV_OK) break;
    }
    return fv_failed(context);
}

fv_status fv__checkpoint_save(const fv__run *run, const char *path,
                              const fv__position *position)
{
    fv_context *context = run->network->context;
    record r;
    char steps[40];
    fill(&r, run, position);
    snprintf(steps, sizeof steps, "%" PRIu64, run->network->steps);
    r.pairs[NUMBERS + 3].value = steps;
    fv__model model;
    if (list_entries(&model, run) == FV_OK)
        fv__safetensors_write(context, path, model.count, model.entries, PAIRS,
                              r.pairs);
    fv__model_end(&model);
    return fv_failed(context);
}

/* ---- loading ------------------------------------------------------------ */

/* Refuses a checkpoint of another run, saying what is different. */
static fv_status compare(const fv__run *run, const fv__archive *archive,
                         const char *path)
{
    fv_context *context = run->network->context;
    record now;
    fill(&now, run, &(fv__position){ 0 });
    const int fixed[] = { 0, 1, 2, NUMBERS, NUMBERS + 1, NUMBERS + 2 };
    static const char *const words[] = {
        "seed",      "batch",   "number of images",
        "optimizer", "network", "element type"
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        const fv__pair *pair = &now.pairs[fixed[i]];
        const char *then = fv__archive_value(archive, pair->key);
        if (!then)
            return fv_fail(context, FV_MALFORMED,
                           "%s: this is no checkpoint, it has no \"%s\"", path,
                           pair->key);
        if (strcmp(then, pair->value) == 0) continue;
        bool text = fixed[i] == NUMBERS + 1;
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

/* The sums of the loss and of right answers, and of how many images. */
static bool read_sums(const fv__archive *archive, fv__sums *sums)
{
    const char *loss = fv__archive_value(archive, "fovea.loss_sum");
    const char *right = fv__archive_value(archive, "fovea.right");
    const char *count = right ? strchr(right, ' ') : NULL;
    return loss && count && fv__number_read(loss, strlen(loss), &sums->loss)
           && fv__whole_read(right, (size_t)(count - right), &sums->right)
           && fv__whole_read(count + 1, strlen(count + 1), &sums->count);
}

/* Whether a run can be there after so many steps, what came before the run
 * included: the sums are of the epoch begun, or of the last one where none
 * is. */
static bool is_possible(const fv__run *run, const fv__position *position,
                        int64_t steps)
{
    const fv__sums *sums = &position->sums;
    const int64_t batches = fv__divide_up(run->images, run->batch);
    if (position->batch >= batches || position->batch > steps
        || position->epoch > (steps - position->batch) / batches)
        return false;
    int64_t seen = position->batch * run->batch;
    if (!position->batch && position->epoch) seen = run->images;
    return sums->count == seen && sums->right <= sums->count;
}

static fv_status read_position(const fv__run *run, const fv__archive *archive,
                               const char *path, fv__position *position)
{
    fv_context *context = run->network->context;
    int64_t steps, network_steps;
    bool legal = read_whole(archive, "fovea.epoch", &position->epoch)
                 && read_whole(archive, "fovea.position", &position->batch)
                 && read_whole(archive, "fovea.steps", &steps)
                 && read_whole(archive, "fovea.network_steps", &network_steps)
                 && read_sums(archive, &position->sums)
                 && is_possible(run, position, fv__min(steps, network_steps));
    if (!legal)
        return fv_fail(context, FV_MALFORMED,
                       "%s: the position in training is damaged", path);
    run->optimizer->steps = (uint64_t)steps;
    run->network->steps = (uint64_t)network_steps;
    return FV_OK;
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
    fv__position found = { 0 };
    if (compare(run, archive, shown) == FV_OK
        && list_entries(&model, run) == FV_OK
        && fv__model_check(&model, archive, path) == FV_OK
        && read_position(run, archive, shown, &found) == FV_OK) {
        fv__model_restore(&model, archive);
        *position = found;
    }
    if (model.context) fv__model_end(&model);
    fv__archive_free(archive);
    return fv_failed(context);
}
