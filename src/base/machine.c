/* What the machine offers this process: processors, memory, a clock. */
#ifdef __linux__
#define _GNU_SOURCE /* sched_getaffinity, madvise */
#endif
#include "base/internal.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PROCESSORS = 1024 };

static int64_t processors_allowed(void)
{
#ifdef __linux__
    cpu_set_t set; /* of 1024 processors, as many as we would use */
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return sysconf(_SC_NPROCESSORS_ONLN);
}

static fv__cgroup own_limits(void)
{
    return fv__cgroup_limits("/sys/fs/cgroup", "/proc/self/cgroup");
}

int32_t fv__processors(void)
{
    int64_t count = processors_allowed();
    size_t quota = own_limits().processors;
    if (quota < MOST_PROCESSORS) count = fv__min(count, (int64_t)quota);
    return (int32_t)fv__max(1, fv__min(count, MOST_PROCESSORS));
}

void fv__advise_huge(void *memory, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    int error = errno;
    madvise(memory, bytes, MADV_HUGEPAGE); /* whole pages inside of it */
    errno = error;
#else
    (void)memory, (void)bytes;
#endif
}

static size_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t bytes = SIZE_MAX;
    if (pages > 0 && page > 0)
        fv__multiply((size_t)pages, (size_t)page, &bytes);
    return bytes;
}

size_t fv__memory_limit(const char **source)
{
    size_t machine = machine_memory(), container = own_limits().memory;
    size_t memory = container < machine ? container : machine;
    size_t limit = memory / 4 * 3;
    *source = container < machine ? "three quarters of the container's memory"
                                  : "three quarters of the machine's memory";
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY
        && space.rlim_cur < limit) {
        limit = (size_t)space.rlim_cur;
        *source = "RLIMIT_AS";
    }
    return limit;
}

size_t fv__last_cache(void)
{
    long bytes = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
    bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    return bytes > 0 ? (size_t)bytes : (size_t)1 << 25;
}

double fv__seconds(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double fv__date(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return 0;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
