/* What the rooms of this floor share among themselves only. */
#ifndef FV_BASE_INTERNAL_H
#define FV_BASE_INTERNAL_H

#include "base/base.h"

/* The context's pool; its threads are made when first needed. */
void fv__pool_begin(fv_context *context);
void fv__pool_end(fv_context *context);

/* Asks for large pages under fresh memory; no promise. */
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

/* open() of the context's table, repeated while a signal interrupts it. */
int fv__open(fv_context *context, const char *path, int flags, int mode);
/* What an error number means, in English whatever the host's locale: "No such
 * file or directory"; "error 1234" into `out` where it is none of ours. */
const char *fv__system_words(int64_t error, char out[32]);
/* Records "path: cannot <what>: <fv__system_words for -error>". */
fv_status fv__fail_io(fv_context *context, const char *path, const char *what,
                      int64_t error);

#endif
