#include "tests/kernels/cuda-host/vera-cuda-host-private.h"

#include <cstdlib>
#include <map>

#include "kernels/cuda/ptx-sm90.cuh"

extern "C" {
#include "kernels/vera-k.h"
}

/*
 * Compute capability 9.0a. Copies of boxes land one by one, and only when no thread can go on; products are done when somebody waits for
 * them, from what shared memory and registers hold by then. Until then their targets are NaN.
 */

/** VeraCudaHostMbarrier: a barrier in shared memory. */
struct VeraCudaHostMbarrier {
    int n, n_missing;
    int64_t n_bytes; /* expected and not there */
    uint32_t phase;
};

/** VeraCudaHostBox: a copy that has not landed. */
struct VeraCudaHostBox {
    uint32_t to, barrier;
    const CUtensorMap *map;
    int at[3];
};

/** VeraCudaHostPending: a product of a warpgroup that has not been done: of each thread its part and, if it adds, what it adds to. */
struct VeraCudaHostPending {
    VeraCudaHostProduct parts[128];
    std::vector<float> before[128];
    int group;
};

struct VeraCudaHostWarpgroup {
    std::vector<VeraCudaHostPending> pending;
    int n_groups;
    bool is_open; /* vera_k_products_begin() since the last wait */
};

static std::map<uint32_t, VeraCudaHostMbarrier> mbarriers;
static std::vector<VeraCudaHostBox> boxes;
static VeraCudaHostWarpgroup warpgroups[8];

/* Maps of tensors. */

struct VeraCudaHostMap {
    const unsigned char *data;
    uint64_t size[3], stride[3]; /* stride in bytes */
    uint32_t box[3];
    uint32_t mark;
};
#define MAP_MARK 0x4d617021u

static CUresult
vera_cuda_host_encode_map(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank, void *data, const cuuint64_t *size,
                          const cuuint64_t *stride, const cuuint32_t *box, const cuuint32_t *step, CUtensorMapInterleave interleave,
                          CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill fill)
{
    VeraCudaHostMap m = {(const unsigned char *)data, {}, {2}, {}, MAP_MARK};

    if (type != CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 || rank != 3 || interleave != CU_TENSOR_MAP_INTERLEAVE_NONE ||
        swizzle != CU_TENSOR_MAP_SWIZZLE_128B || fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE || (uintptr_t)data % 16 != 0 || box[0] * 2 > 128 ||
        box[0] * 2 % 16 != 0 || (uintptr_t)map % 64 != 0)
        return CUDA_ERROR_INVALID_VALUE;
    for (int i = 0; i < 3; i++) {
        m.size[i] = size[i], m.box[i] = box[i];
        if (size[i] == 0 || size[i] > (uint64_t)1 << 32 || box[i] == 0 || box[i] > 256 || step[i] != 1)
            return CUDA_ERROR_INVALID_VALUE;
        if (i > 0 && (stride[i - 1] == 0 || stride[i - 1] % 16 != 0 || stride[i - 1] >= (uint64_t)1 << 40))
            return CUDA_ERROR_INVALID_VALUE;
        if (i > 0)
            m.stride[i] = stride[i - 1];
    }
    memcpy(map, &m, sizeof m);
    return CUDA_SUCCESS;
}

cudaError_t
cudaGetDriverEntryPointByVersion(const char *symbol, void **function, unsigned version, unsigned long long, cudaDriverEntryPointQueryResult *result)
{
    bool is_known = strcmp(symbol, "cuTensorMapEncodeTiled") == 0 && version >= 12000;

    *function = is_known ? (void *)vera_cuda_host_encode_map : NULL;
    *result = is_known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
    return cudaSuccess;
}

/* Barriers in shared memory. */

static VeraCudaHostMbarrier *
vera_cuda_host_mbarrier(uint32_t address)
{
    vera_cuda_host_shared(address, 8, 8, "mbarrier");
    if (mbarriers.count(address) == 0)
        vera_cuda_host_fail("mbarrier at %u: nobody has initialised it", address);
    return &mbarriers[address];
}

static void
vera_cuda_host_mbarrier_settle(VeraCudaHostMbarrier *barrier)
{
    if (barrier->n_missing > 0 || barrier->n_bytes != 0)
        return;
    barrier->n_missing = barrier->n;
    barrier->phase++;
}

void
vera_k_mbarrier_init(uint32_t barrier, int n)
{
    vera_cuda_host_shared(barrier, 8, 8, "mbarrier");
    mbarriers[barrier] = {n, n, 0, 0};
}

void
vera_k_mbarrier_publish(void)
{
}

void
vera_k_mbarrier_arrive(uint32_t barrier)
{
    vera_k_mbarrier_expect(barrier, 0);
}

void
vera_k_mbarrier_expect(uint32_t address, uint32_t n_bytes)
{
    VeraCudaHostMbarrier *barrier = vera_cuda_host_mbarrier(address);

    if (barrier->n_missing == 0)
        vera_cuda_host_fail("mbarrier at %u: more arrivals than it has room for", address);
    barrier->n_bytes += n_bytes;
    barrier->n_missing--;
    vera_cuda_host_mbarrier_settle(barrier);
}

struct VeraCudaHostMbarrierWait {
    const VeraCudaHostMbarrier *barrier;
    uint32_t parity;
};

static bool
vera_cuda_host_is_phase_over(const void *state)
{
    const VeraCudaHostMbarrierWait *wait = (const VeraCudaHostMbarrierWait *)state;
    return (wait->barrier->phase & 1) != wait->parity;
}

void
vera_k_mbarrier_wait(uint32_t barrier, uint32_t parity)
{
    VeraCudaHostMbarrierWait wait = {vera_cuda_host_mbarrier(barrier), parity};
    vera_cuda_host_wait(vera_cuda_host_is_phase_over, &wait);
}

void
vera_k_barrier_wait(int id, int n_threads)
{
    vera_cuda_host_barrier(id, (unsigned)n_threads, true);
}

void
vera_k_barrier_arrive(int id, int n_threads)
{
    vera_cuda_host_barrier(id, (unsigned)n_threads, false);
}

/* Copies of boxes. */

static uint32_t
vera_cuda_host_exchange(uint32_t address)
{
    return address ^ (address >> 7 & 7) << 4;
}

static uint32_t
vera_cuda_host_box_bytes(const VeraCudaHostMap &map)
{
    return map.box[0] * map.box[1] * map.box[2] * 2;
}

void
vera_k_copy_box(uint32_t shared, const CUtensorMap *map, int x, int y, int z, uint32_t barrier)
{
    VeraCudaHostMap m;

    memcpy(&m, map, sizeof m);
    if (m.mark != MAP_MARK || (uintptr_t)map % 64 != 0)
        vera_cuda_host_fail("a copy of a box without a map, or with a misaligned one");
    vera_cuda_host_mbarrier(barrier);
    memset(vera_cuda_host_shared(shared, vera_cuda_host_box_bytes(m), 128, "copy of a box"), 0xff, vera_cuda_host_box_bytes(m));
    boxes.push_back({shared, barrier, map, {x, y, z}});
}

static void
vera_cuda_host_land_box(const VeraCudaHostBox &box)
{
    VeraCudaHostMap m;
    VeraCudaHostMbarrier *barrier = &mbarriers[box.barrier];

    memcpy(&m, box.map, sizeof m);
    for (uint32_t i = 0; i < m.box[0] * m.box[1] * m.box[2]; i++) {
        const uint32_t in_box[3] = {i % m.box[0], i / m.box[0] % m.box[1], i / m.box[0] / m.box[1]};
        const unsigned char *from = m.data;
        bool is_inside = true;
        for (int d = 0; d < 3; d++) {
            int64_t at = (int64_t)box.at[d] + in_box[d];
            is_inside = is_inside && at >= 0 && (uint64_t)at < m.size[d];
            from += at * (int64_t)m.stride[d];
        }
        /* The next row of a box begins where the last one ended, in units of 128 bytes: boxes are 64 columns wide. */
        unsigned char *to = vera_cuda_host_shared(vera_cuda_host_exchange(box.to + i * 2), 2, 2, "copy of a box");
        if (is_inside)
            memcpy(to, from, 2);
        else
            memset(to, 0, 2);
    }
    barrier->n_bytes -= vera_cuda_host_box_bytes(m);
    vera_cuda_host_mbarrier_settle(barrier);
}

/* Products. */

static VeraCudaHostWarpgroup *
vera_cuda_host_warpgroup(void)
{
    return &warpgroups[vera_cuda_host_fiber()->index / 128];
}

static void
vera_cuda_host_open_products(void **)
{
    vera_cuda_host_warpgroup()->is_open = true;
}

void
vera_k_products_begin(void)
{
    vera_cuda_host_collective(128, 0, vera_cuda_host_open_products, NULL);
}

static bool
vera_cuda_host_is_pending(const VeraCudaHostWarpgroup *self, const float *d)
{
    for (const VeraCudaHostPending &p : self->pending)
        if (p.parts[0].d == d)
            return true;
    return false;
}

static void
vera_cuda_host_collect_product(void **arguments)
{
    VeraCudaHostProduct **parts = (VeraCudaHostProduct **)arguments;
    VeraCudaHostWarpgroup *self = vera_cuda_host_warpgroup();
    bool is_first = !vera_cuda_host_is_pending(self, parts[0]->d);

    if (!self->is_open)
        vera_cuda_host_fail("a product without vera_k_products_begin() since the last wait");
    self->pending.emplace_back();
    VeraCudaHostPending *pending = &self->pending.back();
    pending->group = self->n_groups;
    for (int t = 0; t < 128; t++) {
        VeraCudaHostProduct *part = &pending->parts[t];
        *part = *parts[t];
        if (part->n != parts[0]->n || part->b_tile != parts[0]->b_tile || part->a_tile != parts[0]->a_tile || part->is_sum != parts[0]->is_sum)
            vera_cuda_host_fail("the threads of a warpgroup do not agree on a product");
        if (is_first && part->is_sum)
            pending->before[t].assign(part->d, part->d + part->n / 2);
        for (int i = 0; i < part->n / 2; i++)
            part->d[i] = NAN;
    }
}

void
vera_cuda_host_begin_product(VeraCudaHostProduct *product)
{
    vera_cuda_host_collective(128, 0, vera_cuda_host_collect_product, product);
}

static float
vera_cuda_host_bf16_at(uint32_t address)
{
    uint16_t bits;

    memcpy(&bits, vera_cuda_host_shared(vera_cuda_host_exchange(address), 2, 2, "wgmma"), 2);
    return vera_k_bf16_to_f32(bits);
}

/*
 * Where a descriptor says element (@row, @sum) is: @row along the operand's own dimension, @sum along that of the sum. Rows along the sum
 * come in groups of 8; rows across it in blocks of 64 columns and groups of 8 rows.
 */
static uint32_t
vera_cuda_host_tile_address(uint64_t tile, uint32_t row, uint32_t sum, bool is_across)
{
    uint32_t start = (uint32_t)(tile & 0x3fff) << 4, leading = (uint32_t)(tile >> 16 & 0x3fff) << 4, stride = (uint32_t)(tile >> 32 & 0x3fff) << 4;

    if (tile >> 62 != 1 || (tile >> 49 & 7) != 0)
        vera_cuda_host_fail("wgmma: a descriptor of another swizzle than 128 bytes, or with a base offset");
    if (is_across)
        return start + row / 64 * leading + row % 64 * 2 + sum / 8 * stride + sum % 8 * 128;
    return start + row / 8 * stride + row % 8 * 128 + sum * 2;
}

static float
vera_cuda_host_half(uint32_t pair, int i)
{
    return __uint_as_float(i == 0 ? pair << 16 : pair & 0xffff0000u);
}

static void
vera_cuda_host_read_operands(const VeraCudaHostPending &p, float (*a)[16], float (*b)[16])
{
    for (int row = 0; row < 64 && p.parts[0].a == NULL; row++)
        for (int k = 0; k < 16; k++)
            a[row][k] = vera_cuda_host_bf16_at(vera_cuda_host_tile_address(p.parts[0].a_tile, (uint32_t)row, (uint32_t)k, false));
    for (int t = 0; t < 128 && p.parts[0].a != NULL; t++)
        for (int i = 0; i < 8; i++) /* registers as in mma.m16n8k16, a warp for each 16 rows */
            a[t / 32 * 16 + t % 32 / 4 + i / 2 % 2 * 8][t % 4 * 2 + i % 2 + i / 4 * 8] = vera_cuda_host_half(p.parts[t].a[i / 2], i % 2);
    for (int column = 0; column < p.parts[0].n; column++)
        for (int k = 0; k < 16; k++)
            b[column][k] = vera_cuda_host_bf16_at(vera_cuda_host_tile_address(p.parts[0].b_tile, (uint32_t)column, (uint32_t)k, p.parts[0].a != NULL));
}

/* Sixteen exact products are added in double and rounded once with the sum so far. */
static void
vera_cuda_host_do_product(VeraCudaHostPending *p)
{
    static float a[64][16], b[256][16];

    vera_cuda_host_read_operands(*p, a, b);
    for (int t = 0; t < 128; t++)
        for (int i = 0; i < p->parts[t].n / 2; i++) {
            int row = t / 32 * 16 + t % 32 / 4 + i / 2 % 2 * 8, column = i / 4 * 8 + t % 4 * 2 + i % 2;
            double sum = !p->parts[t].is_sum ? 0 : p->before[t].empty() ? p->parts[t].d[i] : p->before[t][(size_t)i];
            for (int k = 0; k < 16; k++)
                sum += (double)a[row][k] * b[column][k];
            p->parts[t].d[i] = (float)sum;
        }
}

void
vera_k_products_commit(void)
{
    vera_cuda_host_collective(128, 0, [](void **) { vera_cuda_host_warpgroup()->n_groups++; }, NULL);
}

static void
vera_cuda_host_do_products(void **arguments)
{
    VeraCudaHostWarpgroup *self = vera_cuda_host_warpgroup();
    int n = *(int *)arguments[0];

    self->is_open = self->is_open && n > 0;
    while (!self->pending.empty() && self->pending[0].group < self->n_groups - n) {
        vera_cuda_host_do_product(&self->pending[0]);
        self->pending.erase(self->pending.begin());
    }
}

void
vera_cuda_host_products_wait(int n)
{
    vera_cuda_host_collective(128, 0, vera_cuda_host_do_products, &n);
}

void
vera_cuda_host_set_registers(int, bool)
{
    vera_cuda_host_collective(128, 0, [](void **) {}, NULL);
}

uint64_t
vera_k_tile_descriptor(uint32_t address, uint32_t leading, uint32_t stride)
{
    if (address % 16 != 0 || leading % 16 != 0 || stride % 16 != 0 || leading >> 18 != 0 || stride >> 18 != 0)
        vera_cuda_host_fail("wgmma: a descriptor of %u, %u, %u", address, leading, stride);
    return (uint64_t)1 << 62 | (uint64_t)(stride >> 4) << 32 | (uint64_t)(leading >> 4) << 16 | address >> 4;
}

/* A block's asynchronous engines. */

void
vera_cuda_host_begin_block(void)
{
    mbarriers.clear();
    boxes.clear();
    for (VeraCudaHostWarpgroup &w : warpgroups)
        w = {};
}

bool
vera_cuda_host_land(void)
{
    if (boxes.empty())
        return false;
    size_t i = vera_cuda_host_choose((unsigned)boxes.size());
    VeraCudaHostBox box = boxes[i];
    boxes.erase(boxes.begin() + (ptrdiff_t)i);
    vera_cuda_host_land_box(box);
    return true;
}

const char *
vera_cuda_host_end_block(void)
{
    if (!boxes.empty())
        return "a block ended with a copy of a box under way";
    for (const VeraCudaHostWarpgroup &w : warpgroups)
        if (!w.pending.empty())
            return "a block ended with a product that nobody has waited for";
    return NULL;
}
