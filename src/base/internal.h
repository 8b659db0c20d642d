/* What the rooms of this floor share among themselves only. */
#ifndef FV_BASE_INTERNAL_H
#define FV_BASE_INTERNAL_H

#include "base/base.h"

/* The context's pool; its threads are made when first needed. */
void fv__pool_begin(fv_context *context);
void fv__pool_end(fv_context *context);

/* Asks for large pages under fresh memory; no promise. */
void fv__advise_huge(void *memory, size_t bytes);

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
