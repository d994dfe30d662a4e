// The inner loops over grouped codes, for AVX-512, AVX2 and plain machines, chosen at run time.
#pragma once
#include <cstdint>

namespace retort::engine::quant {

/// The most vectors that one call multiplies.
inline constexpr int kMostRows = 4;

/// out[r] = sum over the row's numbers times x[r]: codes of one row of 4 bits, `groups` groups of 32. x: `rows` vectors of f32,
/// xStride numbers apart; sums: of each group of x, groups numbers a vector.
void dotFourBit(const std::uint8_t* codes, const float* scales, const float* minima, std::int64_t groups, const float* x, std::int64_t xStride,
                const float* sums, int rows, float* out);
/// The same for 8 bits.
void dotEightBit(const std::int8_t* codes, const float* scales, std::int64_t groups, const float* x, std::int64_t xStride, int rows, float* out);

/// "avx512", "avx2" or "plain": what this processor gets.
[[nodiscard]] const char* instructionSet();
/// Forces one of the above for tests; empty: the best again. False when the processor lacks it.
bool useInstructionSet(const char* name);

}  // namespace retort::engine::quant
