/* Numbers as people read them, and aligned columns. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *cli_number(int64_t number, char *text)
{
    char digits[CLI_CELL];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, number);
    char *to = text;
    if (number == INT64_MAX) {
        snprintf(text, CLI_CELL, "2^63 or more");
        return text;
    }
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0 && digits[i - 1] != '-') *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

const char *cli_bytes(size_t bytes, char *text)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double value = (double)bytes;
    int unit = 0;
    if (bytes == SIZE_MAX) {
        snprintf(text, CLI_CELL, "2^64 B or more");
        return text;
    }
    for (; value >= 1023.95 && unit < 4; unit++) value /= 1024;
    snprintf(text, CLI_CELL, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

const char *cli_shape(const fv_shape *shape, char *text)
{
    size_t length = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < shape->rank && length < CLI_CELL; i++)
        length += (size_t)(shape->extent[i] == FV_OPEN
                               ? snprintf(text + length, CLI_CELL - length,
                                          "%s?", i ? " x " : "")
                               : snprintf(text + length, CLI_CELL - length,
                                          "%s%" PRId64, i ? " x " : "",
                                          shape->extent[i]));
    return text;
}

/* Characters, not bytes, of a UTF-8 text. */
static int width(const char *text)
{
    int count = 0;
    for (; *text; text++) count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

void cli_table_print(const cli_table *table)
{
    int widths[CLI_MOST_COLUMNS] = { 0 };
    char text[CLI_CELL];
    for (int64_t row = 0; row < table->rows; row++) {
        for (int column = 0; column < table->columns; column++) {
            table->cell(table->user, row, column, text);
            if (width(text) > widths[column]) widths[column] = width(text);
        }
    }
    for (int64_t row = 0; row < table->rows; row++) {
        for (int column = 0; column < table->columns; column++) {
            table->cell(table->user, row, column, text);
            const int space = widths[column] - width(text);
            const bool left = table->align[column] == 'l';
            const bool last = column + 1 == table->columns;
            printf("%*s%s%*s", left ? 0 : space, "", text,
                   last ? 0 : (left ? space : 0) + 2, "");
        }
        putchar('\n');
    }
}
