/* The checkpoints of the last epochs, beside the newest. */
#include "train/train.h"

/* Writes the checkpoint of that epoch or, without a position, removes it. */
static void keep(const fv__run *run, int64_t epoch,
                 const fv__position *position)
{
    fv_context *context = run->network->context;
    fv__text path = { .context = context, .account = FV__DATA };
    fv__text_add(&path, "%s.%lld", run->options->checkpoint, (long long)epoch);
    if (path.at && position)
        fv__checkpoint_save(run, path.at, position);
    else if (path.at)
        fv__file_remove(context, path.at);
    fv__text_free(&path);
}

fv_status fv__checkpoint_save_epoch(const fv__run *run,
                                    const fv__position *position)
{
    const fv_fit_options *o = run->options;
    fv_context *context = run->network->context;
    if (!o->checkpoint) return fv_failed(context);
    if (o->keep) keep(run, position->epoch, position);
    if (fv__ok(context)) fv__checkpoint_save(run, o->checkpoint, position);
    /* two of them: a run that was killed here has not removed the first */
    for (int64_t i = 0; o->keep && i < 2 && fv__ok(context); i++) {
        const int64_t old = position->epoch - o->keep - i;
        if (old > 0) keep(run, old, NULL);
    }
    return fv_failed(context);
}
