/* Initialising and ending a context, the objects that it owns, and its queries.
 */
#include "base/internal.h"

#include <string.h>

enum { MOST_THREADS = 1024, MOST_OPTION_BYTES = 4096 };

bool fv__options(fv_context *context, const char *who, const void *options,
                 void *known, size_t known_bytes)
{
    const unsigned char *given = options;
    size_t size = known_bytes;
    memset(known, 0, known_bytes);
    if (given) memcpy(&size, given, sizeof size);
    bool sane = size >= sizeof size && size <= MOST_OPTION_BYTES;
    if (!sane)
        fv_fail(context, FV_MISUSE,
                "%s: size of the options is %zu, FV_OPTIONS sets it", who,
                size);
    if (given && sane)
        memcpy(known, given, size < known_bytes ? size : known_bytes);
    for (size_t i = known_bytes; given && sane && i < size; i++) {
        if (!given[i]) continue;
        fv_fail(context, FV_UNSUPPORTED, "%s: an option is newer than fovea %s",
                who, fv_version());
        sane = false;
    }
    memcpy(known, &known_bytes, sizeof known_bytes);
    return sane;
}

static bool allocator_complete(const fv_allocator *allocator)
{
    return allocator->allocate && allocator->release;
}

static bool io_complete(const fv_io *io)
{
    return io->open && io->read && io->write && io->size && io->fsync
           && io->close && io->rename && io->unlink && io->readlink && io->lock
           && io->copy_mode && io->read_at && io->list;
}

fv_context *fv__context_allocate(const fv_context_options *options)
{
    fv_context reader = { 0 };
    fv_context_options known;
    fv__options(&reader, "context", options, &known, sizeof known);
    const fv_allocator *allocator = &fv__allocator_standard;
    if (known.allocator && allocator_complete(known.allocator))
        allocator = known.allocator;
    fv_context *context = allocator->allocate(allocator->user, sizeof *context);
    if (!context) return NULL;
    memset(context, 0, sizeof *context);
    context->allocator = *allocator;
    return context;
}

void fv__context_release(fv_context *context)
{
    if (!context) return;
    fv_allocator allocator = context->allocator;
    allocator.release(allocator.user, context, sizeof *context);
}

static void check_numbers(fv_context *context, fv_context_options *options)
{
    if (options->dtype != FV_F32 && options->dtype != FV_F64) {
        fv_fail(context, FV_MISUSE,
                "context: dtype %d is neither FV_F32 nor FV_F64",
                (int)options->dtype);
        options->dtype = FV_F32;
    }
    if (options->layout != FV_NHWC && options->layout != FV_NCHW) {
        fv_fail(context, FV_MISUSE,
                "context: layout %d is neither FV_NHWC nor FV_NCHW",
                (int)options->layout);
        options->layout = FV_NHWC;
    }
    if (options->threads < 0 || options->threads > MOST_THREADS) {
        fv_fail(context, FV_MISUSE, "context: threads %ld is not in 0..%d",
                (long)options->threads, MOST_THREADS);
        options->threads = 0;
    }
    if (options->strict != 0 && options->strict != 1)
        fv_fail(context, FV_MISUSE, "context: strict %ld is neither 0 nor 1",
                (long)options->strict);
}

static void check_tables(fv_context *context, fv_context_options *options)
{
    if (!options->allocator) {
        options->allocator = &fv__allocator_standard;
    } else if (!allocator_complete(options->allocator)) {
        fv_fail(context, FV_MISUSE, "context: allocator lacks a function");
        options->allocator = &fv__allocator_standard;
    }
    if (!options->io) {
        options->io = &fv__io_posix;
    } else if (!io_complete(options->io)) {
        fv_fail(context, FV_MISUSE, "context: io lacks a function");
        options->io = &fv__io_posix;
    }
}

/* A wrong option is recorded and its default taken, so that the context can be
 * used once the error is cleared. */
fv_status fv__context_begin(fv_context *context,
                            const fv_context_options *options)
{
    fv_context_options known;
    context->objects.next = context->objects.previous = &context->objects;
    fv__options(context, "context", options, &known, sizeof known);
    check_numbers(context, &known);
    check_tables(context, &known);
    context->dtype = known.dtype;
    context->layout = known.layout;
    context->strict = known.strict != 0;
    context->changes = 1;
    context->seed = known.seed;
    context->threads = known.threads ? known.threads : fv__processors();
    context->cache_bytes = fv__last_cache();
    context->max_bytes = known.max_bytes;
    context->limit_source = "the option max_bytes";
    if (!known.max_bytes)
        context->max_bytes = fv__memory_limit(&context->limit_source);
    if (context->max_bytes > PTRDIFF_MAX) context->max_bytes = PTRDIFF_MAX;
    context->allocator = *known.allocator;
    context->io = *known.io;
    context->parallel_for = known.parallel_for;
    context->parallel_user = known.parallel_user;
    context->log = known.log;
    context->log_user = known.log_user;
    fv__pool_begin(context);
    return context->status;
}

void fv__context_end(fv_context *context)
{
    if (!context) return;
    while (context->objects.next != &context->objects)
        fv__destroy(context->objects.next);
    fv__pool_end(context);
}

void fv__adopt(fv_context *context, fv__object *object,
               void (*destroy)(void *object))
{
    object->destroy = destroy;
    object->previous = &context->objects;
    object->next = context->objects.next;
    object->next->previous = object;
    object->previous->next = object;
}

void fv__orphan(fv__object *object)
{
    object->next->previous = object->previous;
    object->previous->next = object->next;
    object->next = object->previous = object;
}

void fv__destroy(void *object)
{
    fv__object *head = object;
    if (!head) return;
    fv__orphan(head);
    head->destroy(head);
}

fv_dtype fv_context_dtype(const fv_context *context)
{
    return context ? context->dtype : FV_F32;
}

fv_layout fv_context_layout(const fv_context *context)
{
    return context ? context->layout : FV_NHWC;
}

int32_t fv_context_threads(const fv_context *context)
{
    return context ? context->threads : 0;
}

fv_memory fv_context_memory(const fv_context *context)
{
    return context ? context->memory : (fv_memory){ 0 };
}

const char *fv_version(void) { return FOVEA_VERSION; }
