/* Which tensors of a file are which parameters of a network. */
#include "io/model.h"

#include <stdio.h>
#include <string.h>

enum {
    LISTED = 600, /* characters of differences in a sentence */
    TRIED = 16    /* parameters, and prefixes, from which one is guessed */
};

typedef struct matching {
    fv__model *model;
    const fv__archive *archive;
    const fv_match_options *options;
    const char *prefix; /* "": none */
    size_t length;      /* of the prefix */
    bool strip;         /* names in the file have the prefix, else parameters */
    bool *head;         /* for each place of the network; NULL: none is new */
    bool *used;         /* tensors that are a parameter's */
    size_t read;
    fv__text differences;
    int64_t unlisted;
} matching;

/* ---- names ----------------------------------------------------------------
 */

static bool begins(const char *text, const char *prefix, size_t length)
{
    return strncmp(text, prefix, length) == 0;
}

/* Whether the text is longer than the ending and has it. */
static bool ends(const char *text, const char *ending, size_t *before)
{
    const size_t length = strlen(text), end = strlen(ending);
    if (length <= end || strcmp(text + length - end, ending) != 0) return false;
    *before = length - end;
    return true;
}

/* The tensor of that parameter's name; NULL if there is none. PyTorch has
 * parameters that are none of a layer, which a constant holds here: its "value"
 * is not in their names. */
static const fv_named_tensor *find(const fv__archive *archive,
                                   const char *prefix, size_t length,
                                   bool strip, const char *parameter)
{
    if (!strip && !begins(parameter, prefix, length)) return NULL;
    const char *rest = strip ? parameter : parameter + length;
    const size_t stripped = strip ? length : 0;
    size_t before;
    const fv_named_tensor *found =
        fv__archive_entry(archive, prefix, stripped, rest, strlen(rest));
    if (!found && ends(rest, ".value", &before))
        found = fv__archive_entry(archive, prefix, stripped, rest, before);
    return found;
}

/* Whether names in the file, or else those of parameters, have the prefix. */
static fv_status set_prefix(matching *m, const char *path)
{
    m->prefix = m->options->prefix ? m->options->prefix : "";
    m->length = strlen(m->prefix);
    m->strip = !m->length;
    for (size_t i = 0; i < m->archive->num_entries && !m->strip; i++)
        m->strip = begins(m->archive->entries[i].name, m->prefix, m->length);
    if (m->strip) return FV_OK;
    for (size_t i = 0; i < m->model->count; i++)
        if (begins(m->model->entries[i].name, m->prefix, m->length))
            return FV_OK;
    char shown[128];
    return fv_fail(
        m->model->context, FV_MISUSE,
        "%s: no tensor there, and no parameter of the network, has a "
        "name that begins with \"%s\"",
        path, fv__printable(m->prefix, m->length, shown, sizeof shown));
}

/* How many parameters have tensors with that prefix. */
static size_t count_with(const matching *m, const char *prefix, size_t length,
                         bool strip)
{
    size_t count = 0;
    for (size_t i = 0; i < m->model->count; i++)
        count +=
            find(m->archive, prefix, length, strip, m->model->entries[i].name)
            != NULL;
    return count;
}

/* Adds the prefix with which most parameters have tensors, if there is one. */
static void suggest_prefix(matching *m)
{
    const char *best = NULL;
    size_t most = 0, length = 0, tried = 0;
    for (size_t i = 0; i < m->model->count && i < TRIED && !most; i++)
        for (size_t k = 0; k < m->archive->num_entries && tried < TRIED; k++) {
            const char *parameter = m->model->entries[i].name;
            const char *tensor = m->archive->entries[k].name;
            size_t before;
            const bool strip = ends(tensor, parameter, &before);
            if (!strip && !ends(parameter, tensor, &before)) continue;
            const char *whole = strip ? tensor : parameter;
            if (whole[before - 1] != '.') continue;
            const size_t count = count_with(m, whole, before, strip);
            tried++;
            if (count <= most) continue;
            most = count;
            best = whole;
            length = before;
        }
    char shown[128];
    if (best)
        fv__text_add(&m->differences,
                     "; with the prefix \"%s\" %zu of %zu match",
                     fv__printable(best, length, shown, sizeof shown), most,
                     m->model->count);
}

/* ---- one parameter, one tensor --------------------------------------------
 */

static void differ(matching *m, const char *format, ...) FV_PRINTF(2, 3);

/* Adds a difference to the list, unless the list is already too long to read.
 */
static void differ(matching *m, const char *format, ...)
{
    fv__text *text = &m->differences;
    char line[400];
    va_list list;
    if (text->length > LISTED) {
        m->unlisted++;
        return;
    }
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    fv__text_add(text, "%s%s", text->length ? "; " : "", line);
}

static void report(const matching *m, fv_match match,
                   const fv_named_tensor *parameter,
                   const fv_named_tensor *tensor)
{
    const fv_named_tensor none = { .tensor = fv__tensor_failed() };
    const fv_weight_match found = { .match = match,
                                    .parameter = parameter ? *parameter : none,
                                    .tensor = tensor ? *tensor : none };
    if (m->options->report) m->options->report(m->options->user, &found);
}

/* The next axis whose extent is not 1. */
static int32_t next_axis(const fv_tensor *tensor, int32_t axis)
{
    while (axis < tensor->rank && tensor->shape[axis] == 1) axis++;
    return axis;
}

/* Whether the shapes differ in axes of extent 1 at most: a linear layer of
 * pixels is a convolution of 1x1. */
static bool same_extents(const fv_tensor *a, const fv_tensor *b)
{
    int32_t i = next_axis(a, 0), k = next_axis(b, 0);
    while (i < a->rank && k < b->rank && a->shape[i] == b->shape[k]) {
        i = next_axis(a, i + 1);
        k = next_axis(b, k + 1);
    }
    return i == a->rank && k == b->rank;
}

static bool compare(matching *m, const fv_named_tensor *entry,
                    const fv_tensor *found)
{
    char is[FV__SHAPE_BYTES], expected[FV__SHAPE_BYTES];
    const bool same_kind = fv__dtype_is_real(entry->tensor.dtype)
                           == fv__dtype_is_real(found->dtype);
    const bool same_shape = same_extents(&entry->tensor, found);
    if (!same_kind)
        differ(m, "%s has type %s", entry->name, fv_dtype_name(found->dtype));
    if (!same_shape)
        differ(m, "%s has shape %s, expected %s", entry->name,
               fv__shape_text(is, sizeof is, found->rank, found->shape),
               fv__shape_text(expected, sizeof expected, entry->tensor.rank,
                              entry->tensor.shape));
    return same_kind && same_shape;
}

/* Whether the parameter belongs to the new head. */
static bool is_new(const matching *m, const char *name)
{
    const char *end = strrchr(name, '.');
    const fv_network *network = m->model->network;
    const int32_t place = m->head ? fv__network_find(network, network->count,
                                                     name, (size_t)(end - name))
                                  : -1;
    return place >= 0 && m->head[place];
}

static void match_parameter(matching *m, size_t i)
{
    const fv_named_tensor *entry = &m->model->entries[i];
    const fv_named_tensor *found =
        find(m->archive, m->prefix, m->length, m->strip, entry->name);
    fv_tensor *read = &m->model->read[i];
    *read = fv__tensor_failed();
    if (found) m->used[found - m->archive->entries] = true;
    if (is_new(m, entry->name)) {
        report(m, FV_MATCH_NEW, entry, found);
    } else if (!found) {
        differ(m, "%s is missing", entry->name);
        report(m, FV_MATCH_MISSING, entry, NULL);
    } else if (!compare(m, entry, &found->tensor)) {
        report(m, FV_MATCH_UNFIT, entry, found);
    } else {
        *read = fv_tensor_of(found->tensor.data, found->tensor.dtype,
                             entry->tensor.rank, entry->tensor.shape);
        m->read++;
        report(m, FV_MATCH_READ, entry, found);
    }
}

/* Whether a tensor is of no use to any network: outside of the prefix, an
 * optimizer's state, or the number of batches of a batch normalisation, which
 * PyTorch saves with the running mean. */
static bool is_no_parameter(const matching *m, const char *name)
{
    static const char state[] = "optimizer.";
    size_t before;
    if (m->strip && !begins(name, m->prefix, m->length)) return true;
    if (begins(name, state, sizeof state - 1)
        && fv__archive_value(m->archive, "fovea.optimizer"))
        return true;
    if (!ends(name, ".num_batches_tracked", &before)) return false;
    const fv_named_tensor *mean = fv__archive_entry(
        m->archive, name, before, ".running_mean", strlen(".running_mean"));
    return mean && m->used[mean - m->archive->entries];
}

static void match_tensor(matching *m, const fv_named_tensor *tensor)
{
    char shown[160];
    if (is_no_parameter(m, tensor->name)) {
        report(m, FV_MATCH_UNUSED, NULL, tensor);
        return;
    }
    differ(
        m, "%s belongs to no layer",
        fv__printable(tensor->name, strlen(tensor->name), shown, sizeof shown));
    report(m, FV_MATCH_LEFT_OVER, NULL, tensor);
}

/* ---- all of them ----------------------------------------------------------
 */

/* Refuses differences, unless they are asked for. */
static void judge(matching *m, const char *path)
{
    fv_context *context = m->model->context;
    const bool none = m->model->count && !m->read;
    if (!m->differences.length || (m->options->partial && !none)) return;
    if (m->unlisted)
        fv__text_add(&m->differences, "; and %lld more",
                     (long long)m->unlisted);
    if (none && !m->length) suggest_prefix(m);
    fv_fail(context, FV_MALFORMED, "%s: does not fit the network: %s", path,
            m->differences.at);
}

static fv_status make_room(matching *m)
{
    fv__model *model = m->model;
    fv_context *context = model->context;
    fv__release(context, model->read);
    model->read = fv__allocate(context, FV__DATA,
                               (model->count + 1) * sizeof *model->read);
    m->used = fv__allocate_zero(context, FV__DATA, m->archive->num_entries + 1);
    if (!m->options->new_head || !fv__ok(context)) return fv_failed(context);
    m->head =
        fv__allocate_zero(context, FV__DATA, (size_t)model->network->count + 1);
    if (m->head) fv__network_head(model->network, m->head);
    return fv_failed(context);
}

fv_status fv__model_match(fv__model *model, const fv__archive *archive,
                          const char *path, const fv_match_options *options)
{
    static const fv_match_options none = { .size = sizeof none };
    fv_context *context = model->context;
    matching m = { .model = model,
                   .archive = archive,
                   .options = options ? options : &none,
                   .differences = { .context = context, .account = FV__DATA } };
    char shown[256];
    fv__printable(path, strlen(path), shown, sizeof shown);
    if (make_room(&m) == FV_OK && set_prefix(&m, shown) == FV_OK) {
        for (size_t i = 0; i < model->count; i++) match_parameter(&m, i);
        for (size_t i = 0; i < archive->num_entries; i++)
            if (!m.used[i]) match_tensor(&m, &archive->entries[i]);
        if (fv__ok(context)) judge(&m, shown);
    }
    fv__release(context, m.used);
    fv__release(context, m.head);
    fv__text_free(&m.differences);
    return fv_failed(context);
}
