/* What training tells its logs: a record a time, in files of lines and in event
 * files of TensorBoard. */
#ifndef FV_TRAIN_RECORD_H
#define FV_TRAIN_RECORD_H

#include "base/base.h"

#include <fovea/train.h>

typedef enum fv__record_kind {
    FV__RECORD_STEP,  /* an update */
    FV__RECORD_EPOCH, /* the end of an epoch */
    FV__RECORD_END    /* of the run, for now or for good */
} fv__record_kind;

/* Numbers that are not known are NaN. */
enum {
    FV__RECORD_LOSS, /* of the batch; of the epoch at its end */
    FV__RECORD_ACCURACY,
    FV__RECORD_TEST_LOSS,
    FV__RECORD_TEST_ACCURACY,
    FV__RECORD_RATE,
    FV__RECORD_SPEED,
    FV__RECORD_SECONDS,
    FV__RECORD_LEFT,
    FV__RECORD_NUMBERS
};

typedef struct fv__record {
    fv__record_kind kind;
    int64_t step, epoch, epochs, batch, batches;
    double numbers[FV__RECORD_NUMBERS];
} fv__record;

/* The logs of a run. */
typedef struct fv__records {
    fv_context *context;
    fv__appender lines, events;
    bool json;
    int64_t every; /* updates from one record of them to the next */
} fv__records;

/* Opens what the options name, after `step` updates: lines of later ones are
 * removed, those of a run that begins anew all of them. */
fv_status fv__records_begin(fv__records *records, fv_context *context,
                            const fv_fit_options *options, int64_t step);
/* Appends the progress, if there is to be a record of it. */
fv_status fv__records_add(fv__records *records, const fv_progress *progress);
/* Appends the end of the run. */
fv_status fv__records_finish(fv__records *records, const fv_progress *progress);
void fv__records_end(fv__records *records);

/* Lines: CSV with a heading, or one JSON object each. */
fv_status fv__lines_begin(fv__records *records, const char *path, int64_t step);
fv_status fv__lines_add(fv__records *records, const fv__record *record);
/* Event files: TFRecord frames of messages in protocol buffers. */
fv_status fv__events_begin(fv__records *records, const char *folder,
                           int64_t step);
fv_status fv__events_add(fv__records *records, const fv__record *record);

#endif
