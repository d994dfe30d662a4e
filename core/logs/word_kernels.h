// Loops over the 1024 words of a block of 2^16 ids, compiled for wide registers too and chosen when the program starts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace retort::logs {

inline constexpr std::size_t kChunkWords = 1024;

void andWords(std::uint64_t* into, const std::uint64_t* with);
void orWords(std::uint64_t* into, const std::uint64_t* with);
/// into = what is in all of `with` and in none of `without`, in one pass; `isNot`: the complement of that. `into` may be one of the operands.
void joinWords(std::uint64_t* into, std::span<const std::uint64_t* const> with, std::span<const std::uint64_t* const> without, bool isNot);
void notWords(std::uint64_t* words);
[[nodiscard]] std::uint32_t countWords(const std::uint64_t* words);
[[nodiscard]] std::uint32_t countBoth(const std::uint64_t* a, const std::uint64_t* b);   ///< of a & b
/// Bit i tells whether code i of `count` lies in [low, low + span]. Codes are padded to a multiple of 64. Returns the number of ones.
std::uint32_t scan8(const std::uint8_t* codes, std::size_t count, std::uint8_t low, std::uint8_t span, std::uint64_t* bits);
std::uint32_t scan16(const std::uint8_t* codes, std::size_t count, std::uint16_t low, std::uint16_t span, std::uint64_t* bits);
std::uint32_t scan32(const std::uint8_t* codes, std::size_t count, std::uint32_t low, std::uint32_t span, std::uint64_t* bits);
std::uint32_t scan64(const std::uint8_t* codes, std::size_t count, std::uint64_t low, std::uint64_t span, std::uint64_t* bits);
/// Sets, or clears, the bits of an ascending list.
void setBits(std::uint64_t* words, const std::uint16_t* list, std::size_t count);
void clearBits(std::uint64_t* words, const std::uint16_t* list, std::size_t count);
/// How many of a list's bits are set.
[[nodiscard]] std::uint32_t testBits(const std::uint64_t* words, const std::uint16_t* list, std::size_t count);
/// ++counts[codes[i]] for every bit i.
void countCodes(const std::uint64_t* bits, const std::uint16_t* codes, std::size_t count, std::uint32_t* counts);
/// first + i for every bit i, ascending; returns how many. `out` has room for sixteen more, which are written over.
std::size_t listBits(const std::uint64_t* bits, std::uint32_t first, std::uint32_t* out);

}  // namespace retort::logs
