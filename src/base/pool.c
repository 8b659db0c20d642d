/* Work spread over threads: the host's, libpthreadpool's, or the caller's. */
#include "base/internal.h"

#include <fenv.h>
#include <stdatomic.h>

static const double small_cost = 20000;

/* Items of a slot, next to its own in a cache line of its own. */
typedef struct range {
    _Alignas(64) _Atomic size_t next;
    size_t end;
} range;

/* One call of fv__parallel. It stays at its place for as long as the threads,
 * and its counters are touched by atomic operations only; so they order the
 * rest: whatever pool carries the slots, a worker sees what the caller wrote
 * before, and the caller what all workers wrote. */
typedef struct job {
    range *ranges;        /* of the slots */
    _Atomic size_t slots; /* written last before they run, read first */
    _Atomic size_t ended; /* of them */
    fv_context *context;
    fv__work *work;
    void *argument;
    fenv_t environment; /* rounding mode and the like, of the caller */
} job;

/* Where this thread is at work, so that work within work stays on it. */
static _Thread_local struct place {
    const fv_context *context;
    size_t worker;
} place;

/* A slot takes its own items first: what it wrote in one call it mostly meets
 * again in the next. Then it helps the others. */
static void run_items(job *work, size_t slot, size_t slots)
{
    for (size_t i = 0; i < slots; i++) {
        range *from = &work->ranges[(slot + i) % slots];
        size_t item;
        while (atomic_load(&from->next) < from->end
               && (item = atomic_fetch_add(&from->next, 1)) < from->end)
            work->work(work->argument, item, slot);
    }
}

static void run_slot(void *argument, size_t slot)
{
    job *work = argument;
    size_t slots = atomic_load(&work->slots);
    struct place outside = place;
    fenv_t environment;
    fegetenv(&environment);
    fesetenv(&work->environment);
    place = (struct place){ work->context, slot };
    run_items(work, slot, slots);
    place = outside;
    fesetenv(&environment);
    atomic_fetch_add(&work->ended, 1);
}

#ifdef FOVEA_WITH_PTHREADPOOL
#include <pthread.h>
#include <pthreadpool.h>
#include <signal.h>
#include <unistd.h>

struct fv__pool {
    job job;
    pthreadpool_t threads; /* NULL: not made yet, or none to be had */
    pid_t process;         /* that made it; 0: none */
    uint32_t flags;
    range ranges[];
};

static void *wait_for_gate(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* How many of `wanted` threads can exist at once. pthreadpool_create does not
 * look whether a thread was made, and then waits for it forever. */
static size_t threads_possible(size_t wanted)
{
    pthread_t made[1024];
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    size_t count = 0;
    pthread_mutex_lock(&gate);
    while (count < wanted && count < sizeof made / sizeof *made
           && pthread_create(&made[count], NULL, wait_for_gate, &gate) == 0)
        count++;
    pthread_mutex_unlock(&gate);
    for (size_t i = 0; i < count; i++) pthread_join(made[i], NULL);
    pthread_mutex_destroy(&gate);
    return count;
}

/* Signals from outside are the host's threads' business, not the pool's. */
static void block_signals(sigset_t *before)
{
    static const int own[] = { SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,
                               SIGABRT, SIGTRAP, SIGPROF, SIGSYS };
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&blocked, own[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, before);
}

/* The caller is one of the pool's threads. When one could not be made, one
 * less than possible is taken, so that the pool itself finds memory. */
static void make_threads(fv_context *context)
{
    struct fv__pool *pool = context->pool;
    size_t wanted = (size_t)context->threads;
    sigset_t before;
    block_signals(&before);
    size_t possible = threads_possible(wanted - 1);
    size_t threads = possible == wanted - 1 ? wanted : possible;
    pool->process = getpid();
    pool->threads = threads > 1 ? pthreadpool_create(threads) : NULL;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!pool->threads) threads = 1;
    /* waiting threads that spin would hold up those that work */
    pool->flags = context->threads > fv__processors()
                      ? PTHREADPOOL_FLAG_YIELD_WORKERS
                      : 0;
    if (threads < wanted)
        fv__log(context, "pool: only %zu of %zu threads can be made", threads,
                wanted);
}

/* A fork leaves the threads behind, and with them the pool's memory: to free
 * it is to wait for them. */
static void run_slots(fv_context *context, size_t slots, job *work)
{
    struct fv__pool *pool = context->pool;
    if (pool->process != getpid()) make_threads(context);
    pthreadpool_parallelize_1d(pool->threads, run_slot, work, slots,
                               pool->flags);
}

static void free_threads(struct fv__pool *pool)
{
    if (pool->threads && pool->process == getpid())
        pthreadpool_destroy(pool->threads);
}

#else

struct fv__pool {
    job job;
    range ranges[];
};

static void run_slots(fv_context *context, size_t slots, job *work)
{
    (void)context;
    for (size_t slot = 0; slot < slots; slot++) run_slot(work, slot);
}

static void free_threads(struct fv__pool *pool) { (void)pool; }

#endif

void fv__pool_begin(fv_context *context)
{
    size_t slots = context->threads < 1 ? 1 : (size_t)context->threads;
    context->pool = fv__allocate_zero(
        context, FV__RUN, sizeof *context->pool + slots * sizeof(range));
    if (context->pool) context->pool->job.ranges = context->pool->ranges;
}

void fv__pool_end(fv_context *context)
{
    if (!context->pool) return;
    free_threads(context->pool);
    fv__release(context, context->pool);
    context->pool = NULL;
}

static void share_out(job *work, size_t items, size_t slots)
{
    size_t least = items / slots, rest = items % slots, begin = 0;
    for (size_t i = 0; i < slots; i++) {
        range *own = &work->ranges[i];
        own->end = begin + least + (i < rest ? 1 : 0);
        atomic_store(&own->next, begin);
        begin = own->end;
    }
}

void fv__parallel(fv_context *context, size_t items, double cost,
                  fv__work *work, void *argument)
{
    size_t slots = context->threads < 1 ? 1 : (size_t)context->threads;
    if (slots > items) slots = items;
    bool inside = place.context != NULL;
    if (inside || slots < 2 || cost < small_cost || !context->pool) {
        size_t worker = place.context == context ? place.worker : 0;
        for (size_t i = 0; i < items; i++) work(argument, i, worker);
        return;
    }
    job *shared = &context->pool->job;
    shared->context = context;
    shared->work = work;
    shared->argument = argument;
    fegetenv(&shared->environment);
    share_out(shared, items, slots);
    atomic_store(&shared->slots, slots);
    if (context->parallel_for)
        context->parallel_for(context->parallel_user, slots, run_slot, shared);
    else
        run_slots(context, slots, shared);
    (void)atomic_load(&shared->ended);
}
