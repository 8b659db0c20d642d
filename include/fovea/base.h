/** @file
 * Contexts, errors, memory and the hooks a host program may replace. */
#ifndef FOVEA_BASE_H
#define FOVEA_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
/** Marks what the library exports. */
#define FV_API __attribute__((visibility("default")))
/** Lets the compiler check a format against its arguments. */
#define FV_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define FV_API
#define FV_PRINTF(text, first)
#endif

/** The address of an options struct filled by designated initialisers:
 *  `FV_OPTIONS(fv_context_options, .dtype = FV_F64)`. Its first member, `size`,
 *  tells the library which version of the struct the caller was built with. In
 *  C++ the struct lives until the end of the full expression, and members are
 *  initialised in the order of their declaration. */
#ifdef __cplusplus
#define FV_OPTIONS(type, ...)                                                  \
    fv_address_of_(type{ .size = sizeof(type), __VA_ARGS__ })
/** Marks a member that an initialiser may leave out: it is zero. */
#define FV_ZERO = {}
extern "C++" {
template <class T> inline const T *fv_address_of_(const T &value)
{
    return &value;
}
}
#else
#define FV_OPTIONS(type, ...) (&(type){ .size = sizeof(type), __VA_ARGS__ })
/** Marks a member that an initialiser may leave out: it is zero. */
#define FV_ZERO
#endif

/** Why a call failed. #fv_error has the sentence. */
typedef enum fv_status {
    FV_OK = 0,
    FV_MISUSE,      /**< the program asked for something impossible */
    FV_MALFORMED,   /**< a file or text breaks the rules of its format */
    FV_UNSUPPORTED, /**< legal, but not something this build can do */
    FV_LIMIT,       /**< over a limit, `max_bytes` among them */
    FV_NO_MEMORY,   /**< the allocator returned NULL */
    FV_IO,          /**< the operating system refused a file operation */
    FV_NOT_FINITE,  /**< a loss or a gradient is NaN or infinite */
    FV_INTERRUPTED  /**< stopped on request; everything was saved */
} fv_status;

/** Element types. A context computes in one of the first two; the others hold
 *  images, labels and file contents. */
typedef enum fv_dtype {
    FV_F32 = 0,
    FV_F64,
    FV_U8,
    FV_I8,
    FV_I16,
    FV_I32,
    FV_I64,
    FV_BOOL /**< one byte, 0 or 1 */
} fv_dtype;

/** Order of the axes of image tensors at the public interface. */
typedef enum fv_layout {
    FV_NHWC = 0, /**< (batch, row, column, channel) */
    FV_NCHW      /**< (batch, channel, row, column) */
} fv_layout;

/** The caller's memory. `allocate` returns memory aligned for any type, or
 *  NULL; `release` gets the same `bytes`. Both are called from the thread that
 *  uses the context only, unless `workers` is asked for, see fv_fit_options. */
typedef struct fv_allocator {
    void *(*allocate)(void *user, size_t bytes);
    void (*release)(void *user, void *memory, size_t bytes);
    void *user;
} fv_allocator;

/** The caller's files. Each function returns what the system call of its name
 *  returns, with `-errno` for a failure; short reads and writes are legal. They
 *  are called from the thread that uses the context only, unless `workers` is
 *  asked for, see fv_fit_options. */
typedef struct fv_io {
    int (*open)(void *user, const char *path, int flags, int mode);
    int64_t (*read)(void *user, int file, void *buffer, size_t bytes);
    int64_t (*write)(void *user, int file, const void *buffer, size_t bytes);
    int64_t (*size)(void *user, int file); /**< of a regular file, in bytes;
                                                -EINVAL if it is another */
    int (*fsync)(void *user, int file);
    int (*close)(void *user, int file);
    int (*rename)(void *user, const char *from, const char *to);
    int (*unlink)(void *user, const char *path);
    /** The target of a symbolic link, without a terminator, and its length;
     *  -EINVAL if the path names something else. */
    int64_t (*readlink)(void *user, const char *path, char *target,
                        size_t bytes);
    /** Locks an open file, until it is closed, against other calls of this
     *  function, without waiting: 0; -EWOULDBLOCK if it is locked already;
     *  -ESTALE if `path` no longer names this file. -ENOTSUP is a legal
     *  answer where files have no locks. */
    int (*lock)(void *user, int file, const char *path);
    /** Gives an open file the permissions of the file at `path`, and its owner
     *  and group as far as the process is allowed to. */
    int (*copy_mode)(void *user, int file, const char *path);
    /** Reads a regular file from byte `at` on, as pread does. */
    int64_t (*read_at)(void *user, int file, void *buffer, size_t bytes,
                       int64_t at);
    /** Calls `each` with every name in a folder but "." and "..", in any
     *  order, until it returns another number than 0. Returns that, or 0;
     *  -ENOTDIR if the path names something else than a folder. */
    int (*list)(void *user, const char *folder,
                int (*each)(void *argument, const char *name), void *argument);
    void *user;
} fv_io;

/** One piece of parallel work. */
typedef void fv_task(void *argument, size_t item);

/** The caller's thread pool: runs `task(argument, i)` once for each i in
 *  [0, items), in any order and on any threads, and returns when all ended. */
typedef void fv_parallel_for(void *user, size_t items, fv_task *task,
                             void *argument);

/** Receives one line, without a newline, that a user may want to read. */
typedef void fv_logger(void *user, const char *line);

/** Owns everything made from it; belongs to one thread at a time. */
typedef struct fv_context fv_context;

/** Options of #fv_context_new; zero is the default of each. */
typedef struct fv_context_options {
    size_t size;
    fv_dtype dtype FV_ZERO;   /**< FV_F32 (default) or FV_F64 */
    fv_layout layout FV_ZERO; /**< FV_NHWC (default) or FV_NCHW */
    uint64_t seed FV_ZERO;    /**< of every random number; 0 is a seed like
                                   others */
    int32_t threads FV_ZERO;  /**< 0: as many as processors that the process
                                   may run on, or as its control groups' CPU
                                   quota allows */
    int32_t strict FV_ZERO;   /**< 1: every convolution by an algorithm that
                                   rounds as plain sums, as if each had asked
                                   for it */
    const char *isa FV_ZERO;  /**< kernel table: "ref", "avx2", ...; NULL: what
                                   the variable FOVEA_ISA names, else the
                                   best */
    size_t max_bytes FV_ZERO; /**< limit of what may be allocated; 0: three
                                   quarters of the memory of the machine or of
                                   the process's control groups (its
                                   container), or RLIMIT_AS */
    const fv_allocator *allocator FV_ZERO; /**< copied; NULL: malloc, free */
    const fv_io *io FV_ZERO;               /**< copied; NULL: POSIX */
    fv_parallel_for *parallel_for FV_ZERO; /**< NULL: the library's own pool */
    void *parallel_user FV_ZERO;
    fv_logger *log FV_ZERO; /**< NULL: silence */
    void *log_user FV_ZERO;
} fv_context_options;

/** Makes a context. `options` may be NULL. Returns NULL only when memory for
 *  the context itself is lacking; a wrong option is recorded in the context
 *  (see #fv_failed). Free it with #fv_context_free. */
FV_API fv_context *fv_context_new(const fv_context_options *options);

/** Frees the context and all that was made from it. NULL is allowed. */
FV_API void fv_context_free(fv_context *context);

/** The status of the first failure since the context was made or cleared;
 *  FV_OK if there is none. A NULL context has FV_NO_MEMORY. While a failure
 *  is pending, makers return NULL and verbs do nothing. */
FV_API fv_status fv_failed(const fv_context *context);

/** The sentence of the first failure, "" if there is none. Owned by the
 *  context, valid until #fv_clear_error. */
FV_API const char *fv_error(const fv_context *context);

/** Forgets the failure; what failed to be made stays unmade. */
FV_API void fv_clear_error(fv_context *context);

/** Records a failure, for operators and tools built on the library; the first
 *  one stays. `format` as for printf; say who, what, and by how much. Returns
 *  `status`, or the status of the failure that was pending before. */
FV_API fv_status fv_fail(fv_context *context, fv_status status,
                         const char *format, ...) FV_PRINTF(3, 4);

/** The element type that the context computes in. */
FV_API fv_dtype fv_context_dtype(const fv_context *context);
/** The order of axes in which images come and go. */
FV_API fv_layout fv_context_layout(const fv_context *context);
/** Threads that computing may use, at least 1. */
FV_API int32_t fv_context_threads(const fv_context *context);
/** Name of the kernel table in use, "ref" for instance. */
FV_API const char *fv_context_isa(const fv_context *context);

/** What the context's allocator has handed out. */
typedef struct fv_memory {
    size_t bytes;      /**< now, for computing: networks, optimizers, tapes */
    size_t peak_bytes; /**< the most that `bytes` has been */
    size_t data_bytes; /**< now, for data sets and files in transit */
} fv_memory;

/** What is allocated now and was at the peak. */
FV_API fv_memory fv_context_memory(const fv_context *context);

/** What this machine can do at best, in the context's element type, with its
 *  kernel table and threads: the two lines of a roofline. */
typedef struct fv_machine {
    double flops;        /**< multiplications and additions a second, fused */
    double thread_flops; /**< the same on one thread */
    double bytes;        /**< a second to and from memory, both counted */
} fv_machine;

/** Measures that, in about half a second and with 256 MiB; zeros after a
 *  failure. */
FV_API fv_machine fv_machine_rates(fv_context *context);

/** "1.2.3" */
FV_API const char *fv_version(void);

#ifdef __cplusplus
}
#endif
#endif
