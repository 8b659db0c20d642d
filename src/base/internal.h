/* What only the files of this module share. */
#ifndef FV_BASE_INTERNAL_H
#define FV_BASE_INTERNAL_H

#include "base/base.h"

/* The context's thread pool; its threads are created at the first use. */
void fv__pool_begin(fv_context *context);
void fv__pool_end(fv_context *context);

/* One more than the forks that made this process; 0 where they cannot be
 * counted. A child has none of its parent's threads. */
unsigned fv__forks(void);
/* Calls start(argument, i) for i from 0 on, until it fails or `wanted` have
 * been started; how many were. Threads made by it get no signals from outside.
 */
size_t fv__start_threads(size_t wanted, bool (*start)(void *argument, size_t i),
                         void *argument);

/* Advises the system to use large pages for fresh memory. */
void fv__advise_huge(void *memory, size_t bytes);

/* The least of the limits of a process's control groups and of all groups above
 * them; SIZE_MAX: no limit. */
typedef struct fv__cgroup {
    size_t memory;     /* bytes */
    size_t processors; /* quota, rounded up, at least 1 */
} fv__cgroup;

/* `root` is where control groups are mounted, /sys/fs/cgroup; `membership` is a
 * file as /proc/self/cgroup. What cannot be read or understood is no limit. */
fv__cgroup fv__cgroup_limits(const char *root, const char *membership);

/* malloc and free. */
extern const fv_allocator fv__allocator_standard;

/* The system calls, with -errno for a failure. */
extern const fv_io fv__io_posix;

/* Opens a file through the fv_io of the context, again while a signal
 * interrupts it. A descriptor, or -errno. */
int fv__open(fv_context *context, const char *path, int flags, int mode);
/* The meaning of an error number in English, independent of the locale: "No
 * such file or directory"; "error 1234" written to `out` if it is unknown. */
const char *fv__system_words(int64_t error, char out[32]);

#endif
