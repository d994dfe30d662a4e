// The inner loops of the fused operators over plain memory, compiled for several instruction sets and chosen at load.
#pragma once
#include <cstdint>

namespace retort::engine::rows {

/// A bf16 number's bits.
using Bf16 = std::uint16_t;

float rmsForward(const float* x, const float* w, float* y, std::int64_t n, float epsilon);      ///< returns 1 / rms
float rmsForward(const Bf16* x, const Bf16* w, Bf16* y, std::int64_t n, float epsilon);
/// dx of one row, and dw added to.
void rmsBackward(const float* x, const float* w, const float* dy, float* dx, float* dw, std::int64_t n, float inverse);
void rmsBackward(const Bf16* x, const Bf16* w, const Bf16* dy, Bf16* dx, float* dw, std::int64_t n, float inverse);

void swiGluForward(const float* gate, const float* up, float* y, std::int64_t n);
void swiGluForward(const Bf16* gate, const Bf16* up, Bf16* y, std::int64_t n);
void swiGluBackward(const float* gate, const float* up, const float* dy, float* dGate, float* dUp, std::int64_t n);
void swiGluBackward(const Bf16* gate, const Bf16* up, const Bf16* dy, Bf16* dGate, Bf16* dUp, std::int64_t n);

/// Turns `heads` vectors of 2 * half numbers; `direction` -1 turns back.
void rotateHeads(const float* x, float* y, const float* cos, const float* sin, std::int64_t heads, std::int64_t half, float direction);
void rotateHeads(const Bf16* x, Bf16* y, const float* cos, const float* sin, std::int64_t heads, std::int64_t half, float direction);

/// Four rows of a bf16 weight against one f32 vector.
void dotFour(const Bf16* w, std::int64_t stride, const float* x, std::int64_t n, float* out);
/// Four rows of a bf16 weight against four f32 vectors: out[4 * vector + row].
void dotFourByFour(const Bf16* w, std::int64_t stride, const float* x, std::int64_t xStride, std::int64_t n, float* out);
float dotOne(const Bf16* w, const float* x, std::int64_t n);
/// Attention of one position: `group` query heads q [group, d] that share keys and values of rows 0..count (strides in numbers).
/// `weights` is scratch of group * count numbers, `wide` of (2 group + 1) * d.
void attendOne(const float* q, const float* k, std::int64_t kStride, const float* v, std::int64_t vStride, std::int64_t count, std::int64_t d,
               std::int64_t group, float* weights, float* wide, float* out);
void attendOne(const Bf16* q, const Bf16* k, std::int64_t kStride, const Bf16* v, std::int64_t vStride, std::int64_t count, std::int64_t d,
               std::int64_t group, float* weights, float* wide, Bf16* out);
void widen(const Bf16* x, float* y, std::int64_t n);
Bf16 narrow(float x);

}  // namespace retort::engine::rows
