/* Threads that read, transform and gather the parts of batches ahead of the
 * thread that trains. Each takes the next image of the epoch; parts lie in a
 * ring of slots, and are handed out in order. */
#include "data/loader.h"

#include <string.h>

#include "kernel/kernel.h"

enum { MOST_WORKERS = 256, MESSAGE = 1024 };

/* Images and targets of a part of a batch. */
typedef struct slot {
    unsigned char *images; /* rows of `row` bytes */
    bool *is_picture;      /* FV_U8 [rows, columns, channels], else values */
    void *targets;
    int64_t done;   /* rows that are there */
    int64_t failed; /* position of the first image that failed; -1: none */
    fv_status status;
    char message[MESSAGE];
} slot;

struct fv__loader {
    fv_context *context;
    fv__loader_options o;
    bool direct; /* images are in memory as they are: nothing is read */
    int32_t workers;
    int64_t slots, elements;
    size_t row, target_row; /* bytes */
    slot *ring;
    fv_tensor targets;   /* of a part, for the caller */
    fv_data_item *items; /* of the workers, each with a context */
    fv__crew *crew;      /* NULL: the caller's thread does it all */
    /* the epoch; all below is guarded by the crew's lock */
    uint64_t epoch;
    const int64_t *order;
    int64_t images, parts; /* of the epoch; parts of a batch */
    int64_t next;          /* image to be read, counted in the epoch */
    int64_t taken;         /* parts that were handed out */
    int64_t reading;       /* images being read now */
    int64_t skipped;
    bool ending;
    double waited;
};

/* ---- parts of batches -----------------------------------------------------
 */

/* Part k of the epoch: its first image and their number. */
static int64_t part_begin(const fv__loader *l, int64_t k)
{
    return k / l->parts * l->o.batch + k % l->parts * l->o.part;
}

static int64_t part_count(const fv__loader *l, int64_t k)
{
    const int64_t batch = k / l->parts * l->o.batch;
    const int64_t of = fv__min(l->o.batch, l->images - batch);
    return fv__min(l->o.part, of - k % l->parts * l->o.part);
}

static int64_t part_of(const fv__loader *l, int64_t image)
{
    return image / l->o.batch * l->parts + image % l->o.batch / l->o.part;
}

/* The part after k; the last batch may have fewer. */
static int64_t part_after(const fv__loader *l, int64_t k)
{
    const int64_t end = part_begin(l, k) + part_count(l, k);
    return part_of(l, end);
}

/* ---- reading one image ----------------------------------------------------
 */

static void copy_image(const fv__loader *l, const fv_data_item *item, slot *to,
                       int64_t row)
{
    const bool picture = !item->values.rank;
    const fv_tensor *image =
        picture ? &item->example.image.tensor : &item->values;
    to->is_picture[row] = picture;
    memcpy(to->images + (size_t)row * l->row, image->data,
           fv__tensor_bytes(image));
}

static fv_tensor targets_of(const fv__loader *l, void *memory)
{
    fv_tensor targets = l->targets;
    targets.data = memory;
    targets.shape[0] = l->o.part;
    return targets;
}

/* Transforms need pictures; what is none is left as it is without them. */
static fv_status transform(const fv__loader *l, fv_data_item *item,
                           uint64_t index)
{
    fv__example *example = &item->example;
    char name[FV__ITEM_NAME];
    const bool act = fv__transforms_act(l->o.transforms, l->o.stage);
    const bool normalised = l->o.transforms->count && item->values.rank
                            && example->context->layout == FV_NCHW;
    if (!fv__ok(example->context) || (!act && !normalised))
        return fv_failed(example->context);
    if (item->values.rank || !example->image.tensor.rank)
        return fv_fail(example->context, FV_MISUSE,
                       "%s: it is no picture of bytes, which transforms need",
                       fv__item_name(item, name));
    if (fv__transforms_apply(l->o.transforms, l->o.stage, l->context->seed,
                             l->epoch, index, example)
        != FV_OK)
        fv__fail_at(example->context, "%s: ", fv__item_name(item, name));
    return fv_failed(example->context);
}

/* The slot of a part; NULL: images are gathered where they are. */
static slot *slot_of(const fv__loader *l, int64_t k)
{
    return l->slots ? &l->ring[k % l->slots] : NULL;
}

/* Reads image `at` of the epoch into its slot. */
static void read_image(fv__loader *l, fv_data_item *item, slot *to, int64_t at)
{
    const int64_t k = part_of(l, at);
    const int64_t row = at - part_begin(l, k);
    const int64_t index = l->order ? l->order[at] : at;
    const fv_tensor targets = targets_of(l, to->targets);
    fv__item_read(item, index, l->o.channels);
    transform(l, item, (uint64_t)index);
    if (fv__item_check_image(item, &l->o.image) != FV_OK) return;
    copy_image(l, item, to, row);
    fv__item_put_target(item, &targets, row);
}

/* ---- workers --------------------------------------------------------------
 */

/* Keeps the failure of the first image of a part that failed, whichever thread
 * it was; the lock is held. */
static void note_failure(slot *to, fv_context *context, int64_t at)
{
    if (to->failed < 0 || at < to->failed) {
        to->failed = at;
        to->status = fv_failed(context);
        memcpy(to->message, context->message, sizeof to->message);
    }
    fv_clear_error(context);
}

static bool has_work(const fv__loader *l)
{
    return l->next < l->images && part_of(l, l->next) < l->taken + l->slots;
}

static void work(fv__crew *crew, void *argument, size_t worker)
{
    fv__loader *l = argument;
    fv_data_item *item = &l->items[worker];
    fv__crew_lock(crew);
    while (!l->ending) {
        if (!has_work(l)) {
            fv__crew_wait(crew, FV__TO_DO);
            continue;
        }
        const int64_t at = l->next++, skipped = item->skipped;
        slot *own = &l->ring[part_of(l, at) % l->slots];
        l->reading++;
        fv__crew_unlock(crew);
        read_image(l, item, own, at);
        fv__crew_lock(crew);
        l->reading--;
        l->skipped += item->skipped - skipped;
        if (fv_failed(item->example.context) != FV_OK)
            note_failure(own, item->example.context, at);
        if (++own->done == part_count(l, part_of(l, at)) || !l->reading)
            fv__crew_wake(crew, FV__DONE);
    }
    fv__crew_unlock(crew);
}

static int32_t choose_workers(const fv__loader *l)
{
    const fv_dataset *dataset = l->o.dataset;
    if (l->direct || l->o.workers == FV_OFF) return 0;
    if (l->o.workers > 0) return l->o.workers;
    if (!fv__dataset_may_share(dataset)) return 0;
    const int64_t all = fv__processors();
    return (int32_t)fv__min(dataset->decodes ? all : fv__min(all, 2),
                            MOST_WORKERS);
}

/* Starts the workers; with none the caller's thread works. */
static void begin_workers(fv__loader *l)
{
    const size_t wanted = (size_t)l->workers;
    if (!wanted) return;
    l->items =
        fv__allocate_zero(l->context, FV__DATA, wanted * sizeof *l->items);
    for (size_t i = 0; i < wanted && fv__ok(l->context); i++) {
        fv_context *own = fv__context_like(l->context);
        if (own) fv__item_begin(&l->items[i], own, l->o.dataset);
    }
    if (!fv__ok(l->context)) return;
    l->crew = fv__crew_begin(l->context, wanted, work, l);
    if (l->crew && fv__crew_size(l->crew) < wanted)
        fv__log(l->context, "data: only %zu of %zu workers can be made",
                fv__crew_size(l->crew), wanted);
}

/* ---- making and freeing ----------------------------------------------------
 */

static void measure(fv__loader *l)
{
    static const fv__transforms none = { 0 };
    if (!l->o.transforms) l->o.transforms = &none;
    const fv_context *context = l->context;
    const fv__loader_options *o = &l->o;
    const fv_dataset *dataset = o->dataset;
    const bool act = fv__transforms_act(o->transforms, o->stage);
    const size_t real = fv_dtype_bytes(context->dtype);
    const bool planar = context->layout == FV_NCHW;
    l->direct = fv__dataset_in_memory(dataset) && !act
                && (!o->transforms->count || !planar);
    l->elements = fv__product(o->image.rank, o->image.extent);
    l->row = fv__align((size_t)l->elements * (dataset->bytes ? 1 : real));
    l->parts = fv__divide_up(o->batch, o->part);
    l->targets = (fv_tensor){ .dtype = FV_I64, .rank = 1 };
    l->targets.shape[0] = l->o.part;
    if (dataset->target == FV_TARGET_LABELS) {
        l->targets.dtype = context->dtype;
        l->targets.rank = 2;
        l->targets.shape[1] = dataset->classes;
    } else if (dataset->target == FV_TARGET_MASK) {
        l->targets.dtype = FV_U8;
        l->targets.rank = 3;
        l->targets.shape[1] = o->image.extent[planar ? 1 : 0];
        l->targets.shape[2] = o->image.extent[planar ? 2 : 1];
    }
    fv__tensor_strides(&l->targets);
    l->target_row =
        (size_t)l->targets.stride[0] * fv_dtype_bytes(l->targets.dtype);
    l->workers = choose_workers(l);
    l->slots = l->direct ? 0
               : !l->workers
                   ? 1
                   : fv__max(2, fv__divide_up(2 * l->workers, o->part) + 1);
}

/* Bytes of a slot: images, targets and flags. */
static size_t slot_bytes(const fv__loader *l)
{
    const size_t n = (size_t)l->o.part;
    return fv__align(n * l->row) + fv__align(n * l->target_row) + n;
}

size_t fv__loader_bytes(fv_context *context, const fv__loader_options *options)
{
    fv__loader l = { .context = context, .o = *options };
    measure(&l);
    return fv__footprint(sizeof l)
           + fv__footprint((size_t)l.slots * sizeof(slot))
           + (size_t)l.slots * fv__footprint(slot_bytes(&l))
           + fv__footprint((size_t)l.o.part * l.target_row);
}

fv__loader *fv__loader_new(fv_context *context,
                           const fv__loader_options *options)
{
    fv__loader *l = fv__allocate_zero(context, FV__DATA, sizeof *l);
    if (!l) return NULL;
    l->context = context;
    l->o = *options;
    measure(l);
    l->ring = fv__allocate_zero(context, FV__DATA,
                                (size_t)l->slots * sizeof *l->ring);
    const size_t images = fv__align((size_t)l->o.part * l->row);
    for (int64_t i = 0; i < l->slots && fv__ok(context); i++) {
        slot *own = &l->ring[i];
        own->images = fv__allocate(context, FV__DATA, slot_bytes(l));
        if (!own->images) break;
        own->targets = own->images + images;
        own->is_picture =
            (bool *)(own->images + images
                     + fv__align((size_t)l->o.part * l->target_row));
        own->failed = -1;
    }
    l->targets.data =
        fv__allocate(context, FV__DATA, (size_t)l->o.part * l->target_row);
    if (fv__ok(context)) begin_workers(l);
    if (fv__ok(context)) return l;
    fv__loader_free(l);
    return NULL;
}

/* A fork may have come while its threads were at work: a child leaves what
 * belongs to them alone. */
static void end_workers(fv__loader *l)
{
    const bool lost = l->crew && fv__crew_lost(l->crew);
    if (l->crew && !lost) {
        fv__crew_lock(l->crew);
        l->ending = true;
        fv__crew_wake(l->crew, FV__TO_DO);
        fv__crew_unlock(l->crew);
    }
    fv__crew_end(l->crew);
    l->crew = NULL;
    for (int32_t i = 0; l->items && !lost && i < l->workers; i++) {
        fv_context *own = l->items[i].example.context;
        fv__item_free(&l->items[i]);
        fv_context_free(own);
    }
    fv__release(l->context, l->items);
    l->items = NULL;
}

void fv__loader_free(fv__loader *l)
{
    if (!l) return;
    end_workers(l);
    for (int64_t i = 0; l->ring && i < l->slots; i++)
        fv__release(l->context, l->ring[i].images);
    fv__release(l->context, l->ring);
    fv__release(l->context, l->targets.data);
    fv__release(l->context, l);
}

/* ---- epochs ----------------------------------------------------------------
 */

/* Whether there are threads that read ahead. */
static bool has_crew(fv__loader *l)
{
    if (l->crew && (fv__crew_lost(l->crew) || !fv__crew_size(l->crew)))
        end_workers(l);
    return l->crew != NULL;
}

void fv__loader_start(fv__loader *l, uint64_t epoch, const int64_t *order,
                      int64_t images, int64_t batch)
{
    const bool crew = has_crew(l);
    if (crew) {
        fv__crew_lock(l->crew);
        l->next = l->images; /* nothing more of the epoch before */
        while (l->reading) fv__crew_wait(l->crew, FV__DONE);
    }
    l->epoch = epoch;
    l->order = order;
    l->images = images;
    l->taken = batch * l->parts;
    l->next = fv__min(batch * l->o.batch, images);
    for (int64_t i = 0; i < l->slots; i++) {
        l->ring[i].done = 0;
        l->ring[i].failed = -1;
    }
    if (!crew) return;
    fv__crew_wake(l->crew, FV__TO_DO);
    fv__crew_unlock(l->crew);
}

/* The rows of a part, to be converted by the threads of the context. */
typedef struct conversion {
    const fv__loader *loader;
    const slot *from; /* NULL: the data set's memory */
    int64_t first;
    unsigned char *to;
    size_t bytes; /* of a row there */
} conversion;

static void convert_row(void *argument, size_t i, size_t worker)
{
    const conversion *c = argument;
    const fv__loader *l = c->loader;
    const fv_tensor *all = &l->o.dataset->images;
    const fv_context *context = l->context;
    const bool planar = context->layout == FV_NCHW;
    fv_shape shape = l->o.image;
    bool picture = all->dtype == FV_U8 && all->rank == 4, bytes;
    void *to = c->to + i * c->bytes, *from;
    (void)worker;
    if (c->from) {
        picture = c->from->is_picture[i];
        bytes = picture || l->o.dataset->bytes;
        from = c->from->images + i * l->row;
    } else {
        const int64_t at = c->first + (int64_t)i;
        bytes = all->dtype == FV_U8;
        from = fv__tensor_byte(all,
                               (l->order ? l->order[at] : at) * all->stride[0]);
    }
    for (int32_t k = 0; c->from && picture && planar && k < 3; k++)
        shape.extent[k] = l->o.image.extent[(k + 1) % 3];
    const fv_tensor image = fv_tensor_of(from, bytes ? FV_U8 : context->dtype,
                                         shape.rank, shape.extent);
    const bool lines = l->o.transforms->count && shape.rank == 3;
    if (lines || (c->from && picture && planar))
        fv__transforms_convert(l->o.transforms, l->o.stage, l->context, &image,
                               to);
    else if (bytes)
        context->kernels->from_bytes((size_t)l->elements, 1.0 / 255, from, to);
    else
        memcpy(to, from, fv__tensor_bytes(&image));
}

static void convert(fv__loader *l, const slot *from, int64_t first,
                    int64_t count, const fv_tensor *images)
{
    conversion c = { l, from, first, images->data,
                     (size_t)l->elements * fv_dtype_bytes(images->dtype) };
    fv__parallel(l->context, (size_t)count, (double)count * (double)l->elements,
                 convert_row, &c);
}

/* Images that are in memory as they are. */
static void take_direct(fv__loader *l, int64_t first, int64_t count,
                        const fv_tensor *images)
{
    fv_data_item item;
    fv__item_begin(&item, l->context, l->o.dataset);
    for (int64_t i = 0; i < count; i++) {
        item.index = l->order ? l->order[first + i] : first + i;
        fv__item_take_target(&item, &l->o.dataset->targets, item.index);
        fv__item_put_target(&item, &l->targets, i);
    }
    convert(l, NULL, first, count, images);
}

/* Reads a part in the caller's thread; it waits all the time. */
static void read_part(fv__loader *l, slot *own, int64_t first, int64_t count)
{
    fv_data_item *item = l->o.dataset->reader;
    const double begin = fv__seconds();
    const int64_t skipped = item->skipped;
    for (int64_t i = 0; i < count && fv__ok(l->context); i++)
        read_image(l, item, own, first + i);
    l->skipped += item->skipped - skipped;
    l->waited += fv__seconds() - begin;
}

/* Waits for the workers. */
static void await_part(fv__loader *l, slot *own, int64_t count)
{
    fv__crew_lock(l->crew);
    if (own->done < count) {
        const double begin = fv__seconds();
        while (own->done < count) fv__crew_wait(l->crew, FV__DONE);
        l->waited += fv__seconds() - begin;
    }
    fv__crew_unlock(l->crew);
    if (own->failed >= 0) fv_fail(l->context, own->status, "%s", own->message);
}

fv_status fv__loader_next(fv__loader *l, const fv_tensor *images,
                          fv_tensor *targets)
{
    const int64_t k = l->taken, first = part_begin(l, k);
    const int64_t count = part_count(l, k);
    slot *own = slot_of(l, k);
    const bool crew = own && has_crew(l);
    if (!fv__ok(l->context)) return fv_failed(l->context);
    *targets = targets_of(l, l->targets.data);
    targets->shape[0] = count;
    if (!own)
        take_direct(l, first, count, images);
    else if (crew)
        await_part(l, own, count);
    else
        read_part(l, own, first, count);
    if (!fv__ok(l->context)) return fv_failed(l->context);
    if (own) {
        convert(l, own, first, count, images);
        memcpy(l->targets.data, own->targets, (size_t)count * l->target_row);
    }
    if (crew) fv__crew_lock(l->crew);
    l->taken = part_after(l, k);
    if (!crew) return fv_failed(l->context);
    own->done = 0;
    fv__crew_wake(l->crew, FV__TO_DO);
    fv__crew_unlock(l->crew);
    return fv_failed(l->context);
}

double fv__loader_waited(const fv__loader *l) { return l ? l->waited : 0; }

int64_t fv__loader_skipped(const fv__loader *l)
{
    int64_t skipped = 0;
    if (!l) return 0;
    if (l->crew) fv__crew_lock(l->crew);
    skipped = l->skipped;
    if (l->crew) fv__crew_unlock(l->crew);
    return skipped;
}
