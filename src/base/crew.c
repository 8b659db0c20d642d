/* Threads that work beside the caller's for longer than a call, and what
 * threads of the library have in common. */
#include "base/internal.h"

#ifdef FOVEA_WITH_THREADS
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* Signals from outside are the host's threads' business. */
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

static _Atomic unsigned forks = 1;
static pthread_once_t forks_counted = PTHREAD_ONCE_INIT;

static void count_fork(void) { atomic_fetch_add(&forks, 1); }

static void count_forks(void)
{
    if (pthread_atfork(NULL, NULL, count_fork)) atomic_store(&forks, 0);
}

unsigned fv__forks(void)
{
    pthread_once(&forks_counted, count_forks);
    return atomic_load(&forks);
}

size_t fv__start_threads(size_t wanted, bool (*start)(void *argument, size_t i),
                         void *argument)
{
    sigset_t before;
    size_t made = 0;
    block_signals(&before);
    while (made < wanted && start(argument, made)) made++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return made;
}

/* What a thread of a crew is told. */
typedef struct member {
    pthread_t id;
    fv__crew *crew;
    size_t worker;
} member;

struct fv__crew {
    fv_context *context;
    fv__crew_work *work;
    void *argument;
    size_t size;
    unsigned forks;
    pthread_mutex_t lock;
    pthread_cond_t signals[2];
    member members[];
};

static void *run(void *argument)
{
    const member *own = argument;
    own->crew->work(own->crew, own->crew->argument, own->worker);
    return NULL;
}

static bool start_member(void *argument, size_t i)
{
    fv__crew *crew = argument;
    crew->members[i].crew = crew;
    crew->members[i].worker = i;
    return pthread_create(&crew->members[i].id, NULL, run, &crew->members[i])
           == 0;
}

fv__crew *fv__crew_begin(fv_context *context, size_t wanted,
                         fv__crew_work *work, void *argument)
{
    fv__crew *crew = fv__allocate_zero(context, FV__DATA,
                                       sizeof *crew + wanted * sizeof(member));
    if (!crew) return NULL;
    crew->context = context;
    crew->work = work;
    crew->argument = argument;
    crew->forks = fv__forks();
    pthread_mutex_init(&crew->lock, NULL);
    for (int i = 0; i < 2; i++) pthread_cond_init(&crew->signals[i], NULL);
    if (crew->forks) crew->size = fv__start_threads(wanted, start_member, crew);
    return crew;
}

size_t fv__crew_size(const fv__crew *crew) { return crew->size; }

bool fv__crew_lost(const fv__crew *crew)
{
    return crew->size && crew->forks != fv__forks();
}

/* In a child the lock may be held for ever by a thread that is not there. */
void fv__crew_end(fv__crew *crew)
{
    if (!crew) return;
    if (!fv__crew_lost(crew)) {
        for (size_t i = 0; i < crew->size; i++)
            pthread_join(crew->members[i].id, NULL);
        pthread_mutex_destroy(&crew->lock);
        for (int i = 0; i < 2; i++) pthread_cond_destroy(&crew->signals[i]);
    }
    fv__release(crew->context, crew);
}

void fv__crew_lock(fv__crew *crew) { pthread_mutex_lock(&crew->lock); }

void fv__crew_unlock(fv__crew *crew) { pthread_mutex_unlock(&crew->lock); }

void fv__crew_wait(fv__crew *crew, fv__signal signal)
{
    pthread_cond_wait(&crew->signals[signal], &crew->lock);
}

void fv__crew_wake(fv__crew *crew, fv__signal signal)
{
    pthread_cond_broadcast(&crew->signals[signal]);
}

#else

struct fv__crew {
    fv_context *context;
};

fv__crew *fv__crew_begin(fv_context *context, size_t wanted,
                         fv__crew_work *work, void *argument)
{
    fv__crew *crew = fv__allocate_zero(context, FV__DATA, sizeof *crew);
    (void)wanted, (void)work, (void)argument;
    if (crew) crew->context = context;
    return crew;
}

size_t fv__crew_size(const fv__crew *crew)
{
    (void)crew;
    return 0;
}

bool fv__crew_lost(const fv__crew *crew)
{
    (void)crew;
    return false;
}

void fv__crew_end(fv__crew *crew)
{
    if (crew) fv__release(crew->context, crew);
}

void fv__crew_lock(fv__crew *crew) { (void)crew; }
void fv__crew_unlock(fv__crew *crew) { (void)crew; }
void fv__crew_wait(fv__crew *crew, fv__signal signal)
{
    (void)crew, (void)signal;
}
void fv__crew_wake(fv__crew *crew, fv__signal signal)
{
    (void)crew, (void)signal;
}

#endif
