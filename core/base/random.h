// A seeded generator with the same numbers on every machine (xoshiro256**, seeded by SplitMix64) and its own distributions.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace retort {

class Random {
 public:
  explicit Random(std::uint64_t seed);
  /// An independent stream of the same seed, named by text: Random(seed, "split").
  Random(std::uint64_t seed, std::string_view stream);
  std::uint64_t next();
  std::uint64_t below(std::uint64_t n);     ///< 0..n-1, unbiased (Lemire); n > 0
  double uniform();                         ///< [0, 1), 53 bits
  double normal();                          ///< mean 0, variance 1 (polar method)
  bool chance(double p) { return uniform() < p; }
  template <typename T>
  void shuffle(std::vector<T>& items) {     ///< Fisher-Yates
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
  [[nodiscard]] std::array<std::uint64_t, 4> state() const { return m_state; }
  void setState(const std::array<std::uint64_t, 4>& state) { m_state = state; }

 private:
  std::array<std::uint64_t, 4> m_state;
};

}  // namespace retort
