/* Lists of transforms: lines read, written, asked and applied. */
#include "augment/augment.h"

#include <string.h>

enum { MOST_TYPES = 64 };

/* ---- reading ------------------------------------------------------------- */

static const fv__transform_type *find_type(fv_context *context,
                                           const fv__token *name)
{
    const char *names[MOST_TYPES + 1] = { NULL };
    for (int i = 0; i < MOST_TYPES && fv__transform_types[i]; i++) {
        names[i] = fv__transform_types[i]->name;
        if (fv__token_is(name, names[i])) return fv__transform_types[i];
    }
    char shown[64], guess[64];
    if (!name->length) {
        fv__token_fail(context, name, "augment names no transform");
        return NULL;
    }
    fv__printable(name->at, name->length, shown, sizeof shown);
    fv__token_fail(context, name, "there is no transform \"%s\"%s", shown,
                   fv__suggestion(name, names, guess));
    return NULL;
}

/* Refuses to leave out what has no default. */
static fv_status check_required(fv_context *context,
                                const fv__transform_type *type,
                                const void *options)
{
    for (const fv__field *f = type->fields; f->key; f++) {
        int64_t count;
        if (f->kind != FV__FIELD_COUNT || !f->positional || f->optional)
            continue;
        memcpy(&count, (const unsigned char *)options + f->offset,
               sizeof count);
        if (!count)
            return fv_fail(context, FV_MALFORMED, "%s has no %s", type->name,
                           f->key);
    }
    return FV_OK;
}

/* Reads the options into a transform whose numbers belong to nobody yet. */
static fv_status read_options(fv_context *context, fv__transform *made,
                              fv__words *words, const fv__token *name)
{
    const fv__transform_type *type = made->type;
    char shown[64];
    fv__token rest;
    if (fv__fields_read(words, type->name, type->fields, &made->options)
        != FV_OK)
        return fv_failed(context);
    if (fv__words_next(words, &rest))
        return fv__token_fail(
            context, &rest, "%s takes no further \"%s\"", type->name,
            fv__printable(rest.at, rest.length, shown, sizeof shown));
    check_required(context, type, &made->options);
    if (fv__ok(context))
        fv__fields_check(context, type->name, type->fields, &made->options);
    if (fv__ok(context) && type->check) type->check(context, &made->options);
    if (!fv__ok(context))
        fv__fail_at(context, "%s:%d:%d: ", name->file, name->line,
                    name->column);
    return fv_failed(context);
}

static void release(fv_context *context, const fv__transform *transform)
{
    for (const fv__field *f = transform->type->fields; f->key; f++)
        fv__release(context, fv__field_memory(f, &transform->options));
}

static fv_status append(fv_context *context, fv__transforms *list,
                        const fv__transform *made)
{
    if (list->count == FV__MOST_TRANSFORMS)
        return fv_fail(context, FV_LIMIT,
                       "augment: a network has at most %d transforms",
                       FV__MOST_TRANSFORMS);
    fv__transform *at = fv__grow(context, FV__DATA, list->at, list->count, 1,
                                 sizeof *list->at, &list->capacity);
    if (!at) return fv_failed(context);
    list->at = at;
    at[list->count++] = *made;
    return FV_OK;
}

fv_status fv__transforms_read(fv_context *context, fv__transforms *list,
                              fv__words *words)
{
    fv__token name;
    fv__words_next(words, &name);
    fv__transform made = { .type = find_type(context, &name) };
    if (!made.type) return fv_failed(context);
    if (read_options(context, &made, words, &name) == FV_OK
        && append(context, list, &made) == FV_OK)
        return FV_OK;
    release(context, &made);
    return fv_failed(context);
}

void fv__transforms_write(const fv__transforms *list, fv__text *text)
{
    for (size_t i = 0; i < list->count; i++) {
        const fv__transform *one = &list->at[i];
        fv__text_add(text, "augment %s", one->type->name);
        for (const fv__field *f = one->type->fields; f->key; f++)
            fv__field_write(text, f, &one->options);
        fv__text_add(text, "\n");
    }
}

void fv__transforms_free(fv_context *context, fv__transforms *list)
{
    for (size_t i = 0; i < list->count; i++) release(context, &list->at[i]);
    fv__release(context, list->at);
    *list = (fv__transforms){ 0 };
}

/* ---- asking -------------------------------------------------------------- */

static bool draws(const fv__transform *one)
{
    return one->type->draws ? one->type->draws(&one->options)
                            : one->type->random;
}

/* Whether the line acts at that stage. */
static bool acts(const fv__transform *one, fv__stage stage)
{
    const int32_t on = one->options.first.on;
    return on ? (on & (int32_t)stage) != 0
              : stage == FV__TRAINING || !draws(one);
}

bool fv__transforms_act(const fv__transforms *list, fv__stage stage)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->at[i].type->apply && acts(&list->at[i], stage)) return true;
    return false;
}

bool fv__transforms_draw(const fv__transforms *list, fv__stage stage)
{
    for (size_t i = 0; i < list->count; i++) {
        const fv__transform *one = &list->at[i];
        if (one->type->apply && draws(one) && acts(one, stage)) return true;
    }
    return false;
}

bool fv__transforms_mix_batches(const fv__transforms *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->at[i].type->mix) return true;
    return false;
}

fv__size fv__transforms_size(const fv__transforms *list, fv__stage stage,
                             fv__size picture)
{
    for (size_t i = 0; i < list->count; i++) {
        const fv__transform *one = &list->at[i];
        if (one->type->size && acts(one, stage))
            one->type->size(&one->options, &picture);
    }
    return picture;
}

/* ---- applying ------------------------------------------------------------ */

/* Refuses what is no picture, or a mask that does not fit it. */
static fv_status check_example(const fv__example *example)
{
    fv_context *context = example->context;
    const fv_tensor *image = &example->image.tensor;
    const fv_tensor *mask = &example->mask.tensor;
    char text[FV__SHAPE_BYTES];
    if (!fv__tensor_check(context, "augment", image)) return fv_failed(context);
    fv__shape_text(text, sizeof text, image->rank, image->shape);
    if (image->dtype != FV_U8 || image->rank != 3 || image->shape[2] < 1
        || image->shape[2] > 4 || !fv_tensor_is_contiguous(image)
        || !fv_tensor_count(image))
        return fv_fail(context, FV_MISUSE,
                       "augment: a picture is u8 [rows, columns, 1 to 4 "
                       "channels] in row-major order, not %s %s",
                       fv_dtype_name(image->dtype), text);
    if (!mask->rank) return FV_OK;
    if (!fv__tensor_check(context, "augment", mask)) return fv_failed(context);
    if (mask->dtype == FV_U8 && mask->rank == 3 && mask->shape[2] == 1
        && fv_tensor_is_contiguous(mask) && mask->shape[0] == image->shape[0]
        && mask->shape[1] == image->shape[1])
        return FV_OK;
    fv__shape_text(text, sizeof text, mask->rank, mask->shape);
    return fv_fail(context, FV_MISUSE,
                   "augment: the mask is %s %s, expected u8 [%lld, %lld, 1] as "
                   "its picture is",
                   fv_dtype_name(mask->dtype), text, (long long)image->shape[0],
                   (long long)image->shape[1]);
}

fv_status fv__transforms_apply(const fv__transforms *list, fv__stage stage,
                               uint64_t seed, uint64_t epoch, uint64_t index,
                               fv__example *example)
{
    fv_context *context = example->context;
    if (!fv__ok(context) || check_example(example) != FV_OK)
        return fv_failed(context);
    for (size_t i = 0; i < list->count && fv__ok(context); i++) {
        const fv__transform *one = &list->at[i];
        fv__draws numbers = fv__draws_of(seed, epoch, index, (int32_t)i);
        if (one->type->apply && acts(one, stage))
            one->type->apply(&one->options, &numbers, example);
    }
    return fv_failed(context);
}

fv_status fv__transforms_mix(const fv__transforms *list, uint64_t seed,
                             uint64_t epoch, uint64_t batch,
                             fv__example *example, const fv_tensor *images,
                             const fv_tensor *targets)
{
    fv_context *context = example->context;
    const fv__mixture mixture = { images, targets };
    for (size_t i = 0; i < list->count && fv__ok(context); i++) {
        const fv__transform *one = &list->at[i];
        fv__draws numbers = fv__draws_of(seed, epoch, batch, (int32_t)i);
        if (one->type->mix && acts(one, FV__TRAINING))
            one->type->mix(&one->options, &numbers, example, &mixture);
    }
    return fv_failed(context);
}
