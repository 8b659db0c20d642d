/* Event files of TensorBoard: frames of TFRecord with protocol buffers in them.
 */
#include "train/record.h"

#include <math.h>
#include <string.h>

#ifdef FOVEA_WITH_TENSORBOARD

#include <event.pb-c.h>

enum { HEAD = 12, FOOT = 4, MOST_BYTES = 1024 };

/* The numbers of a record and what TensorBoard calls them, by kind. */
static const char *const tags[2][FV__RECORD_NUMBERS] = {
    { "step/loss", "step/accuracy", NULL, NULL, "learning_rate",
      "images_per_s" },
    { "epoch/loss", "epoch/accuracy", "test/loss", "test/accuracy" }
};

static void put(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> (8 * i));
}

/* The checksum of bytes, masked as TFRecord wants it. */
static uint32_t masked(const void *bytes, size_t size)
{
    const uint32_t crc = fv__crc32c(bytes, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

/* Appends a message: its length and the checksum of that, itself, and its
 * checksum, all little-endian. */
static fv_status append(fv__records *records, Fv__Event__Event *event)
{
    unsigned char frame[HEAD + MOST_BYTES + FOOT];
    event->has_wall_time = 1;
    event->wall_time = fv__date();
    const size_t size = fv__event__event__get_packed_size(event);
    if (size > MOST_BYTES) return FV_OK;
    fv__event__event__pack(event, frame + HEAD);
    put(frame, size, 8);
    put(frame + 8, masked(frame, 8), 4);
    put(frame + HEAD + size, masked(frame + HEAD, size), 4);
    return fv__append(&records->events, frame, HEAD + size + FOOT);
}

fv_status fv__events_begin(fv__records *records, const char *folder,
                           int64_t step)
{
    static char version[] = "brain.Event:2";
    fv_context *context = records->context;
    fv__text path = { .context = context, .account = FV__DATA };
    fv__text_add(&path, "%s/events.out.tfevents.%lld.fovea", folder,
                 (long long)fv__date());
    if (path.at) fv__append_begin(&records->events, context, path.at);
    fv__text_free(&path);
    if (!fv__ok(context)) return fv_failed(context);
    Fv__Event__Event event;
    fv__event__event__init(&event);
    event.file_version = version;
    if (append(records, &event) != FV_OK || !step) return fv_failed(context);
    /* what earlier files say of later steps does not count */
    Fv__Event__SessionLog log;
    fv__event__session_log__init(&log);
    fv__event__event__init(&event);
    log.has_status = 1;
    log.status = FV__EVENT__SESSION_LOG__STATUS__START;
    event.session_log = &log;
    event.has_step = 1;
    event.step = step + 1;
    return append(records, &event);
}

fv_status fv__events_add(fv__records *records, const fv__record *record)
{
    Fv__Event__Value values[FV__RECORD_NUMBERS], *list[FV__RECORD_NUMBERS];
    char names[FV__RECORD_NUMBERS][32];
    Fv__Event__Summary summary;
    Fv__Event__Event event;
    fv__event__summary__init(&summary);
    fv__event__event__init(&event);
    summary.value = list;
    event.summary = &summary;
    event.has_step = 1;
    event.step = record->step;
    for (int i = 0; i < FV__RECORD_NUMBERS; i++) {
        const char *tag = tags[record->kind == FV__RECORD_EPOCH][i];
        if (!tag || isnan(record->numbers[i])) continue;
        const size_t n = summary.n_value++;
        memcpy(names[n], tag, strlen(tag) + 1);
        list[n] = &values[n];
        fv__event__value__init(list[n]);
        list[n]->tag = names[n];
        list[n]->has_simple_value = 1;
        list[n]->simple_value = (float)record->numbers[i];
    }
    return append(records, &event);
}

#else

fv_status fv__events_begin(fv__records *records, const char *folder,
                           int64_t step)
{
    (void)folder, (void)step;
    return fv_fail(records->context, FV_UNSUPPORTED,
                   "tensorboard: this build of Fovea has no logs for "
                   "TensorBoard");
}

fv_status fv__events_add(fv__records *records, const fv__record *record)
{
    (void)record;
    return fv_failed(records->context);
}

#endif
