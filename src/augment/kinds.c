/* What kinds of transforms there are, and their options. */
#include "augment/augment.h"

static const fv__transform_type *type_at(int32_t index)
{
    for (int32_t i = 0; i <= index && fv__transform_types[i]; i++)
        if (i == index) return fv__transform_types[i];
    return NULL;
}

fv_transform_facts fv_transform_at(int32_t index)
{
    const fv__transform_type *type = type_at(index);
    if (!type) return (fv_transform_facts){ 0 };
    return (fv_transform_facts){ .kind = type->name,
                                 .about = type->about,
                                 .notes = type->notes };
}

fv_layer_option fv_transform_option_at(int32_t index, int32_t option)
{
    const fv__transform_type *type = type_at(index);
    return fv__field_facts(type ? type->fields : NULL, option);
}
