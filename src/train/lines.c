/* Logs of lines: CSV or JSON. The schema is in docs/training.md. */
#include "train/record.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Bytes that a log may have. */
static const size_t most_bytes = (size_t)1 << 30;

static const char *const kinds[] = { "step", "epoch", "end" };
static const char *const numbers[FV__RECORD_NUMBERS] = {
    "loss",          "accuracy",     "test_loss", "test_accuracy",
    "learning_rate", "images_per_s", "seconds",   "seconds_left"
};
static const char heading[] = "step,kind,epoch,epochs,batch,batches,";

/* The heading of CSV; "" of JSON. */
static void write_heading(fv__text *text, bool json)
{
    if (json) return;
    fv__text_add(text, "%s", heading);
    for (int i = 0; i < FV__RECORD_NUMBERS; i++)
        fv__text_add(text, "%s%s", numbers[i],
                     i + 1 < FV__RECORD_NUMBERS ? "," : "\n");
}

static void write_line(fv__text *text, bool json, const fv__record *r)
{
    fv__text_add(text,
                 json ? "{\"step\":%lld,\"kind\":\"%s\",\"epoch\":%lld,"
                        "\"epochs\":%lld,\"batch\":%lld,\"batches\":%lld"
                      : "%lld,%s,%lld,%lld,%lld,%lld",
                 (long long)r->step, kinds[r->kind], (long long)r->epoch,
                 (long long)r->epochs, (long long)r->batch,
                 (long long)r->batches);
    for (int i = 0; i < FV__RECORD_NUMBERS; i++) {
        const double value = r->numbers[i];
        if (json) fv__text_add(text, ",\"%s\":", numbers[i]);
        if (!json) fv__text_add(text, ",");
        if (isfinite(value))
            fv__text_add(text, "%s", FV__NUMBER(value));
        else if (json)
            fv__text_add(text, "null");
        else if (isinf(value))
            fv__text_add(text, "%s", FV__NUMBER(value));
    }
    fv__text_add(text, json ? "}\n" : "\n");
}

/* The step and the kind of a line; false if it is none of a log. */
static bool read_line(const char *line, size_t length, bool json, int64_t *step,
                      bool *end)
{
    static const char before[] = "{\"step\":", between[] = ",\"kind\":\"";
    const size_t from = json ? sizeof before - 1 : 0;
    size_t digits = 0;
    if (json && (length < from || memcmp(line, before, from) != 0))
        return false;
    while (from + digits < length && line[from + digits] >= '0'
           && line[from + digits] <= '9')
        digits++;
    const char *kind = line + from + digits;
    const size_t skip = json ? sizeof between - 1 : 1;
    const size_t left = length - from - digits;
    if (!fv__whole_read(line + from, digits, step) || left < skip + 4
        || memcmp(kind, json ? between : ",", skip) != 0)
        return false;
    *end = memcmp(kind + skip, "end", 3) == 0;
    return true;
}

/* Whether a text begins as `expected` does, as far as it goes. */
static bool begins(const char *text, size_t length, const char *expected)
{
    const size_t most = strlen(expected);
    return memcmp(text, expected, length < most ? length : most) == 0;
}

/* Bytes of a log, without lines of later steps, those that say that the run
 * ended, and one that was cut off; -1 if it is something else. */
static int64_t kept_bytes(const char *text, size_t bytes, bool json,
                          int64_t last_step)
{
    const char *end = memchr(text, '\n', bytes);
    size_t at = 0;
    if (!json && !begins(text, bytes, heading)) return -1;
    if (!json && end) at = (size_t)(end - text) + 1;
    while ((end = memchr(text + at, '\n', bytes - at))) {
        const size_t length = (size_t)(end - text) - at;
        int64_t step = 0;
        bool ended = false;
        if (!read_line(text + at, length, json, &step, &ended)) return -1;
        if (step > last_step || ended) return (int64_t)at;
        at += length + 1;
    }
    return json && !begins(text + at, bytes - at, "{\"step\":") ? -1
                                                                : (int64_t)at;
}

/* Leaves of a log what happened before the step. */
static fv_status trim(fv_context *context, const char *path, bool json,
                      int64_t step)
{
    size_t bytes = 0;
    char name[512];
    const int there = fv__file_probe(context, path);
    if (there == -ENOENT) return FV_OK;
    char *text = fv__read_file(context, path, most_bytes, &bytes);
    if (!text) return fv_failed(context);
    const int64_t kept = kept_bytes(text, bytes, json, step);
    if (kept < 0) {
        fv_fail(context, FV_MISUSE,
                "%s: the file there is no log of training in %s",
                fv__printable(path, strlen(path), name, sizeof name),
                json ? "JSON" : "CSV");
    } else if ((size_t)kept < bytes) {
        fv__writer writer;
        if (fv__write_begin(&writer, context, path) == FV_OK)
            fv__write(&writer, text, step ? (size_t)kept : 0);
        fv__write_end(&writer);
    }
    fv__release(context, text);
    return fv_failed(context);
}

static fv_status append(fv__records *records, fv__text *text)
{
    if (text->at) fv__append(&records->lines, text->at, text->length);
    fv__text_free(text);
    return fv_failed(records->context);
}

fv_status fv__lines_begin(fv__records *records, const char *path, int64_t step)
{
    fv_context *context = records->context;
    const size_t length = strlen(path);
    const bool csv = length > 4 && strcmp(path + length - 4, ".csv") == 0;
    char name[512];
    records->json = length > 6 && strcmp(path + length - 6, ".jsonl") == 0;
    if (!csv && !records->json)
        return fv_fail(context, FV_MISUSE, "%s: a log ends with .csv or .jsonl",
                       fv__printable(path, length, name, sizeof name));
    if (trim(context, path, records->json, step) != FV_OK
        || fv__append_begin(&records->lines, context, path) != FV_OK)
        return fv_failed(context);
    fv__text text = { .context = context, .account = FV__DATA };
    if (records->lines.size == 0) write_heading(&text, records->json);
    return append(records, &text);
}

fv_status fv__lines_add(fv__records *records, const fv__record *record)
{
    fv__text text = { .context = records->context, .account = FV__DATA };
    write_line(&text, records->json, record);
    return append(records, &text);
}
