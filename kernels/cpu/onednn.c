#include "config.h"

#include <stdlib.h>

#include <dnnl.h>

#include "kernels/cpu/cpu.h"

/* oneDNN's C interface, versions 2.6 to 3.x. One engine for the process; primitives come from oneDNN's own cache. */

static dnnl_engine_t
vera_k_onednn_get_engine(void)
{
    static dnnl_engine_t engine;

#pragma omp critical(vera_k_onednn)
    if (engine == NULL && dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        engine = NULL;
    return engine;
}

bool
vera_k_onednn_has_bf16(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16") != 0;
#else
    return false;
#endif
}

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t VeraKDesc;

static bool
vera_k_desc_strided(VeraKDesc *desc, int n, const int64_t *dims, dnnl_data_type_t type, const int64_t *strides)
{
    return dnnl_memory_desc_create_with_strides(desc, n, dims, type, strides) == dnnl_success;
}

static bool
vera_k_desc_any(VeraKDesc *desc, int n, const int64_t *dims, dnnl_data_type_t type)
{
    return dnnl_memory_desc_create_with_tag(desc, n, dims, type, dnnl_format_tag_any) == dnnl_success;
}

static void
vera_k_desc_free(VeraKDesc *desc)
{
    if (*desc != NULL)
        dnnl_memory_desc_destroy(*desc);
}
#define VERA_K_DESC(d) (d)
#else
typedef dnnl_memory_desc_t VeraKDesc;

static bool
vera_k_desc_strided(VeraKDesc *desc, int n, const int64_t *dims, dnnl_data_type_t type, const int64_t *strides)
{
    return dnnl_memory_desc_init_by_strides(desc, n, dims, type, strides) == dnnl_success;
}

static bool
vera_k_desc_any(VeraKDesc *desc, int n, const int64_t *dims, dnnl_data_type_t type)
{
    return dnnl_memory_desc_init_by_tag(desc, n, dims, type, dnnl_format_tag_any) == dnnl_success;
}

static void
vera_k_desc_free(VeraKDesc *desc)
{
}
#define VERA_K_DESC(d) (&(d))
#endif

/* Runs @primitive once over up to three pieces of memory. */
static bool
vera_k_onednn_execute(dnnl_primitive_t primitive, int n, const dnnl_exec_arg_t *arguments)
{
    dnnl_stream_t stream = NULL;
    bool ok = dnnl_stream_create(&stream, vera_k_onednn_get_engine(), dnnl_stream_default_flags) == dnnl_success &&
              dnnl_primitive_execute(primitive, stream, n, arguments) == dnnl_success &&
              dnnl_stream_wait(stream) == dnnl_success;

    if (stream != NULL)
        dnnl_stream_destroy(stream);
    return ok;
}

struct VeraKConv2dPlan {
    VeraKDesc x_desc, y_desc, w_any;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
    dnnl_memory_t x, w, y;
    dnnl_dims_t w_dims;
};

static dnnl_status_t
vera_k_conv2d_create_pd(VeraKConv2dPlan *plan, const VeraKConv2d *conv, bool is_adding)
{
    const dnnl_dims_t strides = { conv->stride_h, conv->stride_w };
    const dnnl_dims_t before = { conv->pad_h_before, conv->pad_w_before };
    const dnnl_dims_t after = { conv->pad_h_after, conv->pad_w_after };
    const dnnl_dims_t dilates = { 0 };
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attr);

    if (status == dnnl_success && is_adding) {
        dnnl_post_ops_create(&ops);
#if DNNL_VERSION_MAJOR >= 3
        dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
#else
        dnnl_post_ops_append_sum(ops, 1.0f);
#endif
        status = dnnl_primitive_attr_set_post_ops(attr, ops);
        dnnl_post_ops_destroy(ops);
    }
#if DNNL_VERSION_MAJOR >= 3
    if (status == dnnl_success)
        status = dnnl_convolution_forward_primitive_desc_create(
            &plan->pd, vera_k_onednn_get_engine(), dnnl_forward_inference, dnnl_convolution_direct,
            plan->x_desc, plan->w_any, NULL, plan->y_desc, strides, dilates, before, after, attr);
#else
    dnnl_convolution_desc_t desc;
    if (status == dnnl_success)
        status = dnnl_dilated_convolution_forward_desc_init(
            &desc, dnnl_forward_inference, dnnl_convolution_direct, &plan->x_desc, &plan->w_any, NULL,
            &plan->y_desc, strides, dilates, before, after);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&plan->pd, &desc, attr, vera_k_onednn_get_engine(), NULL);
#endif
    if (attr != NULL)
        dnnl_primitive_attr_destroy(attr);
    return status;
}


VeraKStatus
vera_k_onednn_conv2d_new(const VeraKConv2d *conv, bool is_adding, VeraKConv2dPlan **out)
{
    VeraKConv2dPlan *plan = calloc(1, sizeof *plan);
    const dnnl_dims_t xd = { 1, conv->in_channels, conv->in_height, conv->in_width };
    const dnnl_dims_t xs = { xd[1] * xd[2] * xd[3], 1, xd[3] * xd[1], xd[1] };
    const dnnl_dims_t yd = { 1, conv->out_channels, conv->out_height, conv->out_width };
    const dnnl_dims_t ys = { yd[1] * yd[2] * yd[3], 1, yd[3] * yd[1], yd[1] };
    const dnnl_dims_t wd = { conv->out_channels, conv->in_channels, conv->kernel_h, conv->kernel_w };
    dnnl_engine_t engine = vera_k_onednn_get_engine();

    *out = plan;
    if (plan == NULL)
        return VERA_K_ERR_OUT_OF_MEMORY;
    for (int i = 0; i < 4; i++)
        plan->w_dims[i] = wd[i];
    if (engine == NULL || !vera_k_desc_strided(&plan->x_desc, 4, xd, dnnl_f32, xs) ||
        !vera_k_desc_strided(&plan->y_desc, 4, yd, dnnl_f32, ys) ||
        !vera_k_desc_any(&plan->w_any, 4, wd, dnnl_f32) ||
        vera_k_conv2d_create_pd(plan, conv, is_adding) != dnnl_success ||
        dnnl_primitive_create(&plan->primitive, plan->pd) != dnnl_success ||
        dnnl_memory_create(&plan->x, VERA_K_DESC(plan->x_desc), engine, DNNL_MEMORY_NONE) != dnnl_success ||
        dnnl_memory_create(&plan->y, VERA_K_DESC(plan->y_desc), engine, DNNL_MEMORY_NONE) != dnnl_success ||
        dnnl_memory_create(&plan->w, dnnl_primitive_desc_query_md(plan->pd, dnnl_query_weights_md, 0), engine,
                           DNNL_MEMORY_NONE) != dnnl_success) {
        vera_k_onednn_conv2d_free(plan);
        *out = NULL;
        return VERA_K_ERR_INTERNAL;
    }
    return VERA_K_OK;
}

size_t
vera_k_onednn_conv2d_weights_size(const VeraKConv2dPlan *plan)
{
    return dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(plan->pd, dnnl_query_weights_md, 0));
}

VeraKStatus
vera_k_onednn_conv2d_pack(VeraKConv2dPlan *plan, const float *weights, const int64_t strides[4], void *packed)
{
    const dnnl_dims_t w_strides = { strides[0], strides[1], strides[2], strides[3] };
    dnnl_engine_t engine = vera_k_onednn_get_engine();
    VeraKDesc from = { 0 };
    dnnl_memory_t source = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t primitive = NULL;
    bool ok = vera_k_desc_strided(&from, 4, plan->w_dims, dnnl_f32, w_strides) &&
              dnnl_memory_create(&source, VERA_K_DESC(from), engine, (void *)weights) == dnnl_success &&
              dnnl_memory_set_data_handle(plan->w, packed) == dnnl_success &&
              dnnl_reorder_primitive_desc_create(
                  &pd, VERA_K_DESC(from), engine,
                  dnnl_primitive_desc_query_md(plan->pd, dnnl_query_weights_md, 0), engine,
                  NULL) == dnnl_success &&
              dnnl_primitive_create(&primitive, pd) == dnnl_success;

    if (ok) {
        const dnnl_exec_arg_t arguments[2] = { { DNNL_ARG_FROM, source }, { DNNL_ARG_TO, plan->w } };
        ok = vera_k_onednn_execute(primitive, 2, arguments);
    }
    if (primitive != NULL)
        dnnl_primitive_destroy(primitive);
    if (pd != NULL)
        dnnl_primitive_desc_destroy(pd);
    if (source != NULL)
        dnnl_memory_destroy(source);
    vera_k_desc_free(&from);
    return ok ? VERA_K_OK : VERA_K_ERR_INTERNAL;
}

VeraKStatus
vera_k_onednn_conv2d_run(VeraKConv2dPlan *plan, const float *x, const void *packed, float *y)
{
    const dnnl_exec_arg_t arguments[3] = { { DNNL_ARG_SRC, plan->x },
                                           { DNNL_ARG_WEIGHTS, plan->w },
                                           { DNNL_ARG_DST, plan->y } };
    bool ok = dnnl_memory_set_data_handle(plan->x, (void *)x) == dnnl_success &&
              dnnl_memory_set_data_handle(plan->w, (void *)packed) == dnnl_success &&
              dnnl_memory_set_data_handle(plan->y, y) == dnnl_success &&
              vera_k_onednn_execute(plan->primitive, 3, arguments);

    return ok ? VERA_K_OK : VERA_K_ERR_INTERNAL;
}

void
vera_k_onednn_conv2d_free(VeraKConv2dPlan *plan)
{
    if (plan == NULL)
        return;
    if (plan->x != NULL)
        dnnl_memory_destroy(plan->x);
    if (plan->w != NULL)
        dnnl_memory_destroy(plan->w);
    if (plan->y != NULL)
        dnnl_memory_destroy(plan->y);
    if (plan->primitive != NULL)
        dnnl_primitive_destroy(plan->primitive);
    if (plan->pd != NULL)
        dnnl_primitive_desc_destroy(plan->pd);
    vera_k_desc_free(&plan->x_desc);
    vera_k_desc_free(&plan->y_desc);
    vera_k_desc_free(&plan->w_any);
    free(plan);
}

VeraKStatus
vera_k_onednn_matmul_bf16(const int64_t mnk[3], const uint16_t *x, const uint16_t *w, float *y, int64_t y_stride)
{
    dnnl_engine_t engine = vera_k_onednn_get_engine();
    const dnnl_dims_t xd = { mnk[0], mnk[2] }, xs = { mnk[2], 1 };
    const dnnl_dims_t wd = { mnk[2], mnk[1] }, ws = { 1, mnk[2] };
    const dnnl_dims_t yd = { mnk[0], mnk[1] }, ys = { y_stride, 1 };
    VeraKDesc x_desc = { 0 }, w_desc = { 0 }, y_desc = { 0 };
    dnnl_memory_t xm = NULL, wm = NULL, ym = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t primitive = NULL;
    bool ok = vera_k_desc_strided(&x_desc, 2, xd, dnnl_bf16, xs) &&
              vera_k_desc_strided(&w_desc, 2, wd, dnnl_bf16, ws) &&
              vera_k_desc_strided(&y_desc, 2, yd, dnnl_f32, ys);

#if DNNL_VERSION_MAJOR >= 3
    ok = ok && dnnl_matmul_primitive_desc_create(&pd, engine, x_desc, w_desc, NULL, y_desc, NULL) == dnnl_success;
#else
    dnnl_matmul_desc_t desc;
    ok = ok && dnnl_matmul_desc_init(&desc, &x_desc, &w_desc, NULL, &y_desc) == dnnl_success &&
         dnnl_primitive_desc_create(&pd, &desc, NULL, engine, NULL) == dnnl_success;
#endif
    ok = ok && dnnl_primitive_create(&primitive, pd) == dnnl_success &&
         dnnl_memory_create(&xm, VERA_K_DESC(x_desc), engine, (void *)x) == dnnl_success &&
         dnnl_memory_create(&wm, VERA_K_DESC(w_desc), engine, (void *)w) == dnnl_success &&
         dnnl_memory_create(&ym, VERA_K_DESC(y_desc), engine, y) == dnnl_success;
    if (ok) {
        const dnnl_exec_arg_t arguments[3] = { { DNNL_ARG_SRC, xm }, { DNNL_ARG_WEIGHTS, wm }, { DNNL_ARG_DST, ym } };
        ok = vera_k_onednn_execute(primitive, 3, arguments);
    }
    dnnl_memory_t memories[3] = { xm, wm, ym };
    for (int i = 0; i < 3; i++)
        if (memories[i] != NULL)
            dnnl_memory_destroy(memories[i]);
    if (primitive != NULL)
        dnnl_primitive_destroy(primitive);
    if (pd != NULL)
        dnnl_primitive_desc_destroy(pd);
    vera_k_desc_free(&x_desc);
    vera_k_desc_free(&w_desc);
    vera_k_desc_free(&y_desc);
    return ok ? VERA_K_OK : VERA_K_ERR_INTERNAL;
}
