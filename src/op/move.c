/* Copies and sums between strided tensors, split along one axis. */
#include "op/op.h"

enum { CUT = 65536 };

typedef struct move_job {
    const fv_tensor *to, *from;
    int32_t axis;
    int64_t slabs;
    bool add;
} move_job;

fv_tensor fv__region(const fv_tensor *tensor, int32_t axis, int64_t begin,
                     int64_t extent)
{
    fv_tensor region = *tensor;
    region.shape[axis] = extent;
    if (fv_tensor_count(&region) > 0)
        region.data = fv__tensor_byte(tensor, begin * tensor->stride[axis]);
    return region;
}

static void move_slab(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const move_job *job = argument;
    int32_t axis = job->axis;
    int64_t extent = job->to->shape[axis], slab = (int64_t)item;
    int64_t begin = extent * slab / job->slabs;
    int64_t end = extent * (slab + 1) / job->slabs;
    fv_tensor to = fv__region(job->to, axis, begin, end - begin);
    fv_tensor from = fv__region(job->from, axis, begin, end - begin);
    if (job->add)
        fv__tensor_add_elements(&to, &from);
    else
        fv__tensor_copy_elements(&to, &from);
}

/* Splits the work along one axis. Each element is written once, so the result
 * does not depend on the split. */
static void move(fv_context *context, const fv_tensor *to,
                 const fv_tensor *from, bool add)
{
    int64_t n = fv_tensor_count(to);
    if (n == 0) return;
    if (to->rank == 0) {
        if (add)
            fv__tensor_add_elements(to, from);
        else
            fv__tensor_copy_elements(to, from);
        return;
    }
    move_job job = { .to = to, .from = from, .add = add };
    for (int32_t axis = 1; axis < to->rank; axis++)
        if (to->shape[axis] > 1
            && (to->shape[job.axis] == 1
                || to->stride[axis] > to->stride[job.axis]))
            job.axis = axis;
    job.slabs = fv__min(to->shape[job.axis], fv__divide_up(n, CUT));
    fv__parallel(context, (size_t)job.slabs, (double)n, move_slab, &job);
}

void fv__copy_all(fv_context *context, const fv_tensor *to,
                  const fv_tensor *from)
{
    move(context, to, from, false);
}

void fv__add_all(fv_context *context, const fv_tensor *to,
                 const fv_tensor *from)
{
    move(context, to, from, true);
}
