/* A picture of a data set: some images of each class, a row each. */
#include "cli/survey.h"

#include <string.h>

enum { CELL = 72, GAP = 4, COLUMNS = 12, MOST_ROWS = 64 };

/* Copies a picture of 1 to 4 channels into the middle of a cell. */
static void paste(const fv_tensor *picture, const fv_tensor *sheet, int64_t top,
                  int64_t left)
{
    const int64_t *shape = picture->shape;
    const int64_t width = sheet->shape[1];
    const unsigned char *from = picture->data;
    top += (CELL - shape[0]) / 2;
    left += (CELL - shape[1]) / 2;
    for (int64_t i = 0; i < shape[0] * shape[1]; i++, from += shape[2]) {
        unsigned char *to =
            (unsigned char *)sheet->data
            + ((top + i / shape[1]) * width + left + i % shape[1]) * 3;
        for (int64_t c = 0; c < 3; c++) to[c] = from[shape[2] < 3 ? 0 : c];
    }
}

/* The extent of the smaller side in a cell. */
static int64_t scaled(int64_t extent, int64_t larger)
{
    const int64_t size = (extent * CELL + larger / 2) / larger;
    return size > 0 ? size : 1;
}

static void add(cli_survey *s, int64_t index, const fv_tensor *sheet,
                int64_t row, int64_t column)
{
    fv_tensor image = fv_dataset_read(s->sets[0], index, NULL);
    if (fv_failed(s->context) || image.dtype != FV_U8 || image.rank != 3)
        return;
    const int64_t *shape = image.shape;
    const int64_t larger = shape[0] > shape[1] ? shape[0] : shape[1];
    fv_tensor small =
        fv_image_resize(s->context, &image, scaled(shape[0], larger),
                        scaled(shape[1], larger), FV_RESAMPLE_AREA);
    if (small.rank == 3)
        paste(&small, sheet, GAP + row * (CELL + GAP),
              GAP + column * (CELL + GAP));
    fv_tensor_free(s->context, &small);
    fv_tensor_free(s->context, &image);
}

/* Images of a class in the first part, as far apart as they can be; -1: all. */
static void add_row(cli_survey *s, int64_t class_index, const fv_tensor *sheet,
                    int64_t row)
{
    int64_t count = 0, seen = 0, column = 0;
    for (int64_t i = 0; i < s->count; i++)
        count += s->items[i].part == 0 && s->items[i].rows > 0
                 && s->items[i].class_index == class_index;
    for (int64_t i = 0; i < s->count && column < COLUMNS; i++) {
        const cli_item *item = &s->items[i];
        if (item->part || !item->rows || item->class_index != class_index)
            continue;
        const int64_t shown = count < COLUMNS ? count : COLUMNS;
        if (seen++ * shown < column * count) continue;
        add(s, item->index, sheet, row, column++);
        if (fv_failed(s->context)) return;
    }
}

void cli_sheet_write(cli_survey *s, const char *path)
{
    const bool known = fv_dataset_labels(s->sets[0]) != NULL;
    const int64_t classes = known ? fv_dataset_classes(s->sets[0]) : 1;
    const int64_t rows = classes < MOST_ROWS ? classes : MOST_ROWS;
    bool pictures = false;
    for (int64_t i = 0; i < s->count; i++)
        pictures = pictures || s->items[i].rows;
    if (!pictures) {
        fv_fail(s->context, FV_MISUSE,
                "%s: there are no pictures of bytes to be shown", path);
        return;
    }
    const int64_t shape[] = { GAP + rows * (CELL + GAP),
                              GAP + COLUMNS * (CELL + GAP), 3 };
    fv_tensor sheet = fv_tensor_new(s->context, FV_U8, 3, shape);
    if (sheet.rank != 3) return;
    memset(sheet.data, 255, (size_t)fv_tensor_count(&sheet));
    for (int64_t row = 0; row < rows && !fv_failed(s->context); row++)
        add_row(s, known ? row : -1, &sheet, row);
    fv_image_write(s->context, path, &sheet);
    fv_tensor_free(s->context, &sheet);
}
