#include "tests/kernels/cuda-host/vera-cuda-host-private.h"

#include "kernels/cuda/ptx.cuh"

extern "C" {
#include "kernels/vera-k.h"
}

/* Warp-level matrix instructions. */

void
vera_cuda_host_ldmatrix(void **arguments)
{
    VeraCudaHostLdmatrix **lanes = (VeraCudaHostLdmatrix **)arguments;

    for (int m = 0; m < lanes[0]->n; m++) {
        uint16_t matrix[8][8];
        for (int i = 0; i < 8; i++)
            memcpy(matrix[i], vera_cuda_host_shared(lanes[m * 8 + i]->row, 16, 16, "ldmatrix"), 16);
        for (int lane = 0; lane < 32; lane++) {
            int i = lane / 4, j = lane % 4 * 2;
            bool is_transposed = lanes[0]->is_transposed;
            uint32_t low = is_transposed ? matrix[j][i] : matrix[i][j];
            uint32_t high = is_transposed ? matrix[j + 1][i] : matrix[i][j + 1];
            lanes[lane]->r[m] = low | high << 16;
        }
    }
}

struct VeraCudaHostMma {
    float *d;
    const uint32_t *a;
    uint32_t b[2];
};

static float
vera_cuda_host_bf16_of(uint32_t pair, int i)
{
    return __uint_as_float(i == 0 ? pair << 16 : pair & 0xffff0000u);
}

/* Products of bf16 are exact in F32; sixteen of them are added in double and rounded once with the sum so far. */
static void
vera_cuda_host_mma_bf16(void **arguments)
{
    VeraCudaHostMma **lanes = (VeraCudaHostMma **)arguments;
    float a[16][16], b[16][8];

    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 8; i++) {
            int g = lane / 4, t = lane % 4, part = i / 2;
            a[g + part % 2 * 8][t * 2 + i % 2 + part / 2 * 8] = vera_cuda_host_bf16_of(lanes[lane]->a[part], i % 2);
            if (i < 4)
                b[t * 2 + i % 2 + part * 8][g] = vera_cuda_host_bf16_of(lanes[lane]->b[part], i % 2);
        }
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++) {
            int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
            double sum = lanes[lane]->d[i];
            for (int k = 0; k < 16; k++)
                sum += (double)a[row][k] * b[k][column];
            lanes[lane]->d[i] = (float)sum;
        }
}

void
vera_k_mma_bf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    VeraCudaHostMma part = {d, a, {b0, b1}};

    vera_cuda_host_collective(32, 0xffffffffu, vera_cuda_host_mma_bf16, &part);
}

/* Asynchronous copies: the target is NaN from the start of a copy until somebody waits for it, and the source is read only then. */

void
vera_k_copy_16(uint32_t shared, const void *global, bool is_zero)
{
    VeraCudaHostFiber *self = vera_cuda_host_fiber();

    memset(vera_cuda_host_shared(shared, 16, 16, "cp.async"), 0xff, 16);
    if (!is_zero && (uintptr_t)global % 16 != 0)
        vera_cuda_host_fail("cp.async: the global address is no multiple of 16");
    self->copies.push_back({shared, is_zero ? NULL : global, 16, self->n_groups});
}

void
vera_k_copy_commit(void)
{
    vera_cuda_host_fiber()->n_groups++;
}

void
vera_cuda_host_copy_wait(int n)
{
    VeraCudaHostFiber *self = vera_cuda_host_fiber();
    size_t n_landed = 0;

    for (const VeraCudaHostCopy &copy : self->copies) {
        if (copy.group >= self->n_groups - n)
            break;
        unsigned char *to = vera_cuda_host_shared(copy.to, copy.size, 16, "cp.async");
        if (copy.from != NULL)
            memcpy(to, copy.from, copy.size);
        else
            memset(to, 0, copy.size);
        n_landed++;
    }
    self->copies.erase(self->copies.begin(), self->copies.begin() + (ptrdiff_t)n_landed);
}

/* Arithmetic. */

float
vera_k_exp2(float x)
{
    return exp2f(x);
}

uint32_t
vera_k_pack_bf16(float low, float high)
{
    return (uint32_t)vera_k_f32_to_bf16(low) | (uint32_t)vera_k_f32_to_bf16(high) << 16;
}
