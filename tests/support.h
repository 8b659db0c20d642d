/* What tests share: cmocka with its prerequisites, and contexts whose memory
 * and files are watched. */
#ifndef FV_TESTS_SUPPORT_H
#define FV_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <fovea/fovea.h>

/* Which sanitizer the build has, if any: one of addresses, which also holds the
 * address space, or one of threads. */
#if defined(__SANITIZE_THREAD__)
#define RACES 1
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACES 1
#elif __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
/* Under RACES, a test on one thread has nothing to find, and what several
 * threads compute is compared in other builds. */
#ifndef RACES
#define RACES 0
#endif
#ifndef SANITIZED
#define SANITIZED RACES
#endif

/* Skips a test of values alone in a build that looks for races. */
#define values_only()                                                          \
    do {                                                                       \
        if (RACES) skip();                                                     \
    } while (0)

/* Every kernel table there is, the definition first. A build has some of them,
 * and a machine runs some of those. */
static const char *const tables[] = { "ref", "avx2", "avx512", "neon", "wide" };
enum { TABLES = sizeof tables / sizeof *tables };

/* Passes if |a - b| <= tolerance max(1, |b|); NaN fails. */
#define assert_near(a, b, tolerance)                                           \
    do {                                                                       \
        double near_a = (a), near_b = (b);                                     \
        if (!(fabs(near_a - near_b) <= (tolerance)*fmax(1, fabs(near_b))))     \
            fail_msg("%s = %.17g, expected %.17g", #a, near_a, near_b);        \
    } while (0)

/* Fails with the sentence if the context has failed. */
#define assert_ok(context)                                                     \
    do {                                                                       \
        if (fv_failed(context)) fail_msg("%s", fv_error(context));             \
    } while (0)

/* The context has failed with exactly this sentence; clears it. */
#define assert_error(context, sentence)                                        \
    do {                                                                       \
        assert_string_equal(fv_error(context), sentence);                      \
        assert_int_not_equal(fv_failed(context), FV_OK);                       \
        fv_clear_error(context);                                               \
    } while (0)

/* Skips the test in a build without that library: needs(JANSSON). */
#define needs(library)                                                         \
    do {                                                                       \
        if (!TEST_HAS_##library) skip();                                       \
    } while (0)

/* Whether matrix products are a CBLAS's, and so are their bits: what is
 * multiplied beside a row may change them. */
enum { FOREIGN = TEST_HAS_CBLAS };

#endif
