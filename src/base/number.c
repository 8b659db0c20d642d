/* Numbers as text and back, the same in every locale. The C library is asked
 * only for what no locale changes: the digits of a number, wherever its
 * decimal point may stand, and numbers without a point. */
#include "base/base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONGEST = 63,     /* of a text that is read, in characters */
    MOST_DIGITS = 17, /* that tell any two doubles apart */
    POINT_RANGE = 16  /* so many digits before the point go without exponent */
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* ---- writing ------------------------------------------------------------ */

/* A number as 0.DIGITS times ten to the power of `point`. */
typedef struct decimal {
    char digits[MOST_DIGITS + 1];
    int count, point;
} decimal;

/* The value, above 0, rounded to `count` digits. */
static decimal round_to(double value, int count)
{
    char text[64];
    decimal d = { .count = 0 };
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    const char *at = text;
    for (; *at && *at != 'e'; at++)
        if (is_digit(*at)) d.digits[d.count++] = *at;
    d.point = (int)strtol(at + 1, NULL, 10) + 1;
    while (d.count > 1 && d.digits[d.count - 1] == '0') d.count--;
    d.digits[d.count] = '\0';
    return d;
}

/* Whether the digits read back as the value; as a float, read as one or read as
 * a double and rounded. */
static bool reads_as(const decimal *d, double value, bool single)
{
    char text[64];
    snprintf(text, sizeof text, "%se%d", d->digits, d->point - d->count);
    const double back = strtod(text, NULL);
    if (!single) return back == value;
    return (float)back == (float)value && strtof(text, NULL) == (float)value;
}

static char *put(char *to, const char *text, int count)
{
    memcpy(to, text, (size_t)count);
    return to + count;
}

static char *put_zeros(char *to, int count)
{
    for (; count > 0; count--) *to++ = '0';
    return to;
}

/* 1234000, 12.34, 0.0001234 or 1.234e-20 */
static void write_decimal(const decimal *d, char *to)
{
    if (d->point > POINT_RANGE || d->point < -3) {
        to = put(to, d->digits, 1);
        if (d->count > 1) *to++ = '.';
        to = put(to, d->digits + 1, d->count - 1);
        snprintf(to, 13, "e%+03d", d->point - 1);
        return;
    }
    if (d->point <= 0) {
        to = put_zeros(put(to, "0.", 2), -d->point);
        to = put(to, d->digits, d->count);
    } else if (d->point >= d->count) {
        to = put(to, d->digits, d->count);
        to = put_zeros(to, d->point - d->count);
    } else {
        to = put(to, d->digits, d->point);
        *to++ = '.';
        to = put(to, d->digits + d->point, d->count - d->point);
    }
    *to = '\0';
}

static const char *write_number(double value, bool single, char *out)
{
    const char *word = isnan(value)   ? "nan"
                       : isinf(value) ? "inf"
                       : value == 0   ? "0"
                                      : NULL;
    char *to = out;
    if (signbit(value) && !isnan(value)) *to++ = '-';
    if (word) {
        snprintf(to, 4, "%s", word);
        return out;
    }
    value = fabs(value);
    decimal d;
    bool same = false;
    for (int count = 1; count <= MOST_DIGITS && !same; count++) {
        d = round_to(value, count);
        same = reads_as(&d, value, single);
    }
    write_decimal(&d, to);
    return out;
}

const char *fv__number_text(double value, char out[FV__NUMBER_BYTES])
{
    return write_number(value, false, out);
}

const char *fv__number_text_f32(float value, char out[FV__NUMBER_BYTES])
{
    return write_number((double)value, true, out);
}

const char *fv__amount(size_t bytes, bool up, char *text)
{
    const size_t mib = (size_t)1 << 20;
    size_t whole = bytes / mib, rest = bytes % mib * 10;
    size_t tenths = rest / mib + (up && rest % mib != 0 ? 1 : 0);
    if (bytes < mib)
        snprintf(text, FV__AMOUNT, "%zu bytes", bytes);
    else
        snprintf(text, FV__AMOUNT, "%zu.%zu MiB", whole + tenths / 10,
                 tenths % 10);
    return text;
}

/* ---- reading ------------------------------------------------------------ */

bool fv__whole_read(const char *text, size_t length, int64_t *out)
{
    int64_t value = 0;
    if (length < 1 || length > 18) return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(text[i])) return false;
        value = 10 * value + (text[i] - '0');
    }
    *out = value;
    return true;
}

/* The exponent behind `e`; none is 0. */
static bool read_exponent(const char *at, const char *end, int *out)
{
    int64_t value = 0;
    *out = 0;
    if (at == end) return true;
    if (*at != 'e' && *at != 'E') return false;
    at++;
    const bool minus = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (!fv__whole_read(at, (size_t)(end - at), &value)) return false;
    value = fv__min(value, 100000);
    *out = (int)(minus ? -value : value);
    return true;
}

bool fv__number_read(const char *text, size_t length, double *out)
{
    char plain[LONGEST + 32]; /* the digits without their point, "e", "-9" */
    const char *at = text, *end = text + length;
    int digits = 0, behind = 0, exponent;
    char *to = plain;
    bool point = false;
    if (length > LONGEST) return false;
    if (at < end && (*at == '-' || *at == '+')) *to++ = *at++;
    for (; at < end && (is_digit(*at) || (*at == '.' && !point)); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        *to++ = *at;
        digits++;
        behind += point;
    }
    if (!digits || !read_exponent(at, end, &exponent)) return false;
    snprintf(to, 16, "e%d", exponent - behind);
    const double value = strtod(plain, NULL);
    if (!isfinite(value)) return false;
    *out = value;
    return true;
}
