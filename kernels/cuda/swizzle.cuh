#pragma once

#include <cstdint>
#include <cuda_runtime.h>

/*
 * Rows of kWidth bf16 in chunks of 16 bytes. In groups of 8, 4 or 2 the chunks of a row are exchanged by its number, so that eight rows of
 * one column of chunks, which is what ldmatrix reads, lie in eight different sets of four banks. 16 rows on the order is the same again:
 * a thread finds its place once, and everything else is a constant, added or, inside of a group, exclusive-ored.
 */
template <int kWidth> struct VeraKSwizzle {
    static constexpr int kPitch = kWidth * 2;
    static constexpr int kGroup = kWidth % 64 == 0 ? 8 : kWidth % 32 == 0 ? 4 : 2;
    static_assert(kWidth % 16 == 0, "rows are padded to a multiple of 16");

    /* Where chunk @chunk, below kGroup, of row @row is. */
    static __device__ __forceinline__ uint32_t
    place(int row, int chunk)
    {
        int key = kGroup == 8 ? row & 7 : kGroup == 4 ? row >> 1 & 3 : row >> 2 & 1;
        return (uint32_t)(row * kPitch + (chunk ^ key) * 16);
    }

    /* @n_rows (a multiple of 16) and @n_chunks (an even number) further on from a place whose chunk was 0 or 1. */
    static __device__ __forceinline__ uint32_t
    move(uint32_t place, int n_rows, int n_chunks)
    {
        return (place ^ (uint32_t)(n_chunks % kGroup * 16)) + (uint32_t)(n_rows * kPitch + n_chunks / kGroup * kGroup * 16);
    }
};
