/* What every module shares: the context, checked sizes, memory, errors,
 * threads, random numbers and files. */
#ifndef FV_BASE_BASE_H
#define FV_BASE_BASE_H

#include <fovea/base.h>

#include <stdarg.h>
#include <stdbool.h>

/* ---- the context ------------------------------------------------------- */

/* Header of an object that a context owns: first member of its struct. */
typedef struct fv__object {
    struct fv__object *next, *previous;
    void (*destroy)(void *object); /* releases the object and its memory */
} fv__object;

struct fv__kernels; /* kernel/kernel.h */
struct fv__tape;    /* graph/graph.h */
struct fv__pool;    /* base/pool.c */

struct fv_context {
    fv_dtype dtype;
    fv_layout layout;
    uint64_t seed;
    int32_t threads;
    bool training, no_grad;
    bool checking; /* a gradient check runs: what no gradient passes through is
                      a constant */
    bool strict;   /* convolutions round as the definition does */
    size_t max_bytes;
    const char *limit_source; /* what max_bytes is the limit of, for messages */
    size_t cache_bytes;       /* of the last-level cache */
    fv_allocator allocator;
    fv_io io;
    fv_parallel_for *parallel_for;
    void *parallel_user;
    fv_logger *log;
    void *log_user;

    fv_status status;
    char message[1024];

    fv_memory memory;
    fv__object objects; /* ring; destroyed newest first */
    struct fv__pool *pool;
    const struct fv__kernels *kernels; /* of the context's element type */
    struct fv__tape *tape;
    uint64_t draws;      /* operations that may have drawn numbers */
    uint64_t parameters; /* arrays of weights drawn so far */
    uint64_t changes;    /* number of writes to values of leaves; whoever writes
                            one counts here */
};

/* Allocates a zeroed context with the allocator of the options; fv_memory does
 * not count it. NULL if memory is lacking. */
fv_context *fv__context_allocate(const fv_context_options *options);
/* Frees a context of fv__context_allocate, after fv__context_end. */
void fv__context_release(fv_context *context);
/* Initialises a zeroed context from options, but for kernels and tape. */
fv_status fv__context_begin(fv_context *context,
                            const fv_context_options *options);
/* Destroys the objects and the pool. */
void fv__context_end(fv_context *context);

/* Copies an options struct, whose first member is its size, into `known`;
 * members that an older caller lacks become zero. `options` may be NULL. False
 * after recording an impossible size or an option that this version does not
 * know. */
bool fv__options(fv_context *context, const char *who, const void *options,
                 void *known, size_t known_bytes);

/* The value of an option for which 0 stands for the fallback. */
int64_t fv__option_count(int64_t option, int64_t fallback);
/* The same for a number for each axis. One equal to `missing` is not given; if
 * the first is given, those that are not repeat it. */
void fv__option_axes(int32_t axes, int64_t values[], int64_t missing,
                     const int64_t fallback[]);
/* Copies padding of both sides to `begin` and `end`; refuses it if those are
 * given too. */
fv_status fv__option_padding(fv_context *context, const char *who, int32_t axes,
                             const int64_t both[], int64_t begin[],
                             int64_t end[]);

/* Makes the context the owner of an object; `destroy` runs at the end of the
 * context unless fv__destroy came before. */
void fv__adopt(fv_context *context, fv__object *object,
               void (*destroy)(void *object));
/* Removes the object from its context: another object destroys it from now on.
 */
void fv__orphan(fv__object *object);
/* Removes the object from its context and destroys it; NULL is allowed. */
void fv__destroy(void *object);

/* ---- errors ------------------------------------------------------------ */

/* Whether the context exists and no failure is pending. */
static inline bool fv__ok(const fv_context *context)
{
    return context && context->status == FV_OK;
}

fv_status fv__fail_list(fv_context *context, fv_status status,
                        const char *format, va_list list) FV_PRINTF(3, 0);
/* Prefixes the sentence of the pending failure with a place: "a.net:3:1: ". */
void fv__fail_at(fv_context *context, const char *format, ...) FV_PRINTF(2, 3);
/* One line to the context's log, if it has one. */
void fv__log(fv_context *context, const char *format, ...) FV_PRINTF(2, 3);
/* Makes text from a file printable: control characters and bytes that are not
 * UTF-8 become \xNN, long text is cut with "...". Returns `out`. */
const char *fv__printable(const char *text, size_t length, char *out,
                          size_t out_bytes);
/* Whether the text is well-formed UTF-8. */
bool fv__is_utf8(const char *text);

/* ---- checked sizes ----------------------------------------------------- */

/* *product = a b; false if it does not fit. */
bool fv__multiply(size_t a, size_t b, size_t *product);
bool fv__add(size_t a, size_t b, size_t *sum);
/* Product of extents, each at least 0; -1 if one is negative or the product is
 * 2^47 or more. */
int64_t fv__product(int32_t rank, const int64_t *extents);
/* Sum and product of counts that are at least 0. INT64_MAX stands for it and
 * all larger numbers. */
int64_t fv__saturated_sum(int64_t a, int64_t b);
int64_t fv__saturated_product(int32_t count, const int64_t *factors);

static inline int64_t fv__min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t fv__max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t fv__divide_up(int64_t a, int64_t b)
{
    return a / b + (a % b > 0);
}
static inline size_t
fv__align(size_t bytes) /* rounds up to a multiple of 64, a cache line */
{
    return (bytes + 63) & ~(size_t)63;
}

/* ---- memory ------------------------------------------------------------ */

/* The account of fv_memory that an allocation counts for. */
typedef enum fv__account { FV__RUN, FV__DATA } fv__account;

/* Allocates memory aligned to 64 bytes with arbitrary content; NULL after
 * recording FV_NO_MEMORY or FV_LIMIT. 0 bytes are allowed. */
void *fv__allocate(fv_context *context, fv__account account, size_t bytes);
/* The same, zeroed. */
void *fv__allocate_zero(fv_context *context, fv__account account, size_t bytes);
/* NULL is allowed. */
void fv__release(fv_context *context, void *memory);
/* Makes room for `more` elements of `size` bytes behind the first `count` of an
 * array that has room for *capacity, by at least doubling it; `array` is NULL
 * while *capacity is 0. Returns the array, moved or not. NULL after recording
 * FV_NO_MEMORY or FV_LIMIT; the array and *capacity are then as before. */
void *fv__grow(fv_context *context, fv__account account, void *array,
               size_t count, size_t more, size_t size, size_t *capacity);
/* What an allocation of `bytes` adds to fv_memory. */
size_t fv__footprint(size_t bytes);
/* A copy of at most `length` characters, terminated. */
char *fv__copy_text(fv_context *context, fv__account account, const char *text,
                    size_t length);

/* A text that grows. Initialise it with zeros, a context and an account. */
typedef struct fv__text {
    fv_context *context;
    char *at; /* terminated; NULL while empty */
    size_t length, capacity;
    fv__account account;
} fv__text;

/* Appends; does nothing once the context has failed. */
void fv__text_add(fv__text *text, const char *format, ...) FV_PRINTF(2, 3);
void fv__text_free(fv__text *text);

/* ---- numbers as text ---------------------------------------------------- */

/* These do not depend on the host's locale, and cannot fail. */

enum { FV__NUMBER_BYTES = 32 };

/* The shortest decimal text that reads back as the same double, or the same
 * float: "0.1", "16777216", "1e-05", "nan", "-inf". Returns `out`. */
const char *fv__number_text(double value, char out[FV__NUMBER_BYTES]);
const char *fv__number_text_f32(float value, char out[FV__NUMBER_BYTES]);

enum { FV__AMOUNT = 32 };
/* "150.0 MiB", or "1000 bytes" of less than one, into text[FV__AMOUNT],
 * returned; rounded up or down to tenths. */
const char *fv__amount(size_t bytes, bool up, char *text);

/* The text of a double, valid within the block, for sentences. */
#define FV__NUMBER(value)                                                      \
    fv__number_text((value), (char[FV__NUMBER_BYTES]){ 0 })
/* Reads all `length` characters as a finite decimal number, "-1.5e3", rounded
 * to the nearest double; false if they are none, or more than 63. */
bool fv__number_read(const char *text, size_t length, double *out);
/* Reads all `length` characters as a whole number of 1 to 18 digits. */
bool fv__whole_read(const char *text, size_t length, int64_t *out);

/* ---- threads ----------------------------------------------------------- */

/* Runs one item: item in [0, items), worker in [0, context->threads). A worker
 * runs one item at a time, so scratch may be kept per worker. */
typedef void fv__work(void *argument, size_t item, size_t worker);

/* Runs work(argument, i, worker) for each item, in any order; returns when all
 * ended. Items must not depend on the number of threads. `cost` is a rough
 * count of elementary operations of all items: small work stays on the
 * caller. */
void fv__parallel(fv_context *context, size_t items, double cost,
                  fv__work *work, void *argument);

/* Threads that work beside the caller's for longer than a call, with a lock and
 * two conditions to agree with it. */
typedef struct fv__crew fv__crew;

/* What a thread waits for: workers for something to do, the owner for
 * something that is done. */
typedef enum fv__signal { FV__TO_DO, FV__DONE } fv__signal;

/* What a thread of a crew does; workers are counted from 0. */
typedef void fv__crew_work(fv__crew *crew, void *argument, size_t worker);
/* Starts up to `wanted` threads that do it; fewer, or none, where they cannot
 * be made. NULL after a failure. Signals from outside do not reach them. */
fv__crew *fv__crew_begin(fv_context *context, size_t wanted,
                         fv__crew_work *work, void *argument);
size_t fv__crew_size(const fv__crew *crew);
/* Whether this process is a child that a fork has left without the threads; the
 * crew is then only good for fv__crew_end. */
bool fv__crew_lost(const fv__crew *crew);
/* Waits for the threads, which must be about to return, and frees; NULL is
 * allowed. */
void fv__crew_end(fv__crew *crew);
void fv__crew_lock(fv__crew *crew);
void fv__crew_unlock(fv__crew *crew);
/* Waits, the lock released meanwhile; may return without a signal. */
void fv__crew_wait(fv__crew *crew, fv__signal signal);
/* Wakes all that wait. */
void fv__crew_wake(fv__crew *crew, fv__signal signal);

/* A number of items that is enough for any number of threads to share. */
enum { FV__FEW_ITEMS = 8 };

/* ---- random numbers ---------------------------------------------------- */

/* Philox4x32-10 (Salmon et al. 2011): four random words, a function of its
 * arguments alone. */
void fv__philox(uint64_t seed, uint64_t stream, uint64_t index,
                uint32_t words[4]);

/* First values of `stream` for each use of random numbers. */
enum {
    FV__STREAM_WEIGHTS = 1, /* + (parameter number << 8) */
    FV__STREAM_DROPOUT = 2, /* + (draw << 8) */
    FV__STREAM_SHUFFLE = 3, /* + (epoch << 8) */
    FV__STREAM_CHECK = 4,   /* gradient checks */
    FV__STREAM_AUGMENT = 5  /* + (line << 8) + (epoch << 16) */
};

/* ---- the machine ------------------------------------------------------- */

/* Processors this process may use, at least 1: those it may run on, at most the
 * quota of its control groups, rounded up. */
int32_t fv__processors(void);
/* The default limit of memory in bytes: three quarters of the memory of the
 * machine or of the control groups, or RLIMIT_AS. *source says what it is the
 * limit of. */
size_t fv__memory_limit(const char **source);
/* Bytes of the last-level cache; 32 MiB if unknown. */
size_t fv__last_cache(void);
/* Seconds of a monotonic clock; seconds since 1970. */
double fv__seconds(void);
double fv__date(void);

/* ---- files ------------------------------------------------------------- */

/* Reads a whole regular file of at most `limit` bytes into new memory
 * (account FV__DATA); a terminating zero byte follows, not counted in *bytes.
 * NULL after recording who, what and why. */
void *fv__read_file(fv_context *context, const char *path, size_t limit,
                    size_t *bytes);

/* The same in two steps, where the first bytes decide what is read, for
 * regular files and for pipes and other streams; opening a pipe waits for its
 * writer. */
typedef struct fv__input {
    fv_context *context;
    const char *path;
    int file;          /* -1: not open */
    int64_t size;      /* in bytes; -1: unknown, a stream */
    size_t head_bytes; /* valid bytes of `head`; fewer than 16 only of a shorter
                          file */
    unsigned char head[16];
} fv__input;

/* Opens the file and reads its first bytes; not open after a failure. */
fv_status fv__input_begin(fv__input *input, fv_context *context,
                          const char *path);
/* Reads the whole file, the head included, as fv__read_file does, and closes
 * it. */
void *fv__input_end(fv__input *input, size_t limit, size_t *bytes);

/* 0 if the path can be opened for reading, else -errno: -ENOENT if nothing has
 * that name, or an argument is NULL. Records nothing. */
int fv__file_probe(fv_context *context, const char *path);

/* Removes the file, if there is one; what hinders it goes to the log. */
void fv__file_remove(fv_context *context, const char *path);
/* Records "path: cannot <what>: <fv__system_words for -error>". */
fv_status fv__fail_io(fv_context *context, const char *path, const char *what,
                      int64_t error);

/* A regular file that stays open, to be read at any place: from several
 * threads, each with its own context. `path` is for messages. */
typedef struct fv__file {
    int file; /* -1: not open */
    int64_t size;
} fv__file;

fv_status fv__file_open(fv__file *file, fv_context *context, const char *path);
/* Reads exactly `bytes` from byte `at` on. */
fv_status fv__file_read(const fv__file *file, fv_context *context,
                        const char *path, int64_t at, void *out, size_t bytes);
void fv__file_close(fv__file *file, fv_context *context);

/* Names in a folder, sorted by their bytes. */
typedef struct fv__names {
    size_t count;
    char **at; /* owned, with the texts (account FV__DATA) */
} fv__names;

/* 0, with the names of all that the folder holds but what begins with a dot;
 * else -errno, without recording it: -ENOTDIR if the path is no folder. Lack of
 * memory is recorded, too. */
int fv__folder_list(fv_context *context, const char *path, fv__names *names);
void fv__names_free(fv_context *context, fv__names *names);
/* Whether the path names a folder that can be listed. */
bool fv__is_folder(fv_context *context, const char *path);

/* What a file that begins with these bytes seems to be, with its article: "a
 * zip archive (.pt, .npz, .keras)"; NULL if it is nothing well known. */
const char *fv__file_kind(const void *bytes, size_t size);
/* The CRC-32 of gzip and PNG, continued from that of the bytes before (0 at
 * the beginning). */
uint32_t fv__crc32(uint32_t crc, const void *bytes, size_t size);
/* The CRC-32C (Castagnoli) of iSCSI and TFRecord files. */
uint32_t fv__crc32c(const void *bytes, size_t size);

/* An atomic write: temporary file in the same folder, fsync, rename, fsync of
 * the folder. Symbolic links are followed: the file that they lead to is the
 * one replaced. The new file has the mode of the one it replaces, and its
 * owner and group where the process may give them. The temporary file is
 * FOLDER/.NAME.tmp.N, locked while its writer lives: those without a lock were
 * left by processes that were killed, and the next write to the same file
 * removes them. Any failure removes the temporary file and is recorded. */
typedef struct fv__writer {
    fv_context *context;
    char *path;      /* as given, for messages */
    char *target;    /* where its symbolic links lead */
    char *temporary; /* beside the target */
    int lock;        /* the temporary file, open to hold its lock */
    int file;        /* the temporary file, open for writing */
    size_t used;     /* bytes waiting in the buffer */
    unsigned char *buffer;
} fv__writer;

fv_status fv__write_begin(fv__writer *writer, fv_context *context,
                          const char *path);
fv_status fv__write(fv__writer *writer, const void *data, size_t bytes);
/* Ends the write: makes the new file the file at `path`, or, when a failure is
 * pending, removes what was written. Returns the context's status. */
fv_status fv__write_end(fv__writer *writer);

/* A file that grows, at once and without a buffer: what was appended before the
 * process was killed is in it. */
typedef struct fv__appender {
    fv_context *context;
    char *path;
    int64_t size; /* bytes when it was opened */
    int file;     /* -1: not open */
} fv__appender;

fv_status fv__append_begin(fv__appender *appender, fv_context *context,
                           const char *path);
fv_status fv__append(fv__appender *appender, const void *data, size_t bytes);
/* Does nothing for one that is zero. */
void fv__append_end(fv__appender *appender);

#endif
