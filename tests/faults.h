/* Memory and files that fail on demand, and tell what was not given back. */
#ifndef FV_TESTS_FAULTS_H
#define FV_TESTS_FAULTS_H

#include <stdbool.h>

#include <fovea/base.h>

/* Zero it, set what shall fail, and hand faults_allocator of it to a context.
 * Fresh memory is filled with 0xa5, released memory with 0xdd. */
typedef struct faults_memory {
    size_t fail_at;    /* the call that returns NULL, from 1; 0: none */
    bool from_then_on; /* and every call after it */
    size_t calls;      /* of allocate, so far */
    size_t blocks;     /* not given back yet */
    size_t bytes;      /* of these */
    size_t wrong;      /* releases with another size than was asked for */
} faults_memory;

fv_allocator faults_allocator(faults_memory *memory);

/* A function of the table. */
typedef enum faults_call {
    FAULTS_OPEN,
    FAULTS_READ,
    FAULTS_WRITE,
    FAULTS_SIZE,
    FAULTS_FSYNC,
    FAULTS_CLOSE,
    FAULTS_RENAME,
    FAULTS_UNLINK,
    FAULTS_READLINK,
    FAULTS_LOCK,
    FAULTS_COPY_MODE,
    FAULTS_READ_AT,
    FAULTS_LIST
} faults_call;

enum { FAULTS_TRACE = 256 };

/* Zero it, set what shall fail, and hand faults_io_table of it to a context.
 * Calls that do not fail go to the operating system. A close that fails has
 * closed the file, as on Linux. */
typedef struct faults_io {
    size_t fail_at;    /* the call that fails, from 1; 0: none */
    int error;         /* how: ENOSPC for instance */
    bool from_then_on; /* and every call after it but close and unlink */
    size_t most;       /* bytes a read or write takes at once: 1, 2, ... most,
                          1, ...; 0: all it is asked for */
    bool interrupt;    /* EINTR at every other call but close */
    size_t calls;      /* so far, those interrupted not counted */
    size_t asked;      /* so far, all */
    size_t files;      /* open now */
    size_t pieces;     /* reads and writes so far */
    faults_call trace[FAULTS_TRACE]; /* the first calls, by number less one */
} faults_io;

fv_io faults_io_table(faults_io *io);

#endif
