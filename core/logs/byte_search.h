// Finds one byte string in another about as fast as memory is read.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace retort::logs {

class ByteSearch {
 public:
  /// `needle` must not be empty. `ignoresCase`: of ASCII letters.
  explicit ByteSearch(std::string needle, bool ignoresCase = false);
  /// First place at or after `from`, or npos.
  [[nodiscard]] std::size_t find(std::string_view in, std::size_t from = 0) const;
  [[nodiscard]] const std::string& needle() const { return m_needle; }

 private:
  [[nodiscard]] bool standsAt(const char* place) const;
  [[nodiscard]] std::size_t plainFind(std::string_view in, std::size_t from) const;
  [[nodiscard]] std::size_t wideFind(std::string_view in, std::size_t from) const;
  std::string m_needle;                    ///< in lower case where case is ignored
  bool m_ignoresCase = false;
  std::size_t m_first = 0, m_second = 0;   ///< places of its two rarest bytes, compared before the rest
};

}  // namespace retort::logs
