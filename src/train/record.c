/* The logs of a run: what becomes a record, and who gets it. */
#include "train/record.h"

#include <math.h>

fv_status fv__records_begin(fv__records *records, fv_context *context,
                            const fv_fit_options *o, int64_t step)
{
    *records = (fv__records){ .context = context,
                              .every = fv__option_count(o->log_every, 50) };
    records->lines.file = records->events.file = -1;
    if (o->log) fv__lines_begin(records, o->log, step);
    if (o->tensorboard && fv__ok(context))
        fv__events_begin(records, o->tensorboard, step);
    return fv_failed(context);
}

/* Metrics of count 0 are NaN, which is what no value is. */
static fv__record record_of(fv__record_kind kind, const fv_progress *p)
{
    const bool epoch = kind != FV__RECORD_STEP;
    const fv_metrics *of = epoch ? &p->train : &p->last;
    return (fv__record){
        .kind = kind,
        .step = p->step,
        .epoch = p->epoch,
        .epochs = p->epochs,
        .batch = p->batch,
        .batches = p->batches,
        .numbers = { of->loss, of->accuracy,
                     p->test ? p->test->loss : (double)NAN,
                     p->test ? p->test->accuracy : (double)NAN,
                     kind == FV__RECORD_END ? (double)NAN : p->learning_rate,
                     p->images_per_s, p->seconds, p->seconds_left },
    };
}

static fv_status add(fv__records *records, const fv__record *record)
{
    if (records->lines.file >= 0) fv__lines_add(records, record);
    if (records->events.file >= 0 && record->kind != FV__RECORD_END)
        fv__events_add(records, record);
    return fv_failed(records->context);
}

fv_status fv__records_add(fv__records *records, const fv_progress *p)
{
    if (!p->test && p->step % records->every) return FV_OK;
    const fv__record record =
        record_of(p->test ? FV__RECORD_EPOCH : FV__RECORD_STEP, p);
    return add(records, &record);
}

fv_status fv__records_finish(fv__records *records, const fv_progress *p)
{
    const fv__record record = record_of(FV__RECORD_END, p);
    return add(records, &record);
}

void fv__records_end(fv__records *records)
{
    fv__append_end(&records->lines);
    fv__append_end(&records->events);
}
