/* Every item is worked on exactly once, whoever lends the threads. */
#include "bare.h"

#include <fenv.h>
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ITEMS = 1000, WORKERS = 64 };

static const double large = 1e9; /* a cost that is worth threads */

/* What the items found; plain where the library promises order. */
typedef struct record {
    fv_context *context;
    int32_t workers;
    int times[ITEMS], before[ITEMS];
    _Atomic int busy[WORKERS], wrong;
    int scratch[WORKERS]; /* of one worker, unprotected on purpose */
} record;

static void note(void *argument, size_t item, size_t worker)
{
    record *found = argument;
    if (worker >= (size_t)found->workers) {
        found->wrong++;
        return;
    }
    if (found->busy[worker]++) found->wrong++;
    found->times[item] += found->before[item];
    found->scratch[worker]++;
    found->busy[worker]--;
}

static void check(fv_context *context, size_t items, double cost)
{
    static record found;
    memset(&found, 0, sizeof found);
    found.workers = fv_context_threads(context);
    for (size_t i = 0; i < ITEMS; i++) found.before[i] = (int)i + 1;
    fv__parallel(context, items, cost, note, &found);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(found.times[i], i < items ? i + 1 : 0);
    size_t sum = 0;
    for (size_t i = 0; i < WORKERS; i++) sum += (size_t)found.scratch[i];
    assert_int_equal(sum, items);
    assert_int_equal(found.wrong, 0);
}

static void check_all(fv_context *context)
{
    static const size_t items[] = { 0, 1, 2, 3, 7, 64, 65, ITEMS };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        check(context, items[i], large);
        check(context, items[i], 1);
    }
}

static void test_every_item_once(void **state)
{
    (void)state;
    static const int32_t threads[] = { 1, 2, 3, 7, WORKERS };
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        fv_context *context =
            bare_new(FV_OPTIONS(fv_context_options, .threads = threads[i]));
        fv_memory before = fv_context_memory(context);
        for (int again = 0; again < 5; again++) check_all(context);
        fv_memory after = fv_context_memory(context);
        assert_memory_equal(&before, &after, sizeof before);
        bare_free(context);
    }
}

static void forwards(void *user, size_t items, fv_task *task, void *argument)
{
    *(size_t *)user += 1;
    for (size_t i = 0; i < items; i++) task(argument, i);
}

static void backwards(void *user, size_t items, fv_task *task, void *argument)
{
    *(size_t *)user += 1;
    for (size_t i = items; i-- > 0;) task(argument, i);
}

typedef struct errand {
    pthread_t thread;
    fv_task *task;
    void *argument;
    size_t item;
} errand;

static void *run_errand(void *argument)
{
    errand *own = argument;
    own->task(own->argument, own->item);
    return NULL;
}

static void own_threads(void *user, size_t items, fv_task *task, void *argument)
{
    *(size_t *)user += 1;
    errand errands[WORKERS];
    for (size_t i = 0; i < items; i++) {
        errands[i] = (errand){ .task = task, .argument = argument, .item = i };
        if (pthread_create(&errands[i].thread, NULL, run_errand, &errands[i]))
            fail_msg("pthread_create");
    }
    for (size_t i = 0; i < items; i++) pthread_join(errands[i].thread, NULL);
}

static void test_host_pool(void **state)
{
    (void)state;
    fv_parallel_for *const hosts[] = { forwards, backwards, own_threads };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t calls = 0;
        fv_context *context = bare_new(
            FV_OPTIONS(fv_context_options, .threads = 5,
                       .parallel_for = hosts[i], .parallel_user = &calls));
        check_all(context);
        assert_int_equal(calls, 6); /* of 0 or 1 item the host hears nothing */
        bare_free(context);
    }
}

static void note_thread(void *argument, size_t item, size_t worker)
{
    (void)item;
    if (worker != 0 || !pthread_equal(pthread_self(), *(pthread_t *)argument))
        fail_msg("small work left the caller");
}

static void test_small_work_stays(void **state)
{
    (void)state;
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .threads = 4));
    pthread_t self = pthread_self();
    fv__parallel(context, 100, 19999, note_thread, &self);
    bare_free(context);
}

/* ---- work within work ---------------------------------------------------- */

typedef struct nest {
    fv_context *context;
    size_t outer;
    pthread_t thread;
    _Atomic size_t *inner, *wrong;
} nest;

static void note_inner(void *argument, size_t item, size_t worker)
{
    (void)item;
    nest *above = argument;
    if (worker != above->outer || !pthread_equal(pthread_self(), above->thread))
        ++*above->wrong;
    ++*above->inner;
}

static void go_deeper(void *argument, size_t item, size_t worker)
{
    (void)item;
    nest mine = *(nest *)argument;
    mine.outer = worker;
    mine.thread = pthread_self();
    fv__parallel(mine.context, 10, large, note_inner, &mine);
}

static void test_nested(void **state)
{
    (void)state;
    _Atomic size_t inner = 0, wrong = 0;
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .threads = 4));
    nest top = { .context = context, .inner = &inner, .wrong = &wrong };
    fv__parallel(context, 50, large, go_deeper, &top);
    assert_int_equal(inner, 500);
    assert_int_equal(wrong, 0);
    check(context, ITEMS, large);
    bare_free(context);
}

/* ---- the caller's rounding ------------------------------------------------
 */

static void check_rounding(void *argument, size_t item, size_t worker)
{
    (void)item;
    (void)worker;
    if (fegetround() != FE_UPWARD) ++*(_Atomic size_t *)argument;
}

static void test_rounding(void **state)
{
    (void)state;
    _Atomic size_t wrong = 0;
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .threads = 4));
    check(context, ITEMS, large);
    int before = fegetround();
    fesetround(FE_UPWARD);
    fv__parallel(context, ITEMS, large, check_rounding, &wrong);
    int during = fegetround();
    fesetround(before);
    assert_int_equal(during, FE_UPWARD);
    assert_int_equal(wrong, 0);
    fv__parallel(context, ITEMS, large, check_rounding, &wrong);
    assert_int_equal(wrong, ITEMS);
    bare_free(context);
}

/* ---- forks and missing threads --------------------------------------------
 */

static void child_ends_well(pid_t child)
{
    int status;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static _Atomic size_t counted;

static void count(void *argument, size_t item, size_t worker)
{
    (void)argument;
    (void)item;
    (void)worker;
    counted++;
}

static void test_fork(void **state)
{
    (void)state;
    if (SANITIZED) skip();
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .threads = 3));
    for (int i = 0; i < 5; i++) {
        check(context, ITEMS, large);
        pid_t child = fork();
        if (child == 0) {
            counted = 0;
            if (i % 2 == 0) fv__parallel(context, ITEMS, large, count, NULL);
            bare_free(context);
            _exit(i % 2 == 0 && counted != ITEMS);
        }
        child_ends_well(child);
    }
    bare_free(context);
}

static char logged[256];

static void keep(void *user, const char *line)
{
    (void)user;
    snprintf(logged, sizeof logged, "%s", line);
}

/* The address space has room for a few stacks only. */
static int with_little_space(void)
{
    struct rlimit stack = { 8 << 20, 8 << 20 };
    struct rlimit space = { 150 << 20, 150 << 20 };
    fv_context *context = bare_new(
        FV_OPTIONS(fv_context_options, .threads = WORKERS, .log = keep));
    if (setrlimit(RLIMIT_STACK, &stack) || setrlimit(RLIMIT_AS, &space))
        return 2;
    fv__parallel(context, ITEMS, large, count, NULL);
    bare_free(context);
    if (counted != ITEMS) return 3;
    return strstr(logged, " of 64 threads can be made") ? 0 : 4;
}

static void test_fewer_threads(void **state)
{
    (void)state;
    needs(THREADS);
    if (SANITIZED) skip();
    counted = 0;
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(with_little_space());
    }
    child_ends_well(child);
}

/* ---- threads that wait -----------------------------------------------------
 */

static void pause_for(long microseconds)
{
    struct timespec time = { 0, microseconds * 1000 };
    nanosleep(&time, NULL);
}

/* Item 0 waits for the last one, which another thread has to begin. */
typedef struct meeting {
    size_t items;
    atomic_bool began;
    pthread_t other;
    sigset_t blocked; /* of the other thread */
    long slow[2];     /* microseconds of item 0 and of the last */
} meeting;

static void meet(void *argument, size_t item, size_t worker)
{
    (void)worker;
    meeting *m = argument;
    if (item == m->items - 1) {
        m->other = pthread_self();
        pthread_sigmask(SIG_SETMASK, NULL, &m->blocked);
        atomic_store(&m->began, true);
        pause_for(m->slow[1]);
    } else if (item == 0) {
        while (!atomic_load(&m->began)) sched_yield();
        pause_for(m->slow[0]);
    }
}

static void test_workers_block_signals(void **state)
{
    (void)state;
    needs(THREADS);
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .threads = 2));
    meeting m = { .items = 2 };
    fv__parallel(context, m.items, large, meet, &m);
    assert_false(pthread_equal(m.other, pthread_self()));
    static const int outside[] = { SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGCHLD };
    static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGPROF };
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        assert_int_equal(sigismember(&m.blocked, outside[i]), 1);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        assert_int_equal(sigismember(&m.blocked, own[i]), 0);
    bare_free(context);
}

/* Either side waits for the other longer than it spins. */
static void test_long_waits(void **state)
{
    (void)state;
    needs(THREADS);
    static const long slow[][2] = { { 0, 3000 }, { 3000, 0 }, { 0, 0 } };
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .threads = 2));
    for (int again = 0; again < 30; again++) {
        meeting m = { .items = 2 + (size_t)again % 3 };
        memcpy(m.slow, slow[again % 3], sizeof m.slow);
        fv__parallel(context, m.items, large, meet, &m);
        check(context, 65, large);
        pause_for(again * 20);
    }
    bare_free(context);
}

static atomic_bool held, released;

static void hold(int number)
{
    (void)number;
    atomic_store(&held, true);
    while (!atomic_load(&released)) pause_for(100);
}

/* A thread that has no processor is played by one held in a signal. */
static int without_the_worker(bool asleep)
{
    struct sigaction action = { .sa_handler = hold };
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .threads = 2));
    meeting m = { .items = 2 };
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGPROF, &action, NULL)) return 2;
    fv__parallel(context, m.items, large, meet, &m);
    if (asleep) pause_for(20000);
    pthread_kill(m.other, SIGPROF);
    while (!atomic_load(&held)) sched_yield();
    for (int i = 0; i < 100; i++) check(context, ITEMS, large);
    atomic_store(&released, true);
    for (int i = 0; i < 100; i++) check(context, ITEMS, large);
    bare_free(context);
    return 0;
}

static void test_caller_does_not_wait_for_a_late_worker(void **state)
{
    (void)state;
    needs(THREADS);
    if (SANITIZED) skip(); /* signals may be delayed */
    for (int asleep = 0; asleep < 2; asleep++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            _exit(without_the_worker(asleep));
        }
        child_ends_well(child);
    }
}

/* Threads of this process that are not asleep, but for the first; -1 where the
 * system does not tell. */
static int threads_awake(void)
{
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks) return -1;
    int awake = 0;
    for (struct dirent *task; (task = readdir(tasks));) {
        char path[300], line[200] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/stat", task->d_name);
        FILE *in = task->d_name[0] == '.' || atol(task->d_name) == getpid()
                       ? NULL
                       : fopen(path, "r");
        if (!in) continue;
        if (!fgets(line, sizeof line, in)) line[0] = '\0';
        fclose(in);
        const char *name_end = strrchr(line, ')');
        awake += !name_end || name_end[2] != 'S';
    }
    closedir(tasks);
    return awake;
}

static void test_idle_threads_sleep(void **state)
{
    (void)state;
    needs(THREADS);
    static const int32_t threads[] = { 2, 5 };
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        fv_context *context =
            bare_new(FV_OPTIONS(fv_context_options, .threads = threads[i]));
        check(context, ITEMS, large);
        int awake = threads_awake();
        for (int wait = 0; awake > 0 && wait < 10000; wait++) {
            pause_for(1000);
            awake = threads_awake();
        }
        assert_true(awake <= 0);
        check(context, ITEMS, large);
        bare_free(context);
    }
}

static void *use_a_context(void *argument)
{
    (void)argument;
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .threads = 2));
    _Atomic size_t wrong = 0, inner = 0;
    nest top = { .context = context, .inner = &inner, .wrong = &wrong };
    for (int i = 0; i < 20; i++)
        fv__parallel(context, 50, large, go_deeper, &top);
    bare_free(context);
    return inner == 10000 && wrong == 0 ? NULL : "wrong";
}

static void test_contexts_in_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_a_context, NULL),
                         0);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_item_once),
        cmocka_unit_test(test_host_pool),
        cmocka_unit_test(test_small_work_stays),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_fewer_threads),
        cmocka_unit_test(test_workers_block_signals),
        cmocka_unit_test(test_long_waits),
        cmocka_unit_test(test_caller_does_not_wait_for_a_late_worker),
        cmocka_unit_test(test_idle_threads_sleep),
        cmocka_unit_test(test_contexts_in_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
