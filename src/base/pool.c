/* Runs items on several threads: those of the host, or a pool of workers, which
 * spin for a bounded time after a call and then sleep. */
#include "base/internal.h"

#include <fenv.h>
#include <stdatomic.h>
#include <string.h>

static const double small_cost = 20000;

#ifdef FOVEA_WITH_THREADS
#include <pthread.h>
#include <semaphore.h>

typedef struct thread {
    pthread_t id;
    sem_t wake; /* posted once for each time that it sleeps */
} thread;
#else
typedef int thread;
#endif

/* What a worker and the caller agree on by atomic exchanges. The caller is slot
 * 0, whose state is not used. */
typedef enum state {
    IDLE,    /* the worker spins, or is about to sleep */
    ASLEEP,  /* the worker waits for a signal */
    CALLED,  /* there is a job; the caller may still take the call back */
    RUNNING, /* the worker runs its slot */
    AWAITED, /* the same, and the caller waits for a signal that it ended */
    ENDED    /* the thread is to return */
} state;

/* The first items of a slot and the state of its worker share a cache line, so
 * that a call transfers one line between processors. */
typedef struct slot {
    _Alignas(64) _Atomic size_t next;
    size_t end;
    _Atomic int state;
    size_t index;
    struct fv__pool *pool;
    _Alignas(64) thread thread;
} slot;

/* One call of fv__parallel. It stays at its place for as long as the threads,
 * and its counters are touched by atomic operations only; so they order the
 * rest: whatever pool carries the slots, a worker sees what the caller wrote
 * before, and the caller what all workers wrote. */
typedef struct job {
    _Alignas(64) fv__work *work;
    void *argument;
    fv_context *context;
    slot *slots;
    _Atomic size_t count; /* of slots; written last before they run, 0 after */
    _Atomic size_t ended; /* slots that the host's threads have run */
    size_t changes;       /* times that the environment was another one */
    _Alignas(64) fenv_t environment; /* rounding and the like, of the caller */
} job;

/* Where this thread is at work, so that work within work stays on it. */
static _Thread_local struct place {
    const fv_context *context;
    size_t worker;
} place;

/* A slot runs its own items first, since it mostly reads what it wrote in the
 * call before, and then those of other slots. */
static void run_items(job *work, size_t worker, size_t count)
{
    struct place outside = place;
    place = (struct place){ work->context, worker };
    for (size_t i = 0; i < count; i++) {
        slot *from = &work->slots[(worker + i) % count];
        size_t item;
        while (atomic_load(&from->next) < from->end
               && (item = atomic_fetch_add(&from->next, 1)) < from->end)
            work->work(work->argument, item, worker);
    }
    place = outside;
}

/* For the host's threads. */
static void run_slot(void *argument, size_t worker)
{
    job *work = argument;
    size_t count = atomic_load(&work->count);
    fenv_t environment;
    fegetenv(&environment);
    fesetenv(&work->environment);
    run_items(work, worker, count);
    fesetenv(&environment);
    atomic_fetch_add(&work->ended, 1);
}

struct fv__pool {
    job job;
    size_t threads; /* the caller and the workers that exist; 0: not made yet */
    unsigned forks; /* of this process when they were made */
    bool spins;     /* each thread may have a processor of its own */
    slot slots[];
};

#ifdef FOVEA_WITH_THREADS
#include <sched.h>

/* Seconds that a worker spins after a call has ended, about what a sleep and a
 * wake-up cost; that a thread spins at most, waiting for the end of a call; and
 * after which it yields its processor to other threads each time it looks at
 * the clock, which is after so many looks at the state. */
static const double spin_after_call = 50e-6, spin_at_most = 250e-6,
                    spin_without_yield = 5e-6;
enum { LOOKS = 64 };

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Spins while the state is `value`; false if it still is at the end.
 * sched_yield returns at once unless another thread waits for this processor;
 * if it ran for long, the time to spin is over. */
static bool spin(slot *own, int value)
{
    const struct fv__pool *pool = own->pool;
    if (atomic_load(&own->state) != value) return true;
    if (!pool->spins) return false;
    const double begin = fv__seconds();
    double now = begin, ended = begin;
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (atomic_load(&own->state) != value) return true;
            relax();
        }
        if (now - begin > spin_without_yield) sched_yield();
        now = fv__seconds();
        if (atomic_load(&pool->job.count)) ended = now;
    } while (now - ended < spin_after_call && now - begin < spin_at_most);
    return atomic_load(&own->state) != value;
}

/* Marks the state as one in which `sleeper` sleeps, and sleeps until somebody
 * changes it; does nothing unless the state is `value`. */
static void sleep_while(slot *own, int value, int asleep, slot *sleeper)
{
    if (!atomic_compare_exchange_strong(&own->state, &value, asleep)) return;
    while (sem_wait(&sleeper->thread.wake)) continue; /* a signal came */
}

/* Changes the state, and wakes `sleeper` if it was `asleep`. No lock is taken,
 * because a thread that holds it may have lost its processor. */
static void change(slot *own, int value, int asleep, slot *sleeper)
{
    if (atomic_exchange(&own->state, value) == asleep)
        sem_post(&sleeper->thread.wake);
}

static void *work_until_ended(void *argument)
{
    slot *own = argument;
    size_t changes = 0;
    for (;;) {
        int called = CALLED;
        if (atomic_compare_exchange_strong(&own->state, &called, RUNNING)) {
            job *work = &own->pool->job;
            if (changes != work->changes) fesetenv(&work->environment);
            changes = work->changes;
            run_items(work, own->index, atomic_load(&work->count));
            change(own, IDLE, AWAITED, own->pool->slots);
        } else if (called == ENDED) {
            return NULL;
        } else if (!spin(own, IDLE)) {
            sleep_while(own, IDLE, ASLEEP, own);
        }
    }
}

static bool make_thread(slot *own)
{
    atomic_store(&own->state, IDLE);
    if (sem_init(&own->thread.wake, 0, 0)) return false;
    if (pthread_create(&own->thread.id, NULL, work_until_ended, own) == 0)
        return true;
    sem_destroy(&own->thread.wake);
    return false;
}

static bool make_nth(void *argument, size_t i)
{
    return make_thread((slot *)argument + i);
}

/* The caller is one of the pool's threads. A fork leaves the others behind, so
 * the child makes its own in the same places. */
static void make_threads(fv_context *context)
{
    struct fv__pool *pool = context->pool;
    size_t wanted = (size_t)context->threads;
    pool->forks = fv__forks();
    pool->spins = context->threads <= fv__processors();
    pool->threads = 1;
    if (pool->forks && sem_init(&pool->slots[0].thread.wake, 0, 0) == 0)
        pool->threads +=
            fv__start_threads(wanted - 1, make_nth, &pool->slots[1]);
    if (pool->threads < wanted)
        fv__log(context, "pool: only %zu of %zu threads can be made",
                pool->threads, wanted);
}

static size_t threads_of(fv_context *context)
{
    const struct fv__pool *pool = context->pool;
    if (!pool->threads || pool->forks != fv__forks()) make_threads(context);
    return pool->threads;
}

/* The caller works too, and by the end has helped with what others have not
 * begun. So it takes back the calls of workers that have not started, and waits
 * for no thread but those in the middle of an item. */
static void run_on_pool(job *work, size_t count)
{
    slot *slots = work->slots;
    for (size_t i = 1; i < count; i++)
        if (atomic_load(&slots[i].next) < slots[i].end)
            change(&slots[i], CALLED, ASLEEP, &slots[i]);
    run_items(work, 0, count);
    for (size_t i = 1; i < count; i++) {
        int called = CALLED;
        atomic_compare_exchange_strong(&slots[i].state, &called, IDLE);
    }
    for (size_t i = 1; i < count; i++)
        if (!spin(&slots[i], RUNNING))
            sleep_while(&slots[i], RUNNING, AWAITED, slots);
    atomic_store_explicit(&work->count, 0, memory_order_release);
}

static void end_threads(struct fv__pool *pool)
{
    if (pool->threads < 2 || pool->forks != fv__forks()) return;
    for (size_t i = 1; i < pool->threads; i++) {
        slot *own = &pool->slots[i];
        change(own, ENDED, ASLEEP, own);
        pthread_join(own->thread.id, NULL);
        sem_destroy(&own->thread.wake);
    }
    sem_destroy(&pool->slots[0].thread.wake);
}

#else

static size_t threads_of(fv_context *context)
{
    (void)context;
    return 1;
}

static void run_on_pool(job *work, size_t count) { run_items(work, 0, count); }

static void end_threads(struct fv__pool *pool) { (void)pool; }

#endif

void fv__pool_begin(fv_context *context)
{
    size_t count = context->threads < 1 ? 1 : (size_t)context->threads;
    struct fv__pool *pool = fv__allocate_zero(
        context, FV__RUN, sizeof *pool + count * sizeof(slot));
    context->pool = pool;
    if (!pool) return;
    pool->job.slots = pool->slots;
    for (size_t i = 0; i < count; i++) {
        pool->slots[i].index = i;
        pool->slots[i].pool = pool;
    }
}

void fv__pool_end(fv_context *context)
{
    if (!context->pool) return;
    end_threads(context->pool);
    fv__release(context, context->pool);
    context->pool = NULL;
}

static void share_out(job *work, size_t items, size_t count)
{
    size_t least = items / count, rest = items % count, begin = 0;
    for (size_t i = 0; i < count; i++) {
        slot *own = &work->slots[i];
        own->end = begin + least + (i < rest ? 1 : 0);
        atomic_store_explicit(&own->next, begin, memory_order_relaxed);
        begin = own->end;
    }
}

/* The number of slots that run the items; with 1 they run on the calling
 * thread. */
static size_t slots_for(fv_context *context, size_t items, double cost)
{
    size_t count = context->threads < 1 ? 1 : (size_t)context->threads;
    if (count > items) count = items;
    if (place.context || count < 2 || cost < small_cost || !context->pool)
        return 1;
    if (context->parallel_for) return count;
    size_t threads = threads_of(context);
    return count < threads ? count : threads;
}

/* Members are written only if they change, so that the workers' copies of the
 * cache line stay valid. */
static void keep_environment(job *work)
{
    fenv_t now;
    memset(&now, 0, sizeof now);
    fegetenv(&now);
    if (work->changes && !memcmp(&now, &work->environment, sizeof now)) return;
    work->environment = now;
    work->changes++;
}

void fv__parallel(fv_context *context, size_t items, double cost,
                  fv__work *work, void *argument)
{
    size_t count = slots_for(context, items, cost);
    if (count < 2) {
        size_t worker = place.context == context ? place.worker : 0;
        for (size_t i = 0; i < items; i++) work(argument, i, worker);
        return;
    }
    job *shared = &context->pool->job;
    shared->context = context;
    shared->work = work;
    shared->argument = argument;
    keep_environment(shared);
    share_out(shared, items, count);
    atomic_store_explicit(&shared->count, count, memory_order_release);
    if (context->parallel_for)
        context->parallel_for(context->parallel_user, count, run_slot, shared);
    else
        run_on_pool(shared, count);
    (void)atomic_load(&shared->ended);
}
